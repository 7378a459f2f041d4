import type { Kysely } from 'kysely';
import { latestPast } from '../../kernel/clock.ts';
import type { OneTimeCodeTable, Schema } from '../../store/schema.ts';

export async function insertCode(db: Kysely<Schema>, row: OneTimeCodeTable): Promise<void> {
  await db.insertInto('one_time_code').values(row).execute();
}

/** Whoever puts the same row there meanwhile waits until the transaction ends, though nothing is left of it. */
export async function holdCode(db: Kysely<Schema>, row: OneTimeCodeTable): Promise<void> {
  await db
    .insertInto('one_time_code')
    .values(row)
    .onConflict((conflict) => conflict.columns(['realm', 'purpose', 'digest']).doNothing())
    .execute();
  await deleteCodesOf(db, row.realm, [row.purpose], row.owner);
}

export async function findCode(
  db: Kysely<Schema>,
  realm: string,
  purpose: string,
  digest: string,
): Promise<OneTimeCodeTable | undefined> {
  return db
    .selectFrom('one_time_code')
    .selectAll()
    .where('realm', '=', realm)
    .where('purpose', '=', purpose)
    .where('digest', '=', digest)
    .executeTakeFirst();
}

/** Undefined if this owner has no such valid code, or if another use came first. */
export async function takeCode(
  db: Kysely<Schema>,
  code: Pick<OneTimeCodeTable, 'realm' | 'purpose' | 'digest' | 'owner'>,
  now: number,
): Promise<Pick<OneTimeCodeTable, 'proves'> | undefined> {
  return db
    .deleteFrom('one_time_code')
    .where('realm', '=', code.realm)
    .where('purpose', '=', code.purpose)
    .where('digest', '=', code.digest)
    .where('owner', '=', code.owner)
    .where('expires_at', '>', now)
    .where('created_at', '<=', latestPast(now))
    .returning('proves')
    .executeTakeFirst();
}

export async function countCodesOf(
  db: Kysely<Schema>,
  realm: string,
  purpose: string,
  owner: string,
  now: number,
): Promise<number> {
  const rows = await db
    .selectFrom('one_time_code')
    .select('digest')
    .where('realm', '=', realm)
    .where('purpose', '=', purpose)
    .where('owner', '=', owner)
    .where('expires_at', '>', now)
    .where('created_at', '<=', latestPast(now))
    .execute();
  return rows.length;
}

export async function deleteCodesOf(
  db: Kysely<Schema>,
  realm: string,
  purposes: readonly string[],
  owner: string,
): Promise<void> {
  await db
    .deleteFrom('one_time_code')
    .where('realm', '=', realm)
    .where('purpose', 'in', purposes)
    .where('owner', '=', owner)
    .execute();
}

export async function deleteExpiredCodes(db: Kysely<Schema>, before: number): Promise<void> {
  await db.deleteFrom('one_time_code').where('expires_at', '<', before).execute();
}

export async function listCodesOf(db: Kysely<Schema>, realm: string, owner: string): Promise<OneTimeCodeTable[]> {
  return db
    .selectFrom('one_time_code')
    .selectAll()
    .where('realm', '=', realm)
    .where('owner', '=', owner)
    .orderBy('created_at')
    .execute();
}
