import type { Kysely } from 'kysely';
import type { PasswordTable, Schema } from '../store/schema.ts';

type ProfileRow = Schema['password_profile'];

export async function findProfile(db: Kysely<Schema>, realm: string, id: string): Promise<ProfileRow | undefined> {
  return db
    .selectFrom('password_profile')
    .selectAll()
    .where('realm', '=', realm)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** False if there is one already. */
export async function insertProfile(db: Kysely<Schema>, row: ProfileRow): Promise<boolean> {
  const made = await db
    .insertInto('password_profile')
    .values(row)
    .onConflict((conflict) => conflict.columns(['realm', 'id']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return made !== undefined;
}

/** Changes the profile if it is still as it was read. False if another call was faster. */
export async function replaceProfile(
  db: Kysely<Schema>,
  row: ProfileRow,
  config: string,
  updatedAt: number,
): Promise<boolean> {
  const changed = await db
    .updateTable('password_profile')
    .set({ config, updated_at: updatedAt })
    .where('realm', '=', row.realm)
    .where('id', '=', row.id)
    .where('config', '=', row.config)
    .returning('id')
    .executeTakeFirst();
  return changed !== undefined;
}

/** The newest version: the only one that can be used. */
export async function newestPassword(
  db: Kysely<Schema>,
  realm: string,
  credentialId: string,
): Promise<PasswordTable | undefined> {
  return db
    .selectFrom('password')
    .selectAll()
    .where('realm', '=', realm)
    .where('credential_id', '=', credentialId)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export async function findPassword(
  db: Kysely<Schema>,
  realm: string,
  credentialId: string,
  version: number,
): Promise<PasswordTable | undefined> {
  return db
    .selectFrom('password')
    .selectAll()
    .where('realm', '=', realm)
    .where('credential_id', '=', credentialId)
    .where('version', '=', version)
    .executeTakeFirst();
}

/** The stored hashes of the versions up to `version`, newest first. */
export async function latestHashes(
  db: Kysely<Schema>,
  realm: string,
  credentialId: string,
  version: number,
  limit: number,
): Promise<string[]> {
  const rows = await db
    .selectFrom('password')
    .select('hash')
    .where('realm', '=', realm)
    .where('credential_id', '=', credentialId)
    .where('version', '<=', version)
    .orderBy('version', 'desc')
    .limit(limit)
    .execute();
  return rows.flatMap(({ hash }) => (hash === null ? [] : [hash]));
}

/** False if this version exists already: the primary key has decided a race. */
export async function insertPassword(db: Kysely<Schema>, row: PasswordTable): Promise<boolean> {
  const made = await db
    .insertInto('password')
    .values(row)
    .onConflict((conflict) => conflict.columns(['realm', 'credential_id', 'version']).doNothing())
    .returning('version')
    .executeTakeFirst();
  return made !== undefined;
}

export async function changePassword(
  db: Kysely<Schema>,
  { realm, credential_id, version }: Pick<PasswordTable, 'realm' | 'credential_id' | 'version'>,
  change: Partial<Pick<PasswordTable, 'expired_at' | 'compromised_at'>>,
): Promise<void> {
  await db
    .updateTable('password')
    .set(change)
    .where('realm', '=', realm)
    .where('credential_id', '=', credential_id)
    .where('version', '=', version)
    .execute();
}

/** Stores the same password under another hash, unless it was changed meanwhile. */
export async function replaceHash(db: Kysely<Schema>, row: PasswordTable, hash: string): Promise<void> {
  await db
    .updateTable('password')
    .set({ hash })
    .where('realm', '=', row.realm)
    .where('credential_id', '=', row.credential_id)
    .where('version', '=', row.version)
    .where('hash', '=', row.hash)
    .execute();
}

/** Deletes hashes that neither a login nor the history needs any more. */
export async function forgetHashes(
  db: Kysely<Schema>,
  realm: string,
  credentialId: string,
  before: number,
): Promise<void> {
  await db
    .updateTable('password')
    .set({ hash: null })
    .where('realm', '=', realm)
    .where('credential_id', '=', credentialId)
    .where('version', '<', before)
    .where('hash', 'is not', null)
    .execute();
}

/** Every version, oldest first. */
export async function listPasswords(db: Kysely<Schema>, realm: string, credentialId: string): Promise<PasswordTable[]> {
  return db
    .selectFrom('password')
    .selectAll()
    .where('realm', '=', realm)
    .where('credential_id', '=', credentialId)
    .orderBy('version')
    .execute();
}
