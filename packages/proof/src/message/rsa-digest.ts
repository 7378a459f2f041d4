/** For diagnosis only: the hash in an RSASSA-PKCS1-v1_5 signature. No decision depends on it. */
import { decodeBase64url } from '../base64url.ts';
import type { PublicJwk } from '../jwk.ts';

/** RFC 8017 §9.2, note 1: the DER of DigestInfo up to the digest, and the bytes of the digest. */
const digestInfos = {
  sha1: ['3021300906052b0e03021a05000414', 20],
  sha256: ['3031300d060960864801650304020105000420', 32],
  sha384: ['3041300d060960864801650304020205000430', 48],
  sha512: ['3051300d060960864801650304020305000440', 64],
} as const satisfies Record<string, readonly [prefix: string, bytes: number]>;

export type DigestName = keyof typeof digestInfos;

const maxText = 2048;

/** The hash under the padding of RFC 8017 §9.2, or undefined if another key or another scheme made the signature. */
export function signedDigest(jwk: PublicJwk, signature: Uint8Array): DigestName | undefined {
  if (jwk.kty !== 'RSA') return undefined;
  const n = decodeBase64url(jwk.n, maxText);
  const e = decodeBase64url(jwk.e, maxText);
  if (n === undefined || e === undefined || n.length !== signature.length) return undefined;
  const opened = power(toBigInt(signature), toBigInt(e), toBigInt(n))
    .toString(16)
    .padStart(n.length * 2, '0');
  const names = Object.keys(digestInfos) as DigestName[];
  return names.find((name) => {
    const [prefix, bytes] = digestInfos[name];
    const info = opened.slice(-2 * bytes - prefix.length, -2 * bytes);
    const padding = opened.slice(0, -2 * bytes - prefix.length);
    return info === prefix && /^0001(?:ff){8,}00$/.test(padding);
  });
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes)}`);
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
