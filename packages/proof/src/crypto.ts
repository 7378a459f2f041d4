import { type AlgorithmName, algorithms, isAlgorithmName } from './algorithms.ts';
import { branded, wrong } from './argument.ts';
import { isStrictEd25519 } from './ed25519.ts';
import { type PublicJwk, publicJwk } from './jwk.ts';

/**
 * The cryptographic primitives of the runtime (`node:crypto`, WebCrypto). A port may answer at once or with a promise: an
 * answer at once costs no thread and no turn of the event loop.
 */
export interface CryptoPort {
  /**
   * Whether `signature` was made by `jwk` over `data`. Any fault of the signature gives `false`. The caller has checked that
   * `alg` fits the key and that the signature has the length of the algorithm. ECDSA signatures are r||s.
   */
  verify(alg: AlgorithmName, jwk: PublicJwk, data: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
  sha256(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/**
 * Verifies one signature with a port, after the checks that a port might not make: a parsed key, and the strict rule
 * for Ed25519 (RFC 8032 §5.1.7). Every other function of this package that verifies with a port calls it.
 *
 * The caller must check that `alg` is the algorithm that the key is registered for, and that the signature has its
 * length.
 *
 * @throws {TypeError} if the key is not one that `parsePublicJwk` returned, bytes are not a Uint8Array, or `alg` is no
 * algorithm
 * @example
 * const made = await agent.signer.sign(utf8('hi'));
 * await verifySignature(cryptoPort, 'EdDSA', agent.jwk, utf8('hi'), made); // → true
 * await verifySignature(cryptoPort, 'EdDSA', lender.jwk, utf8('hi'), made); // → false
 */
export function verifySignature(
  crypto: CryptoPort,
  alg: AlgorithmName,
  jwk: PublicJwk,
  data: Uint8Array,
  signature: Uint8Array,
): boolean | Promise<boolean> {
  publicJwk(jwk, 'jwk');
  branded(data, 'data');
  branded(signature, 'signature');
  if (!isAlgorithmName(alg)) throw wrong('alg', 'an algorithm');
  if (algorithms[alg].family === 'Ed25519' && !isStrictEd25519(signature)) return false;
  return crypto.verify(alg, jwk, data, signature);
}
