import type { Kysely } from 'kysely';
import type { RealmTable, Schema } from '../store/schema.ts';

export async function findRealm(db: Kysely<Schema>, name: string): Promise<RealmTable | undefined> {
  return db.selectFrom('realm').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function listRealmNames(db: Kysely<Schema>): Promise<string[]> {
  const rows = await db.selectFrom('realm').select('name').orderBy('name').execute();
  return rows.map((row) => row.name);
}

/** False if the realm exists already. */
export async function insertRealm(db: Kysely<Schema>, row: RealmTable): Promise<boolean> {
  const inserted = await db
    .insertInto('realm')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('name')
    .executeTakeFirst();
  return inserted !== undefined;
}

export async function updateRealm(db: Kysely<Schema>, name: string, change: Partial<RealmTable>): Promise<void> {
  await db.updateTable('realm').set(change).where('name', '=', name).execute();
}

/** Locks the row. False if the realm is unknown. */
export async function touchRealm(db: Kysely<Schema>, name: string): Promise<boolean> {
  const rows = await db
    .updateTable('realm')
    .set((e) => ({ updated_at: e.ref('updated_at') }))
    .where('name', '=', name)
    .returning('name')
    .execute();
  return rows.length === 1;
}
