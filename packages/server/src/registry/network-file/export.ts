import type { Selectable } from 'kysely';
import type { Context } from '../../context.ts';
import { isoDate, seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { ClientTable, ParticipantTable } from '../../store/schema.ts';
import type { Writing } from '../../store/write.ts';
import { type ProfileName, realmNames, type SettingsOverrides } from '../../subject/realm.ts';
import { readKeysOf } from '../keys/participant-key.ts';
import type { RegisteredKey } from '../keys/registered-key.ts';
import { entryKinds } from './entries.ts';
import { findRealmRow, listRows, readMembers } from './network.store.ts';
import { fromColumns } from './participant-state.ts';

/** A network file as `applyNetwork` takes it, with dates and without secrets. */
export interface ExportedNetwork {
  readonly realms: readonly ({ readonly name: string } & Readonly<Record<string, unknown>>)[];
}

/**
 * The network as a file. Applied to the same store it changes nothing. Applied to an empty store it makes everything
 * again, except secrets and history. Clients without a participant, applications and signing keys are not part of a
 * network.
 */
export async function exportNetwork(context: Context, realm?: string): Promise<ExportedNetwork> {
  const names = realm === undefined ? await realmNames(context) : [realm];
  // One consistent view of all tables. Otherwise an entry could name another one that the file does not have.
  const transaction = context.store.db.transaction();
  const isolated =
    context.store.dialect === 'postgres' ? transaction.setIsolationLevel('repeatable read') : transaction;
  return isolated.execute(async (db) => {
    const realms = [];
    for (const name of names) realms.push(await exportRealm({ db }, name));
    return { realms };
  });
}

async function exportRealm(tx: Pick<Writing, 'db'>, name: string) {
  const row = await findRealmRow(tx.db, name);
  if (row === undefined) throw new Problem('realm.unknown');
  const sections: Record<string, readonly unknown[]> = { participants: await exportParticipants(tx, name) };
  for (const kind of entryKinds) {
    const rows = (await listRows(tx.db, kind.table, name)).filter(isKept);
    const entries = rows.map((entry) => kind.toEntry(entry));
    sections[kind.section] = kind.section === 'productNetworks' ? await withMembers(tx, name, entries) : entries;
  }
  const filled = Object.entries(sections).filter(([, entries]) => entries.length > 0);
  return {
    name,
    profile: row.profile as ProfileName,
    settings: JSON.parse(row.settings) as SettingsOverrides,
    ...Object.fromEntries(filled),
  };
}

/** What is deleted is not part of the network any more, though it can still be restored. */
function isKept(row: object): boolean {
  return !('remove_at' in row) || row.remove_at === null;
}

async function withMembers({ db }: Pick<Writing, 'db'>, realm: string, networks: readonly { readonly id: string }[]) {
  const members = await readMembers(
    db,
    realm,
    networks.map(({ id }) => id),
  );
  return networks.map((network) => ({ ...network, participants: members.get(network.id) ?? [] }));
}

async function exportParticipants(tx: Pick<Writing, 'db'>, realm: string) {
  const rows = await listRows(tx.db, 'participant', realm);
  const clients = new Map((await listRows(tx.db, 'client', realm)).map((row) => [row.participant_id, row]));
  const keys = await readKeysOf(
    tx,
    realm,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => exportParticipant(row, clients.get(row.id), keys.get(row.id) ?? []));
}

function exportParticipant(
  row: Selectable<ParticipantTable>,
  client: Selectable<ClientTable> | undefined,
  keys: readonly RegisteredKey[],
) {
  const state = fromColumns(row);
  return {
    id: row.id,
    role: state.role,
    status: state.status,
    baseUrl: state.baseUrl,
    signatureForm: state.signatureForm,
    createdOn: isoDate(state.createdAt),
    updatedOn: isoDate(state.updatedAt),
    approvedOn: isoDate(state.approvedAt),
    approvedBy: state.approvedBy,
    participant: { id: state.organisationId, ...state.organisation },
    keys: keys.map(exportKey),
    ...(client === undefined ? {} : { client: exportClient(client) }),
    resources: state.resources,
  };
}

/** A key that was retired before it began was never valid: its end equals its beginning. */
function exportKey({ jwk, notBefore, notAfter }: RegisteredKey) {
  const end = notAfter === null ? {} : { exp: seconds(Math.max(notBefore, notAfter)) };
  return { ...jwk, nbf: seconds(notBefore), ...end };
}

function exportClient({ id, scope, audiences }: Selectable<ClientTable>) {
  return { id, scope, audiences: JSON.parse(audiences) as string[] };
}
