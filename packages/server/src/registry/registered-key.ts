import { type PublicJwk, parsePublicJwk } from '@countersign/proof';
import { Problem } from '../kernel/problem.ts';
import type { ParticipantKeyRow } from './participant-key.store.ts';

/** A public key that a participant signs with, or has signed with: retired keys stay, so that history can be checked. */
export interface RegisteredKey {
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  readonly jwk: PublicJwk;
  /** Epoch milliseconds: valid from here on. */
  readonly notBefore: number;
  /** Epoch milliseconds: valid before this; null while no end is set. */
  readonly notAfter: number | null;
}

export function toRegisteredKey(row: ParticipantKeyRow): RegisteredKey {
  const parsed = parsePublicJwk(JSON.parse(row.jwk));
  if (!parsed.ok) {
    const cause = new Error(`stored key ${row.thumbprint} is damaged: ${parsed.reason} ${parsed.member}`);
    throw new Problem('internal', undefined, { cause });
  }
  return { thumbprint: row.thumbprint, jwk: parsed.key, notBefore: row.not_before, notAfter: row.not_after };
}

export function isValidAt(key: RegisteredKey, now: number): boolean {
  return key.notBefore <= now && (key.notAfter === null || now < key.notAfter);
}

/** The key that a peer who knows only one should use: of the valid ones, the one that came last. `keys` are oldest first. */
export function currentOf(keys: readonly RegisteredKey[], now: number): RegisteredKey | undefined {
  return keys.findLast((key) => isValidAt(key, now));
}
