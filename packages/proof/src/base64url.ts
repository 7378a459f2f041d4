/** Strict RFC 4648 §5 without padding: every byte string has exactly one text, so a signature has only one spelling. */

import { bytes as bytesOf, number, text as textOf } from './argument.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const digits = Uint8Array.from(alphabet, (character) => character.charCodeAt(0));

/** Byte of the text → value of the digit; 255 for every other byte. */
const values = new Uint8Array(256).fill(255);
for (const [value, code] of digits.entries()) values[code] = value;

const ascii = new TextDecoder('utf-8');

const encoder = new TextEncoder();

/**
 * Decodes strict base64url (RFC 4648 §5, without padding) of at most `maxLength` characters. The result is undefined if
 * the text is longer, contains a character outside the alphabet (padding and whitespace included), has an impossible
 * length, or sets bits after the last byte: every byte string has exactly one text.
 *
 * The same table serves every runtime: `Uint8Array.fromBase64` accepts whitespace, padding and stray bits, and would
 * need the same checks around it.
 *
 * @throws {TypeError} if `text` is not a string or `maxLength` is not a number
 * @example
 * decodeBase64url('aGk', 16); // → utf8('hi')
 * decodeBase64url('aGk=', 16); // → undefined
 */
export function decodeBase64url(text: string, maxLength: number): Uint8Array<ArrayBuffer> | undefined {
  textOf(text, 'text');
  number(maxLength, 'maxLength');
  // Written so that a limit of NaN refuses every text.
  return text.length <= maxLength ? decodeAscii(encoder.encode(text)) : undefined;
}

/**
 * Decodes at most `maxLength` characters of both alphabets of RFC 4648 (§4, §5), with or without padding, as protobuf's
 * JSON allows for bytes. The result is undefined for every other text. Several texts give the same bytes, so never
 * compare the texts.
 *
 * @throws {TypeError} if `text` is not a string or `maxLength` is not a number
 * @example
 * decodeEitherBase64('+/8=', 16); // → Uint8Array.of(251, 255)
 * decodeEitherBase64('-_8', 16); // → Uint8Array.of(251, 255)
 */
export function decodeEitherBase64(text: string, maxLength: number): Uint8Array<ArrayBuffer> | undefined {
  textOf(text, 'text');
  number(maxLength, 'maxLength');
  if (!(text.length <= maxLength)) return undefined;
  // At most two: with padding of any length the pattern would take quadratic time.
  const bare = text.length % 4 === 0 ? text.replace(/={1,2}$/, '') : text;
  return decodeBase64url(bare.replaceAll('+', '-').replaceAll('/', '_'), maxLength);
}

/** Like `decodeBase64url`, for a text given as its ASCII or UTF-8 bytes. */
export function decodeAscii(text: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const length = text.length;
  const rest = length & 3;
  if (rest === 1) return undefined;
  const bytes = new Uint8Array((length * 3) >>> 2);
  const whole = length - rest;
  let at = 0;
  // A digit is below 64, every other byte is 255: after or-ing all of them, the high bits show whether there was one.
  let seen = 0;
  for (let i = 0; i < whole; i += 4) {
    const a = digit(text, i);
    const b = digit(text, i + 1);
    const c = digit(text, i + 2);
    const d = digit(text, i + 3);
    seen |= a | b | c | d;
    bytes[at] = (a << 2) | (b >> 4);
    bytes[at + 1] = (b << 4) | (c >> 2);
    bytes[at + 2] = (c << 6) | d;
    at += 3;
  }
  if (rest !== 0) {
    const a = digit(text, whole);
    const b = digit(text, whole + 1);
    const c = rest === 3 ? digit(text, whole + 2) : 0;
    seen |= a | b | c;
    bytes[at] = (a << 2) | (b >> 4);
    if (rest === 3) bytes[at + 1] = (b << 4) | (c >> 2);
    const stray = rest === 2 ? b & 15 : c & 3;
    if (stray !== 0) return undefined;
  }
  return seen > 63 ? undefined : bytes;
}

/**
 * Encodes bytes as base64url without padding (RFC 4648 §5).
 *
 * @throws {TypeError} if `given` is not a Uint8Array
 * @example
 * const text = encodeBase64url(utf8('hi'));
 * text; // → 'aGk'
 */
export function encodeBase64url(given: Uint8Array): string {
  const bytes = bytesOf(given, 'bytes');
  const length = bytes.length;
  const rest = length % 3;
  const out = new Uint8Array(Math.ceil((length * 4) / 3));
  let at = 0;
  const whole = length - rest;
  for (let i = 0; i < whole; i += 3) {
    const word = (byte(bytes, i) << 16) | (byte(bytes, i + 1) << 8) | byte(bytes, i + 2);
    out[at++] = byte(digits, word >> 18);
    out[at++] = byte(digits, (word >> 12) & 63);
    out[at++] = byte(digits, (word >> 6) & 63);
    out[at++] = byte(digits, word & 63);
  }
  if (rest !== 0) {
    const word = (byte(bytes, whole) << 8) | (rest === 2 ? byte(bytes, whole + 1) : 0);
    out[at++] = byte(digits, word >> 10);
    out[at++] = byte(digits, (word >> 4) & 63);
    if (rest === 2) out[at] = byte(digits, (word << 2) & 63);
  }
  return ascii.decode(out);
}

/**
 * Encodes a text, as its UTF-8 bytes, as base64url: the form of a JWS header or payload (RFC 7515 §3).
 *
 * @throws {TypeError} if `text` is not a string
 * @example
 * const header = encodeTextBase64url('{"alg":"ES256"}');
 * header; // → 'eyJhbGciOiJFUzI1NiJ9'
 */
export function encodeTextBase64url(text: string): string {
  return encodeBase64url(encoder.encode(textOf(text, 'text')));
}

function digit(text: Uint8Array, at: number): number {
  return values[text[at] as number] as number;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}
