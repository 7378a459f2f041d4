/**
 * Parses the encrypted envelope: a JWE in the general JSON serialisation (RFC 7516 §7.2.1), as restricted by DIDComm Messaging
 * v2.1. There is only one shape, so two parsers cannot read two different messages in it.
 *
 * 1. The size is limited, the JSON is strict, and only the members of a DIDComm envelope are allowed: no unprotected header,
 *    and no second place for any value.
 * 2. The same holds for the protected header: no `zip`, no `crit`, no key by reference. The algorithms are those of two small
 *    tables.
 * 3. The ephemeral key is a sound public key of a known curve.
 * 4. The number of recipients is limited. Each is a `kid` and a wrapped key of the only possible length, and none comes twice.
 * 5. Initialization vector, tag and ciphertext have the lengths that their algorithm needs.
 * 6. `apv` is the digest of the kids; `skid` names a key and `apu` says the same; an anonymous envelope has neither.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { decodeBase64url, encodeBase64url, encodeTextBase64url } from '../base64url.ts';
import { ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../json.ts';
import { type AgreementKey, parseAgreementJwk } from './agreement-key.ts';
import {
  type ContentEncryption,
  type ContentEncryptionName,
  contentEncryptions,
  isContentEncryptionName,
} from './content-encryption.ts';
import { didOfKeyId } from './key-id.ts';
import type { KeyAlgorithm } from './key-wrap.ts';
import { isMediaType } from './media-type.ts';
import './refusal.ts';

/** Whether an envelope proves its sender (`authcrypt`) or is anonymous (`anoncrypt`). */
export type EnvelopeMode = 'authcrypt' | 'anoncrypt';

interface KeyAgreement {
  readonly mode: EnvelopeMode;
  readonly encryptions: readonly ContentEncryptionName[];
}

/** ECDH-1PU §2.1 needs a content encryption that commits to its key; A256GCM and XC20P do not. */
const keyAgreements: Readonly<Record<KeyAlgorithm, KeyAgreement>> = {
  'ECDH-1PU+A256KW': { mode: 'authcrypt', encryptions: ['A256CBC-HS512'] },
  'ECDH-ES+A256KW': { mode: 'anoncrypt', encryptions: ['A256CBC-HS512', 'A256GCM', 'XC20P'] },
};

export interface EnvelopeRecipient {
  readonly kid: string;
  readonly encryptedKey: Uint8Array;
}

export interface Envelope {
  readonly alg: KeyAlgorithm;
  readonly mode: EnvelopeMode;
  readonly enc: ContentEncryptionName;
  readonly epk: AgreementKey;
  /** The id of the sender's key; undefined for an anonymous envelope. */
  readonly skid: string | undefined;
  readonly apu: Uint8Array;
  readonly apv: Uint8Array;
  /** RFC 7516 §5.1 step 14: the ASCII characters of the protected header. */
  readonly aad: Uint8Array;
  readonly recipients: readonly EnvelopeRecipient[];
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

export interface EnvelopeLimits {
  readonly maxBytes: number;
  readonly maxRecipients: number;
}

const envelopeMembers = ['protected', 'recipients', 'iv', 'ciphertext', 'tag'];
const headerMembers = ['typ', 'alg', 'enc', 'epk', 'apv', 'apu', 'skid'];
/** Enough for a did:peer:4 in skid and again in apu. */
const maxHeader = 16_384;
/** The levels of {recipients: [{header: {kid}}]} and {epk: {…}}. */
const maxDepth = 4;
/** RFC 3394: a wrapped key has eight bytes more than the key. */
const wrapOverhead = 8;
const encoder = new TextEncoder();
const nothing = new Uint8Array();

/** @throws {ProofError} `didcomm.*` */
export function parseEnvelope(presented: string | Uint8Array, { maxBytes, maxRecipients }: EnvelopeLimits): Envelope {
  const parsed = parseJson(presented, { maxBytes, maxDepth });
  if (!parsed.ok) throw new ProofError(`didcomm.envelope_${parsed.reason}`, parsed.pointer);
  const document = parsed.value;
  if (!isJsonObject(document)) throw new ProofError('didcomm.envelope_not_object');
  if (!hasOnly(document, envelopeMembers)) throw new ProofError('didcomm.envelope_member');
  const encoded = document.protected;
  if (typeof encoded !== 'string') throw new ProofError('didcomm.protected');
  const header = parseHeader(encoded);
  const { alg, enc } = algorithmsOf(header);
  const { mode } = keyAgreements[alg];
  const encryption = contentEncryptions[enc];
  const epk = ephemeralKey(header.epk);
  const recipients = recipientsOf(document.recipients, maxRecipients, encryption.keyBytes + wrapOverhead);
  return {
    alg,
    mode,
    enc,
    epk,
    aad: encoder.encode(encoded),
    recipients,
    ...contentOf(document, encryption, maxBytes),
    ...partiesOf(header, mode, recipients),
  };
}

/** DIDComm Messaging §ECDH-1PU key wrapping: the hash of the sorted kids, joined by dots. */
export function partyVInfo(kids: readonly string[]): Uint8Array {
  return sha256(encoder.encode(kids.toSorted().join('.')));
}

/** Step 2. */
function parseHeader(encoded: string): JsonObject {
  const bytes = decodeBase64url(encoded, maxHeader);
  if (bytes === undefined) throw new ProofError('didcomm.header_base64url');
  const parsed = parseJson(bytes, { maxDepth });
  if (!parsed.ok) throw new ProofError(`didcomm.header_${parsed.reason}`, parsed.pointer);
  const header = parsed.value;
  if (!isJsonObject(header)) throw new ProofError('didcomm.header_not_object');
  if (Object.hasOwn(header, 'zip')) throw new ProofError('didcomm.header_zip');
  if (Object.hasOwn(header, 'crit')) throw new ProofError('didcomm.header_crit');
  if (!hasOnly(header, headerMembers)) throw new ProofError('didcomm.header_member');
  if (!isMediaType(header.typ, 'encrypted')) throw new ProofError('didcomm.typ');
  return header;
}

function algorithmsOf({ alg, enc }: JsonObject): { readonly alg: KeyAlgorithm; readonly enc: ContentEncryptionName } {
  if (!isKeyAlgorithm(alg)) throw new ProofError('didcomm.alg');
  const isKnown = isContentEncryptionName(enc) && keyAgreements[alg].encryptions.includes(enc);
  if (!isKnown) throw new ProofError('didcomm.enc');
  return { alg, enc };
}

/** Step 3. A private part or a further member is refused, because it could carry a second message. */
function ephemeralKey(value: JsonValue | undefined): AgreementKey {
  const result = parseAgreementJwk(value);
  if (!result.ok) {
    // A mismatch needs a private part, which a public JWK does not have.
    throw new ProofError(`didcomm.epk_${result.reason === 'mismatch' ? 'malformed' : result.reason}`);
  }
  const members = ['kty', 'crv', 'x', 'y'];
  if (!hasOnly(value as JsonObject, members)) throw new ProofError('didcomm.epk_malformed');
  return result.key;
}

/** Step 4. */
function recipientsOf(value: JsonValue | undefined, most: number, keyBytes: number): readonly EnvelopeRecipient[] {
  const isBounded = Array.isArray(value) && value.length > 0 && value.length <= most;
  if (!isBounded) throw new ProofError('didcomm.recipients');
  const recipients = value.map((one: JsonValue) => recipientOf(one, keyBytes));
  const kids = new Set(recipients.map(({ kid }) => kid));
  if (kids.size !== recipients.length) throw new ProofError('didcomm.recipient_repeated');
  return recipients;
}

function recipientOf(value: JsonValue, keyBytes: number): EnvelopeRecipient {
  const header = isJsonObject(value) && hasOnly(value, ['header', 'encrypted_key']) ? value.header : undefined;
  if (!isJsonObject(header) || !hasOnly(header, ['kid'])) throw new ProofError('didcomm.recipient');
  const { kid } = header;
  if (typeof kid !== 'string' || didOfKeyId(kid) === undefined) throw new ProofError('didcomm.recipient_kid');
  const encryptedKey = decoded((value as JsonObject).encrypted_key, keyBytes);
  if (encryptedKey === undefined) throw new ProofError('didcomm.recipient_key');
  return { kid, encryptedKey };
}

/** Step 5. */
function contentOf(document: JsonObject, { ivBytes, tagBytes, blockBytes }: ContentEncryption, maxBytes: number) {
  const iv = decoded(document.iv, ivBytes);
  if (iv === undefined) throw new ProofError('didcomm.iv');
  const tag = decoded(document.tag, tagBytes);
  if (tag === undefined) throw new ProofError('didcomm.tag');
  const text = document.ciphertext;
  const ciphertext = typeof text === 'string' ? decodeBase64url(text, maxBytes) : undefined;
  const isPossible = ciphertext !== undefined && ciphertext.length > 0 && ciphertext.length % blockBytes === 0;
  if (!isPossible) throw new ProofError('didcomm.ciphertext');
  return { iv, tag, ciphertext };
}

/** Step 6. */
function partiesOf({ apv, apu, skid }: JsonObject, mode: EnvelopeMode, recipients: readonly EnvelopeRecipient[]) {
  const digest = partyVInfo(recipients.map(({ kid }) => kid));
  if (apv !== encodeBase64url(digest)) throw new ProofError('didcomm.apv');
  if (mode === 'anoncrypt') {
    if (skid !== undefined || apu !== undefined) throw new ProofError('didcomm.sender_in_anoncrypt');
    return { apv: digest, apu: nothing, skid: undefined };
  }
  if (typeof skid !== 'string' || didOfKeyId(skid) === undefined) throw new ProofError('didcomm.skid');
  if (apu !== encodeTextBase64url(skid)) throw new ProofError('didcomm.apu');
  return { apv: digest, apu: encoder.encode(skid), skid };
}

function isKeyAlgorithm(alg: JsonValue | undefined): alg is KeyAlgorithm {
  return typeof alg === 'string' && Object.hasOwn(keyAgreements, alg);
}

function hasOnly(object: JsonObject, members: readonly string[]): boolean {
  return Object.keys(object).every((name) => members.includes(name));
}

function decoded(text: JsonValue | undefined, length: number): Uint8Array | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = decodeBase64url(text, Math.ceil((length * 4) / 3));
  return bytes?.length === length ? bytes : undefined;
}
