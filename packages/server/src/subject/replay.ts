import { createHash } from 'node:crypto';
import type { Context } from '../context.ts';
import { deleteExpiredUses, insertUse } from './replay.store.ts';

/**
 * One-time use across nodes: true the first time a value is presented in its realm, false ever after until `expiresAt`
 * (milliseconds). The database's primary key decides races. Call it only after the signature over the value has been verified:
 * before that anyone could burn other people's values.
 */
export async function useOnce(
  context: Context,
  realm: string,
  purpose: string,
  value: string,
  expiresAt: number,
): Promise<boolean> {
  const key = createHash('sha256').update(`${purpose}\0${value}`).digest('base64url');
  return insertUse(context.store.db, { realm, key, expires_at: expiresAt });
}

/** Forgets values that would be refused for their age anyway. The minute covers clocks that differ between nodes. */
export async function forgetOldUses(context: Context): Promise<void> {
  await deleteExpiredUses(context.store.db, context.clock.now() - 60_000);
}
