/** Finds public keys with numbers that no honest key generator makes. */

const minModulusBits = 2048;
/** Verification time grows with the square of the modulus: a larger key is an attack on the verifier. */
const maxModulusBits = 8192;
const maxExponentBytes = 4;

interface RsaFault {
  readonly reason: 'malformed' | 'too_weak' | 'too_large';
  readonly member: 'n' | 'e';
}

/** RFC 7518 §3.3, §6.3.1; `n` and `e` are big-endian in as few bytes as possible (§2 Base64urlUInt). */
export function rsaFault(n: Uint8Array, e: Uint8Array): RsaFault | undefined {
  const bits = n.length * 8 - Math.clz32((n[0] ?? 0) << 24);
  if (!isMinimal(n)) return { reason: 'malformed', member: 'n' };
  if (bits < minModulusBits) return { reason: 'too_weak', member: 'n' };
  if (bits > maxModulusBits) return { reason: 'too_large', member: 'n' };
  if (!isOdd(n)) return { reason: 'malformed', member: 'n' };
  if (!isMinimal(e)) return { reason: 'malformed', member: 'e' };
  if (e.length > maxExponentBytes) return { reason: 'too_large', member: 'e' };
  // An exponent of 1 would make every padded hash its own signature.
  if (e.length === 1 && (e[0] ?? 0) < 3) return { reason: 'too_weak', member: 'e' };
  return isOdd(e) ? undefined : { reason: 'malformed', member: 'e' };
}

const p256 = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const p256b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** SEC 1 §3.2.2.1 on P-256 (cofactor 1): both coordinates below p and y² = x³ − 3x + b. */
export function isOnP256(xBytes: Uint8Array, yBytes: Uint8Array): boolean {
  const x = toBigInt(xBytes);
  const y = toBigInt(yBytes);
  return x < p256 && y < p256 && (y * y - (x * x * x - 3n * x + p256b)) % p256 === 0n;
}

export function toBigInt(bytes: Uint8Array): bigint {
  let hex = '0x';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return BigInt(hex);
}

function isMinimal(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes[0] !== 0;
}

function isOdd(bytes: Uint8Array): boolean {
  return ((bytes.at(-1) ?? 0) & 1) === 1;
}
