import type { Context } from '../context.ts';
import type { Writing } from '../store/write.ts';
import { longestToken } from './realm.ts';
import {
  deleteExpiredRevocations,
  findAnyRevocation,
  findTokenRevocation,
  upsertRevocation,
} from './revocation.store.ts';

/** Milliseconds for which a revocation must be remembered; the minute is for clocks that differ. */
const remembered = longestToken * 1000 + 60_000;

/** Tokens of this subject up to and including `generation` are dead. */
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

/** One token, by its `jti`, remembered until its own end (milliseconds). False when it was revoked already. */
export async function revokeToken(tx: Writing, realm: string, jti: string, expiresAt: number): Promise<boolean> {
  // Taken first: whoever holds the number's lock sees what all before it have written.
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
 * A participant's signing key that somebody else may hold, by its thumbprint: nothing it signed is to be trusted. Whoever has
 * read the registry since knows by its end of validity; the entry only has to outlive what readers have cached.
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

/** Milliseconds for which a reader of the status feed may not have heard of the end of a session: older ones start anew. */
const sessionRemembered = 10 * 60_000;

/**
 * A session that ended before its time, by its id. What is made from it and verified offline, such as the token of a wallet, lives for
 * five minutes at most; what edge caches hold must not outlive the entry either.
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

/** A capability that was taken back before its end (milliseconds): neither it nor what descends from it is good. */
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

/** One indexed read, not cached: a revoked token is refused on every node at once. */
export async function isTokenRevoked(context: Context, realm: string, jti: string): Promise<boolean> {
  return findTokenRevocation(context.store.db, realm, jti);
}

/** Whether any of these tokens and capabilities was: no name is one of both. */
export async function isAnyRevoked(context: Context, realm: string, ids: readonly string[]): Promise<boolean> {
  return findAnyRevocation(context.store.db, realm, ids);
}

export async function forgetOldRevocations(context: Context): Promise<void> {
  await deleteExpiredRevocations(context.store.db, context.clock.now());
}
