/**
 * base58btc under the multibase prefix `z`, and the variable-length integers of multiformats. Every byte string has one text:
 * as many leading `1` as leading zero bytes, then the number without a leading zero digit. No other text decodes.
 *
 * This does not use @scure/base, because that decodes at most 4,096 characters, and takes twice as long for a did:peer:4, which
 * may have 8,192.
 */

import { bytes as bytesIn, number, text as textOf } from './argument.ts';

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Character code → value of the digit; 255 for every other character. */
const values = new Uint8Array(128).fill(255);
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;

const zero = 0x31;

/**
 * Adds four digits at a time to limbs of 28 bits: 58⁴ is below 2²⁴, so a limb times 58⁴ plus the carry is below 2⁵³, where
 * doubles are exact.
 */
const limb = 2 ** 28;
const powers = [1, 58, 58 ** 2, 58 ** 3, 58 ** 4] as const;

/**
 * Decodes base58btc under the multibase prefix `z`, of at most `maxLength` characters. The result is undefined if the
 * text is longer, does not start with `z`, or contains a character outside the alphabet. The work grows with the square
 * of the length, so the limit is checked first.
 *
 * @throws {TypeError} if `text` is not a string or `maxLength` is not a number
 * @example
 * decodeMultibase('z8wr', 16); // → utf8('hi')
 * decodeMultibase('m8wr', 16); // → undefined
 */
export function decodeMultibase(text: string, maxLength: number): Uint8Array<ArrayBuffer> | undefined {
  textOf(text, 'text');
  number(maxLength, 'maxLength');
  if (!(text.length <= maxLength) || text.charCodeAt(0) !== 0x7a) return undefined;
  let zeros = 0;
  while (text.charCodeAt(1 + zeros) === zero) zeros++;
  const limbs: number[] = [];
  for (let at = 1 + zeros; at < text.length; at += 4) {
    const count = Math.min(4, text.length - at);
    let carry = 0;
    for (let i = at; i < at + count; i++) {
      const value = values[text.charCodeAt(i)] ?? 255;
      if (value === 255) return undefined;
      carry = carry * 58 + value;
    }
    multiplyAdd(limbs, powers[count] as number, carry, limb);
  }
  return bytesOf(limbs, zeros);
}

/**
 * Encodes bytes as base58btc with the multibase prefix `z`. The work grows with the square of the number of bytes.
 *
 * @throws {TypeError} if `given` is not a Uint8Array
 * @example
 * const text = encodeMultibase(utf8('hi'));
 * text; // → 'z8wr'
 */
export function encodeMultibase(given: Uint8Array): string {
  const bytes = bytesIn(given, 'bytes');
  let zeros = 0;
  while (bytes[zeros] === 0) zeros++;
  // Limbs in base 58⁴, least significant first, three bytes at a time.
  const limbs: number[] = [];
  for (let at = zeros; at < bytes.length; at += 3) {
    const count = Math.min(3, bytes.length - at);
    let carry = 0;
    for (let i = at; i < at + count; i++) carry = carry * 256 + (bytes[i] as number);
    multiplyAdd(limbs, 256 ** count, carry, powers[4]);
  }
  let digits = '';
  for (const value of limbs) {
    for (let rest = value, i = 0; i < 4; i++, rest = Math.floor(rest / 58))
      digits = alphabet.charAt(rest % 58) + digits;
  }
  return `z${'1'.repeat(zeros)}${digits.replace(/^1+/, '')}`;
}

/**
 * The value and the size of an unsigned varint at the start of `bytes`. Undefined unless it is complete, minimal, and has at
 * most 4 bytes.
 */
export function readVarint(bytes: Uint8Array): { readonly value: number; readonly size: number } | undefined {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[i];
    if (byte === undefined) return undefined;
    value |= (byte & 0x7f) << (7 * i);
    // "implementations MUST restrict [to] minimal encoding": the last byte of more than one is never zero.
    if (byte < 0x80) return byte === 0 && i > 0 ? undefined : { value, size: i + 1 };
  }
  return undefined;
}

/** `code` as a varint, then `bytes`: multicodec marks the kind of bytes in this way. */
export function withVarint(code: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const prefix: number[] = [];
  let rest = code;
  for (; rest > 0x7f; rest >>>= 7) prefix.push((rest & 0x7f) | 0x80);
  const out = new Uint8Array(prefix.length + 1 + bytes.length);
  out.set([...prefix, rest]);
  out.set(bytes, prefix.length + 1);
  return out;
}

/** Multiplies `limbs`, in `base`, by `factor` and adds `addend`, in place. */
function multiplyAdd(limbs: number[], factor: number, addend: number, base: number): void {
  let carry = addend;
  for (let i = 0; i < limbs.length; i++) {
    const sum = (limbs[i] as number) * factor + carry;
    carry = Math.floor(sum / base);
    limbs[i] = sum - carry * base;
  }
  while (carry > 0) {
    limbs.push(carry % base);
    carry = Math.floor(carry / base);
  }
}

/** Converts limbs of 28 bits, least significant first, to as few big-endian bytes as possible, after `zeros` zero bytes. */
function bytesOf(limbs: readonly number[], zeros: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(zeros + Math.ceil((limbs.length * 28) / 8));
  let at = bytes.length;
  let bits = 0;
  let held = 0;
  for (const value of limbs) {
    held += value * 2 ** bits;
    for (bits += 28; bits >= 8; bits -= 8) {
      bytes[--at] = held & 0xff;
      held = Math.floor(held / 256);
    }
  }
  if (bits > 0) bytes[--at] = held;
  let start = zeros;
  while (start < bytes.length && bytes[start] === 0) start++;
  return bytes.slice(start - zeros);
}
