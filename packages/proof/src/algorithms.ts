/**
 * One row of the table of signature algorithms: its kind of key, and its parameters for WebCrypto and for
 * `node:crypto`.
 */
export interface Algorithm {
  readonly kty: 'RSA' | 'EC' | 'OKP';
  readonly crv: 'P-256' | 'Ed25519' | undefined;
  /** The algorithm behind an alias: RFC 9864 calls `Ed25519` what RFC 8037 called `EdDSA`. */
  readonly family: 'RS256' | 'PS256' | 'ES256' | 'Ed25519';
  /** Bytes of a signature; undefined for RSA, whose signatures are as long as the modulus. */
  readonly signatureBytes: number | undefined;
  readonly web: {
    readonly importKey: { readonly name: string; readonly hash?: string; readonly namedCurve?: string };
    readonly verify: { readonly name: string; readonly hash?: string; readonly saltLength?: number };
  };
  readonly node: {
    /** Digest name; undefined if the algorithm hashes by itself. */
    readonly hash: 'sha256' | undefined;
    /** RSASSA-PSS (RFC 7518 §3.5): the salt is as long as the hash. */
    readonly pssSaltBytes: 32 | undefined;
    /** Whether OpenSSL must convert between its DER and the r||s of JOSE (RFC 7518 §3.4). */
    readonly der: boolean;
  };
}

const ed25519 = {
  kty: 'OKP',
  crv: 'Ed25519',
  family: 'Ed25519',
  signatureBytes: 64,
  web: { importKey: { name: 'Ed25519' }, verify: { name: 'Ed25519' } },
  node: { hash: undefined, pssSaltBytes: undefined, der: false },
} as const satisfies Algorithm;

/**
 * The parameters of each signature algorithm, in one table (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). No other
 * algorithm exists here: no `none`, no `HS*`, so a public key can never be taken for a shared secret.
 */
export const algorithms = {
  RS256: {
    kty: 'RSA',
    crv: undefined,
    family: 'RS256',
    signatureBytes: undefined,
    web: { importKey: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, verify: { name: 'RSASSA-PKCS1-v1_5' } },
    node: { hash: 'sha256', pssSaltBytes: undefined, der: false },
  },
  PS256: {
    kty: 'RSA',
    crv: undefined,
    family: 'PS256',
    signatureBytes: undefined,
    web: { importKey: { name: 'RSA-PSS', hash: 'SHA-256' }, verify: { name: 'RSA-PSS', saltLength: 32 } },
    node: { hash: 'sha256', pssSaltBytes: 32, der: false },
  },
  ES256: {
    kty: 'EC',
    crv: 'P-256',
    family: 'ES256',
    signatureBytes: 64,
    web: { importKey: { name: 'ECDSA', namedCurve: 'P-256' }, verify: { name: 'ECDSA', hash: 'SHA-256' } },
    node: { hash: 'sha256', pssSaltBytes: undefined, der: true },
  },
  Ed25519: ed25519,
  EdDSA: ed25519,
} as const satisfies Record<string, Algorithm>;

/** The `alg` values that exist here. */
export type AlgorithmName = keyof typeof algorithms;

/**
 * Tells whether a value is the exact name of an algorithm of the table; `rs256` and `constructor` are not. It does not
 * check whether the algorithm fits a key.
 *
 * @example
 * isAlgorithmName('ES256'); // → true
 * isAlgorithmName('es256'); // → false
 */
export function isAlgorithmName(name: unknown): name is AlgorithmName {
  return typeof name === 'string' && Object.hasOwn(algorithms, name);
}
