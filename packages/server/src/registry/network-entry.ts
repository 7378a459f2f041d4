import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { type Page, type PageRequest, toPage } from '../kernel/page.ts';
import { Problem } from '../kernel/problem.ts';
import { type Writing, write } from '../store/write.ts';
import {
  findEntry,
  listEntries,
  listItemsAround,
  listNetworksOf,
  listOwnNetworkIds,
  type NetworkTable,
} from './network-entry.store.ts';
import { idOf } from './network-file/documents-schema.ts';
import { entryKinds } from './network-file/entries.ts';
import {
  deleteRow,
  listNetworksOfProduct,
  lockNetwork,
  readMembers,
  removeMembers,
} from './network-file/network.store.ts';

/** A product, product network, lender network filter or whitelisting item, in the form of the network file. */
export interface NetworkEntry {
  readonly id: string;
}

type Row = Awaited<ReturnType<typeof listEntries>>[number];

/** All entries of a kind, for administrators. */
export async function pageOfEntries(
  context: Context,
  table: NetworkTable,
  realm: string,
  { after, limit }: PageRequest,
): Promise<Page<NetworkEntry>> {
  const { db } = context.store;
  return viewed(context, table, realm, toPage(await listEntries(db, table, realm, after, limit + 1), limit, idOfRow));
}

/**
 * The entries of a kind that a participant may see: every product; the networks that it is a member of; filters that it
 * made, of its networks, or of none; the whitelisting items of itself and of the members of its networks. A caller that
 * is no participant sees products only.
 */
export async function pageOfVisibleEntries(
  context: Context,
  table: NetworkTable,
  realm: string,
  participantId: string | undefined,
  { after, limit }: PageRequest,
): Promise<Page<NetworkEntry>> {
  const read = participantId === undefined ? foreign[table] : visible[table];
  const rows = await read(context.store.db, realm, participantId ?? '', after, limit + 1);
  return viewed(context, table, realm, toPage(rows, limit, idOfRow));
}

type ReadVisible = (
  db: Context['store']['db'],
  realm: string,
  participantId: string,
  after: string,
  limit: number,
) => Promise<readonly Row[]>;

const visible: Record<NetworkTable, ReadVisible> = {
  product: (db, realm, _, after, limit) => listEntries(db, 'product', realm, after, limit),
  product_network: listNetworksOf,
  lender_network_filter: visibleFilters,
  server_whitelisting_item: listItemsAround,
};

const none: ReadVisible = async () => [];
const foreign: Record<NetworkTable, ReadVisible> = {
  product: visible.product,
  product_network: none,
  lender_network_filter: none,
  server_whitelisting_item: none,
};

/** A filter names its network and its lender in its document, so each page is read until enough of it may be seen. */
async function visibleFilters(
  db: Context['store']['db'],
  realm: string,
  participantId: string,
  after: string,
  limit: number,
): Promise<readonly Row[]> {
  const networks = new Set(await listOwnNetworkIds(db, realm, participantId));
  const seen: Row[] = [];
  let last: string | undefined = after;
  while (last !== undefined && seen.length < limit) {
    const rows: readonly Row[] = await listEntries(db, 'lender_network_filter', realm, last, limit);
    seen.push(
      ...rows.filter((row) =>
        isVisible(String((row as { readonly document?: string }).document), participantId, networks),
      ),
    );
    last = rows.length < limit ? undefined : rows.at(-1)?.id;
  }
  return seen.slice(0, limit);
}

interface Filter {
  readonly participantId?: Parameters<typeof idOf>[0];
  readonly participantRole?: Parameters<typeof idOf>[0];
  readonly productNetwork?: Parameters<typeof idOf>[0];
}

function isVisible(document: string, participantId: string, networks: ReadonlySet<string>): boolean {
  const filter = JSON.parse(document) as Filter;
  const owner = idOf(filter.participantId) ?? idOf(filter.participantRole);
  const network = idOf(filter.productNetwork);
  if (owner === participantId) return true;
  return network === null ? owner === null : networks.has(network);
}

export async function requireEntry(
  context: Context,
  table: NetworkTable,
  realm: string,
  id: string,
): Promise<NetworkEntry> {
  const row = await findEntry(context.store.db, table, realm, id);
  if (row === undefined) throw new Problem('registry.unknown');
  return (await viewed(context, table, realm, { items: [row] })).items[0] as NetworkEntry;
}

/**
 * Deletes an entry. A product network takes its memberships with it.
 *
 * @throws {Problem} `registry.unknown`, `registry.transition` for a product that a network has
 */
export async function deleteEntry(
  context: Context,
  table: NetworkTable,
  realm: string,
  id: string,
  caller: Caller,
): Promise<void> {
  await write(context, caller, async (tx) => {
    // A file that is applied at the same moment must not lose what it refers to.
    await lockNetwork(tx.db, tx.now);
    const row = await findEntry(tx.db, table, realm, id);
    if (row === undefined) throw new Problem('registry.unknown');
    const [network] = table === 'product' ? await listNetworksOfProduct(tx.db, realm, id) : [];
    if (network !== undefined) {
      throw new Problem('registry.transition', { detail: `The product network ${network} has this product.` });
    }
    const before = await view(tx, table, realm, [row]);
    if (table === 'product_network') await removeMembers(tx.db, realm, id);
    await deleteRow(tx.db, table, realm, id);
    await tx.record({ realm, type: `${table}.deleted`, object: `${table}:${id}`, before: before[0] });
  });
}

async function viewed(context: Context, table: NetworkTable, realm: string, { items, ...rest }: Page<Row>) {
  return { items: await view(context.store, table, realm, items), ...rest };
}

async function view(
  { db }: { readonly db: Writing['db'] | Context['store']['db'] },
  table: NetworkTable,
  realm: string,
  rows: readonly Row[],
): Promise<readonly NetworkEntry[]> {
  const kind = entryKinds.find((one) => one.table === table);
  const entries = rows.map((row) => kind?.toEntry(row as never) as NetworkEntry);
  if (table !== 'product_network') return entries;
  const ids = rows.map(idOfRow);
  const members = await readMembers(db, realm, ids);
  return entries.map((entry) => ({ ...entry, participants: members.get(entry.id) ?? [] }));
}

function idOfRow({ id }: Row): string {
  return id;
}
