import type { Cache, Topic } from '../kernel/cache.ts';
import type { Store } from './open.ts';
import { currentSequence } from './write.ts';

/** Milliseconds for which change entries are kept. A node that has been away for longer drops everything it has cached. */
export const changeRetention = 10 * 60_000;

/**
 * Follows what other nodes changed. Each call reads the entries after the last one seen and drops them from the cache; the
 * caller decides how often (twice a second). Several polls may fail: nothing is skipped, only later.
 */
export async function followChanges(store: Store, cache: Cache): Promise<() => Promise<void>> {
  let seen = await currentSequence(store);
  return async () => {
    const upTo = await currentSequence(store);
    if (upTo > seen) {
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
    } else if (upTo < seen) {
      // Another database answers than the one we knew: a restore.
      cache.invalidateAll();
      seen = upTo;
    }
    cache.refreshed();
  };
}

async function prunedAfter(store: Store, seq: number): Promise<boolean> {
  const row = await store.db
    .selectFrom('meta')
    .select('value')
    .where('name', '=', 'changes-pruned-to')
    .executeTakeFirst();
  return row !== undefined && Number(row.value) > seq;
}

/** Removes entries that every live node has long read. */
export async function pruneChanges(store: Store, now: number): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    const rows = await tx
      .deleteFrom('change')
      .where('at', '<', now - changeRetention)
      .returning('seq')
      .execute();
    if (rows.length === 0) return;
    const value = String(Math.max(...rows.map((row) => row.seq)));
    await tx
      .insertInto('meta')
      .values({ name: 'changes-pruned-to', value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
  });
}
