import type { Kysely } from 'kysely';
import type { Schema } from '../../store/schema.ts';

/** Returns the rows that were new. */
export async function insertUses(
  db: Kysely<Schema>,
  rows: readonly Schema['used_once'][],
): Promise<Pick<Schema['used_once'], 'realm' | 'key'>[]> {
  return db
    .insertInto('used_once')
    .values(rows)
    .onConflict((conflict) => conflict.columns(['realm', 'key']).doNothing())
    .returning(['realm', 'key'])
    .execute();
}

export async function deleteExpiredUses(db: Kysely<Schema>, before: number): Promise<void> {
  await db.deleteFrom('used_once').where('expires_at', '<', before).execute();
}
