/**
 * Keys of BLS12-381 for statements that are proved in parts: one secret, a public key in G1 and one in G2. This package signs
 * nothing with them. Secrets are big-endian, as in JWKs; some libraries (Oberon) write them little-endian.
 */

import { bls12_381 } from '@noble/curves/bls12-381.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytes as bytesOf } from './argument.ts';
import { ProofError } from './error.ts';
import { type Multikey, multikeyOf } from './multikey.ts';
import './did/refusal.ts';

const { G1, G2, fields } = bls12_381;
const salt = new TextEncoder().encode('BLS-SIG-KEYGEN-SALT-');

/**
 * Derives a BLS12-381 secret of 32 bytes, big-endian, from a seed of at least 32 bytes: KeyGen of
 * draft-irtf-cfrg-bls-signature-02 §2.3. It does not check that the seed is random.
 *
 * @throws {ProofError} `multikey.length`
 * @throws {TypeError} if `given` is not a Uint8Array
 * @example
 * const secret = blsSecretFromSeed(random(32));
 * secret.length; // → 32
 */
export function blsSecretFromSeed(given: Uint8Array): Uint8Array {
  const seed = bytesOf(given, 'seed');
  if (seed.length < 32) throw new ProofError('multikey.length');
  // I2OSP(0, 1) after the seed, and L = 48 as the info: 128 bits more than the order, so that the remainder is uniform.
  const wide = hkdf(sha256, Uint8Array.from([...seed, 0]), salt, Uint8Array.of(0, 48), 48);
  return fields.Fr.toBytes(fields.Fr.create(numberOf(wide)));
}

/**
 * Computes the public keys in G1 and G2 of a BLS12-381 secret of 32 bytes, big-endian, between 0 and the order of the
 * groups.
 *
 * @throws {ProofError} `multikey.point`
 * @throws {TypeError} if `given` is not a Uint8Array
 * @example
 * const { g1, g2 } = blsKeysOf(blsSecretFromSeed(random(32)));
 * [g1.publicKey.length, g2.publicKey.length]; // → [48, 96]
 */
export function blsKeysOf(given: Uint8Array): { readonly g1: Multikey; readonly g2: Multikey } {
  const secret = bytesOf(given, 'secret');
  if (secret.length !== 32) throw new ProofError('multikey.point');
  const scalar = numberOf(secret);
  if (!fields.Fr.isValidNot0(scalar)) throw new ProofError('multikey.point');
  return {
    g1: multikeyOf('BLS12-381-G1', G1.Point.BASE.multiply(scalar).toBytes()),
    g2: multikeyOf('BLS12-381-G2', G2.Point.BASE.multiply(scalar).toBytes()),
  };
}

/**
 * Tells whether a key in G1 and a key in G2 have the same secret: e(P₁, g₂) = e(g₁, P₂). Check this if a document
 * claims it. It does not check that the presenter knows the secret.
 *
 * @example
 * const { g1, g2 } = blsKeysOf(blsSecretFromSeed(random(32)));
 * isSameBlsSecret(g1, g2); // → true
 * isSameBlsSecret(g1, blsKeysOf(blsSecretFromSeed(random(32))).g2); // → false
 */
export function isSameBlsSecret(g1: Multikey, g2: Multikey): boolean {
  if (g1.keyType !== 'BLS12-381-G1' || g2.keyType !== 'BLS12-381-G2') return false;
  const one = bls12_381.pairing(G1.Point.fromBytes(g1.publicKey), G2.Point.BASE);
  const other = bls12_381.pairing(G1.Point.BASE, G2.Point.fromBytes(g2.publicKey));
  return fields.Fp12.eql(one, other);
}

function numberOf(bytes: Uint8Array): bigint {
  let hex = '0x';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return BigInt(hex);
}
