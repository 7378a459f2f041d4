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
 * The only caller of a port's `verify`: it first makes the checks that a port might not make.
 *
 * @throws {TypeError} if the key is not one that `parsePublicJwk` returned, or bytes are not a Uint8Array
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
