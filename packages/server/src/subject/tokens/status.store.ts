import type { Kysely } from 'kysely';
import type { Schema } from '../../store/schema.ts';

export async function findIncarnation(db: Kysely<Schema>): Promise<string | undefined> {
  const row = await db.selectFrom('meta').select('value').where('name', '=', 'incarnation').executeTakeFirst();
  return row?.value;
}

export async function deleteIncarnation(db: Kysely<Schema>): Promise<void> {
  await db.deleteFrom('meta').where('name', '=', 'incarnation').execute();
}

/** An existing name stays. */
export async function insertIncarnation(db: Kysely<Schema>, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ name: 'incarnation', value })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
