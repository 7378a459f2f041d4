/** The crypto port over `node:crypto`: answers at once, on the calling thread. */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeySync,
  hash,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { type AlgorithmName, algorithms, type CryptoPort, isAlgorithmName, type PublicJwk } from '@countersign/proof';
import { wrong } from '@countersign/proof/argument';
import { derFromSignature, signatureFromDer } from './message/ecdsa-signature.ts';
import type { PrivateJwk, PrivateSigner } from './message/private-jwk.ts';

export { derFromSignature, signatureFromDer };

/** A port that always answers at once. */
export interface SynchronousCryptoPort extends CryptoPort {
  verify(alg: AlgorithmName, jwk: PublicJwk, data: Uint8Array, signature: Uint8Array): boolean;
  sha256(bytes: Uint8Array): Uint8Array;
}

/** Importing costs more than verifying, so imported keys are cached. An entry is freed together with its key. */
const imported = new WeakMap<PublicJwk, KeyObject>();

/** The port over `node:crypto`: it answers at once, on the calling thread. */
export const cryptoPort: SynchronousCryptoPort = {
  verify(alg, jwk, data, signature) {
    const key = keyObject(jwk);
    const { hash: digest, pssSaltBytes, der } = algorithms[alg].node;
    if (pssSaltBytes !== undefined)
      return verify(digest, data, { key, padding: pssPadding, saltLength: pssSaltBytes }, signature);
    // A bare KeyObject verifies ES256 in 0.7 of the time of `{ key, dsaEncoding }`, including the conversion to DER.
    return verify(digest, data, key, der ? derFromSignature(signature) : signature);
  },
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
};

/** RSA_PKCS1_PSS_PADDING of OpenSSL. */
const pssPadding = 6;

function keyObject(jwk: PublicJwk): KeyObject {
  let key = imported.get(jwk);
  if (key === undefined) {
    key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    imported.set(jwk, key);
  }
  return key;
}

/**
 * Makes a function that signs with a private JWK, at once; an ECDSA signature is r||s. It does not check that the key
 * fits its public half: `importSigningKey` does.
 *
 * @throws {TypeError} if `alg` is no algorithm or `jwk` is no private key
 * @example
 * const sign = await privateSigner('EdDSA', agent.privateJwk);
 * (await sign(utf8('hi'))).length; // → 64
 */
export const privateSigner: PrivateSigner = (alg, jwk) => {
  if (!isAlgorithmName(alg)) throw wrong('alg', 'the name of an algorithm');
  const key = privateKeyOf(jwk);
  const { hash: digest, pssSaltBytes, der } = algorithms[alg].node;
  if (pssSaltBytes !== undefined)
    return (bytes) => sign(digest, bytes, { key, padding: pssPadding, saltLength: pssSaltBytes });
  return der ? (bytes) => signatureFromDer(sign(digest, bytes, key)) : (bytes) => sign(digest, bytes, key);
};

/**
 * Makes a function for HMAC-SHA-256 under a new random key that nothing else knows. Its result has 32 bytes.
 *
 * @example
 * const mac = newMac();
 * mac(utf8('hi')).length; // → 32
 */
export function newMac(): (bytes: Uint8Array) => Uint8Array {
  const key = generateKeySync('hmac', { length: 256 });
  return (bytes) => createHmac('sha256', key).update(bytes).digest();
}

function privateKeyOf(jwk: PrivateJwk): KeyObject {
  try {
    return createPrivateKey({ key: { ...jwk }, format: 'jwk' });
  } catch {
    // OpenSSL's error text may quote the private key.
    throw wrong('jwk', 'a private key');
  }
}
