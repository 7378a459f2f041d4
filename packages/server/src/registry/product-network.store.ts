import type { Kysely, Selectable } from 'kysely';
import type { Schema } from '../store/schema.ts';

type ProductRow = Selectable<Schema['product']>;

export async function findProduct(db: Kysely<Schema>, realm: string, id: string): Promise<ProductRow | undefined> {
  return db.selectFrom('product').selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

/** The ids of the members. Undefined if the network is unknown. */
export async function findMembers(db: Kysely<Schema>, realm: string, networkId: string): Promise<string[] | undefined> {
  const rows = await db
    .selectFrom('product_network')
    .leftJoin('product_network_participant as member', (join) =>
      join.onRef('member.realm', '=', 'product_network.realm').onRef('member.network_id', '=', 'product_network.id'),
    )
    .select('member.participant_id')
    .where('product_network.realm', '=', realm)
    .where('product_network.id', '=', networkId)
    .execute();
  return rows.length === 0 ? undefined : rows.flatMap((row) => row.participant_id ?? []);
}

/** A document that is given out exactly as it came in. */
export async function findDocument(
  db: Kysely<Schema>,
  table: 'lender_network_filter' | 'server_whitelisting_item',
  realm: string,
  id: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom(table)
    .select('document')
    .where('realm', '=', realm)
    .where('id', '=', id)
    .executeTakeFirst();
  return row?.document;
}

export async function listItemsOf(db: Kysely<Schema>, realm: string, participantId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('server_whitelisting_item')
    .select(['id', 'document'])
    .where('realm', '=', realm)
    .where('participant_id', '=', participantId)
    .execute();
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1)).map((row) => row.document);
}
