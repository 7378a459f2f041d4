import { type AlgorithmName, algorithms } from '../algorithms.ts';
import { bytes, type Checks, having, object, oneOf, optional, options } from '../argument.ts';
import { encodeBase64url, encodeTextBase64url } from '../base64url.ts';
import type { CryptoPort } from '../crypto.ts';
import { type ProofCode, ProofError } from '../error.ts';
import { isKid, type PublicJwk, publicJwk, signatureLength } from '../jwk.ts';
import { formRule, messageFormNames } from './form.ts';
import { checkedMessage, type Message, signedBytes, signingInput, spellsItsTarget } from './message.ts';
import { canonicalTarget } from './target.ts';
import './refusal.ts';

/**
 * Signs with a private key, which may be kept anywhere. `sign` signs `data` by the algorithm of the key; an ECDSA signature is
 * r||s (RFC 7518 §3.4), never DER.
 */
export interface SigningPort {
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** The public facts about a key that signs messages. */
export interface SigningKey {
  readonly alg: AlgorithmName;
  readonly kid?: string | undefined;
  /** The public key that the recipient knows. If it is given, a signature of a wrong length is never sent. */
  readonly publicJwk?: PublicJwk | undefined;
}

interface SigningBase {
  readonly key: SigningKey;
  readonly sign: SigningPort;
}

/** Binds only bytes: the recipient cannot tell a replay from a retry. */
export interface BytesSigning extends SigningBase {
  readonly form: 'ocen' | 'rfc7797';
}

/** Binds the message to its recipient and time. */
export interface StrictSigning extends SigningBase {
  readonly form: 'strict';
  /** The participant id of the recipient. */
  readonly recipient: string;
  /** The present, in whole seconds since the epoch. */
  readonly now: number;
  /** A random text that this key never uses twice; a response needs none. Use at least 128 bits of randomness. */
  readonly jti?: string;
  readonly crypto: Pick<CryptoPort, 'sha256'>;
}

/** How a message is signed: with which key and in which form. */
export type MessageSigning = BytesSigning | StrictSigning;

type Member = string | number | boolean | null | readonly string[];

/** These members are checked later, because their faults have their own codes. */
const judgedLater = (value: unknown) => value;

const signingKeyChecks: Checks<SigningKey> = {
  alg: judgedLater,
  kid: judgedLater,
  publicJwk: optional(publicJwk),
};

const signingChecks: Checks<BytesSigning & Omit<StrictSigning, 'form'>> = {
  key: (value, name) => options(object(value, name) as SigningKey, name, signingKeyChecks),
  sign: having('sign'),
  form: oneOf(...messageFormNames),
  recipient: judgedLater,
  now: judgedLater,
  jti: judgedLater,
  crypto: optional(having('sha256')),
};

/**
 * Makes the value of `x-jws-signature` for a message: a detached JWS (RFC 7797 §3). `now` is in whole seconds since the
 * epoch. The bytes of the body are read now and not copied: they must not change before the promise settles.
 *
 * It does not check that the key belongs to the sender: the recipient does.
 *
 * @throws {ProofError} `signing.*` if this form cannot express the message
 * @throws {TypeError} naming the argument that is of another type: a body is a Uint8Array, never a string
 * @example
 * const value = await signMessage(message, { key: agent.key, sign: agent.signer, form: 'rfc7797' });
 * const rules = { crypto: cryptoPort, forms: ['rfc7797'], keys: [{ jwk: agent.jwk }], now } as const;
 * (await verifyMessage(value, { ...rules, message })).kid; // → 'agent-key'
 */
export async function signMessage(message: Message, signing: MessageSigning): Promise<string> {
  return signChecked(
    checkedMessage(message, 'message'),
    options(signing, 'signing', signingChecks as Checks<MessageSigning>),
  );
}

async function signChecked(message: Message, signing: MessageSigning): Promise<string> {
  checkKey(signing);
  const payload = signedBytes(message);
  if (payload === undefined) throw new ProofError('signing.request_target');
  // A verifier that ignores b64 without crit would take `header.body.signature` for a token.
  if (signing.form === 'ocen' && isBase64urlOnly(payload)) throw new ProofError('signing.body_ambiguous');
  const encodedHeader = encodeTextBase64url(JSON.stringify(await headerOf(message, signing)));
  const answer = signing.sign.sign(signingInput(encodedHeader, payload));
  const signature = bytes(answer instanceof Promise ? await answer : answer, 'the answer of signing.sign');
  if (!hasLength(signature, signing.key)) throw new ProofError('signing.signature_length');
  return `${encodedHeader}..${encodeBase64url(signature)}`;
}

/**
 * `req` of a strict response: base64url of the SHA-256 of the signature value of the request, all characters of the header
 * field `x-jws-signature` as they were sent, both dots included.
 */
export async function requestDigest(signature: string, crypto: Pick<CryptoPort, 'sha256'>): Promise<string> {
  return encodeBase64url(await crypto.sha256(new TextEncoder().encode(signature)));
}

function checkKey({ form, key }: MessageSigning): void {
  const rule = formRule(form);
  if (!rule.algorithms.includes(key.alg)) throw new ProofError('signing.alg');
  if (key.kid !== undefined && !isKid(key.kid)) throw new ProofError('signing.kid');
  if (key.publicJwk && algorithms[key.publicJwk.alg].family !== algorithms[key.alg].family) {
    throw new ProofError('signing.key');
  }
}

/** The members in sending order: the ocen form must be byte for byte the one of the reference signer. */
async function headerOf(message: Message, signing: MessageSigning): Promise<Record<string, Member>> {
  const { form, key } = signing;
  const rule = formRule(form);
  const header: Record<string, Member> = { alg: key.alg };
  if (key.kid !== undefined || rule.kidMayBeNull) header.kid = key.kid ?? null;
  header.b64 = false;
  const crit = rule.crit[message.kind];
  if (crit !== undefined) header.crit = crit;
  return signing.form === 'strict' ? { ...header, ...(await claimsOf(message, signing)) } : header;
}

async function claimsOf(message: Message, signing: StrictSigning): Promise<Record<string, Member>> {
  const { recipient, now, jti, crypto } = signing;
  demand(isKid(recipient), 'signing.recipient');
  demand(Number.isSafeInteger(now) && now >= 0, 'signing.iat');
  if (message.kind === 'response') {
    demand(isStatus(message.status), 'signing.status');
    demand(message.requestSignature !== '', 'signing.request_signature');
    const req = await requestDigest(message.requestSignature, crypto);
    return { sts: message.status, req, aud: recipient, iat: now };
  }
  demand(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(message.method), 'signing.method');
  demand(!spellsItsTarget(message), 'signing.body_is_target');
  const htu = canonicalTarget(message.target);
  if (htu === undefined) throw new ProofError('signing.target');
  if (!isKid(jti)) throw new ProofError('signing.jti');
  return { htm: message.method, htu, aud: recipient, iat: now, jti };
}

function demand(isMet: boolean, code: ProofCode): void {
  if (!isMet) throw new ProofError(code);
}

/** RFC 9110 §15: three digits. An informational response is never signed. */
function isStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 599;
}

function isBase64urlOnly(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.every(isBase64urlDigit);
}

function isBase64urlDigit(byte: number): boolean {
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f;
}

/** Without the public key only the smallest length of an RSA signature is known. */
function hasLength({ length }: Uint8Array, { alg, publicJwk }: SigningKey): boolean {
  if (publicJwk !== undefined) return length === signatureLength(publicJwk);
  const bytes: number | undefined = algorithms[alg].signatureBytes;
  return bytes === undefined ? length >= 256 && length <= 1024 : length === bytes;
}
