import { type PublicJwk, parsePublicJwk } from '@countersign/proof';
import { Problem } from '../../kernel/problem.ts';
import type { ParticipantKeyRow } from './participant-key.store.ts';

/**
 * A public key with which a participant signs or has signed. Retired keys stay, so that old signatures can be checked.
 */
export interface RegisteredKey {
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  readonly jwk: PublicJwk;
  /** Epoch milliseconds: valid from this moment on. */
  readonly notBefore: number;
  /** Epoch milliseconds: valid until just before this moment. Null if no end is set. */
  readonly notAfter: number | null;
}

export function toRegisteredKey(row: ParticipantKeyRow): RegisteredKey {
  const parsed = parsePublicJwk(JSON.parse(row.jwk));
  if (!parsed.ok) {
    const cause = new Error(`stored key ${row.thumbprint} is damaged: ${parsed.reason} ${parsed.member}`);
    throw new Problem('internal', { cause });
  }
  return { thumbprint: row.thumbprint, jwk: parsed.key, notBefore: row.not_before, notAfter: row.not_after };
}

export function isValidAt(key: RegisteredKey, now: number): boolean {
  return key.notBefore <= now && (key.notAfter === null || now < key.notAfter);
}

/** The newest of the valid keys, for a peer that can use only one. `keys` are oldest first. */
export function currentOf(keys: readonly RegisteredKey[], now: number): RegisteredKey | undefined {
  return keys.findLast((key) => isValidAt(key, now));
}
