import type { Insertable, Kysely, Selectable } from 'kysely';
import type { Schema } from '../../store/schema.ts';
import { inChunks } from '../chunk.ts';

/**
 * A network file is written in bulk, with the same few statements for each kind of entry. A thousand entries take a
 * handful of round trips.
 */
export type EntryTable =
  | 'participant'
  | 'client'
  | 'product'
  | 'product_network'
  | 'lender_network_filter'
  | 'server_whitelisting_item'
  | 'identity_profile'
  | 'password_profile'
  | 'identity'
  | 'credential';

export type EntryRow = { readonly realm: string; readonly id: string } & Readonly<
  Record<string, string | number | null>
>;

/** The rows whose `column` has one of these values, in no order. */
export async function readRows<T extends EntryTable>(
  db: Kysely<Schema>,
  table: T,
  realm: string,
  column: keyof Schema[T] & string,
  values: readonly string[],
): Promise<Selectable<Schema[T]>[]> {
  return inChunks(values, async (some) => {
    const { ref } = db.dynamic;
    const query = db.selectFrom(entries(table)).selectAll().where('realm', '=', realm).where(ref(column), 'in', some);
    return (await query.execute()) as unknown as Selectable<Schema[T]>[];
  });
}

/** The existing ones of these ids. */
export async function readIds(
  db: Kysely<Schema>,
  table: EntryTable,
  realm: string,
  ids: readonly string[],
): Promise<Set<string>> {
  const found = await inChunks(ids, (some) =>
    db.selectFrom(entries(table)).select('id').where('realm', '=', realm).where('id', 'in', some).execute(),
  );
  return new Set(found.map((row) => row.id));
}

/** Every row of the realm, ordered by id. */
export async function listRows<T extends EntryTable>(
  db: Kysely<Schema>,
  table: T,
  realm: string,
): Promise<Selectable<Schema[T]>[]> {
  const rows = await db.selectFrom(entries(table)).selectAll().where('realm', '=', realm).execute();
  // Sorted here, because each database sorts by another collation.
  return (rows as unknown as (Selectable<Schema[T]> & { id: string })[]).sort((a, b) => (a.id < b.id ? -1 : 1));
}

export async function insertRows<T extends EntryTable>(
  db: Kysely<Schema>,
  table: T,
  rows: readonly Insertable<Schema[T]>[],
): Promise<void> {
  await inChunks(rows, async (some) => {
    await db
      .insertInto(entries(table))
      .values(some as never)
      .execute();
    return [];
  });
}

export async function updateRow(
  db: Kysely<Schema>,
  table: EntryTable,
  realm: string,
  id: string,
  change: Readonly<Record<string, string | number | null>>,
): Promise<void> {
  await db
    .updateTable(entries(table))
    .set(change as never)
    .where('realm', '=', realm)
    .where('id', '=', id)
    .execute();
}

export async function deleteRow(db: Kysely<Schema>, table: EntryTable, realm: string, id: string): Promise<void> {
  await db.deleteFrom(entries(table)).where('realm', '=', realm).where('id', '=', id).execute();
}

/** The ids of the networks that have this product. */
export async function listNetworksOfProduct(db: Kysely<Schema>, realm: string, productId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('product_network')
    .select('id')
    .where('realm', '=', realm)
    .where('product_id', '=', productId)
    .execute();
  return rows.map((row) => row.id).sort();
}

export async function removeMembers(db: Kysely<Schema>, realm: string, networkId: string): Promise<void> {
  const members = db.deleteFrom('product_network_participant').where('realm', '=', realm);
  await members.where('network_id', '=', networkId).execute();
}

/** Locks these identities against a disabling until the transaction ends. Returns the disabled ones. */
export async function lockIdentities(
  db: Kysely<Schema>,
  realm: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await inChunks(ids, (some) =>
    db
      .updateTable('identity')
      .set((row) => ({ updated_at: row.ref('updated_at') }))
      .where('realm', '=', realm)
      .where('id', 'in', some)
      .returning(['id', 'disabled_at', 'remove_at'])
      .execute(),
  );
  const isShut = ({ disabled_at, remove_at }: (typeof rows)[number]) => disabled_at !== null || remove_at !== null;
  return new Set(rows.filter(isShut).map(({ id }) => id));
}

/** Members by network, each list ordered by id. */
export async function readMembers(
  db: Kysely<Schema>,
  realm: string,
  networkIds: readonly string[],
): Promise<Map<string, string[]>> {
  const rows = await inChunks(networkIds, (some) =>
    db
      .selectFrom('product_network_participant')
      .selectAll()
      .where('realm', '=', realm)
      .where('network_id', 'in', some)
      .execute(),
  );
  const members = new Map<string, string[]>();
  for (const row of rows) {
    const known = members.get(row.network_id);
    if (known === undefined) members.set(row.network_id, [row.participant_id]);
    else known.push(row.participant_id);
  }
  for (const list of members.values()) list.sort();
  return members;
}

export async function replaceMembers(
  db: Kysely<Schema>,
  realm: string,
  networkId: string,
  change: { readonly removed: readonly string[]; readonly added: readonly string[] },
): Promise<void> {
  await inChunks(change.removed, async (some) => {
    const members = db
      .deleteFrom('product_network_participant')
      .where('realm', '=', realm)
      .where('network_id', '=', networkId);
    await members.where('participant_id', 'in', some).execute();
    return [];
  });
  await inChunks(change.added, async (some) => {
    const rows = some.map((participantId) => ({ realm, network_id: networkId, participant_id: participantId }));
    await db.insertInto('product_network_participant').values(rows).execute();
    return [];
  });
}

export async function findRealmRow(db: Kysely<Schema>, name: string) {
  return db.selectFrom('realm').select(['profile', 'settings']).where('name', '=', name).executeTakeFirst();
}

/** Serialises two files that are applied at once: this row stays locked until the transaction ends. */
export async function lockNetwork(db: Kysely<Schema>, now: number): Promise<void> {
  const value = String(now);
  await db
    .insertInto('meta')
    .values({ name: 'network-applied', value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

/** All these tables have `realm` and `id`. For the query builder one name stands for all. */
function entries(table: EntryTable): 'lender_network_filter' {
  return table as 'lender_network_filter';
}
