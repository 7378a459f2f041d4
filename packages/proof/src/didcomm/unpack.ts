/**
 * Unpacks a DIDComm v2 message: one envelope with a plaintext in it.
 *
 * 1. The envelope opens with one of the caller's keys (see encrypted.ts).
 * 2. The plaintext is for the caller's DID, comes from the DID whose key sealed it, and is valid now (see plaintext.ts).
 *
 * A message that arrives twice opens twice: the caller must remember `sender` and `id` until `rememberUntil`.
 */
import { type Checks, options, textOrBytes } from '../argument.ts';
import { type EnvelopeExpectation, envelopeChecks, openEnvelope } from './encrypted.ts';
import type { EnvelopeMode } from './envelope.ts';
import { didOfKeyId } from './key-id.ts';
import { lastMoment, type Plaintext, type PlaintextExpectation, plaintextChecks, readPlaintext } from './plaintext.ts';

/** The requirements on a message, and the keys to open it. Times are in seconds since the epoch. */
export interface UnpackExpectation extends EnvelopeExpectation, PlaintextExpectation {}

/** A message that was opened, and its sender if the envelope proves one. Times are in seconds since the epoch. */
export interface UnpackedMessage extends Plaintext {
  readonly mode: EnvelopeMode;
  /** The DID that has proved the key `senderKid`; undefined for an anonymous message. */
  readonly sender: string | undefined;
  readonly senderKid: string | undefined;
  readonly recipientKid: string;
  /** Seconds since the epoch. After that the message is refused because of its times. */
  readonly rememberUntil: number;
}

const expectationChecks: Checks<UnpackExpectation> = { ...envelopeChecks, ...plaintextChecks };

/**
 * Opens a message (DIDComm Messaging v2.1): the envelope with one of the caller's keys, and the plaintext in it. Times
 * are in seconds since the epoch; a message lives for `maxAge` seconds, by default 300.
 *
 * The caller must remember `sender` and `id` until `rememberUntil`, because a message that arrives twice opens twice.
 * Without `sender` in the expectation any sender that proves itself is accepted; in the mode `anoncrypt` no sender is
 * proved.
 *
 * @throws {ProofError} `didcomm.*`, and every error of `senderKey`
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
 * @example
 * const sealing = { sender: agent.agreement, createdTime: now, expiresTime: now + 60, random };
 * const content = { id: 'message-1', type: 'https://a.example/hello', body: { hi: 1 } };
 * const packed = await pack({ ...content, ...sealing, recipients: [didKeyRecipient(lender.did)] });
 * const keys = { keys: [lender.agreement], recipient: lender.did, senderKey: didKeySender, now };
 * const { sender, body } = await unpack(packed, { ...keys, modes: ['authcrypt'] });
 * [sender, body]; // → [agent.did, { hi: 1 }]
 */
export async function unpack(presented: string | Uint8Array, given: UnpackExpectation): Promise<UnpackedMessage> {
  const expected = options(given, 'expected', expectationChecks);
  textOrBytes(presented, 'presented');
  const { mode, content, senderKid, recipientKid } = await openEnvelope(presented, expected);
  const sender = didOfKeyId(senderKid);
  const plaintext = readPlaintext(content, sender, expected);
  return { ...plaintext, mode, sender, senderKid, recipientKid, rememberUntil: lastMoment(plaintext, expected) };
}
