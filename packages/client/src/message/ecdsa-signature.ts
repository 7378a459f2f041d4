import { branded } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';

/**
 * Only P-256: JOSE writes r||s in 64 bytes (RFC 7518 §3.4), OpenSSL writes SEQUENCE { INTEGER r, INTEGER s } (RFC 3279 §2.2.3).
 */
const coordinateBytes = 32;
const sequence = 0x30;
const integer = 0x02;

/**
 * Writes an ECDSA signature of P-256, r||s in 64 bytes (RFC 7518 §3.4), as DER (RFC 3279 §2.2.3). It does not verify
 * the signature.
 *
 * @throws {ClientError} `signature.malformed` unless there are exactly 64 bytes
 * @throws {TypeError} if `signature` is not a Uint8Array
 * @example
 * const der = derFromSignature(new Uint8Array(64).fill(1));
 * der.length; // → 70
 */
export function derFromSignature(signature: Uint8Array): Uint8Array {
  branded(signature, 'signature');
  if (signature.length !== 2 * coordinateBytes) throw malformed();
  const r = integerStart(signature, 0);
  const s = integerStart(signature, coordinateBytes);
  // Without a zero byte before it, an integer whose top bit is set would be negative.
  const rPad = (signature[r] as number) >> 7;
  const sPad = (signature[s] as number) >> 7;
  const rLength = coordinateBytes - r + rPad;
  const sLength = 2 * coordinateBytes - s + sPad;
  const der = new Uint8Array(6 + rLength + sLength);
  der[0] = sequence;
  der[1] = 4 + rLength + sLength;
  der[2] = integer;
  der[3] = rLength;
  der.set(signature.subarray(r, coordinateBytes), 4 + rPad);
  der[4 + rLength] = integer;
  der[5 + rLength] = sLength;
  der.set(signature.subarray(s), 6 + rLength + sPad);
  return der;
}

/**
 * Reads an ECDSA signature of P-256 from DER (RFC 3279 §2.2.3), as r||s in 64 bytes (RFC 7518 §3.4). It does not verify
 * the signature.
 *
 * @throws {ClientError} `signature.malformed` unless this is the DER form of two integers of at most 256 bits
 * @throws {TypeError} if `der` is not a Uint8Array
 * @example
 * const signature = signatureFromDer(derFromSignature(new Uint8Array(64).fill(1)));
 * signature.length; // → 64
 */
export function signatureFromDer(der: Uint8Array): Uint8Array {
  branded(der, 'der');
  if (der[0] !== sequence || der[1] !== der.length - 2) throw malformed();
  const signature = new Uint8Array(2 * coordinateBytes);
  const end = copyInteger(der, 2, signature, coordinateBytes);
  if (copyInteger(der, end, signature, 2 * coordinateBytes) !== der.length) throw malformed();
  return signature;
}

/** Copies the integer at `at`, right-aligned, to before `to`. Returns the index after the integer. */
function copyInteger(der: Uint8Array, at: number, signature: Uint8Array, to: number): number {
  const length = der[at + 1] ?? 0;
  let start = at + 2;
  const end = start + length;
  // The caller notices an integer that reaches past the end: nothing follows it, or it does not end at the right place.
  if (der[at] !== integer || length === 0) throw malformed();
  const first = der[start] as number;
  if (first >= 0x80) throw malformed();
  if (first === 0 && length > 1) {
    if ((der[start + 1] as number) < 0x80) throw malformed();
    start++;
  }
  if (end - start > coordinateBytes) throw malformed();
  signature.set(der.subarray(start, end), to - (end - start));
  return end;
}

/** The first byte after leading zeros; the number zero keeps one. */
function integerStart(signature: Uint8Array, from: number): number {
  const last = from + coordinateBytes - 1;
  let at = from;
  while (at < last && signature[at] === 0) at++;
  return at;
}

function malformed(): ClientError {
  return new ClientError('signature.malformed', 'The ECDSA signature does not have its form.');
}
