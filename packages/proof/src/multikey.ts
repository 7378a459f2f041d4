/**
 * Public keys as Multikey (Controlled Identifiers 1.0 §2.2.2): multibase of a multicodec and the bytes of the key. Types that
 * are not in the table do not exist here.
 *
 * 1. The text is at most as long as the longest key of the table; this is checked before decoding.
 * 2. It is base58btc under `z`, with a minimal varint of a codec of the table, and exactly the length of that codec's keys.
 * 3. The bytes are the canonical spelling of a point of the curve, in the right subgroup, neither the identity nor of small
 *    order.
 */

import { bls12_381 } from '@noble/curves/bls12-381.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { bytes as bytesOf } from './argument.ts';
import { decodeBase64url, encodeBase64url } from './base64url.ts';
import { edwardsFault, isUnsoundX25519 } from './ed25519.ts';
import { ProofError } from './error.ts';
import { isJsonObject, type JsonValue } from './json.ts';
import { type PublicJwk, parsePublicJwk, publicJwk } from './jwk.ts';
import { decodeMultibase, encodeMultibase, readVarint, withVarint } from './multibase.ts';
import { createRecent } from './recent.ts';
import './did/refusal.ts';

/** The types of public keys that exist here. */
export type KeyType = 'Ed25519' | 'X25519' | 'P-256' | 'BLS12-381-G1' | 'BLS12-381-G2';

/** A public key that has passed every check of this file. */
export interface Multikey {
  readonly keyType: KeyType;
  /** The bytes without the multicodec. */
  readonly publicKey: Uint8Array;
  /** `z…` */
  readonly multikey: string;
  /** Only for keys that sign. Frozen, because runtimes cache the imported key by its identity. */
  readonly jwk?: PublicJwk;
}

/** RFC 8037 §2: a key for key agreement, which is not a `PublicJwk`. */
export interface X25519Jwk {
  readonly kty: 'OKP';
  readonly crv: 'X25519';
  readonly x: string;
}

interface KeyRule {
  /** https://github.com/multiformats/multicodec/blob/master/table.csv */
  readonly codec: number;
  readonly bytes: number;
  readonly isSound: (bytes: Uint8Array) => boolean;
  /** The JWK as registered with IANA; for BLS12-381 there are only drafts, which disagree. */
  readonly jwk?: (bytes: Uint8Array) => Record<string, string>;
}

const rules: Record<KeyType, KeyRule> = {
  Ed25519: {
    codec: 0xed,
    bytes: 32,
    isSound: (bytes) => edwardsFault(bytes) === undefined && isPoint(ed25519.Point, bytes),
    jwk: (bytes) => ({ kty: 'OKP', crv: 'Ed25519', alg: 'Ed25519', x: encodeBase64url(bytes) }),
  },
  X25519: { codec: 0xec, bytes: 32, isSound: (bytes) => !isUnsoundX25519(bytes) },
  'P-256': {
    codec: 0x1200,
    bytes: 33,
    isSound: (bytes) => isPoint(p256.Point, bytes),
    jwk: (bytes) => {
      const point = p256.Point.fromBytes(bytes).toBytes(false);
      const [x, y] = [point.subarray(1, 33), point.subarray(33)];
      return { kty: 'EC', crv: 'P-256', alg: 'ES256', x: encodeBase64url(x), y: encodeBase64url(y) };
    },
  },
  'BLS12-381-G1': { codec: 0xea, bytes: 48, isSound: (bytes) => isPoint(bls12_381.G1.Point, bytes) },
  'BLS12-381-G2': { codec: 0xeb, bytes: 96, isSound: (bytes) => isPoint(bls12_381.G2.Point, bytes) },
};

const typesByCodec = new Map(Object.entries(rules).map(([name, { codec }]) => [codec, name as KeyType]));

/** `z` and the 98 bytes of a BLS12-381 G2 key. */
export const maxMultikeyLength = 136;

/** Caches checked points; a runtime also finds its imported key by the identity of the JWK. */
const parsed = createRecent<Multikey>(1024);

/**
 * Parses a public key as Multikey (Controlled Identifiers 1.0 §2.2.2): a sound key of a known type, in its one spelling
 * of at most 136 characters. It does not check whose key it is.
 *
 * @throws {ProofError} `multikey.too_large`, `multikey.multibase`, `multikey.varint`, `multikey.codec`,
 * `multikey.length`, `multikey.point`
 * @example
 * const { keyType, publicKey } = parseMultikey('z6Mkk7yqnGF3YwTrLpqrW6PGsKci7dNqh1CjnvMbzrMerSeL');
 * [keyType, publicKey.length]; // → ['Ed25519', 32]
 */
export function parseMultikey(text: string): Multikey {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const key = decode(text);
  // Not under `text`: it may be a slice of a large string, which would then stay in memory.
  parsed.set(key.multikey, key);
  return key;
}

function decode(text: string): Multikey {
  if (text.length > maxMultikeyLength) throw new ProofError('multikey.too_large');
  const bytes = decodeMultibase(text, maxMultikeyLength);
  if (bytes === undefined) throw new ProofError('multikey.multibase');
  const codec = readVarint(bytes);
  if (codec === undefined) throw new ProofError('multikey.varint');
  const keyType = typesByCodec.get(codec.value);
  if (keyType === undefined) throw new ProofError('multikey.codec');
  return multikeyOf(keyType, bytes.slice(codec.size));
}

/**
 * Makes the Multikey of the bytes of a public key: 32 for Ed25519 and X25519, 33 (compressed) for P-256, 48 and 96 for
 * BLS12-381. It does not check whose key it is.
 *
 * @throws {ProofError} `multikey.codec`, `multikey.length`, `multikey.point`
 * @throws {TypeError} if `given` is not a Uint8Array
 * @example
 * const { multikey } = multikeyOf('Ed25519', owner.multikey.publicKey);
 * multikey.startsWith('z6Mk'); // → true
 * multikeyOf('Ed25519', new Uint8Array(32)); // throws multikey.point
 */
export function multikeyOf(keyType: KeyType, given: Uint8Array): Multikey {
  const publicKey = bytesOf(given, 'publicKey');
  if (!Object.hasOwn(rules, keyType)) throw new ProofError('multikey.codec');
  const rule = rules[keyType];
  if (publicKey.length !== rule.bytes) throw new ProofError('multikey.length');
  if (!rule.isSound(publicKey)) throw new ProofError('multikey.point');
  const multikey = encodeMultibase(withVarint(rule.codec, publicKey));
  const jwk = rule.jwk && parsePublicJwk(rule.jwk(publicKey));
  return Object.freeze({ keyType, publicKey, multikey, ...(jwk?.ok ? { jwk: jwk.key } : {}) });
}

/**
 * Makes the Multikey of a signing key that `parsePublicJwk` accepted. RSA keys have none.
 *
 * @throws {ProofError} `multikey.codec`, `multikey.point`
 * @throws {TypeError} if the key is not one that `parsePublicJwk` returned
 * @example
 * const { multikey } = multikeyFromJwk(owner.jwk);
 * `did:key:${multikey}`; // → owner.did
 */
export function multikeyFromJwk(jwk: PublicJwk): Multikey {
  publicJwk(jwk, 'jwk');
  if (jwk.kty === 'RSA') throw new ProofError('multikey.codec');
  const x = coordinate(jwk.x);
  if (jwk.kty === 'OKP') return multikeyOf('Ed25519', x);
  const y = coordinate(jwk.y);
  return multikeyOf('P-256', Uint8Array.from([2 + ((y[31] as number) & 1), ...x]));
}

/**
 * Writes an X25519 key as a JWK (RFC 8037 §2).
 *
 * @throws {ProofError} `multikey.codec` for a key of another type
 * @example
 * const { crv } = x25519Jwk(x25519FromEd25519(owner.multikey));
 * crv; // → 'X25519'
 */
export function x25519Jwk({ keyType, publicKey }: Multikey): X25519Jwk {
  if (keyType !== 'X25519') throw new ProofError('multikey.codec');
  return { kty: 'OKP', crv: 'X25519', x: encodeBase64url(publicKey) };
}

/**
 * Parses the key in a `publicKeyJwk`: a signing key, or X25519 (RFC 8037 §2). It does not check whose key it is.
 *
 * @throws {ProofError} `multikey.codec` for an unknown kind, `multikey.jwk`, `multikey.length`, `multikey.point`
 * @example
 * const { keyType } = multikeyFromForeignJwk({ ...x25519Jwk(x25519FromEd25519(owner.multikey)) });
 * keyType; // → 'X25519'
 */
export function multikeyFromForeignJwk(value: JsonValue | undefined): Multikey {
  if (isJsonObject(value) && value.kty === 'OKP' && value.crv === 'X25519') {
    const { x, d } = value;
    const bytes = typeof x === 'string' && d === undefined ? decodeBase64url(x, 64) : undefined;
    if (bytes === undefined) throw new ProofError('multikey.jwk');
    return multikeyOf('X25519', bytes);
  }
  const result = parsePublicJwk(value);
  if (!result.ok) throw new ProofError(result.reason === 'unsupported' ? 'multikey.codec' : 'multikey.jwk');
  return multikeyFromJwk(result.key);
}

/**
 * Derives the X25519 key of an Ed25519 key (RFC 7748 §4.1, u = (1 + y) / (1 − y)): a did:key lists it for key
 * agreement.
 *
 * @throws {ProofError} `multikey.codec`, `multikey.length`, `multikey.point`
 * @throws {TypeError} if `publicKey` is not a Uint8Array
 * @example
 * const { keyType } = x25519FromEd25519(owner.multikey);
 * keyType; // → 'X25519'
 */
export function x25519FromEd25519({ keyType, publicKey }: Multikey): Multikey {
  if (keyType !== 'Ed25519') throw new ProofError('multikey.codec');
  if (bytesOf(publicKey, 'publicKey').length !== 32) throw new ProofError('multikey.length');
  return multikeyOf('X25519', ed25519.utils.toMontgomery(publicKey));
}

/**
 * Derives the private half of `x25519FromEd25519`, 32 bytes: the seed of the Ed25519 key (32 bytes, RFC 8032 §5.1.5),
 * hashed and clamped.
 *
 * @throws {ProofError} `multikey.length`
 * @throws {TypeError} if `given` is not a Uint8Array
 * @example
 * const secret = x25519SecretFromEd25519(owner.seed);
 * secret.length; // → 32
 */
export function x25519SecretFromEd25519(given: Uint8Array): Uint8Array {
  const seed = bytesOf(given, 'seed');
  if (seed.length !== 32) throw new ProofError('multikey.length');
  return ed25519.utils.toMontgomerySecret(seed);
}

/** Decoding refuses points off the curve or outside the subgroup, and other spellings, but not the identity. */
function isPoint(curve: { fromBytes(bytes: Uint8Array): { is0(): boolean } }, bytes: Uint8Array): boolean {
  try {
    return !curve.fromBytes(bytes).is0();
  } catch {
    return false;
  }
}

function coordinate(text: string): Uint8Array {
  const bytes = decodeBase64url(text, 64);
  if (bytes === undefined) throw new ProofError('multikey.jwk');
  return bytes;
}
