/**
 * Strict JSON (RFC 8259, and I-JSON RFC 7493 where it protects): refuses every document that two parsers could read
 * differently.
 *
 * 1. The bytes must be UTF-8 without a byte order mark, and within the limit.
 * 2. `JSON.parse` checks the syntax and builds the value; a member named `__proto__` becomes an ordinary own property.
 * 3. One linear scan of the text, which is now known to be valid, counts the member names and the levels. A document with a
 *    repeated name has more names than its value has members.
 * 4. If the count or the depth is wrong, or escapes could hide something, a slower linear scan reads every name and finds the
 *    place of the fault: duplicate names, too deep nesting, lone surrogates. Both scans count the depth without recursion.
 * 5. `parseExactJson` is for values that are stored exactly as written. There the slower scan also refuses values that
 *    JavaScript would change: a number that it rounds (12345678901234567890), and the name `__proto__`, which a copy of the
 *    object may lose.
 */

import { amount, branded } from './argument.ts';

/** A value that JSON can write. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** A JSON object. A member that is undefined is not written. */
export interface JsonObject {
  readonly [member: string]: JsonValue | undefined;
}

/** Why `parseJson` refused a document. */
export type JsonReason = 'too_large' | 'encoding' | 'bom' | 'syntax' | 'depth' | 'duplicate_member' | 'lone_surrogate';
/** The further reasons of `parseExactJson`. */
type ExactReason = JsonReason | 'inexact_number' | 'reserved_member';

/**
 * A refused document. `pointer` is an RFC 6901 JSON pointer to the fault; it is empty if the whole document is at
 * fault.
 */
export interface JsonFailure<R = JsonReason> {
  readonly ok: false;
  readonly reason: R;
  readonly pointer: string;
}

/** The value of a document, or the reason why it was refused. */
export type JsonResult<R = JsonReason> = { readonly ok: true; readonly value: JsonValue } | JsonFailure<R>;

/** The limits of a document, in bytes and levels. */
export interface JsonLimits {
  /** Bytes of UTF-8. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Levels of arrays and objects; `[]` has one level. Default 32. */
  readonly maxDepth?: number;
}

/** An open array or object of the scan. Only objects have `names`. */
interface Frame {
  readonly names: Set<string> | undefined;
  name: string;
  index: number;
}

const encoder = new TextEncoder();
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const quote = 0x22;
const backslash = 0x5c;

/**
 * Parses strict JSON (RFC 8259, and I-JSON RFC 7493 where it protects), or says why and where a document is refused:
 * one that two parsers could read differently. Default limits: 1,048,576 bytes and 32 levels. It does not check the
 * shape of the value.
 *
 * @throws {TypeError} if the document is neither a string nor a Uint8Array, or a limit is not a number
 * @example
 * parseJson('{"a":1}'); // → { ok: true, value: { a: 1 } }
 * parseJson('{"a":{"b":1,"b":2}}'); // → { ok: false, reason: 'duplicate_member', pointer: '/a/b' }
 */
export function parseJson(input: string | Uint8Array, limits: JsonLimits = {}): JsonResult {
  return parse(input, limits, false) as JsonResult;
}

/**
 * Parses strict JSON, like `parseJson`, for values that are stored exactly as written: it also refuses a number that
 * JavaScript rounds, and the member name `__proto__`. It does not check the shape of the value.
 *
 * @throws {TypeError} if the document is neither a string nor a Uint8Array, or a limit is not a number
 * @example
 * parseExactJson('[1.5]'); // → { ok: true, value: [1.5] }
 * parseExactJson('[12345678901234567890]'); // → { ok: false, reason: 'inexact_number', pointer: '/0' }
 */
export function parseExactJson(input: string | Uint8Array, limits: JsonLimits = {}): JsonResult<ExactReason> {
  return parse(input, limits, true);
}

function parse(input: string | Uint8Array, limits: JsonLimits, exact: boolean): JsonResult<ExactReason> {
  const { maxBytes = 1_048_576, maxDepth = 32 } = limits;
  amount(maxBytes, 'limits.maxBytes');
  amount(maxDepth, 'limits.maxDepth');
  if (typeof input !== 'string') branded(input, 'input');
  if (input.length > maxBytes) return failure('too_large');
  const bytes = typeof input === 'string' ? encoder.encode(input) : input;
  if (bytes.length > maxBytes) return failure('too_large');
  let text: string;
  try {
    text = typeof input === 'string' ? input : utf8.decode(input);
  } catch {
    return failure('encoding');
  }
  if (text.charCodeAt(0) === 0xfeff) return failure('bom');
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return failure('syntax');
  }
  const names = isPlain(text) && !(exact && mayBeInexact.test(text)) ? countNames(bytes, maxDepth) : -1;
  const isSound = names >= 0 && names === countMembers(value);
  return (isSound ? undefined : findFault(text, maxDepth, exact)) ?? { ok: true, value };
}

/** Numbers of up to 15 digits without an exponent are always exact. A match within a string only costs the slower scan. */
const mayBeInexact = /[\d.]{16}|[\d.][eE][-+\d]|__proto__/;

/**
 * Tells whether a value is a JSON object, `{…}`, and not null or an array. It does not check the members, and is also
 * true for objects that JSON does not have, e.g. a Date.
 *
 * @example
 * isJsonObject({}); // → true
 * isJsonObject([]); // → false
 */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without backslashes and lone surrogates every string ends at the next quote, and its characters are its value. */
function isPlain(text: string): boolean {
  return !text.includes('\\') && text.isWellFormed();
}

/** Step 3: the number of member names in the bytes of a plain, valid text, or -1 if it is nested too deeply. */
function countNames(bytes: Uint8Array, maxDepth: number): number {
  let names = 0;
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    const code = bytes[i];
    if (code === quote) {
      i++;
      while (bytes[i] !== quote) i++;
    } else if (code === 0x3a /* : */) names++;
    else if (code === 0x7b /* { */ || code === 0x5b /* [ */) {
      if (++depth > maxDepth) return -1;
    } else if (code === 0x7d /* } */ || code === 0x5d /* ] */) depth--;
  }
  return names;
}

/** The number of members of a value and of all values within it. The recursion is bounded, because the depth was checked. */
function countMembers(value: JsonValue | undefined): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const one of value) members += countMembers(one);
    return members;
  }
  for (const name in value) members += 1 + countMembers((value as JsonObject)[name]);
  return members;
}

/**
 * Step 4. `text` must be valid JSON: only then does a quote always start a string, and the string after `{` or `,` is a name.
 */
function findFault(text: string, maxDepth: number, exact: boolean): JsonFailure<ExactReason> | undefined {
  const frames: Frame[] = [];
  let top: Frame | undefined;
  let nameIsNext = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case quote: {
        const end = stringEnd(text, i + 1);
        const content = JSON.parse(text.slice(i, end + 1)) as string;
        if (nameIsNext && top?.names !== undefined) {
          top.name = content;
          if (exact && content === '__proto__') return failure('reserved_member', frames);
          if (top.names.has(content)) return failure('duplicate_member', frames);
          top.names.add(content);
        }
        if (!content.isWellFormed()) return failure('lone_surrogate', frames);
        nameIsNext = false;
        i = end;
        break;
      }
      case 0x7b /* { */:
      case 0x5b /* [ */:
        {
          nameIsNext = text.charCodeAt(i) === 0x7b;
          if (frames.length === maxDepth) return failure('depth', frames);
          top = { names: nameIsNext ? new Set() : undefined, name: '', index: 0 };
          frames.push(top);
          break;
        }
      case 0x7d /* } */:
      case 0x5d /* ] */:
        nameIsNext = false;
        frames.pop();
        top = frames.at(-1);
        break;
      case 0x2c /* , */:
        if (top === undefined) break;
        nameIsNext = top.names !== undefined;
        top.index++;
        break;
      default:
        if (!exact || !isNumberStart(text.charCodeAt(i))) break;
        number.lastIndex = i;
        if (!isKept(number.exec(text) as RegExpExecArray)) return failure('inexact_number', frames);
        i = number.lastIndex - 1;
    }
  }
  return undefined;
}

const number = /(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?/y;

function isNumberStart(code: number): boolean {
  return code === 0x2d /* - */ || (code >= 0x30 && code <= 0x39);
}

/** Whether JavaScript writes the number of this literal back as the same decimal value. */
function isKept(literal: RegExpExecArray): boolean {
  const value = Number(literal[0]);
  if (!Number.isFinite(value)) return false;
  number.lastIndex = 0;
  const end = literal.index + literal[0].length;
  const kept = decimal(number.exec(String(value)) as RegExpExecArray) === decimal(literal);
  number.lastIndex = end;
  return kept;
}

/**
 * The canonical spelling of a decimal value: its digits without zeros at both ends, and its power of ten. The sign of zero is
 * dropped.
 */
function decimal([, sign = '', whole = '', fraction = '', exponent = '0']: RegExpExecArray): string {
  const digits = whole + fraction;
  let from = 0;
  let to = digits.length;
  while (from < to && digits[from] === '0') from++;
  while (to > from && digits[to - 1] === '0') to--;
  if (from === to) return '0';
  return `${sign}${digits.slice(from, to)}e${Number(exponent) - fraction.length + digits.length - to}`;
}

/** Position of the quote that closes the string whose content starts at `start`. */
function stringEnd(text: string, start: number): number {
  let i = start;
  for (let code = text.charCodeAt(i); code !== quote; code = text.charCodeAt(i)) i += code === backslash ? 2 : 1;
  return i;
}

function failure<R extends ExactReason>(reason: R, frames: readonly Frame[] = []): JsonFailure<R> {
  const pointer = frames
    .map((frame) => `/${frame.names === undefined ? frame.index : escapeToken(frame.name)}`)
    .join('');
  return { ok: false, reason, pointer: pointer.toWellFormed() };
}

/** RFC 6901 §3. */
function escapeToken(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
