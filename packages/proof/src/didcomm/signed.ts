/**
 * Signed messages (DIDComm Messaging v2.1 §DIDComm Signed Messages): a JWS in the general JSON serialisation (RFC 7515 §7.2.1)
 * with one signature. They are only read here: to make an answer that its sender cannot deny, sign its body with a Data
 * Integrity proof.
 *
 * The `kid` stands in an unprotected header. That is harmless, because it only selects a key of our resolver, the algorithm is
 * the protected one, and `from` is the DID of the key that verified.
 */

import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { amount, bytes, type Checks, callable, optional, options, textOrBytes } from '../argument.ts';
import { decodeBase64url } from '../base64url.ts';
import { edwardsFault, isStrictEd25519 } from '../ed25519.ts';
import { ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../json.ts';
import { defaultMaxBytes } from './encrypted.ts';
import { didOfKeyId } from './key-id.ts';
import { isMediaType } from './media-type.ts';
import { type Plaintext, type PlaintextExpectation, plaintextChecks, readPlaintext } from './plaintext.ts';
import './refusal.ts';

export type SignerCurve = 'Ed25519' | 'P-256' | 'secp256k1';

/** A public key for signatures. `raw` is the 32 bytes for Ed25519, and 4 ‖ x ‖ y for the other curves. */
export interface SignerKey {
  readonly crv: SignerCurve;
  readonly raw: Uint8Array;
}

/** The requirements on a signed message. Times are in seconds since the epoch. */
export interface SignedExpectation extends PlaintextExpectation {
  /** The key that the DID document of `kid` names for authentication under exactly this id; undefined if there is none. */
  readonly signerKey: (kid: string) => SignerKey | undefined | Promise<SignerKey | undefined>;
  /** Bytes. Default 256 KiB. */
  readonly maxBytes?: number | undefined;
}

/** A signed message that met the expectation. Times are in seconds since the epoch. */
export interface SignedMessage extends Plaintext {
  /** The DID whose key has signed. */
  readonly signer: string;
  readonly signerKid: string;
}

interface SignatureAlgorithm {
  readonly crv: SignerCurve;
  verify(signature: Uint8Array, data: Uint8Array, key: Uint8Array): boolean;
}

/**
 * Neither JOSE nor DIDComm requires the lower s in ECDSA signatures; a message is recognised by its id, not by its signature.
 */
const ecdsa = { lowS: false };

const algorithms: Readonly<Record<string, SignatureAlgorithm>> = {
  EdDSA: {
    crv: 'Ed25519',
    verify(signature, data, key) {
      if (edwardsFault(key) !== undefined || !isStrictEd25519(signature)) return false;
      return ed25519.verify(signature, data, key, { zip215: false });
    },
  },
  ES256: { crv: 'P-256', verify: (signature, data, key) => p256.verify(signature, data, key, ecdsa) },
  ES256K: { crv: 'secp256k1', verify: (signature, data, key) => secp256k1.verify(signature, data, key, ecdsa) },
};

const signatureBytes = 64;
const encoder = new TextEncoder();

const expectationChecks: Checks<SignedExpectation> = {
  ...plaintextChecks,
  signerKey: callable,
  maxBytes: optional(amount),
};

/**
 * Verifies a signed message (DIDComm Messaging v2.1 §DIDComm Signed Messages) with exactly one signature. Times are in
 * seconds since the epoch; `maxBytes` is by default 262,144 bytes.
 *
 * The caller must remember `signer` and `id`, because a message that arrives twice verifies twice, and must check that
 * the signer may say it.
 *
 * @throws {ProofError} `didcomm.*`
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
 * @example
 * const signed = await agent.didcommSigned({ id: 'message-1', to: [lender.did], body: { hi: 1 } });
 * const signerKey = () => ({ crv: 'Ed25519', raw: agent.multikey.publicKey }) as const;
 * const { signer, body } = await verifySigned(signed, { recipient: lender.did, now, signerKey });
 * [signer, body]; // → [agent.did, { hi: 1 }]
 */
export async function verifySigned(presented: string | Uint8Array, given: SignedExpectation): Promise<SignedMessage> {
  const expected = options(given, 'expected', expectationChecks);
  textOrBytes(presented, 'presented');
  const { maxBytes = defaultMaxBytes, signerKey } = expected;
  const document = objectOf(presented, maxBytes);
  const encoded = document.payload;
  const payload = typeof encoded === 'string' ? decodeBase64url(encoded, maxBytes) : undefined;
  if (payload === undefined) throw new ProofError('didcomm.signed_payload');
  const { header, kid, signer, value } = signatureOf(document.signatures);
  const { alg, text } = headerOf(header);
  const key = await signerKey(kid);
  if (key === undefined) throw new ProofError('didcomm.signer_unknown');
  if (key.crv !== alg.crv) throw new ProofError('didcomm.signer_curve');
  const data = encoder.encode(`${text}.${encoded}`);
  if (alg.verify(value, data, bytes(key.raw, 'the raw of the signerKey')) !== true)
    throw new ProofError('didcomm.signature');
  return { ...readPlaintext(payload, signer, expected), signer, signerKid: kid };
}

function objectOf(presented: string | Uint8Array, maxBytes: number): JsonObject {
  const parsed = parseJson(presented, { maxBytes, maxDepth: 4 });
  if (!parsed.ok) throw new ProofError(`didcomm.signed_${parsed.reason}`, parsed.pointer);
  if (!isJsonObject(parsed.value)) throw new ProofError('didcomm.signed_not_object');
  if (!hasExactly(parsed.value, ['payload', 'signatures'])) throw new ProofError('didcomm.signed_member');
  return parsed.value;
}

function signatureOf(signatures: JsonValue | undefined) {
  const list: readonly JsonValue[] = Array.isArray(signatures) ? signatures : [];
  const [one] = list;
  if (one === undefined || list.length !== 1) throw new ProofError('didcomm.signed_signatures');
  const isWhole = isJsonObject(one) && hasExactly(one, ['protected', 'signature', 'header']);
  if (!isWhole || !isJsonObject(one.header) || !hasExactly(one.header, ['kid'])) {
    throw new ProofError('didcomm.signed_signature');
  }
  const { kid } = one.header;
  const signer = didOfKeyId(kid);
  if (typeof kid !== 'string' || signer === undefined) throw new ProofError('didcomm.signed_kid');
  const value = typeof one.signature === 'string' ? decodeBase64url(one.signature, 86) : undefined;
  if (value?.length !== signatureBytes) throw new ProofError('didcomm.signature');
  return { header: one.protected, kid, signer, value };
}

function headerOf(text: JsonValue | undefined): { readonly alg: SignatureAlgorithm; readonly text: string } {
  const bytes = typeof text === 'string' ? decodeBase64url(text, 1024) : undefined;
  if (typeof text !== 'string' || bytes === undefined) throw new ProofError('didcomm.header_base64url');
  const parsed = parseJson(bytes, { maxDepth: 2 });
  if (!parsed.ok) throw new ProofError(`didcomm.header_${parsed.reason}`, parsed.pointer);
  const header = parsed.value;
  if (!isJsonObject(header)) throw new ProofError('didcomm.header_not_object');
  if (!hasExactly(header, ['typ', 'alg'])) throw new ProofError('didcomm.header_member');
  if (!isMediaType(header.typ, 'signed')) throw new ProofError('didcomm.signed_typ');
  const { alg } = header;
  const algorithm = typeof alg === 'string' && Object.hasOwn(algorithms, alg) ? algorithms[alg] : undefined;
  if (algorithm === undefined) throw new ProofError('didcomm.signed_alg');
  return { alg: algorithm, text };
}

function hasExactly(object: JsonObject, members: readonly string[]): boolean {
  const names = Object.keys(object);
  return names.length === members.length && names.every((name) => members.includes(name));
}
