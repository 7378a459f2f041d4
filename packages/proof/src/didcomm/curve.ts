/** All that key agreement needs of a curve, in one table (RFC 7748; SEC 1 §3.2.2, §3.3.1; RFC 7518 §6.2, RFC 8037 §2). */
import { x25519 } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';

export type CurveName = 'X25519' | 'P-256' | 'P-384' | 'P-521';

export interface Curve {
  readonly kty: 'OKP' | 'EC';
  readonly coordinateBytes: number;
  readonly secretBytes: number;
  /** Random bytes that an ephemeral key is made of. */
  readonly seedBytes: number;
  /** Whether it is a public key that an honest generator makes, spelled in its one way. */
  isPublicKey(raw: Uint8Array): boolean;
  isSecret(secret: Uint8Array): boolean;
  secretFrom(seed: Uint8Array): Uint8Array;
  publicKey(secret: Uint8Array): Uint8Array;
  /** `raw` has passed `isPublicKey`. */
  agree(secret: Uint8Array, raw: Uint8Array): Uint8Array;
}

/**
 * The canonical u of the points of small order (RFC 7748 §6.1, §7): with them every secret agrees on zeros. Little-endian hex,
 * in the order 0, 1, the two of order 8, p − 1.
 */
const smallOrders = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
]);

const montgomery: Curve = {
  kty: 'OKP',
  coordinateBytes: 32,
  secretBytes: 32,
  seedBytes: 32,
  isPublicKey: (raw) => raw.length === 32 && isBelowPrime(raw) && !smallOrders.has(hex(raw)),
  isSecret: (secret) => secret.length === 32,
  secretFrom: (seed) => seed,
  publicKey: (secret) => x25519.getPublicKey(secret),
  agree: (secret, raw) => x25519.getSharedSecret(secret, raw),
};

function weierstrass(curve: typeof p256, bytes: number): Curve {
  return {
    kty: 'EC',
    coordinateBytes: bytes,
    secretBytes: bytes,
    seedBytes: curve.lengths.seed ?? bytes,
    isPublicKey: (raw) => raw.length === 1 + 2 * bytes && raw[0] === 4 && curve.utils.isValidPublicKey(raw, false),
    isSecret: (secret) => secret.length === bytes && curve.utils.isValidSecretKey(secret),
    secretFrom: (seed) => curve.utils.randomSecretKey(seed),
    publicKey: (secret) => curve.getPublicKey(secret, false),
    // SEC 1 §3.3.1: the shared secret is the x coordinate alone.
    agree: (secret, raw) => curve.getSharedSecret(secret, raw, true).subarray(1),
  };
}

export const curves: Readonly<Record<CurveName, Curve>> = {
  X25519: montgomery,
  'P-256': weierstrass(p256, 32),
  'P-384': weierstrass(p384, 48),
  'P-521': weierstrass(p521, 66),
};

export function isCurveName(name: unknown): name is CurveName {
  return typeof name === 'string' && Object.hasOwn(curves, name);
}

/** RFC 7748 §5 has receivers mask the top bit and reduce; then one key has several spellings, which no honest sender uses. */
function isBelowPrime(u: Uint8Array): boolean {
  if ((u[31] as number) !== 0x7f) return (u[31] as number) < 0x7f;
  return !u.subarray(1, 31).every((byte) => byte === 0xff) || (u[0] as number) < 0xed;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
