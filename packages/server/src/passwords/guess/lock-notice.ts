import type { Context } from '../../context.ts';
import { anonymous } from '../../kernel/caller.ts';
import { enqueueMail } from '../../mail/outbox.ts';
import { verifiedAddressOf } from '../../mail/owner.ts';
import { markCount } from '../../store/count.ts';
import { type Writing, write } from '../../store/write.ts';
import { readCredential } from '../identity/credential.ts';
import type { Exhausted } from './guess-count.ts';

/**
 * Reports credentials whose guessers were stopped: one event and one mail to the owner each, at most one a day over all
 * processes. Codes without a credential have no owner to tell.
 */
export async function recordLocks(context: Context, locks: readonly Exhausted[]): Promise<void> {
  const record = async (lock: Exhausted) => {
    await write(context, anonymous, (tx) => recordLock(context, tx, lock));
    lock.told();
  };
  // A failed write must not keep the other owners from being told.
  const settled = await Promise.allSettled(locks.map(record));
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Key of the row that remembers that the owner was told of the lock. */
export function lockKey(key: string): string {
  return `lock ${key}`;
}

async function recordLock(context: Context, tx: Writing, lock: Exhausted): Promise<void> {
  const { realm, key, credentialId, until, sources } = lock;
  const mark = { realm, key: lockKey(key), failures: 1, resets_at: until };
  if (!(await markCount(tx.db, mark, tx.now))) return;
  const event = { realm, type: 'login.locked', object: `credential:${credentialId}`, after: { until, sources } };
  await tx.record(event);
  const credential = await readCredential(tx, realm, credentialId);
  const to = credential && verifiedAddressOf(credential);
  if (to === undefined) return;
  const reference = `login-locked:${credentialId}`;
  await enqueueMail(context, tx, { realm, to, purpose: 'login-locked', values: { at: tx.now }, reference });
}
