import type { Kysely, Selectable } from 'kysely';
import type { Schema } from '../store/schema.ts';

/** The tables of the entries that an administrator may delete. All have `realm` and `id`. */
export type NetworkTable = 'product' | 'product_network' | 'lender_network_filter' | 'server_whitelisting_item';

type Row = Selectable<Schema[NetworkTable]>;

export async function findEntry(
  db: Kysely<Schema>,
  table: NetworkTable,
  realm: string,
  id: string,
): Promise<Row | undefined> {
  return db.selectFrom(table).selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

/** One page, ordered by id. */
export async function listEntries(
  db: Kysely<Schema>,
  table: NetworkTable,
  realm: string,
  after: string,
  limit: number,
): Promise<Row[]> {
  const query = db
    .selectFrom(table as 'product')
    .selectAll()
    .where('realm', '=', realm)
    .where('id', '>', after);
  return query.orderBy('id').limit(limit).execute();
}

/** One page of the networks that the participant is a member of. */
export async function listNetworksOf(
  db: Kysely<Schema>,
  realm: string,
  participantId: string,
  after: string,
  limit: number,
): Promise<Row[]> {
  return db
    .selectFrom('product_network')
    .selectAll()
    .where('realm', '=', realm)
    .where('id', '>', after)
    .where('id', 'in', (e) =>
      e
        .selectFrom('product_network_participant')
        .select('network_id')
        .where('realm', '=', realm)
        .where('participant_id', '=', participantId),
    )
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** One page of the whitelisting items of the participant and of those who share a network with it. */
export async function listItemsAround(
  db: Kysely<Schema>,
  realm: string,
  participantId: string,
  after: string,
  limit: number,
): Promise<Row[]> {
  return db
    .selectFrom('server_whitelisting_item')
    .selectAll()
    .where('realm', '=', realm)
    .where('id', '>', after)
    .where((e) =>
      e.or([
        e('participant_id', '=', participantId),
        e(
          'participant_id',
          'in',
          e
            .selectFrom('product_network_participant as own')
            .innerJoin('product_network_participant as other', (join) =>
              join.onRef('other.realm', '=', 'own.realm').onRef('other.network_id', '=', 'own.network_id'),
            )
            .select('other.participant_id')
            .where('own.realm', '=', realm)
            .where('own.participant_id', '=', participantId),
        ),
      ]),
    )
    .orderBy('id')
    .limit(limit)
    .execute();
}

export async function listOwnNetworkIds(db: Kysely<Schema>, realm: string, participantId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('product_network_participant')
    .select('network_id')
    .where('realm', '=', realm)
    .where('participant_id', '=', participantId)
    .execute();
  return rows.map((row) => row.network_id);
}
