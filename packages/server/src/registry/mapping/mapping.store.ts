import type { Kysely } from 'kysely';
import type { Schema } from '../../store/schema.ts';

/** All that a mapping in the realm could mean: participants with their clients. */
export async function listNamed(db: Kysely<Schema>, realm: string) {
  return db
    .selectFrom('participant')
    .leftJoin('client', (join) =>
      join.onRef('client.realm', '=', 'participant.realm').onRef('client.participant_id', '=', 'participant.id'),
    )
    .select(['participant.id', 'participant.status', 'participant.base_url', 'client.id as client_id'])
    .where('participant.realm', '=', realm)
    .execute();
}

export async function hasLeavers(db: Kysely<Schema>, realm: string): Promise<boolean> {
  const row = await db
    .selectFrom('participant')
    .select('id')
    .where('realm', '=', realm)
    .where('status', '=', 'OFFBOARDED')
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Removes the participant from every product network. Returns the networks' ids. */
export async function deleteMemberships(db: Kysely<Schema>, realm: string, participantId: string): Promise<string[]> {
  const rows = await db
    .deleteFrom('product_network_participant')
    .where('realm', '=', realm)
    .where('participant_id', '=', participantId)
    .returning('network_id')
    .execute();
  return rows.map((row) => row.network_id).sort();
}

export type DocumentTable = 'lender_network_filter' | 'server_whitelisting_item';

export async function listDocuments(db: Kysely<Schema>, table: DocumentTable, realm: string) {
  return db.selectFrom(table).select(['id', 'document']).where('realm', '=', realm).execute();
}

export async function deleteDocument(db: Kysely<Schema>, table: DocumentTable, realm: string, id: string) {
  await db.deleteFrom(table).where('realm', '=', realm).where('id', '=', id).execute();
}

export async function updateDocument(
  db: Kysely<Schema>,
  table: DocumentTable,
  { realm, id, document }: { readonly realm: string; readonly id: string; readonly document: string },
): Promise<void> {
  await db.updateTable(table).set({ document }).where('realm', '=', realm).where('id', '=', id).execute();
}

/** The participants that may reach any resource. */
export async function listMapped(db: Kysely<Schema>, realm: string) {
  return db
    .selectFrom('participant')
    .select(['id', 'resources'])
    .where('realm', '=', realm)
    .where('resources', '!=', '[]')
    .execute();
}

/** The clients that may request any audience. */
export async function listClientsWithAudiences(db: Kysely<Schema>, realm: string) {
  return db
    .selectFrom('client')
    .select(['id', 'participant_id', 'audiences'])
    .where('realm', '=', realm)
    .where('audiences', '!=', '[]')
    .execute();
}

/** The ids of live clients that belong to no participant. */
export async function listFreeClients(db: Kysely<Schema>, realm: string): Promise<string[]> {
  const rows = await db
    .selectFrom('client')
    .select('id')
    .where('realm', '=', realm)
    .where('participant_id', 'is', null)
    .where('ended_at', 'is', null)
    .execute();
  return rows.map((row) => row.id);
}
