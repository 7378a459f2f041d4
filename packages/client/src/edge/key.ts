import { encodeBase64url } from '@countersign/proof';
import { newMac } from '#platform-crypto';

/** Makes the keys of the caches. Nothing can be computed back from a key, and another process cannot make the same key. */
export type KeyOf = (...parts: readonly string[]) => Promise<string>;

/**
 * HMAC-SHA-256 under a random key of this object, over the parts, each after its length: two different lists of parts never
 * make the same text. The bytes are overwritten afterwards; strings are left to the runtime's garbage collector.
 */
export function createKeyOf(): KeyOf {
  const mac = newMac();
  return async (...parts) => {
    const bytes = lengthPrefixed(parts.map((part) => new TextEncoder().encode(part)));
    const digest = await mac(bytes);
    bytes.fill(0);
    return encodeBase64url(digest);
  };
}

function lengthPrefixed(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + 4 + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length);
    bytes.set(part, at + 4);
    at += 4 + part.length;
    part.fill(0);
  }
  return bytes;
}
