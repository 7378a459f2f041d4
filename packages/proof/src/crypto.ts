import type { AlgorithmName } from './algorithms.ts';
import type { PublicJwk } from './jwk.ts';

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
