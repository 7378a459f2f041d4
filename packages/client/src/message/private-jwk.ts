import type { AlgorithmName } from '@countersign/proof';

/** RFC 7517 with the private members of RFC 7518 §6.2.2, §6.3.2 and RFC 8037 §2. */
export interface PrivateJwk {
  readonly kty?: string;
  readonly [member: string]: unknown;
}

export type Sign = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** Makes a function that signs with a private key, on one platform. */
export type PrivateSigner = (alg: AlgorithmName, jwk: PrivateJwk) => Sign | Promise<Sign>;
