import type { Kysely } from 'kysely';
import type { AudienceOwnerTable, Schema } from '../store/schema.ts';
import { inChunks } from './chunk.ts';

export type AudienceOwnerRow = Readonly<AudienceOwnerTable>;

/** Claims the names. A name that is taken keeps its owner. Returns the present owners of all names. */
export async function claimNames(
  db: Kysely<Schema>,
  realm: string,
  claims: readonly AudienceOwnerRow[],
): Promise<AudienceOwnerRow[]> {
  await inChunks(claims, async (rows) => {
    await db
      .insertInto('audience_owner')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    return [];
  });
  return inChunks(
    claims.map((claim) => claim.name),
    (some) =>
      db.selectFrom('audience_owner').selectAll().where('realm', '=', realm).where('name', 'in', some).execute(),
  );
}

export async function findOwner(db: Kysely<Schema>, realm: string, name: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('audience_owner')
    .select('owner')
    .where('realm', '=', realm)
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.owner;
}

export async function deleteName(db: Kysely<Schema>, { realm, name, owner }: AudienceOwnerRow): Promise<void> {
  await db
    .deleteFrom('audience_owner')
    .where('realm', '=', realm)
    .where('name', '=', name)
    .where('owner', '=', owner)
    .execute();
}

/** The base URLs of an organisation's participants, without offboarded ones. */
export async function listBaseUrls(db: Kysely<Schema>, realm: string, organisationId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('participant')
    .select('base_url')
    .where('realm', '=', realm)
    .where('organisation_id', '=', organisationId)
    .where('status', '!=', 'OFFBOARDED')
    .where('base_url', 'is not', null)
    .execute();
  return rows.map((row) => row.base_url as string);
}
