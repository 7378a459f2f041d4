import type { Kysely } from 'kysely';
import type { Schema } from '../../store/schema.ts';

interface Due {
  readonly realm: string;
  readonly id: string;
}

export async function dueIdentities(db: Kysely<Schema>, now: number, limit: number): Promise<Due[]> {
  return db
    .selectFrom('identity')
    .select(['realm', 'id'])
    .where('remove_at', '<=', now)
    .orderBy('remove_at')
    .limit(limit)
    .execute();
}

export async function dueCredentials(
  db: Kysely<Schema>,
  now: number,
  limit: number,
): Promise<(Due & { readonly identity_id: string })[]> {
  return db
    .selectFrom('credential')
    .select(['realm', 'id', 'identity_id'])
    .where('remove_at', '<=', now)
    .orderBy('remove_at')
    .limit(limit)
    .execute();
}

export async function credentialIdsOf(
  db: Kysely<Schema>,
  realm: string,
  identityId: string,
  limit: number,
): Promise<string[]> {
  const rows = await db
    .selectFrom('credential')
    .select('id')
    .where('realm', '=', realm)
    .where('identity_id', '=', identityId)
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** The credential, its passwords and its second factors. */
export async function deleteCredentialRows(db: Kysely<Schema>, realm: string, id: string): Promise<void> {
  for (const table of ['password', 'factor'] as const) {
    await db.deleteFrom(table).where('realm', '=', realm).where('credential_id', '=', id).execute();
  }
  await db.deleteFrom('credential').where('realm', '=', realm).where('id', '=', id).execute();
}

export async function deleteIdentityRow(db: Kysely<Schema>, realm: string, id: string): Promise<void> {
  await db.deleteFrom('identity').where('realm', '=', realm).where('id', '=', id).execute();
}
