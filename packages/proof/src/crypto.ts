import { type AlgorithmName, algorithms, isAlgorithmName } from './algorithms.ts';
import { branded, wrong } from './argument.ts';
import { isStrictEd25519 } from './ed25519.ts';
import { type PublicJwk, publicJwk } from './jwk.ts';

/**
 * The primitives, brought by the runtime (`node:crypto`, WebCrypto). An answer may come at once or later: a port that answers
 * at once costs no thread and no turn of the event loop.
 */
export interface CryptoPort {
  /**
   * Whether `signature` is one of `jwk` over `data`. Any fault of the signature is `false`. `alg` fits the key and the
   * signature has the length of the algorithm: the caller has seen to both. ECDSA signatures are r||s.
   */
  verify(alg: AlgorithmName, jwk: PublicJwk, data: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
  sha256(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/**
 * The one way to `verify` of a port: what it must not be trusted to judge is judged before.
 *
 * @throws {TypeError} where the key is none that `parsePublicJwk` returned, or bytes are no Uint8Array
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
