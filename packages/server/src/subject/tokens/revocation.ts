import type { Context } from '../../context.ts';
import type { Writing } from '../../store/write.ts';
import { longestToken } from '../realm.ts';
import {
  deleteExpiredRevocations,
  findAnyRevocation,
  findTokenRevocation,
  upsertRevocation,
} from './revocation.store.ts';

/** Milliseconds that a revocation must be remembered. The minute is for clocks that differ. */
const remembered = longestToken * 1000 + 60_000;

/** Kills the tokens of this subject up to and including `generation`. */
export async function revokeSubjectTokens(
  tx: Writing,
  realm: string,
  subject: string,
  generation: number,
): Promise<void> {
  const expires_at = tx.now + remembered;
  await upsertRevocation(tx.db, {
    realm,
    kind: 'subject',
    key: subject,
    generation,
    seq: await tx.sequence(),
    at: tx.now,
    expires_at,
  });
}

/**
 * Revokes one token by its `jti`. It is remembered until its own end (milliseconds). False if it was revoked already.
 */
export async function revokeToken(tx: Writing, realm: string, jti: string, expiresAt: number): Promise<boolean> {
  // First, because the holder of the sequence's lock sees all earlier writes.
  const seq = await tx.sequence();
  if (await findTokenRevocation(tx.db, realm, jti)) return false;
  await upsertRevocation(tx.db, {
    realm,
    kind: 'token',
    key: jti,
    generation: null,
    seq,
    at: tx.now,
    expires_at: expiresAt + 60_000,
  });
  return true;
}

/**
 * Revokes a participant's leaked signing key, by its thumbprint: its signatures must not be trusted. Later readers of
 * the registry see its end of validity, so this entry only has to outlive their caches.
 */
export async function revokeKey(tx: Writing, realm: string, thumbprint: string): Promise<void> {
  await upsertRevocation(tx.db, {
    realm,
    kind: 'key',
    key: thumbprint,
    generation: null,
    seq: await tx.sequence(),
    at: tx.now,
    expires_at: tx.now + remembered,
  });
}

/**
 * Milliseconds that a reader of the status feed may miss the end of a session. Readers that were away longer start
 * anew.
 */
const sessionRemembered = 10 * 60_000;

/**
 * Reports a session that ended before its time, by its id. Tokens that were made from it and are verified offline, such
 * as a wallet's, live for five minutes at most. Entries of edge caches must not outlive this row either.
 */
export async function revokeSession(tx: Writing, realm: string, id: string): Promise<void> {
  await upsertRevocation(tx.db, {
    realm,
    kind: 'session',
    key: id,
    generation: null,
    seq: await tx.sequence(),
    at: tx.now,
    expires_at: tx.now + sessionRemembered,
  });
}

/**
 * Milliseconds that the status feed names a revoked capability. Only wallet tokens show their capabilities to offline
 * verifiers, and these tokens live for five minutes. The server itself remembers the revocation until the capability ends.
 */
export const capabilityTold = 10 * 60_000;

/** Revokes a capability before its end (milliseconds), and everything that descends from it. */
export async function revokeCapability(tx: Writing, realm: string, id: string, expiresAt: number): Promise<void> {
  await upsertRevocation(tx.db, {
    realm,
    kind: 'capability',
    key: id,
    generation: null,
    seq: await tx.sequence(),
    at: tx.now,
    expires_at: expiresAt + 60_000,
  });
}

/** One indexed read, not cached, so that every node refuses a revoked token at once. */
export async function isTokenRevoked(context: Context, realm: string, jti: string): Promise<boolean> {
  return findTokenRevocation(context.store.db, realm, jti);
}

/** True if one of these tokens or capabilities was revoked. The ids of both kinds never collide. */
export async function isAnyRevoked(context: Context, realm: string, ids: readonly string[]): Promise<boolean> {
  return findAnyRevocation(context.store.db, realm, ids);
}

export async function forgetOldRevocations(context: Context): Promise<void> {
  await deleteExpiredRevocations(context.store.db, context.clock.now());
}
