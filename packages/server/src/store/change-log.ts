import { type Cache, maxStaleness, type Topic } from '../kernel/cache.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Store } from './open.ts';
import { currentSequence } from './write.ts';

/** Milliseconds that change entries are kept. A node that was away longer drops its whole cache. */
export const changeRetention = 10 * 60_000;

/** The counter with the newest pruned number. */
const prunedTo = 'changes-pruned-to';

/**
 * Follows the changes of other nodes. Each call reads the entries after the last one seen and drops them from the
 * cache. The caller decides how often (twice a second). Failed polls skip nothing, they only delay it. After
 * `maxStaleness` without a poll everything is dropped, because another database may answer now.
 */
export async function followChanges({ store, cache, clock }: Following): Promise<() => Promise<void>> {
  let asOf = clock.elapsed();
  let seen = await currentSequence(store);
  cache.refreshed(asOf);
  return async () => {
    const before = asOf;
    const started = clock.elapsed();
    const upTo = await currentSequence(store);
    if (started - before > maxStaleness || upTo < seen) {
      // Away for too long, or the database is another one than before: a restore.
      cache.invalidateAll();
      seen = upTo;
    } else if (upTo > seen) {
      const rows = await store.db
        .selectFrom('change')
        .select(['seq', 'topic', 'key'])
        .where('seq', '>', seen)
        .orderBy('seq')
        .limit(1_000)
        .execute();
      const missed = await prunedAfter(store, seen);
      if (rows.length === 1_000 || missed) cache.invalidateAll();
      else for (const row of rows) cache.invalidate(row.topic as Topic, row.key);
      seen = Math.max(upTo, rows.at(-1)?.seq ?? 0);
    }
    asOf = started;
    cache.refreshed(asOf);
  };
}

interface Following {
  readonly store: Store;
  readonly cache: Cache;
  readonly clock: Clock;
}

async function prunedAfter(store: Store, seq: number): Promise<boolean> {
  const row = await store.db.selectFrom('counter').select('value').where('name', '=', prunedTo).executeTakeFirst();
  return row !== undefined && row.value > seq;
}

/** Removes entries that every live node has read long ago. */
export async function pruneChanges(store: Store, now: number): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    const rows = await tx
      .deleteFrom('change')
      .where('at', '<', now - changeRetention)
      .returning('seq')
      .execute();
    if (rows.length === 0) return;
    const value = rows.reduce((newest, row) => Math.max(newest, row.seq), 0);
    // Never goes back, whichever node prunes with whichever clock.
    await tx
      .insertInto('counter')
      .values({ name: prunedTo, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }).where('counter.value', '<', value))
      .execute();
  });
}
