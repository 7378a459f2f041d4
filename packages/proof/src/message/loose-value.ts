/** A signature value read leniently, so that its fault can be named. For diagnosis only. */
import { decodeBase64url } from '../base64url.ts';
import { isJsonObject, type JsonObject, parseJson } from '../json.ts';
import { type ReadSignature, readSignature } from './signature-spelling.ts';

export interface LooseValue {
  /** The header exactly as presented, because it is part of the signing input. */
  readonly encodedHeader: string;
  readonly headerText: string;
  /** Empty if the header is not a JSON object. */
  readonly header: JsonObject;
  /** Empty for a detached signature. */
  readonly middle: string;
  readonly readings: readonly ReadSignature[];
  /** A fault of the value's spelling, found before any verification. */
  readonly spelling: 'value_whitespace' | 'value_quoted' | 'one_dot' | 'header_spelling' | undefined;
}

const maxLength = 16_384;
const lenient = new TextDecoder();

/** Undefined if the value is not similar to a JWS. */
export function readLoosely(presented: unknown): LooseValue | undefined {
  if (typeof presented !== 'string' || presented.length > maxLength) return undefined;
  const trimmed = presented.trim();
  const bare = trimmed.replace(/^"(.*)"$/, '$1');
  const parts = bare.split('.');
  const [encodedHeader = '', middle = '', last = ''] = parts.length === 2 ? [parts[0], '', parts[1]] : parts;
  if (parts.length < 2 || parts.length > 3 || encodedHeader === '' || last === '') return undefined;
  const url = encodedHeader
    .replace(/={1,2}$/, '')
    .replaceAll('+', '-')
    .replaceAll('/', '_');
  const headerText = lenient.decode(decodeBase64url(url, maxLength) ?? new Uint8Array());
  const parsed = parseJson(headerText);
  const header = parsed.ok && isJsonObject(parsed.value) ? parsed.value : {};
  const spellings = [
    [bare !== trimmed, 'value_quoted'],
    [trimmed !== presented, 'value_whitespace'],
    [parts.length === 2, 'one_dot'],
    [url !== encodedHeader, 'header_spelling'],
  ] as const;
  const spelling = spellings.find(([applies]) => applies)?.[1];
  return { encodedHeader, headerText, header, middle, readings: readSignature(last), spelling };
}
