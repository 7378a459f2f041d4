import type { Kysely } from 'kysely';
import type { Schema } from '../../store/schema.ts';

type SealedRow = Schema['sealed'];

/** An existing row stays: false if there was one. */
export async function insertSealed(db: Kysely<Schema>, row: SealedRow): Promise<boolean> {
  const made = await db
    .insertInto('sealed')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning('name')
    .executeTakeFirst();
  return made !== undefined;
}

export async function hasPasswords(db: Kysely<Schema>): Promise<boolean> {
  return (await db.selectFrom('password').select('version').limit(1).executeTakeFirst()) !== undefined;
}

export async function findSealed(db: Kysely<Schema>, name: string): Promise<string | undefined> {
  const row = await db.selectFrom('sealed').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value;
}

export async function listSealed(db: Kysely<Schema>): Promise<SealedRow[]> {
  return db.selectFrom('sealed').selectAll().execute();
}

export async function updateSealed(db: Kysely<Schema>, { name, value }: SealedRow): Promise<void> {
  await db.updateTable('sealed').set({ value }).where('name', '=', name).execute();
}

export async function deleteSealed(db: Kysely<Schema>, name: string): Promise<void> {
  await db.deleteFrom('sealed').where('name', '=', name).execute();
}
