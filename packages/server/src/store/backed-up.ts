import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';

/** The time of the last backup is a fact about one database, and does not move to another. */
const name = 'backed-up';

export async function noteBackup(db: Kysely<Schema>, at: number): Promise<void> {
  const value = String(at);
  await db
    .insertInto('meta')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

/** Milliseconds. */
export async function lastBackup(db: Kysely<Schema>): Promise<number | undefined> {
  const row = await db.selectFrom('meta').select('value').where('name', '=', name).executeTakeFirst();
  return row === undefined ? undefined : Number(row.value);
}
