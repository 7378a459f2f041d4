import { type Insertable, type Kysely, sql } from 'kysely';
import type { FactorTable, Schema } from '../../store/schema.ts';

type Kind = FactorTable['kind'];
type FactorKey = Pick<FactorTable, 'realm' | 'credential_id' | 'id'>;

/** The kinds of the credential's confirmed second factors. */
export async function confirmedKinds(db: Kysely<Schema>, realm: string, credentialId: string): Promise<Kind[]> {
  const rows = await db
    .selectFrom('factor')
    .select('kind')
    .distinct()
    .where('realm', '=', realm)
    .where('credential_id', '=', credentialId)
    .where('confirmed_at', 'is not', null)
    .orderBy('kind')
    .execute();
  return rows.map(({ kind }) => kind);
}

export type FactorRow = Omit<FactorTable, 'version' | 'passkey'> & { readonly version: number };

/** The confirmed factors of a credential, oldest first. */
export async function listConfirmed(db: Kysely<Schema>, realm: string, credentialId: string): Promise<FactorRow[]> {
  return db
    .selectFrom('factor')
    .selectAll()
    .where('realm', '=', realm)
    .where('credential_id', '=', credentialId)
    .where('confirmed_at', 'is not', null)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

/** The newest factor of this kind that is not confirmed yet. */
export async function findPending(
  db: Kysely<Schema>,
  realm: string,
  credentialId: string,
  kind: Kind,
): Promise<FactorRow | undefined> {
  return db
    .selectFrom('factor')
    .selectAll()
    .where('realm', '=', realm)
    .where('credential_id', '=', credentialId)
    .where('kind', '=', kind)
    .where('confirmed_at', 'is', null)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export async function insertFactor(db: Kysely<Schema>, row: Insertable<FactorTable>): Promise<void> {
  await db.insertInto('factor').values(row).execute();
}

/** Changes the factor if it is still as it was read. False if another call has used, changed or removed it. */
export async function changeFactor(
  db: Kysely<Schema>,
  row: FactorRow,
  change: Partial<Pick<FactorTable, 'state' | 'created_at' | 'confirmed_at' | 'used_at'>>,
): Promise<boolean> {
  const changed = await db
    .updateTable('factor')
    .set({ ...change, version: row.version + 1 })
    .where('realm', '=', row.realm)
    .where('credential_id', '=', row.credential_id)
    .where('id', '=', row.id)
    .where('version', '=', row.version)
    .returning('id')
    .executeTakeFirst();
  return changed !== undefined;
}

export async function deleteFactor(db: Kysely<Schema>, { realm, credential_id, id }: FactorKey): Promise<void> {
  await db
    .deleteFrom('factor')
    .where('realm', '=', realm)
    .where('credential_id', '=', credential_id)
    .where('id', '=', id)
    .execute();
}

/** Passkeys from a release that did not write their ids down. There is an index for exactly this condition. */
export async function listUnnamedPasskeys(
  db: Kysely<Schema>,
  limit: number,
): Promise<(FactorKey & Pick<FactorTable, 'state'>)[]> {
  return db
    .selectFrom('factor')
    .select(['realm', 'credential_id', 'id', 'state'])
    .where('kind', '=', sql.lit('passkey' as const))
    .where('passkey', 'is', null)
    .limit(limit)
    .execute();
}

export async function namePasskey(db: Kysely<Schema>, key: FactorKey, passkey: string): Promise<void> {
  await db
    .updateTable('factor')
    .set({ passkey })
    .where('realm', '=', key.realm)
    .where('credential_id', '=', key.credential_id)
    .where('id', '=', key.id)
    .where('passkey', 'is', null)
    .execute();
}

export async function deletePending(
  db: Kysely<Schema>,
  realm: string,
  credentialId: string,
  kind: Kind,
): Promise<void> {
  await db
    .deleteFrom('factor')
    .where('realm', '=', realm)
    .where('credential_id', '=', credentialId)
    .where('kind', '=', kind)
    .where('confirmed_at', 'is', null)
    .execute();
}

export async function deleteFactorsOf(db: Kysely<Schema>, realm: string, credentialId: string): Promise<void> {
  await db.deleteFrom('factor').where('realm', '=', realm).where('credential_id', '=', credentialId).execute();
}

export async function listSealedFactors(db: Kysely<Schema>): Promise<(FactorKey & Pick<FactorTable, 'sealed'>)[]> {
  return db
    .selectFrom('factor')
    .select(['realm', 'credential_id', 'id', 'sealed'])
    .where('sealed', 'is not', null)
    .execute();
}

export async function updateSealedFactor(
  db: Kysely<Schema>,
  { realm, credential_id, id }: FactorKey,
  sealed: string,
): Promise<void> {
  await db
    .updateTable('factor')
    .set({ sealed })
    .where('realm', '=', realm)
    .where('credential_id', '=', credential_id)
    .where('id', '=', id)
    .execute();
}
