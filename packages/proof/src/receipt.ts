/**
 * Receipts: a realm states that it has verified a message, with which key, and at which time. To check a receipt you need only
 * the saved receipt keys of the realm, and no server.
 *
 * 1. The receipt is a compact JWS of the type `receipt+jwt`, signed by one of the given keys of the realm.
 * 2. Receipts of a compromised key are refused, because a thief of the key can write any time into a receipt.
 * 3. Every claim has its shape, and the issuer is the expected one.
 * 4. If the message is given: its bytes have the digest of the receipt, and the signature in the receipt covers them, by the
 *    key and at the time in the receipt. All of this is computed again, so a realm cannot vouch for a false message.
 */
import { type AlgorithmName, algorithms } from './algorithms.ts';
import { bytes, type Checks, flag, having, leftOut, listOf, object, optional, options, someText } from './argument.ts';
import { encodeBase64url } from './base64url.ts';
import type { CryptoPort } from './crypto.ts';
import { ProofError } from './error.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from './json.ts';
import { isKid, type PublicJwk, parsePublicJwk, publicJwk } from './jwk.ts';
import { verifyJws } from './jws.ts';
import { formRule, type MessageForm, messageFormNames } from './message/form.ts';
import type { Message } from './message/message.ts';
import { verifyMessage } from './message/verify.ts';
import { thumbprint } from './thumbprint.ts';
import './receipt-refusal.ts';

/** A key that a realm signs receipts with. */
export interface ReceiptKey {
  readonly jwk: PublicJwk;
  readonly isRevoked: boolean;
}

/** The requirements on a receipt. */
export interface ReceiptExpectation {
  readonly crypto: CryptoPort;
  /** Pinned keys, or keys saved at the time of the receipt; never keys from the sender of the receipt. */
  readonly keys: readonly ReceiptKey[];
  /** Without it, the issuer may be any holder of one of the keys. */
  readonly issuer?: string;
  /**
   * The exact bytes of the message; empty if it had no body. Without it, the message is not checked, and `checked` of the
   * result says so.
   */
  readonly body?: Uint8Array | undefined;
}

/** The claims of a receipt. Times are in seconds since the epoch. */
export interface Receipt {
  readonly iss: string;
  readonly iat: number;
  readonly jti: string;
  /** The participant that signed the message. */
  readonly participantId: string;
  readonly organisationId: string;
  /** The participant that asked the realm for the receipt. */
  readonly presenter: { readonly sub: string; readonly participantId: string };
  /** The whole signature value of the message. */
  readonly signature: string;
  readonly form: MessageForm;
  readonly binding: 'bytes' | 'message';
  /** The key that signed the message, as it was in the registry then. */
  readonly key: {
    readonly thumbprint: string;
    readonly jwk: PublicJwk;
    readonly nbf: number;
    readonly exp: number | null;
    /** Whether it was the newest valid key, or an older one that was still valid. */
    readonly status: 'current' | 'previous';
  };
  readonly message: ReceiptedMessage;
}

interface ReceiptedMessage {
  readonly kind: 'request' | 'response';
  /** SHA-256 of the bytes, base64url. */
  readonly digest: string;
  readonly length: number;
  /** Only for a request without a body: its request target, which was signed in place of a body. */
  readonly requestTarget?: string;
  /** Only in the strict form, which binds these members. */
  readonly method?: string;
  readonly target?: string;
  readonly status?: number;
  readonly requestSignature?: string;
  readonly recipient?: string;
}

/** The claims of a receipt that met the expectation. Times are in seconds since the epoch. */
export interface VerifiedReceipt extends Receipt {
  /** `unchecked`: the receipt is good, but it was not compared with a message. */
  readonly checked: 'message' | 'unchecked';
}

/** Characters. The receipt contains the signature value of the message, encoded; that has at most 16 KiB. */
const maxReceipt = 65_536;
const allAlgorithms = Object.keys(algorithms) as AlgorithmName[];

/**
 * Reads the receipt keys of a JWKS (RFC 7517 §5), each with a mark if it was compromised. Unacceptable keys are left
 * out; what is not a JWKS gives an empty list. The caller must check that the JWKS is the realm's own.
 *
 * @example
 * const keys = parseReceiptKeys({ keys: [{ ...agent.jwk, revoked: '2027-01-01' }] });
 * keys[0]?.isRevoked; // → true
 */
export function parseReceiptKeys(jwks: unknown): readonly ReceiptKey[] {
  const list = isJsonObject(jwks as JsonValue) ? (jwks as JsonObject).keys : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((jwk: JsonValue) => {
    const parsed = parsePublicJwk(jwk);
    return parsed.ok ? [{ jwk: parsed.key, isRevoked: Object.hasOwn(jwk as JsonObject, 'revoked') }] : [];
  });
}

const keyChecks: Checks<ReceiptKey> = { jwk: publicJwk, isRevoked: flag };

const expectationChecks: Checks<ReceiptExpectation> = {
  crypto: having('verify', 'sha256'),
  keys: listOf((value, name) => options(object(value, name) as ReceiptKey, name, keyChecks)),
  issuer: leftOut(someText),
  body: optional(bytes),
};

/**
 * Verifies a receipt: a realm states that it has verified a message, with which key, and at which time. Times are in
 * seconds since the epoch. With `body`, the signature in the receipt is verified again over the message.
 *
 * Without `body` the message is not checked, and `checked` says so. Without `issuer` the issuer is not checked; an
 * `issuer` of undefined is refused. The caller must check that `keys` are those of the realm, saved at the time or
 * pinned.
 *
 * @throws {ProofError} `jws.*`, `receipt.*`
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
 * @example
 * const keys = parseReceiptKeys({ keys: issuer.keys });
 * const expected = { crypto: cryptoPort, keys, issuer: issuer.url, body: message.body };
 * const { participantId, checked } = await verifyReceipt(await issuer.receipt(), expected);
 * [participantId, checked]; // → ['agent', 'message']
 */
export async function verifyReceipt(presented: string, expected: ReceiptExpectation): Promise<VerifiedReceipt> {
  const { crypto, keys, issuer, body } = options(expected, 'expected', expectationChecks);
  const { header, payload, key } = await verifyJws(presented, {
    crypto,
    keys: keys.map(({ jwk }) => jwk),
    algorithms: allAlgorithms,
    maxBytes: maxReceipt,
  });
  if (header.typ !== 'receipt+jwt') throw new ProofError('receipt.type');
  if (keys.some(({ jwk, isRevoked }) => jwk === key && isRevoked)) throw new ProofError('receipt.key_revoked');
  const receipt = receiptOf(payload);
  if (issuer !== undefined && receipt.iss !== issuer) throw new ProofError('receipt.issuer');
  if (receipt.key.thumbprint !== (await thumbprint(receipt.key.jwk, crypto))) throw new ProofError('receipt.claims');
  if (body !== undefined) await checkMessage(receipt, body, crypto);
  return { ...receipt, checked: body === undefined ? 'unchecked' : 'message' };
}

/** Step 4. */
async function checkMessage(receipt: Receipt, body: Uint8Array, crypto: CryptoPort): Promise<void> {
  const { digest, length, recipient } = receipt.message;
  if (body.length !== length || encodeBase64url(await crypto.sha256(body)) !== digest) {
    throw new ProofError('receipt.message');
  }
  const { jwk, nbf, exp } = receipt.key;
  try {
    const verified = await verifyMessage(receipt.signature, {
      crypto,
      message: messageOf(receipt.message, body),
      forms: [receipt.form],
      keys: [{ jwk, notBefore: nbf, notAfter: exp ?? undefined }],
      now: receipt.iat,
      recipient,
    });
    if (verified.form === receipt.form) return;
  } catch (refusal) {
    if (!(refusal instanceof ProofError)) throw refusal;
  }
  throw new ProofError('receipt.signature');
}

function messageOf(message: ReceiptedMessage, body: Uint8Array): Message {
  const { kind, method = '', target = '', requestTarget = '', status = 0, requestSignature = '' } = message;
  return kind === 'request' ? { kind, method, target, requestTarget, body } : { kind, status, requestSignature, body };
}

/** Step 3. */
function receiptOf(payload: Uint8Array): Receipt {
  const parsed = parseJson(payload, { maxBytes: maxReceipt, maxDepth: 8 });
  const claims = objectOf(parsed.ok ? parsed.value : undefined);
  const presenter = objectOf(claims.presenter);
  const form = oneOf(claims.form, messageFormNames);
  const { binding } = formRule(form);
  return {
    iss: text(claims.iss),
    iat: moment(claims.iat),
    jti: text(claims.jti),
    participantId: text(claims.participantId),
    organisationId: text(claims.organisationId),
    presenter: { sub: text(presenter.sub), participantId: text(presenter.participantId) },
    signature: text(claims.signature),
    form,
    binding: oneOf(claims.binding, [binding]),
    key: keyOf(objectOf(claims.key)),
    message: receiptedMessage(objectOf(claims.message)),
  };
}

function keyOf(key: JsonObject): Receipt['key'] {
  const parsed = parsePublicJwk(key.jwk);
  if (!parsed.ok) throw new ProofError('receipt.claims');
  return {
    thumbprint: text(key.thumbprint),
    jwk: parsed.key,
    nbf: moment(key.nbf),
    exp: key.exp === null ? null : moment(key.exp),
    status: oneOf(key.status, ['current', 'previous']),
  };
}

function receiptedMessage(message: JsonObject): ReceiptedMessage {
  const { requestTarget, method, target, status, requestSignature, recipient } = message;
  return {
    kind: oneOf(message.kind, ['request', 'response']),
    digest: text(message.digest),
    length: moment(message.length),
    ...(requestTarget === undefined ? {} : { requestTarget: text(requestTarget) }),
    ...(method === undefined ? {} : { method: text(method) }),
    ...(target === undefined ? {} : { target: text(target) }),
    ...(status === undefined ? {} : { status: moment(status) }),
    ...(requestSignature === undefined ? {} : { requestSignature: text(requestSignature) }),
    ...(recipient === undefined ? {} : { recipient: isKid(recipient) ? recipient : text(undefined) }),
  };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  if (!isJsonObject(value)) throw new ProofError('receipt.claims');
  return value;
}

function text(value: JsonValue | undefined): string {
  if (typeof value !== 'string' || value === '') throw new ProofError('receipt.claims');
  return value;
}

/** A whole number that is not negative: seconds, a number of bytes, a status. */
function moment(value: JsonValue | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new ProofError('receipt.claims');
  return value;
}

function oneOf<T extends string>(value: JsonValue | undefined, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new ProofError('receipt.claims');
  return found;
}
