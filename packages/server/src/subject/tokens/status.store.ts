import type { Kysely } from 'kysely';
import type { Schema } from '../../store/schema.ts';

export async function findIncarnation(db: Kysely<Schema>): Promise<string | undefined> {
  const row = await db.selectFrom('meta').select('value').where('name', '=', 'incarnation').executeTakeFirst();
  return row?.value;
}

export async function deleteIncarnation(db: Kysely<Schema>): Promise<void> {
  await db.deleteFrom('meta').where('name', 'in', ['incarnation', 'incarnated_at']).execute();
}

/** Milliseconds. 0 if an older release named the database. */
export async function findIncarnatedAt(db: Kysely<Schema>): Promise<number> {
  const row = await db.selectFrom('meta').select('value').where('name', '=', 'incarnated_at').executeTakeFirst();
  return Number(row?.value ?? 0);
}

/** An existing name stays. */
export async function insertIncarnation(db: Kysely<Schema>, value: string, now: number): Promise<void> {
  await db
    .insertInto('meta')
    .values([
      { name: 'incarnation', value },
      { name: 'incarnated_at', value: String(now) },
    ])
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
