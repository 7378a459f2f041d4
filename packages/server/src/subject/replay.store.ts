import type { Kysely } from 'kysely';
import type { Schema } from '../store/schema.ts';

/** False when the row was there already. */
export async function insertUse(db: Kysely<Schema>, row: Schema['used_once']): Promise<boolean> {
  const inserted = await db
    .insertInto('used_once')
    .values(row)
    .onConflict((conflict) => conflict.columns(['realm', 'key']).doNothing())
    .returning('key')
    .executeTakeFirst();
  return inserted !== undefined;
}

export async function deleteExpiredUses(db: Kysely<Schema>, before: number): Promise<void> {
  await db.deleteFrom('used_once').where('expires_at', '<', before).execute();
}
