import type { Kysely } from 'kysely';
import type { LoginFailureTable, Schema } from './schema.ts';

/** Counts of throttles, in the table `login_failure`. */
export type CountKey = Pick<LoginFailureTable, 'realm' | 'key'>;

/** The counts under these keys, also of windows that are over. */
export async function listCounts(db: Kysely<Schema>, keys: readonly CountKey[]): Promise<LoginFailureTable[]> {
  if (keys.length === 0) return [];
  return db
    .selectFrom('login_failure')
    .selectAll()
    .where(({ or, and, eb }) => or(keys.map(({ realm, key }) => and([eb('realm', '=', realm), eb('key', '=', key)]))))
    .execute();
}

export interface Counting {
  readonly now: number;
  /** True if a running window is extended to the end in the row. */
  readonly extended: boolean;
  /**
   * Longest duration of a count in milliseconds, if not the one in the row: a later end was written by a clock that was
   * ahead.
   */
  readonly longest?: number;
}

/**
 * Adds to each count in one statement; the added number may be negative. An ended window begins anew. Returns the
 * present counts.
 */
export async function addCounts(
  db: Kysely<Schema>,
  rows: readonly LoginFailureTable[],
  { now, extended, longest }: Counting,
): Promise<LoginFailureTable[]> {
  return db
    .insertInto('login_failure')
    .values([...rows])
    .onConflict((conflict) =>
      conflict.columns(['realm', 'key']).doUpdateSet(({ eb, ref, or }) => {
        const [failures, until] = [ref('login_failure.failures'), ref('login_failure.resets_at')] as const;
        const [added, later] = [ref('excluded.failures'), ref('excluded.resets_at')] as const;
        const over = or([eb(until, '<=', now), eb(failures, '<=', 0)]);
        const latest = longest === undefined ? later : eb.val(now + longest);
        const moved = or([over, eb(until, '>', latest), ...(extended ? [eb(later, '>', until)] : [])]);
        return {
          failures: eb
            .case()
            .when(over)
            .then(added)
            .else(eb(failures, '+', added))
            .end(),
          resets_at: eb.case().when(moved).then(later).else(until).end(),
        };
      }),
    )
    .returningAll()
    .execute();
}

/** False if the mark exists already in a window that is not over. */
export async function markCount(db: Kysely<Schema>, row: LoginFailureTable, now: number): Promise<boolean> {
  const made = await db
    .insertInto('login_failure')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(['realm', 'key'])
        .doUpdateSet({ resets_at: row.resets_at })
        .where('login_failure.resets_at', '<=', now),
    )
    .returning('key')
    .executeTakeFirst();
  return made !== undefined;
}

export async function deleteCounts(db: Kysely<Schema>, realm: string, keys: readonly string[]): Promise<void> {
  await db
    .deleteFrom('login_failure')
    .where('realm', '=', realm)
    .where('key', 'in', [...keys])
    .execute();
}

export async function deleteExpiredCounts(db: Kysely<Schema>, now: number): Promise<void> {
  await db.deleteFrom('login_failure').where('resets_at', '<=', now).execute();
}

/** Shortens windows that a clock that was ahead made too long. */
export async function shortenCounts(db: Kysely<Schema>, latest: number): Promise<void> {
  await db.updateTable('login_failure').set({ resets_at: latest }).where('resets_at', '>', latest).execute();
}
