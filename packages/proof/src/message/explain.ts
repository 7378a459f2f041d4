/**
 * Explains to the sender why a signature does not verify. An explanation never accepts a message: only `verifyMessage` does.
 *
 * 1. Call `verifyMessage`. A refusal after a good signature (a retired key, another method) explains itself.
 * 2. Read the value leniently: the signature may have another spelling, the payload may be embedded.
 * 3. Try the signature over the expected input, then over similar inputs: a table of named faults, each tried alone, with the
 *    keys of the sender. The number of attempts is limited.
 * 4. If nothing fits, read the signature itself: an RSA signature shows which key made it and with which hash.
 */
import { type AlgorithmName, isAlgorithmName } from '../algorithms.ts';
import { bytes, type Checks, optional, options as optionsOf } from '../argument.ts';
import { encodeBase64url } from '../base64url.ts';
import { type ProofCode, ProofError } from '../error.ts';
import { type JsonObject, parseJson } from '../json.ts';
import type { PublicJwk } from '../jwk.ts';
import { claimFault } from './claim-fault.ts';
import { type Fault, faultText, type ValueFaultName } from './fault.ts';
import { inputDifference, type SigningInputDifference } from './input-difference.ts';
import { type LooseValue, readLoosely } from './loose-value.ts';
import { signedBytes, signingInput } from './message.ts';
import { signedDigest } from './rsa-digest.ts';
import { type FaultyCase, suspectInputs } from './sender-fault.ts';
import { createTrial, type Trial } from './trial.ts';
import { checkedExpectation, type MessageExpectation, verifyMessage } from './verify.ts';
import './refusal.ts';

/** Why a signature does not verify. */
export interface Explanation {
  /** Stable. `none`: nothing is wrong with the signature. */
  readonly fault: Fault;
  /** A fixed text for the fault; it contains no part of the input. */
  readonly text: string;
  /** The code with which `verifyMessage` refused. */
  readonly code: ProofCode | undefined;
  /** The place where the sender's signing input differs from the expected one; undefined if it is equal or was not given. */
  readonly difference: SigningInputDifference | undefined;
  /** The number of signature checks. */
  readonly checks: number;
}

/** What the sender claims about its own signature. */
export interface ExplainOptions {
  /** The signing input that the sender claims to have used. */
  readonly senderSigningInput?: Uint8Array | undefined;
}

interface Question {
  readonly code: ProofCode;
  readonly value: LooseValue;
  readonly expected: MessageExpectation;
  readonly payload: Uint8Array;
  readonly claimed: Uint8Array | undefined;
  readonly trial: Trial;
}

const maxBodyBytes = 262_144;
const maxHeaderBytes = 16_384;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const explainChecks: Checks<ExplainOptions> = { senderSigningInput: optional(bytes) };

/**
 * Explains to the sender why a signature does not verify: it tries similar inputs, keys and spellings. Bodies of more
 * than 262,144 bytes are not tried.
 *
 * An explanation never accepts a message: only `verifyMessage` does.
 *
 * @throws {TypeError} naming the argument of a wrong type; `presented` may be anything
 * @example
 * const expected = { crypto: cryptoPort, message, forms: ['rfc7797'], keys: [{ jwk: agent.jwk }], now } as const;
 * const { fault, code } = await explainSignature(`"${signature}"`, expected);
 * [fault, code]; // → ['value_quoted', 'message.signature_base64url']
 */
export async function explainSignature(
  presented: unknown,
  given: MessageExpectation,
  options: ExplainOptions = {},
): Promise<Explanation> {
  const expected = checkedExpectation(given);
  const { senderSigningInput: claimed } = optionsOf(options, 'options', explainChecks);
  const code = await refusalOf(presented, expected);
  if (code === undefined) return explanation('none', code);
  const payload = signedBytes(expected.message);
  const isLarge = (bytes: Uint8Array | undefined, limit: number) => bytes !== undefined && bytes.length > limit;
  if (isLarge(payload, maxBodyBytes) || isLarge(claimed, maxBodyBytes + maxHeaderBytes)) {
    return explanation('too_large', code);
  }
  const value = readLoosely(presented);
  if (value === undefined || payload === undefined) return explanation('stated', code);
  const trial = createTrial(expected, value.header);
  const fault = await faultOf({ code, value, expected, payload, claimed, trial });
  const difference = claimed && inputDifference(claimed, signingInput(value.encodedHeader, payload), payload.length);
  return explanation(fault, code, difference, trial.checks());
}

function explanation(
  fault: Fault,
  code: ProofCode | undefined,
  difference?: SigningInputDifference,
  checks = 0,
): Explanation {
  return { fault, text: faultText(fault), code, difference, checks };
}

/** Step 1. */
async function refusalOf(presented: unknown, expected: MessageExpectation): Promise<ProofCode | undefined> {
  try {
    await verifyMessage(presented, expected);
    return undefined;
  } catch (refusal) {
    if (refusal instanceof ProofError) return refusal.code;
    throw refusal;
  }
}

/** Steps 2 to 4, from certain faults to likely ones. */
async function faultOf(question: Question): Promise<Fault> {
  const { code, value, expected } = question;
  return (
    claimFault(code, value.header, expected) ??
    (await valueFault(question)) ??
    (await embeddedFault(question)) ??
    (await algorithmFault(question)) ??
    (await suspectFault(question)) ??
    (await claimedFault(question)) ??
    keyFault(question)
  );
}

/** The fault behind a refusal if the signature itself is good. */
const goodButRefused: Partial<Record<ProofCode, ValueFaultName>> = {
  'message.b64_absent': 'b64_missing',
  'message.b64_true': 'b64_true',
  'message.form': 'form_too_weak',
  'message.key_form': 'form_too_weak',
  'message.key_retired': 'key_previous',
  'message.key_not_yet_valid': 'key_next',
  'message.alg_missing': 'alg_misspelled',
  'message.alg_unknown': 'alg_misspelled',
  'message.alg_mismatch': 'alg_not_registered',
  'message.alg_form': 'alg_not_of_form',
  'message.kid_unknown': 'kid_unknown',
};

/** The right bytes were signed. */
async function valueFault({ code, value, payload, trial }: Question): Promise<Fault | undefined> {
  const input = signingInput(value.encodedHeader, payload);
  for (const { bytes, spelling } of value.readings) {
    if (value.middle !== '' || !(await trial.isGood(input, bytes))) continue;
    if (code === 'message.form' && !Object.hasOwn(value.header, 'crit')) return 'crit_missing';
    return spelling ?? value.spelling ?? goodButRefused[code] ?? 'stated';
  }
  return undefined;
}

/** The payload was encoded before signing, and stands within the value or beside it. */
async function embeddedFault({ code, value, payload, trial }: Question): Promise<Fault | undefined> {
  const [reading] = value.readings;
  if (reading === undefined) return undefined;
  const encoded = encodeBase64url(payload);
  const middle = value.middle === '' ? encoded : value.middle;
  const input = new TextEncoder().encode(`${value.encodedHeader}.${middle}`);
  if (!(await trial.isGood(input, reading.bytes))) return undefined;
  if (value.middle !== '') return middle === encoded ? 'payload_embedded' : 'payload_embedded_other';
  if (value.spelling === 'one_dot') return 'one_dot';
  if (code === 'message.b64_true') return 'b64_true';
  return code === 'message.b64_absent' ? 'appendix_f' : 'payload_base64url';
}

/** The right bytes were signed with the right key, but with another algorithm of this key. */
async function algorithmFault({ value, payload, trial }: Question): Promise<Fault | undefined> {
  const [reading] = value.readings;
  if (reading === undefined || value.middle !== '') return undefined;
  const input = signingInput(value.encodedHeader, payload);
  const named = isAlgorithmName(value.header.alg) ? value.header.alg : undefined;
  const others = (['RS256', 'PS256'] as const satisfies AlgorithmName[]).filter((alg) => alg !== named);
  for (const alg of others) if (await trial.isGood(input, reading.bytes, alg)) return 'alg_other';
  return undefined;
}

/** Step 3. */
async function suspectFault({ value, expected, payload, trial }: Question): Promise<Fault | undefined> {
  const [reading] = value.readings;
  if (reading === undefined || value.middle !== '') return undefined;
  const suspects = suspectKeys(value.header, reading.bytes, trial);
  if (suspects.length === 0) return undefined;
  const text = textOf(payload);
  const parsed = text === undefined ? undefined : parseJson(text);
  const faulty: FaultyCase = {
    ...value,
    message: expected.message,
    payload,
    digest: await expected.crypto.sha256(payload),
    text,
    json: parsed?.ok ? parsed.value : undefined,
  };
  const seen = [signingInput(value.encodedHeader, payload)];
  for (const [name, input] of suspectInputs(faulty)) {
    if (seen.some((one) => isEqual(one, input))) continue;
    seen.push(input);
    if (await trial.isGood(input, reading.bytes, undefined, suspects)) return name;
  }
  return undefined;
}

/**
 * The keys for which variants are tried. With PKCS #1 v1.5 a key recognises its own signatures: if none does, no variant will
 * verify. With other algorithms the key that the header names is tried.
 */
function suspectKeys(header: JsonObject, signature: Uint8Array, { keys }: Trial): readonly PublicJwk[] {
  if (header.alg === 'RS256') return keys.filter((key) => signedDigest(key, signature) === 'sha256');
  const named = keys.filter(({ kid }) => kid !== undefined && kid === header.kid);
  return named.length > 0 ? named : keys;
}

async function claimedFault({ claimed, value, trial }: Question): Promise<Fault | undefined> {
  const [reading] = value.readings;
  if (claimed === undefined || reading === undefined) return undefined;
  return (await trial.isGood(claimed, reading.bytes)) ? 'signing_input_differs' : undefined;
}

/** Step 4. */
function keyFault({ code, value, claimed, trial }: Question): Fault {
  const [reading] = value.readings;
  const digests = reading ? trial.keys.map((key) => signedDigest(key, reading.bytes)) : [];
  const digest = digests.find((one) => one !== undefined);
  if (digest !== undefined && digest !== 'sha256') return `hash_${digest}`;
  if (code !== 'message.signature' && code !== 'message.key_missing') return 'stated';
  if (value.header.alg === 'RS256' && digest === undefined) return 'key_other';
  if (claimed !== undefined) return 'signing_input_not_signed';
  return digest === undefined ? 'unknown' : 'bytes_other';
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
