/**
 * Opens and seals one envelope with any content.
 *
 * Opening, after `parseEnvelope`:
 * 1. The kind of encryption, the content encryption and the curve are accepted ones.
 * 2. One recipient of the envelope is one of our keys, belongs to our DID `recipient`, and is on the curve of the ephemeral
 *    key.
 * 3. The sender is the expected one; its key comes from our resolver, by the name in `skid`, and is on that curve.
 * 4. Each key agreement gives a secret that is not all zeros.
 * 5. The content key can be unwrapped, and the content decrypts and is authentic.
 */
import { amount, type Checks, callable, having, listOf, oneOf, optional, someText } from '../argument.ts';
import { encodeBase64url, encodeTextBase64url } from '../base64url.ts';
import { ProofError } from '../error.ts';
import {
  type AgreementKey,
  agreementJwk,
  type EphemeralKey,
  ephemeralKey,
  type NamedAgreementKey,
  type OwnAgreementKey,
} from './agreement-key.ts';
import { type ContentEncryptionName, contentEncryptions } from './content-encryption.ts';
import { type CurveName, curves } from './curve.ts';
import { type Envelope, type EnvelopeMode, type EnvelopeRecipient, parseEnvelope, partyVInfo } from './envelope.ts';
import { didOfKeyId } from './key-id.ts';
import { unwrapKey, wrapKey } from './key-wrap.ts';
import { mediaTypes } from './media-type.ts';
import './refusal.ts';

type Later<T> = T | Promise<T>;

/** The requirements on an envelope, and the keys to open it. */
export interface EnvelopeExpectation {
  /** The caller's own keys. Only those of `recipient` are tried. */
  readonly keys: readonly OwnAgreementKey[];
  /** The caller's own DID. */
  readonly recipient: string;
  readonly modes: readonly EnvelopeMode[];
  /**
   * The key that the DID document of `kid` names for key agreement under exactly this id; undefined if there is none. Do not
   * trust `kid` before the envelope is opened.
   */
  readonly senderKey: (kid: string) => Later<AgreementKey | undefined>;
  /** The required DID of the sender. Without it, any sender that proves itself is accepted. */
  readonly sender?: string | undefined;
  /** Default: only A256CBC-HS512. */
  readonly encryptions?: readonly ContentEncryptionName[] | undefined;
  /** Default: only X25519. */
  readonly curves?: readonly CurveName[] | undefined;
  /** Bytes of the envelope. Default 256 KiB. */
  readonly maxBytes?: number | undefined;
  /** Default 16. */
  readonly maxRecipients?: number | undefined;
}

export interface OpenedEnvelope {
  readonly mode: EnvelopeMode;
  readonly content: Uint8Array;
  /** The key that the sender has proved; undefined for an anonymous envelope. */
  readonly senderKid: string | undefined;
  readonly recipientKid: string;
}

/** The keys and the randomness for sealing an envelope. */
export interface Sealing {
  /** Without it, the envelope is anonymous. */
  readonly sender?: OwnAgreementKey | undefined;
  readonly recipients: readonly NamedAgreementKey[];
  /** Returns that many bytes from a source that is fit for keys. */
  readonly random: (bytes: number) => Uint8Array;
  /** A fresh key pair of the runtime, never used twice. Without it, this code makes one from `random`, ten times slower. */
  readonly ephemeral?: ((crv: CurveName) => Later<EphemeralKey>) | undefined;
}

export const envelopeChecks: Checks<EnvelopeExpectation> = {
  keys: listOf(having('agree')),
  recipient: someText,
  modes: listOf(oneOf('authcrypt', 'anoncrypt')),
  senderKey: callable,
  sender: optional(someText),
  encryptions: optional(listOf(oneOf(...Object.keys(contentEncryptions)))),
  curves: optional(listOf(oneOf(...Object.keys(curves)))),
  maxBytes: optional(amount),
  maxRecipients: optional(amount),
};

interface Held {
  readonly key: OwnAgreementKey;
  readonly recipient: EnvelopeRecipient;
}

const encoder = new TextEncoder();
export const defaultMaxBytes = 262_144;
export const defaultMaxRecipients = 16;

/** @throws {ProofError} `didcomm.*` */
export async function openEnvelope(
  presented: string | Uint8Array,
  expected: EnvelopeExpectation,
): Promise<OpenedEnvelope> {
  const { maxBytes = defaultMaxBytes, maxRecipients = defaultMaxRecipients } = expected;
  const envelope = parseEnvelope(presented, { maxBytes, maxRecipients });
  checkAccepted(envelope, expected);
  const { key, recipient } = heldBy(envelope, expected);
  const sender = await senderOf(envelope, expected);
  const secrets = [await agreed(key, envelope.epk, 'didcomm.zero_secret')];
  if (sender !== undefined) secrets.push(await agreed(key, sender, 'didcomm.zero_secret'));
  const tag = sender === undefined ? undefined : envelope.tag;
  const { alg, apu, apv, enc, iv, aad, mode, skid } = envelope;
  const contentKey = unwrapKey(recipient.encryptedKey, { alg, secrets, apu, apv, tag });
  if (contentKey === undefined) throw new ProofError('didcomm.key_unwrap');
  const content = contentEncryptions[enc].open(contentKey, iv, aad, envelope);
  if (content === undefined) throw new ProofError('didcomm.decrypt');
  return { mode, content, senderKid: skid, recipientKid: recipient.kid };
}

/**
 * Always A256CBC-HS512. `pack` has checked that the keys of sender and recipients are on one curve, and that their kids are
 * different DID URLs.
 */
export async function sealEnvelope(content: Uint8Array, sealing: Sealing): Promise<string> {
  const { sender, recipients, random } = sealing;
  const enc = 'A256CBC-HS512';
  const { keyBytes, ivBytes, seal } = contentEncryptions[enc];
  const crv = (recipients[0] as NamedAgreementKey).key.crv;
  const ephemeral = await (sealing.ephemeral?.(crv) ?? ephemeralKey(crv, drawn(random, curves[crv].seedBytes)));
  if (ephemeral?.key.crv !== crv) throw new ProofError('packing.random');
  const apv = partyVInfo(recipients.map(({ kid }) => kid));
  const alg = sender === undefined ? 'ECDH-ES+A256KW' : 'ECDH-1PU+A256KW';
  const parties = sender === undefined ? {} : { skid: sender.kid, apu: encodeTextBase64url(sender.kid) };
  const epk = agreementJwk(ephemeral.key);
  const header = { typ: mediaTypes.encrypted, alg, enc, ...parties, apv: encodeBase64url(apv), epk };
  const encoded = encodeTextBase64url(JSON.stringify(header));
  const contentKey = drawn(random, keyBytes);
  const iv = drawn(random, ivBytes);
  const { ciphertext, tag } = seal(contentKey, iv, encoder.encode(encoded), content);
  const context = {
    alg,
    apu: encoder.encode(sender?.kid ?? ''),
    apv,
    tag: sender === undefined ? undefined : tag,
  } as const;
  const wrapped = [];
  for (const { kid, key } of recipients) {
    const secrets = [await agreed(ephemeral, key, 'packing.zero_secret')];
    if (sender !== undefined) secrets.push(await agreed(sender, key, 'packing.zero_secret'));
    wrapped.push({ header: { kid }, encrypted_key: encodeBase64url(wrapKey(contentKey, { ...context, secrets })) });
  }
  const texts = { iv: encodeBase64url(iv), ciphertext: encodeBase64url(ciphertext), tag: encodeBase64url(tag) };
  return JSON.stringify({ protected: encoded, recipients: wrapped, ...texts });
}

/** Step 1. */
function checkAccepted({ mode, enc, epk }: Envelope, expected: EnvelopeExpectation): void {
  const { modes, encryptions = ['A256CBC-HS512'], curves: accepted = ['X25519'] } = expected;
  if (!modes.includes(mode)) throw new ProofError('didcomm.mode');
  if (!encryptions.includes(enc)) throw new ProofError('didcomm.enc_not_accepted');
  if (!accepted.includes(epk.crv)) throw new ProofError('didcomm.curve_not_accepted');
}

/** Step 2. */
function heldBy({ recipients, epk }: Envelope, { keys, recipient: did }: EnvelopeExpectation): Held {
  for (const key of keys) {
    if (didOfKeyId(key.kid) !== did || key.key.crv !== epk.crv) continue;
    const recipient = recipients.find(({ kid }) => kid === key.kid);
    if (recipient !== undefined) return { key, recipient };
  }
  throw new ProofError('didcomm.not_a_recipient');
}

/** Step 3. */
async function senderOf({ skid, epk }: Envelope, expected: EnvelopeExpectation): Promise<AgreementKey | undefined> {
  if (expected.sender !== undefined && didOfKeyId(skid) !== expected.sender)
    throw new ProofError('didcomm.sender_other');
  if (skid === undefined) return undefined;
  const key = await expected.senderKey(skid);
  if (key === undefined) throw new ProofError('didcomm.sender_unknown');
  if (key.crv !== epk.crv) throw new ProofError('didcomm.sender_curve');
  return key;
}

/** Step 4 (RFC 7748 §6.1), for any holder of the key. The secret is checked without a branch on a single byte. */
async function agreed(
  own: Pick<OwnAgreementKey, 'agree'>,
  peer: AgreementKey,
  zero: 'didcomm.zero_secret' | 'packing.zero_secret',
): Promise<Uint8Array> {
  const secret = await own.agree(peer);
  if (isZero(secret)) throw new ProofError(zero);
  return secret;
}

function drawn(random: Sealing['random'], length: number): Uint8Array {
  const bytes = random(length);
  if (bytes.length !== length || isZero(bytes)) throw new ProofError('packing.random');
  return bytes;
}

function isZero(bytes: Uint8Array): boolean {
  let seen = 0;
  for (const byte of bytes) seen |= byte;
  return seen === 0;
}
