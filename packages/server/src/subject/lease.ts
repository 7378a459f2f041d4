import type { Transaction } from 'kysely';
import type { Schema } from '../store/schema.ts';
import { takeLease } from './lease.store.ts';

/** Milliseconds after which another node may take over from one that died. */
const leaseTime = 5_000;

/**
 * Takes or renews a lease inside the transaction of the leased work, so that a holder who lost the lease cannot commit.
 */
export async function holdLease(tx: Transaction<Schema>, name: string, holder: string, now: number): Promise<boolean> {
  // A lease that lasts longer than any lease may comes from a clock that was ahead, and does not count.
  return takeLease(tx, { name, holder, expires_at: now + leaseTime }, { from: now, to: now + leaseTime });
}
