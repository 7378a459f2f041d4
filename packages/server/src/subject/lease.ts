import type { Transaction } from 'kysely';
import type { Schema } from '../store/schema.ts';
import { takeLease } from './lease.store.ts';

/** Milliseconds after which another node may take over from one that died. */
const leaseTime = 5_000;

/** Takes or renews a lease inside the transaction that does the leased work, so that a holder that was overtaken cannot commit. */
export async function holdLease(tx: Transaction<Schema>, name: string, holder: string, now: number): Promise<boolean> {
  // One that says to last longer than any does comes from a clock that was ahead: it does not count.
  return takeLease(tx, { name, holder, expires_at: now + leaseTime }, { from: now, to: now + leaseTime });
}
