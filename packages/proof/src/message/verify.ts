/**
 * Verifies detached signatures of HTTP messages, with public keys alone.
 *
 * 1. Split the value: a header, an empty part, a signature.
 * 2. Read the protected header strictly. It decides the form; the caller says which forms are accepted.
 * 3. Choose among the sender's keys, never from the message: keys that are registered for the algorithm and make signatures of
 *    this length. Valid keys come first, and among them the one that `kid` names. At most eight are tried.
 * 4. Verify over the header exactly as presented, a dot, and the bytes of the message exactly as received.
 * 5. If a key made the signature but may not sign now, or not in this form, that is the reason of the refusal.
 * 6. Only in the strict form, and only after the signature is good: compare the header's claims with the message, the recipient
 *    and the time.
 */
import { type AlgorithmName, algorithms } from '../algorithms.ts';
import { amount, type Checks, having, listOf, number, object, oneOf, optional, options, text } from '../argument.ts';
import { encodeBase64url } from '../base64url.ts';
import { type CryptoPort, verifySignature } from '../crypto.ts';
import { type ProofCode, ProofError } from '../error.ts';
import { type PublicJwk, publicJwk, signatureLength } from '../jwk.ts';
import { thumbprintInput } from '../thumbprint.ts';
import { checkClaims } from './claims.ts';
import { formRule, type MessageForm, messageFormNames } from './form.ts';
import { type MessageHeader, type MessageHeaderCache, parseHeader, takeApart } from './header.ts';
import { checkedMessage, type Message, signedBytes, signingInput, spellsItsTarget } from './message.ts';
import './refusal.ts';

/** A key of the sender, valid from `notBefore` on and before `notAfter`, both in seconds since the epoch. */
export interface MessageKey {
  readonly jwk: PublicJwk;
  readonly notBefore?: number | undefined;
  readonly notAfter?: number | undefined;
  /** A key that is registered as `strict` is refused in the other forms; the other two restrict nothing. */
  readonly form?: MessageForm | undefined;
}

/** The requirements on a message signature. Times are in seconds since the epoch. */
export interface MessageExpectation {
  readonly crypto: CryptoPort;
  readonly message: Message;
  readonly forms: readonly MessageForm[];
  /**
   * All keys of the sender, past and future ones too: these are not accepted, but get a more exact refusal than unknown keys.
   */
  readonly keys: readonly MessageKey[];
  /** The present, in seconds since the epoch. */
  readonly now: number;
  /** The caller's own participant id. Without it, no strict signature is accepted. */
  readonly recipient?: string | undefined;
  /** Seconds by which two clocks may differ. Default 30. */
  readonly clockTolerance?: number | undefined;
  /** Seconds that a strict signature lives. Default 300. */
  readonly maxAge?: number | undefined;
  readonly headers?: MessageHeaderCache | undefined;
}

/** The fault of `kid`, if it was not the key id of the key that verified. */
export type KidHint = 'kid_absent' | 'kid_unknown' | 'kid_mismatch';

/** A message signature that met the expectation. Times are in seconds since the epoch. */
export interface VerifiedMessage {
  readonly form: MessageForm;
  /** `bytes`: the message may be a replay of another with the same bytes. */
  readonly binding: 'bytes' | 'message';
  readonly alg: AlgorithmName;
  /** The key id of the key that verified; undefined if it is registered without one. */
  readonly kid: string | undefined;
  /** The RFC 7638 thumbprint (SHA-256) of the key that verified. */
  readonly thumbprint: string;
  readonly hint?: KidHint;
  /** Only for strict requests: accept it once, and remember it until `freshUntil`. */
  readonly jti?: string;
  /** Only in the strict form; seconds since the epoch. */
  readonly iat?: number;
  /** Only in the strict form: the last second in which this signature is accepted. */
  readonly freshUntil?: number;
}

/** A key that may have signed, and the reason if it was not allowed to. */
interface Candidate {
  readonly key: MessageKey;
  readonly isNamed: boolean;
  readonly refusal: ProofCode | undefined;
}

type Answer = Candidate | undefined;

const maxCandidates = 8;
const encoder = new TextEncoder();

const form = oneOf(...messageFormNames);

const keyChecks: Checks<MessageKey> = {
  jwk: publicJwk,
  notBefore: optional(number),
  notAfter: optional(number),
  form: optional(form),
};

const expectationChecks: Checks<MessageExpectation> = {
  crypto: having('verify', 'sha256'),
  message: (value, name) => checkedMessage(value as Message, name),
  forms: listOf(form),
  keys: listOf((value, name) => options(object(value, name) as MessageKey, name, keyChecks)),
  now: number,
  recipient: optional(text),
  clockTolerance: optional(amount),
  maxAge: optional(amount),
  headers: optional(having('get', 'set')),
};

/**
 * The expectation with each member read once and its type checked.
 *
 * @throws {TypeError} naming the member
 */
export function checkedExpectation(expected: MessageExpectation): MessageExpectation {
  return options(expected, 'expected', expectationChecks);
}

/**
 * Verifies that one of `keys` signed a message (RFC 7797, detached). Times are in seconds since the epoch; a strict
 * signature lives for `maxAge` seconds, by default 300. `presented` comes from a stranger and may be anything;
 * `expected` comes from the caller.
 *
 * The caller must check that `keys` are those of the claimed sender, that the sender may send, and that the message did
 * not come before: in the strict form remember `jti` until `freshUntil`; in the other forms a replay cannot be told
 * from a retry.
 *
 * @throws {ProofError} `message.*`; `messageStatus` has the HTTP status of each
 * @throws {TypeError} naming the member of `expected` that is of another type: a body is a Uint8Array, never a string
 * @example
 * const rules = { crypto: cryptoPort, forms: ['rfc7797'], keys: [{ jwk: agent.jwk }], now } as const;
 * const { kid, binding } = await verifyMessage(signature, { ...rules, message });
 * [kid, binding]; // → ['agent-key', 'bytes']
 * await verifyMessage(signature, { ...rules, message: { ...message, body: utf8('{}') } }); // throws message.signature
 */
export async function verifyMessage(presented: unknown, expected: MessageExpectation): Promise<VerifiedMessage> {
  return verifyChecked(presented, checkedExpectation(expected));
}

async function verifyChecked(presented: unknown, expected: MessageExpectation): Promise<VerifiedMessage> {
  const { message, crypto } = expected;
  const { encodedHeader, signature } = takeApart(presented);
  const header = expected.headers?.get(encodedHeader) ?? parseHeader(encodedHeader, message.kind);
  if (!expected.forms.includes(header.form)) throw new ProofError('message.form');
  const candidates = candidatesFor(header, signature.length, expected);
  const payload = signedBytes(message);
  if (payload === undefined) throw new ProofError('message.request_target');
  if (header.form === 'strict' && spellsItsTarget(message)) throw new ProofError('message.body_is_target');
  const input = signingInput(encodedHeader, payload);
  // Awaiting a value that is there already would cost a turn.
  const found = signer(candidates, { alg: header.alg, input, signature, crypto }, 0);
  const key = accepted(found instanceof Promise ? await found : found, candidates);
  expected.headers?.set(encodedHeader, header);
  const claims = header.form === 'strict' ? await checkClaims(header.members, expected) : undefined;
  const print = thumbprintOf(key, crypto);
  return verdict(header, key, expected.keys, print instanceof Promise ? await print : print, claims);
}

/** Step 3. */
function candidatesFor(header: MessageHeader, length: number, expected: MessageExpectation): readonly Candidate[] {
  const { kid, form, alg } = header;
  const { keys, now } = expected;
  if (keys.length === 0) throw new ProofError('message.key_missing');
  const isHint = kid === undefined || formRule(form).kidIsHint;
  const known = isHint ? keys : keys.filter(({ jwk }) => jwk.kid === kid || jwk.kid === undefined);
  if (known.length === 0) throw new ProofError('message.kid_unknown');
  const isNamed = ({ jwk }: MessageKey) => kid !== undefined && jwk.kid === kid;
  const { family } = algorithms[alg];
  const fitting = known.filter(({ jwk }) => algorithms[jwk.alg].family === family);
  if (fitting.length === 0 || (known.some(isNamed) && !fitting.some(isNamed))) {
    throw new ProofError('message.alg_mismatch');
  }
  const sized = fitting.filter(({ jwk }) => signatureLength(jwk) === length);
  if (sized.length === 0) throw new ProofError('message.signature_length');
  return sized
    .map((key) => ({ key, isNamed: isNamed(key), refusal: refusalOf(key, form, now) }))
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, maxCandidates);
}

function rank({ isNamed, refusal }: Candidate): number {
  return (refusal === undefined ? 0 : 2) + (isNamed ? 0 : 1);
}

function refusalOf(key: MessageKey, form: MessageForm, now: number): ProofCode | undefined {
  // Written so that a time of NaN refuses.
  if (key.notAfter !== undefined && !(now < key.notAfter)) return 'message.key_retired';
  if (key.notBefore !== undefined && !(now >= key.notBefore)) return 'message.key_not_yet_valid';
  return key.form === 'strict' && form !== 'strict' ? 'message.key_form' : undefined;
}

interface SignedInput {
  readonly alg: AlgorithmName;
  readonly input: Uint8Array;
  readonly signature: Uint8Array;
  readonly crypto: CryptoPort;
}

/** Step 4: the first of the candidates, from `at` on, that made the signature. */
function signer(candidates: readonly Candidate[], signed: SignedInput, at: number): Answer | Promise<Answer> {
  for (let i = at; i < candidates.length; i++) {
    const candidate = candidates[i] as Candidate;
    const answer = verifySignature(signed.crypto, signed.alg, candidate.key.jwk, signed.input, signed.signature);
    if (answer === true) return candidate;
    if (answer !== false)
      return answer.then((isGood) => (isGood === true ? candidate : signer(candidates, signed, i + 1)));
  }
  return undefined;
}

/** Step 5. */
function accepted(found: Answer, candidates: readonly Candidate[]): PublicJwk {
  if (found === undefined) {
    const hasValid = candidates.some(({ refusal }) => refusal === undefined);
    throw new ProofError(hasValid ? 'message.signature' : 'message.key_missing');
  }
  if (found.refusal !== undefined) throw new ProofError(found.refusal);
  return found.key.jwk;
}

function verdict(
  header: MessageHeader,
  key: PublicJwk,
  keys: readonly MessageKey[],
  thumbprint: string,
  claims: Pick<VerifiedMessage, 'jti' | 'iat' | 'freshUntil'> | undefined,
): VerifiedMessage {
  const { form, alg, kid } = header;
  const hint = kid === key.kid ? undefined : hintOf(kid, keys);
  const { binding } = formRule(form);
  return { form, binding, alg, kid: key.kid, thumbprint, ...(hint && { hint }), ...claims };
}

function hintOf(kid: string | undefined, keys: readonly MessageKey[]): KidHint {
  if (kid === undefined) return 'kid_absent';
  return keys.some(({ jwk }) => jwk.kid === kid) ? 'kid_mismatch' : 'kid_unknown';
}

/** A parsed key is frozen: its thumbprint is computed once. */
const thumbprints = new WeakMap<PublicJwk, string>();

function thumbprintOf(key: PublicJwk, crypto: CryptoPort): string | Promise<string> {
  const known = thumbprints.get(key);
  if (known !== undefined) return known;
  const remember = (digest: Uint8Array) => {
    const print = encodeBase64url(digest);
    thumbprints.set(key, print);
    return print;
  };
  const digest = crypto.sha256(encoder.encode(thumbprintInput(key)));
  return digest instanceof Promise ? digest.then(remember) : remember(digest);
}
