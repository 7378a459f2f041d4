import type { Kysely } from 'kysely';
import type { Schema } from '../store/schema.ts';

export async function isListed(db: Kysely<Schema>, digests: readonly string[]): Promise<boolean> {
  const found = await db
    .selectFrom('blocked_password')
    .select('sha1')
    .where('sha1', 'in', [...digests])
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** Adds the missing digests and returns their number. */
export async function insertListed(db: Kysely<Schema>, digests: readonly string[]): Promise<number> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('blocked_password')
    .values(digests.map((sha1) => ({ sha1 })))
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  return Number(numInsertedOrUpdatedRows ?? 0);
}
