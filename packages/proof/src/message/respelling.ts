/** Other spellings of the same text, JSON or bytes. */
import { encodeBase64url } from '../base64url.ts';
import { isJsonObject, type JsonValue } from '../json.ts';

/** A raw line end is never inside a string: only the indentation contains them. */
export function spaced(json: JsonValue): string {
  return JSON.stringify(json, null, 1).replace(/,\n */g, ', ').replace(/\n */g, '');
}

export function sorted(json: JsonValue | undefined): JsonValue {
  if (Array.isArray(json)) return json.map(sorted);
  if (!isJsonObject(json)) return json as JsonValue;
  const names = Object.keys(json).sort();
  return Object.fromEntries(names.map((name) => [name, sorted(json[name])]));
}

export function withoutNulls(json: JsonValue | undefined): JsonValue {
  if (Array.isArray(json)) return json.map(withoutNulls);
  if (!isJsonObject(json)) return json as JsonValue;
  const members = Object.entries(json).filter(([, value]) => value !== null);
  return Object.fromEntries(members.map(([name, value]) => [name, withoutNulls(value)]));
}

/** Changes the numbers of a valid JSON text, but not its strings. */
export function numbers(text: string, change: (number: string) => string): string {
  return text.replace(/"(?:[^"\\]+|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    token.startsWith('"') ? token : change(token),
  );
}

export function escapeOf(text: string): string {
  return `\\u${text.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

export function escaped(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, escapeOf);
}

export function upperDigits(code: string): string {
  return `\\u${code.slice(2).toUpperCase()}`;
}

export function character(_: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16));
}

export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function latin1(text: string): Uint8Array | undefined {
  // Without the u flag a character beyond U+FFFF counts as two units, both outside ISO-8859-1.
  return /[^\0-\xff]/.test(text) ? undefined : Uint8Array.from(text, (one) => one.charCodeAt(0));
}

export function utf16(text: string, isLittleEndian: boolean): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(text.length * 2));
  for (let i = 0; i < text.length; i++) bytes.setUint16(i * 2, text.charCodeAt(i), isLittleEndian);
  return new Uint8Array(bytes.buffer);
}

export function base64(bytes: Uint8Array): string {
  const url = encodeBase64url(bytes);
  return url
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .padEnd(Math.ceil(url.length / 4) * 4, '=');
}
