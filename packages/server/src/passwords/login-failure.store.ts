import type { Kysely } from 'kysely';
import type { LoginFailureTable, Schema } from '../store/schema.ts';

export type FailureKey = Pick<LoginFailureTable, 'realm' | 'key'>;

/** What has been counted under these keys: those of windows that are over too. */
export async function listFailures(db: Kysely<Schema>, keys: readonly FailureKey[]): Promise<LoginFailureTable[]> {
  if (keys.length === 0) return [];
  return db
    .selectFrom('login_failure')
    .selectAll()
    .where(({ or, and, eb }) => or(keys.map(({ realm, key }) => and([eb('realm', '=', realm), eb('key', '=', key)]))))
    .execute();
}

export interface Counting {
  readonly now: number;
  /** Whether what is not over ends as late as the row says. */
  readonly extended: boolean;
  /** Milliseconds that a count may last, where not as long as the row says: what ends later was written by a clock that was ahead. */
  readonly longest?: number;
}

/**
 * Adds to each count, which may also be less than nothing, in one statement. What is over begins anew. Answers what is counted now.
 */
export async function addFailures(
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

/** False when somebody has put it there before, in a window that is not over. */
export async function markFailure(db: Kysely<Schema>, row: LoginFailureTable, now: number): Promise<boolean> {
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

export async function deleteFailures(db: Kysely<Schema>, realm: string, keys: readonly string[]): Promise<void> {
  await db
    .deleteFrom('login_failure')
    .where('realm', '=', realm)
    .where('key', 'in', [...keys])
    .execute();
}

export async function deleteExpiredFailures(db: Kysely<Schema>, now: number): Promise<void> {
  await db.deleteFrom('login_failure').where('resets_at', '<=', now).execute();
}

/** What a clock wrote that was ahead: no count lasts longer from now on than it was to last. */
export async function shortenFailures(db: Kysely<Schema>, latest: number): Promise<void> {
  await db.updateTable('login_failure').set({ resets_at: latest }).where('resets_at', '>', latest).execute();
}
