import {
  amount,
  type Checks,
  callable,
  having,
  leftOut,
  listOf,
  number,
  object,
  optional,
  options,
  text,
} from '../argument.ts';
import { ProofError } from '../error.ts';
import type { JsonObject } from '../json.ts';
import type { NamedAgreementKey, OwnAgreementKey } from './agreement-key.ts';
import { defaultMaxBytes, defaultMaxRecipients, type Sealing, sealEnvelope } from './encrypted.ts';
import { didOfKeyId } from './key-id.ts';
import { mediaTypes } from './media-type.ts';
import { readPlaintext } from './plaintext.ts';
import './refusal.ts';

/**
 * The message to send. `to` and `from` follow from the keys, so that a message cannot contradict its envelope. Times
 * are in seconds since the epoch.
 */
export interface Packing extends Sealing {
  /** Unique for the sender; the recipient recognises a replay by it. */
  readonly id: string;
  readonly type: string;
  readonly body: JsonObject;
  /** The id of the request that this answers. */
  readonly thid?: string | undefined;
  readonly pthid?: string | undefined;
  /** Seconds since the epoch. */
  readonly createdTime: number;
  readonly expiresTime: number;
  /** Bytes of the packed message. Default 256 KiB. */
  readonly maxBytes?: number | undefined;
}

const packingChecks: Checks<Packing> = {
  // Without a sender the message is anonymous.
  sender: leftOut(having('agree')),
  recipients: listOf(object),
  random: callable,
  ephemeral: optional(callable),
  id: text,
  type: text,
  // Checked together with the whole message.
  body: (value) => value,
  thid: optional(text),
  pthid: optional(text),
  createdTime: number,
  expiresTime: number,
  maxBytes: optional(amount),
};

/**
 * Packs a message (DIDComm Messaging v2.1): with `sender` as authcrypt (ECDH-1PU+A256KW), without it as anoncrypt
 * (ECDH-ES+A256KW), both with A256CBC-HS512. Times are in whole seconds since the epoch; `maxBytes` is by default
 * 262,144 bytes. It does not check that the keys belong to the wanted recipients.
 *
 * @throws {ProofError} `packing.*`
 * @throws {TypeError} naming the member that is of another type, or that does not exist
 * @example
 * const content = { id: 'message-1', type: 'https://a.example/hello', body: { hi: 1 } };
 * const sealing = { sender: agent.agreement, createdTime: now, expiresTime: now + 60, random };
 * const packed = await pack({ ...content, ...sealing, recipients: [didKeyRecipient(lender.did)] });
 * Object.keys(JSON.parse(packed)).includes('ciphertext'); // → true
 */
export async function pack(given: Packing): Promise<string> {
  const packing = options(given, 'packing', packingChecks);
  const { sender, recipients, maxBytes = defaultMaxBytes } = packing;
  const to = didsOf(recipients);
  const from = sender === undefined ? undefined : senderDid(sender);
  const [first] = recipients;
  const all = sender === undefined ? recipients : [...recipients, sender];
  if (all.some(({ key }) => key.crv !== first?.key.crv)) throw new ProofError('packing.curve');
  const content = plaintextOf(packing, to, from);
  const packed = await sealEnvelope(content, packing);
  if (packed.length > maxBytes) throw new ProofError('packing.too_large');
  return packed;
}

/** The DIDs of the recipients, each once. */
function didsOf(recipients: readonly NamedAgreementKey[]): readonly [string, ...string[]] {
  const kids = new Set(recipients.map(({ kid }) => kid));
  const dids = recipients.map(({ kid }) => didOfKeyId(kid));
  const isSound = kids.size === recipients.length && kids.size <= defaultMaxRecipients;
  const [first, ...others] = new Set(dids.filter((did) => did !== undefined));
  if (!isSound || first === undefined || dids.includes(undefined)) throw new ProofError('packing.recipients');
  return [first, ...others];
}

function senderDid({ kid }: OwnAgreementKey): string {
  const did = didOfKeyId(kid);
  if (did === undefined) throw new ProofError('packing.sender');
  return did;
}

/** Reads the message as the recipient will, so that a message that it would refuse is never sent. */
function plaintextOf(packing: Packing, to: readonly [string, ...string[]], from: string | undefined): Uint8Array {
  const { id, type, body, thid, pthid, createdTime, expiresTime } = packing;
  const isTimed = Number.isSafeInteger(createdTime) && Number.isSafeInteger(expiresTime) && createdTime >= 0;
  if (!isTimed || expiresTime <= createdTime) throw new ProofError('packing.time');
  const times = { created_time: createdTime, expires_time: expiresTime };
  const message = { typ: mediaTypes.plain, id, type, from, to, thid, pthid, ...times, body };
  const bytes = new TextEncoder().encode(JSON.stringify(message));
  try {
    readPlaintext(bytes, from, { recipient: to[0], now: createdTime });
  } catch (refusal) {
    throw refusal instanceof ProofError ? new ProofError('packing.message', refusal.pointer) : refusal;
  }
  return bytes;
}
