import type { Insertable, Kysely } from 'kysely';
import type { IdentityTable, Schema } from '../../store/schema.ts';

type ProfileTable = Schema['identity_profile'];

export async function findIdentityProfile(
  db: Kysely<Schema>,
  realm: string,
  id: string,
): Promise<ProfileTable | undefined> {
  return db
    .selectFrom('identity_profile')
    .selectAll()
    .where('realm', '=', realm)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function listIdentityProfiles(
  db: Kysely<Schema>,
  realm: string,
  after: string,
  limit: number,
): Promise<ProfileTable[]> {
  return db
    .selectFrom('identity_profile')
    .selectAll()
    .where('realm', '=', realm)
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
    .execute();
}

export async function insertIdentityProfile(db: Kysely<Schema>, row: Insertable<ProfileTable>): Promise<void> {
  await db.insertInto('identity_profile').values(row).execute();
}

export async function findIdentity(db: Kysely<Schema>, realm: string, id: string): Promise<IdentityTable | undefined> {
  return db.selectFrom('identity').selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

export async function listIdentities(
  db: Kysely<Schema>,
  realm: string,
  profileId: string | undefined,
  after: string,
  limit: number,
): Promise<IdentityTable[]> {
  const all = db
    .selectFrom('identity')
    .selectAll()
    .where('realm', '=', realm)
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit);
  return (profileId === undefined ? all : all.where('profile_id', '=', profileId)).execute();
}

export async function insertIdentity(db: Kysely<Schema>, row: Insertable<IdentityTable>): Promise<void> {
  await db.insertInto('identity').values(row).execute();
}

export async function updateIdentity(
  db: Kysely<Schema>,
  realm: string,
  id: string,
  change: Partial<IdentityTable>,
): Promise<void> {
  await db.updateTable('identity').set(change).where('realm', '=', realm).where('id', '=', id).execute();
}

/** Locks the row, then reads it. */
export async function touchIdentity(db: Kysely<Schema>, realm: string, id: string): Promise<IdentityTable | undefined> {
  return db
    .updateTable('identity')
    .set((row) => ({ updated_at: row.ref('updated_at') }))
    .where('realm', '=', realm)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
}
