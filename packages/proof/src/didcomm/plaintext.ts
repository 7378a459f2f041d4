/**
 * The plaintext of a message (DIDComm Messaging v2.1 §Plaintext Message Structure), and what we require of one that came in:
 *
 * 1. Strict JSON, an object, that says it is a plaintext; another envelope inside is refused, never opened.
 * 2. `id`, `type`, `thid`, `pthid` and `body` have their shape; `type` and the thread are the expected ones.
 * 3. `to` names this recipient, and `from` is the DID of the key that was proved. Without a proof `from` is only a claim.
 * 4. It was created and will expire: not in the future, not too long ago, not yet expired.
 */
import { amount, type Checks, finite, optional, someText, text } from '../argument.ts';
import { ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../json.ts';
import { isKid } from '../jwk.ts';
import { isDid } from './key-id.ts';
import { isMediaType } from './media-type.ts';

export interface Plaintext {
  /** Unique to its sender: what a replay is told by. */
  readonly id: string;
  readonly type: string;
  readonly to: readonly string[];
  readonly thid: string | undefined;
  readonly pthid: string | undefined;
  /** Seconds since the epoch. */
  readonly createdTime: number;
  readonly expiresTime: number;
  readonly body: JsonObject;
  /** Every other header, `from` never among them. */
  readonly headers: JsonObject;
  /** What the message says of its sender where nothing proves it. Never decide by it. */
  readonly unprovenFrom: string | undefined;
}

export interface PlaintextExpectation {
  /** The DID that `to` must name. */
  readonly recipient: string;
  /** Seconds since the epoch. */
  readonly now: number;
  /** Left out, any. */
  readonly type?: string | undefined;
  /** The id of the request that this is the answer to. Left out, any. */
  readonly thid?: string | undefined;
  /** Seconds since `created_time`. Default 300. */
  readonly maxAge?: number | undefined;
  /** Seconds by which two clocks may differ. Default 30. */
  readonly clockTolerance?: number | undefined;
}

/** Times that are no numbers would let everything through: nothing is later than NaN. */
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
/** RFC 3986 §3.1, and no whitespace or control character after it. */
const uri = /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/;
const own = ['typ', 'id', 'type', 'to', 'from', 'thid', 'pthid', 'created_time', 'expires_time', 'body'];

/** `sender` is the DID that has been proved, if any. @throws {ProofError} with a code that starts with `didcomm.` */
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

/** Signed and encrypted messages are told by their members (RFC 7516 §9), for their own typ is in a header. */
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

/** Seconds since the epoch, from which on step 4 refuses the message for good. */
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
