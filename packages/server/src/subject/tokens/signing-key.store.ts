import type { Kysely } from 'kysely';
import type { Schema, SigningKeyTable } from '../../store/schema.ts';

export async function listSigningKeys(db: Kysely<Schema>, realm: string): Promise<SigningKeyTable[]> {
  return db
    .selectFrom('signing_key')
    .selectAll()
    .where('realm', '=', realm)
    .orderBy('created_at')
    .orderBy('kid')
    .execute();
}

/** The keys of every realm, to seal them anew. */
export async function listAllSigningKeys(db: Kysely<Schema>): Promise<SigningKeyTable[]> {
  return db.selectFrom('signing_key').selectAll().execute();
}

export async function insertSigningKey(db: Kysely<Schema>, row: SigningKeyTable): Promise<void> {
  await db.insertInto('signing_key').values(row).execute();
}

export async function updateSigningKey(
  db: Kysely<Schema>,
  realm: string,
  kid: string,
  change: Partial<SigningKeyTable>,
): Promise<void> {
  await db.updateTable('signing_key').set(change).where('realm', '=', realm).where('kid', '=', kid).execute();
}

export async function deleteSigningKey(db: Kysely<Schema>, realm: string, kid: string): Promise<void> {
  await db.deleteFrom('signing_key').where('realm', '=', realm).where('kid', '=', kid).execute();
}
