/**
 * The parameters of each curve for key agreement, in one table (RFC 7748; SEC 1 §3.2.2, §3.3.1; RFC 7518 §6.2, RFC 8037 §2).
 */
import { x25519 } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { isUnsoundX25519 } from '../ed25519.ts';

/** The name of a curve for key agreement. */
export type CurveName = 'X25519' | 'P-256' | 'P-384' | 'P-521';

export interface Curve {
  readonly kty: 'OKP' | 'EC';
  readonly coordinateBytes: number;
  readonly secretBytes: number;
  /** The number of random bytes that make an ephemeral key. */
  readonly seedBytes: number;
  /** The canonical spelling of a public key from an honest generator; undefined for any other bytes. */
  readPublicKey(raw: Uint8Array): Uint8Array | undefined;
  isSecret(secret: Uint8Array): boolean;
  secretFrom(seed: Uint8Array): Uint8Array;
  publicKey(secret: Uint8Array): Uint8Array;
  /** `raw` must come from `readPublicKey`. */
  agree(secret: Uint8Array, raw: Uint8Array): Uint8Array;
}

const montgomery: Curve = {
  kty: 'OKP',
  coordinateBytes: 32,
  secretBytes: 32,
  seedBytes: 32,
  readPublicKey: (raw) => (raw.length === 32 && !isUnsoundX25519(raw) ? raw.slice() : undefined),
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
    // The point is on the curve, with both coordinates below p; the identity has no spelling of these lengths. A compressed key
    // is expanded.
    readPublicKey: (raw) => (curve.utils.isValidPublicKey(raw) ? curve.Point.fromBytes(raw).toBytes(false) : undefined),
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
