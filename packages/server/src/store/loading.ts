import { type Kysely, sql } from 'kysely';
import { Problem } from '../kernel/problem.ts';
import type { Store } from './open.ts';
import type { Schema } from './schema.ts';

/**
 * A load of a dump leaves a mark while it runs. A killed load leaves the mark behind, and no server starts then,
 * because the server would take the database for a new one.
 */
const mark = 'loading';

/** An arbitrary number that names this lock within a PostgreSQL database. */
const lockId = 7_265_482_114;

export async function markLoading(db: Kysely<Schema>): Promise<void> {
  await db
    .insertInto('meta')
    .values({ name: mark, value: '1' })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function unmarkLoading(db: Kysely<Schema>): Promise<void> {
  await db.deleteFrom('meta').where('name', '=', mark).execute();
}

/** True for one load at a time, until the transaction ends. SQLite has only one writer anyway. */
export async function claimLoading(tx: Kysely<Schema>, dialect: Store['dialect']): Promise<boolean> {
  if (dialect === 'sqlite') return true;
  const { rows } = await sql<{ won: boolean }>`select pg_try_advisory_xact_lock(${sql.lit(lockId)}) as won`.execute(tx);
  return rows[0]?.won === true;
}

export async function isLoading(db: Kysely<Schema>): Promise<boolean> {
  return (await db.selectFrom('meta').select('name').where('name', '=', mark).executeTakeFirst()) !== undefined;
}

/** @throws {Problem} `store.unavailable` if a load has begun and not ended */
export async function requireLoaded({ db }: Store): Promise<void> {
  if (!(await isLoading(db))) return;
  throw new Problem('store.unavailable', {
    detail:
      'A load of a dump into this database runs or was interrupted: run countersign load again, or countersign restore, or use an empty database.',
  });
}
