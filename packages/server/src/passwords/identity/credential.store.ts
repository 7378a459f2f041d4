import type { Insertable, Kysely } from 'kysely';
import type { CredentialTable, Schema } from '../../store/schema.ts';

/** A credential with the members of its identity. */
export type CredentialRow = NonNullable<Awaited<ReturnType<typeof findCredential>>>;

export async function findCredential(db: Kysely<Schema>, realm: string, id: string) {
  return credentials(db, realm).where('credential.id', '=', id).executeTakeFirst();
}

export async function findCredentialByCode(db: Kysely<Schema>, realm: string, code: string) {
  return credentials(db, realm).where('credential.code', '=', code).executeTakeFirst();
}

/** Those with a password and this verified address, by id. */
export async function findCredentialsByAddress(db: Kysely<Schema>, realm: string, key: string, limit: number) {
  return credentials(db, realm)
    .where('credential.verified_email', '=', key)
    .where((e) =>
      e.exists(
        e
          .selectFrom('password')
          .select('password.version')
          .whereRef('password.realm', '=', 'credential.realm')
          .whereRef('password.credential_id', '=', 'credential.id'),
      ),
    )
    .orderBy('credential.id')
    .limit(limit)
    .execute();
}

/** Ordered by id, of one identity or of all. */
export async function listCredentials(
  db: Kysely<Schema>,
  realm: string,
  identityId: string | undefined,
  after: string,
  limit: number,
) {
  const all = credentials(db, realm).where('credential.id', '>', after).orderBy('credential.id').limit(limit);
  return (identityId === undefined ? all : all.where('credential.identity_id', '=', identityId)).execute();
}

/** The credentials of an identity that are neither disabled nor deleted themselves. */
export async function enabledCredentialIds(db: Kysely<Schema>, realm: string, identityId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('credential')
    .select('id')
    .where('realm', '=', realm)
    .where('identity_id', '=', identityId)
    .where('disabled_at', 'is', null)
    .where('remove_at', 'is', null)
    .execute();
  return rows.map(({ id }) => id);
}

export async function insertCredential(db: Kysely<Schema>, row: Insertable<CredentialTable>): Promise<void> {
  await db.insertInto('credential').values(row).execute();
}

export async function updateCredential(
  db: Kysely<Schema>,
  realm: string,
  id: string,
  change: Partial<CredentialTable>,
): Promise<void> {
  await db.updateTable('credential').set(change).where('realm', '=', realm).where('id', '=', id).execute();
}

function credentials(db: Kysely<Schema>, realm: string) {
  return db
    .selectFrom('credential')
    .innerJoin('identity', (join) =>
      join.onRef('identity.realm', '=', 'credential.realm').onRef('identity.id', '=', 'credential.identity_id'),
    )
    .selectAll('credential')
    .select([
      'identity.profile_id as profile_id',
      'identity.name as identity_name',
      'identity.disabled_at as identity_disabled_at',
      'identity.remove_at as identity_remove_at',
    ])
    .where('credential.realm', '=', realm);
}
