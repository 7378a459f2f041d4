import type { Random } from './random.ts';

/**
 * A version 7 UUID (RFC 9562 §5.7). These ids sort by the time they were made, for rows that are read in that order.
 */
export function timeOrderedId(now: number, random: Random): string {
  const hex = now.toString(16).padStart(12, '0');
  const tail = Buffer.from(random.bytes(10));
  tail[0] = ((tail[0] as number) & 0x0f) | 0x70;
  tail[2] = ((tail[2] as number) & 0x3f) | 0x80;
  const rest = tail.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-${rest.slice(0, 4)}-${rest.slice(4, 8)}-${rest.slice(8)}`;
}

/** The cache key of a realm's entry. A realm name has no slash, so two realms never share a key. */
export function realmKey(realm: string, id: string): string {
  return `${realm}/${id}`;
}
