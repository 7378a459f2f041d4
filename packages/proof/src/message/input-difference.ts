import { parseJson } from '../json.ts';
import { pointerAt } from './json-place.ts';

/** The place where two signing inputs differ first. Offsets are in bytes. */
export interface SigningInputDifference {
  /** The first byte that differs; if one input is the beginning of the other, the length of the shorter one. */
  readonly offset: number;
  readonly part: 'header' | 'payload';
  /** The same byte counted from the start of the payload, if it is in the payload. */
  readonly payloadOffset?: number;
  /** RFC 6901 pointer, if the expected payload is JSON. */
  readonly pointer?: string;
}

/** The first difference of two signing inputs; undefined if they are equal. The payload is the end of `ours`. */
export function inputDifference(
  theirs: Uint8Array,
  ours: Uint8Array,
  payloadLength: number,
): SigningInputDifference | undefined {
  const shorter = Math.min(theirs.length, ours.length);
  let offset = 0;
  while (offset < shorter && theirs[offset] === ours[offset]) offset++;
  if (offset === theirs.length && offset === ours.length) return undefined;
  const start = ours.length - payloadLength;
  if (offset < start) return { offset, part: 'header' };
  const payload = ours.subarray(start);
  const payloadOffset = offset - start;
  const place = parseJson(payload).ok ? { pointer: pointerAt(payload, payloadOffset) } : undefined;
  return { offset, part: 'payload', payloadOffset, ...place };
}
