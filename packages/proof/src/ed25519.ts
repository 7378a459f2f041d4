/**
 * One strict rule for Ed25519 (RFC 8032 §5.1.7), whichever library verifies: S is below the order of the group, and neither the
 * key nor R is of small order or has a second spelling. Libraries differ only in these points; byte checks before the call make
 * them agree. OpenSSL (node:crypto, WebCrypto of Node), BoringSSL and NSS all check the equation without cofactor.
 */

import { branded } from './argument.ts';

/** The order L = 2²⁵² + 27742317777372353535851937790883648493, little-endian. */
const order = bytesOfHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

/**
 * The y coordinates of the eight points of small order, little-endian (Chalkias et al. 2020, table 1). Under such a key one
 * signature may be valid for every message.
 */
const smallOrders = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map(bytesOfHex);

/**
 * Finds the fault of the 32 bytes of an Ed25519 point (RFC 8032 §5.1.3): `malformed` if there are fewer bytes or y is
 * above the field, `small_order` if the order of the point is small; undefined if there is none. It does not check that
 * the point exists: `multikeyOf` does.
 *
 * @throws {TypeError} if `encoded` is not a Uint8Array
 * @example
 * edwardsFault(owner.multikey.publicKey); // → undefined
 * edwardsFault(new Uint8Array(32)); // → 'small_order'
 */
export function edwardsFault(encoded: Uint8Array): 'malformed' | 'small_order' | undefined {
  branded(encoded, 'encoded');
  if (encoded.length < 32) return 'malformed';
  // An x of zero with a sign would be a second spelling, but its y is 1 or p - 1, which are of small order anyway.
  if (isAboveField(encoded)) return 'malformed';
  return smallOrders.some((y) => hasY(encoded, y)) ? 'small_order' : undefined;
}

/**
 * Tells whether 64 bytes have the form of an Ed25519 signature under the strict rule: S is below the order (RFC 8032
 * §5.1.7), and R is not of small order. It does not verify the signature: `verifySignature` does.
 *
 * @throws {TypeError} if `signature` is not a Uint8Array
 * @example
 * isStrictEd25519(await agent.signer.sign(utf8('hi'))); // → true
 * isStrictEd25519(new Uint8Array(64)); // → false
 */
export function isStrictEd25519(signature: Uint8Array): boolean {
  branded(signature, 'signature');
  return signature.length === 64 && isBelowOrder(signature) && edwardsFault(signature) === undefined;
}

/**
 * The u coordinates of X25519 that give a shared secret of zero with every private key, little-endian (RFC 7748 §6.1): 0, 1, p - 1 and
 * the two of order 8.
 */
const lowOrders = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
].map(bytesOfHex);

/**
 * Also true for a second spelling: u ≥ p, or the top bit set, although RFC 7748 §5 tells implementations to ignore that bit.
 */
export function isUnsoundX25519(encoded: Uint8Array): boolean {
  if (((encoded[31] as number) & 0x80) !== 0 || isAboveField(encoded)) return true;
  return lowOrders.some((u) => hasY(encoded, u));
}

/** y ≥ p = 2²⁵⁵ − 19: all bits are set, except perhaps some of the lowest five. */
function isAboveField(encoded: Uint8Array): boolean {
  if ((encoded[0] as number) < 0xed || ((encoded[31] as number) & 0x7f) !== 0x7f) return false;
  for (let i = 1; i < 31; i++) if (encoded[i] !== 0xff) return false;
  return true;
}

/** Compares all bits except the sign bit. */
function hasY(encoded: Uint8Array, y: Uint8Array): boolean {
  for (let i = 0; i < 31; i++) if (encoded[i] !== y[i]) return false;
  return ((encoded[31] as number) & 0x7f) === y[31];
}

/** Compares S, the second half, little-endian. */
function isBelowOrder(signature: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (signature[32 + i] as number) - (order[i] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
