import type { Kysely } from 'kysely';
import type { Schema } from '../../store/schema.ts';

type RevocationRow = Schema['revocation'];

export async function upsertRevocation(db: Kysely<Schema>, row: RevocationRow): Promise<void> {
  const { generation, seq, at, expires_at } = row;
  await db
    .insertInto('revocation')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['realm', 'kind', 'key']).doUpdateSet({ generation, seq, at, expires_at }),
    )
    .execute();
}

export async function findTokenRevocation(db: Kysely<Schema>, realm: string, jti: string): Promise<boolean> {
  const row = await db
    .selectFrom('revocation')
    .select('seq')
    .where('realm', '=', realm)
    .where('kind', '=', 'token')
    .where('key', '=', jti)
    .executeTakeFirst();
  return row !== undefined;
}

export async function findAnyRevocation(db: Kysely<Schema>, realm: string, ids: readonly string[]): Promise<boolean> {
  const row = await db
    .selectFrom('revocation')
    .select('seq')
    .where('realm', '=', realm)
    .where('kind', 'in', ['token', 'capability'])
    .where('key', 'in', ids)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Revocations of a realm after `seq` that still matter, in commit order; capabilities only since `capabilitiesSince`. */
export async function listRevocations(
  db: Kysely<Schema>,
  realm: string,
  {
    after,
    now,
    capabilitiesSince,
  }: { readonly after: number; readonly now: number; readonly capabilitiesSince: number },
): Promise<RevocationRow[]> {
  return db
    .selectFrom('revocation')
    .selectAll()
    .where('realm', '=', realm)
    .where('seq', '>', after)
    .where('expires_at', '>', now)
    .where(({ eb, or }) => or([eb('kind', '!=', 'capability'), eb('at', '>', capabilitiesSince)]))
    .orderBy('seq')
    .execute();
}

export async function deleteExpiredRevocations(db: Kysely<Schema>, now: number): Promise<void> {
  await db.deleteFrom('revocation').where('expires_at', '<', now).execute();
}
