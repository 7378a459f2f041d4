import type { Writing } from '../../store/write.ts';
import { type ProfileName, type SettingsOverrides, saveRealm } from '../../subject/realm.ts';
import { renewSubject } from '../../subject/subject.ts';
import { findClient, findClientOfParticipant, lockClient } from '../client.store.ts';
import { changeClient } from '../client.ts';
import { findRealmRow } from '../network-file/network.store.ts';
import { findParticipant, lockParticipant } from '../participant.store.ts';
import { changeParticipant, type ResourceMapping } from '../participant.ts';
import { withoutLeavers } from './document.ts';
import { type Leavers, readLeavers } from './leaver.ts';
import {
  type DocumentTable,
  deleteDocument,
  deleteMemberships,
  listClientsWithAudiences,
  listDocuments,
  listMapped,
  updateDocument,
} from './mapping.store.ts';

/** What named the leaver and does so no longer: ids, for the event. */
export interface RemovedMappings {
  readonly productNetworks: readonly string[];
  readonly lenderNetworkFilters: readonly string[];
  readonly serverWhitelistingItems: readonly string[];
  /** Participants that had it among their resources. */
  readonly participants: readonly string[];
  /** Clients that had it among their audiences. */
  readonly clients: readonly string[];
}

/**
 * Removes everything that lets offboarded participants do or receive something. Runs in the transaction of the
 * offboarding, after the new status is written, with the network and the realm locked (`lockMappings`).
 *
 * 1. Memberships in product networks; whitelisting items and lender network filters, which are deleted if they belong to
 *    the leaver and otherwise lose its name.
 * 2. Resources of other participants, and audiences of clients, that name it. Their tokens die, because those still
 *    carry the right.
 * 3. The realm's default audience, which becomes the issuer again.
 */
export async function removeMappings(tx: Writing, realm: string, leaver: string): Promise<RemovedMappings> {
  const leavers = await readLeavers(tx, realm);
  const removed = {
    productNetworks: await deleteMemberships(tx.db, realm, leaver),
    lenderNetworkFilters: await removeFromDocuments(tx, 'lender_network_filter', realm, leavers),
    serverWhitelistingItems: await removeFromDocuments(tx, 'server_whitelisting_item', realm, leavers),
    participants: await removeFromResources(tx, realm, leavers),
    clients: await removeFromAudiences(tx, realm, leavers),
  };
  await resetDefaultAudience(tx, realm, leavers);
  return removed;
}

/** Returns the ids of the documents that were deleted or changed. */
async function removeFromDocuments(tx: Writing, table: DocumentTable, realm: string, leavers: Leavers) {
  const touched: string[] = [];
  for (const { id, document } of await listDocuments(tx.db, table, realm)) {
    const before = JSON.parse(document) as object;
    const after = withoutLeavers(before, leavers);
    if (after === before) continue;
    touched.push(id);
    if (after === undefined) await deleteDocument(tx.db, table, realm, id);
    else await updateDocument(tx.db, table, { realm, id, document: JSON.stringify(after) });
    const change = { before, ...(after === undefined ? {} : { after }) };
    const type = after === undefined ? `${table}.deleted` : `${table}.changed`;
    await tx.record({ realm, type, object: `${table}:${id}`, ...change });
  }
  return touched.sort();
}

async function removeFromResources(tx: Writing, realm: string, leavers: Leavers): Promise<readonly string[]> {
  const keep = (json: string) =>
    (JSON.parse(json) as ResourceMapping[]).filter(({ resource }) => !leavers.isMeant(resource));
  const naming = (await listMapped(tx.db, realm))
    .filter(({ resources }) => JSON.stringify(keep(resources)) !== resources)
    .map(({ id }) => id)
    // In one order everywhere, so that two offboardings at once cannot deadlock.
    .sort();
  for (const id of naming) {
    await lockParticipant(tx.db, realm, id);
    const row = await findParticipant(tx.db, realm, id);
    if (row === undefined) continue;
    const client = await findClientOfParticipant(tx.db, realm, id);
    const [before, after] = [JSON.parse(row.resources) as ResourceMapping[], keep(row.resources)];
    await changeParticipant(tx, row, client?.id ?? null, { resources: JSON.stringify(after) });
    if (client !== undefined) await renewSubject(tx, realm, client.subject_id);
    const change = { before: { resources: before }, after: { resources: after } };
    await tx.record({ realm, type: 'participant.changed', object: `participant:${id}`, ...change });
  }
  return naming;
}

async function removeFromAudiences(tx: Writing, realm: string, leavers: Leavers): Promise<readonly string[]> {
  const keep = (json: string) => (JSON.parse(json) as string[]).filter((audience) => !leavers.isMeant(audience));
  const naming = (await listClientsWithAudiences(tx.db, realm))
    .filter(({ audiences }) => JSON.stringify(keep(audiences)) !== audiences)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const { id } of naming) {
    await lockClient(tx.db, realm, id);
    const row = await findClient(tx.db, realm, id);
    if (row === undefined) continue;
    const [before, after] = [JSON.parse(row.audiences) as string[], keep(row.audiences)];
    await changeClient(tx, row, { audiences: JSON.stringify(after) });
    await renewSubject(tx, realm, row.subject_id);
    const change = { before: { audiences: before }, after: { audiences: after } };
    await tx.record({ realm, type: 'client.changed', object: `client:${id}`, ...change });
  }
  return naming.map(({ id }) => id);
}

async function resetDefaultAudience(tx: Writing, realm: string, leavers: Leavers): Promise<void> {
  const row = await findRealmRow(tx.db, realm);
  const settings = JSON.parse(row?.settings ?? '{}') as SettingsOverrides;
  const { defaultAudience, ...others } = settings;
  if (row === undefined || typeof defaultAudience !== 'string' || !leavers.isMeant(defaultAudience)) return;
  await saveRealm(tx, realm, row.profile as ProfileName, others);
  const change = { before: { settings }, after: { settings: others } };
  await tx.record({ realm, type: 'realm.changed', object: `realm:${realm}`, ...change });
}
