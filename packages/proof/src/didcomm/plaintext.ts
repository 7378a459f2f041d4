/**
 * The plaintext of a message (DIDComm Messaging v2.1 §Plaintext Message Structure), and the requirements on a received one:
 *
 * 1. It is strict JSON, an object, and says that it is a plaintext; another envelope inside is refused, never opened.
 * 2. `id`, `type`, `thid`, `pthid` and `body` have their shape; `type` and the thread are the expected ones.
 * 3. `to` names this recipient, and `from` is the DID of the key that was proved. Without a proof `from` is only a claim.
 * 4. It says when it was created and when it expires: it was created not in the future and not too long ago, and has not
 *    expired.
 */
import { amount, type Checks, finite, optional, someText, text } from '../argument.ts';
import { ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../json.ts';
import { isKid } from '../jwk.ts';
import { isDid } from './key-id.ts';
import { isMediaType } from './media-type.ts';
import './refusal.ts';

/** The content of a message. Times are in seconds since the epoch. */
export interface Plaintext {
  /** Unique for its sender: a replay is recognised by it. */
  readonly id: string;
  readonly type: string;
  readonly to: readonly string[];
  readonly thid: string | undefined;
  readonly pthid: string | undefined;
  /** Seconds since the epoch. */
  readonly createdTime: number;
  readonly expiresTime: number;
  readonly body: JsonObject;
  /** Every other header, but never `from`. */
  readonly headers: JsonObject;
  /** The sender that the message claims without a proof. Never base a decision on it. */
  readonly unprovenFrom: string | undefined;
}

export interface PlaintextExpectation {
  /** The DID that `to` must name. */
  readonly recipient: string;
  /** Seconds since the epoch. */
  readonly now: number;
  /** Without it, any type is accepted. */
  readonly type?: string | undefined;
  /** The id of the request that this message answers. Without it, any thread is accepted. */
  readonly thid?: string | undefined;
  /** Seconds since `created_time`. Default 300. */
  readonly maxAge?: number | undefined;
  /** Seconds by which two clocks may differ. Default 30. */
  readonly clockTolerance?: number | undefined;
}

/** The times must be numbers: NaN would let every message through, because no time is later than NaN. */
export const plaintextChecks: Checks<PlaintextExpectation> = {
  recipient: someText,
  now: finite,
  type: optional(text),
  thid: optional(text),
  maxAge: optional(amount),
  clockTolerance: optional(amount),
};

const defaultMaxAge = 300;
const defaultTolerance = 30;
const maxDepth = 32;
const maxTo = 16;
/** RFC 3986 §3.1, without whitespace and control characters after the scheme. */
const uri = /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/;
const own = ['typ', 'id', 'type', 'to', 'from', 'thid', 'pthid', 'created_time', 'expires_time', 'body'];

/**
 * `sender` is the proved DID, if any.
 *
 * @throws {ProofError} `didcomm.*`
 */
export function readPlaintext(
  bytes: Uint8Array,
  sender: string | undefined,
  expected: PlaintextExpectation,
): Plaintext {
  const message = parsePlaintext(bytes);
  const { id, type, thid, pthid, body } = message;
  if (!isKid(id)) throw new ProofError('didcomm.id');
  if (!isMessageType(type)) throw new ProofError('didcomm.type');
  if (expected.type !== undefined && type !== expected.type) throw new ProofError('didcomm.type_unexpected');
  if (thid !== undefined && !isKid(thid)) throw new ProofError('didcomm.thid');
  if (pthid !== undefined && !isKid(pthid)) throw new ProofError('didcomm.pthid');
  if (expected.thid !== undefined && thid !== expected.thid) throw new ProofError('didcomm.thid_unexpected');
  if (Object.hasOwn(message, 'from_prior')) throw new ProofError('didcomm.from_prior');
  const parties = partiesOf(message, sender, expected);
  const times = timesOf(message, expected);
  if (!isJsonObject(body)) throw new ProofError('didcomm.body');
  const headers = Object.fromEntries(Object.entries(message).filter(([name]) => !own.includes(name)));
  return { id, type, thid, pthid, ...parties, ...times, body, headers };
}

/** Step 1. */
function parsePlaintext(bytes: Uint8Array): JsonObject {
  const parsed = parseJson(bytes, { maxBytes: bytes.length, maxDepth });
  if (!parsed.ok) throw new ProofError(`didcomm.plaintext_${parsed.reason}`, parsed.pointer);
  const message = parsed.value;
  if (!isJsonObject(message)) throw new ProofError('didcomm.plaintext_not_object');
  if (isEnvelope(message)) throw new ProofError('didcomm.nested');
  if (!isMediaType(message.typ, 'plain')) throw new ProofError('didcomm.plaintext_typ');
  return message;
}

/** Signed and encrypted messages are recognised by their members (RFC 7516 §9), because their typ is in a header. */
function isEnvelope(message: JsonObject): boolean {
  const hasParts = Object.hasOwn(message, 'ciphertext') || Object.hasOwn(message, 'signatures');
  return hasParts || isMediaType(message.typ, 'encrypted') || isMediaType(message.typ, 'signed');
}

/** Step 3. */
function partiesOf({ to, from }: JsonObject, sender: string | undefined, { recipient }: PlaintextExpectation) {
  const isList = Array.isArray(to) && to.length > 0 && to.length <= maxTo && to.every(isDid);
  if (!isList) throw new ProofError('didcomm.to');
  if (!to.includes(recipient)) throw new ProofError('didcomm.to_other');
  if (sender !== undefined && from !== sender) throw new ProofError('didcomm.from');
  if (from !== undefined && !isDid(from)) throw new ProofError('didcomm.from');
  return { to, unprovenFrom: sender === undefined ? from : undefined };
}

/** Step 4. */
function timesOf(message: JsonObject, expected: PlaintextExpectation) {
  const { now, clockTolerance = defaultTolerance } = expected;
  const { created_time: createdTime, expires_time: expiresTime } = message;
  if (!isMoment(createdTime)) throw new ProofError('didcomm.created_time');
  if (!isMoment(expiresTime) || expiresTime <= createdTime) throw new ProofError('didcomm.expires_time');
  if (createdTime > now + clockTolerance) throw new ProofError('didcomm.in_future');
  if (now >= expiresTime + clockTolerance) throw new ProofError('didcomm.expired');
  if (now >= lastMoment({ createdTime, expiresTime }, expected)) throw new ProofError('didcomm.stale');
  return { createdTime, expiresTime };
}

/** Seconds since the epoch. After that, step 4 always refuses the message. */
export function lastMoment(
  { createdTime, expiresTime }: Pick<Plaintext, 'createdTime' | 'expiresTime'>,
  { maxAge = defaultMaxAge, clockTolerance = defaultTolerance }: PlaintextExpectation,
): number {
  return Math.min(createdTime + maxAge + 1, expiresTime) + clockTolerance;
}

function isMessageType(type: JsonValue | undefined): type is string {
  return typeof type === 'string' && type.length <= 256 && uri.test(type);
}

function isMoment(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
