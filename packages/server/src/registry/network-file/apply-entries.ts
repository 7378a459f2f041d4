import { realmKey } from '../../kernel/id.ts';
import { tellOwner } from '../../mail/notice.ts';
import { mailAddressOf, type Owner, verifiedEmailAfter } from '../../mail/owner.ts';
import {
  createSubjects,
  credentialSubjectId,
  endedSubjects,
  identitySubjectId,
  renewSubject,
} from '../../subject/subject.ts';
import { inChunks } from '../chunk.ts';
import { type Applying, differences, noteChanged, noteCreated } from './applying.ts';
import { idOf } from './documents-schema.ts';
import { type Entry, type EntryKind, entryKinds } from './entries.ts';
import { withoutMembers } from './leaving.ts';
import {
  type EntryRow,
  type EntryTable,
  insertRows,
  lockIdentities,
  readIds,
  readMembers,
  readRows,
  replaceMembers,
  updateRow,
} from './network.store.ts';
import { invalid } from './refusal.ts';
import { isAbsent, type RealmFile, type Section } from './schema.ts';

/** Writes everything of a realm except its participants, which are written already. */
export async function applyEntries(applying: Applying, file: RealmFile): Promise<void> {
  const removed = await requireNoneOfRemoved(applying, file);
  await requireReferences(applying, file);
  await requireFreeCodes(applying, file, removed);
  await requireSameIdentities(applying, file);
  const reachable = withoutMembers(applying, file);
  for (const kind of entryKinds) await applyKind(applying, kind, reachable, removed);
}

interface Reference {
  readonly from: Section;
  readonly member: string;
  readonly to: Section;
  readonly table: EntryTable;
  readonly ids: (entry: never) => readonly (string | null | undefined)[];
}

/** The members that name entries of another kind. */
const references: readonly Reference[] = [
  reference('productNetworks', 'productId', 'products', 'product', (entry) => [entry.productId]),
  reference('productNetworks', 'participants', 'participants', 'participant', (entry) => entry.participants ?? []),
  reference('lenderNetworkFilters', 'productNetwork', 'productNetworks', 'product_network', (entry) => [
    idOf(entry.productNetwork),
  ]),
  reference('lenderNetworkFilters', 'participantId', 'participants', 'participant', (entry) => [
    idOf(entry.participantId),
  ]),
  reference('lenderNetworkFilters', 'participantRole', 'participants', 'participant', (entry) => [
    idOf(entry.participantRole),
  ]),
  reference('serverWhitelistingItems', 'participantRole', 'participants', 'participant', (entry) => [
    idOf(entry.participantRole),
  ]),
  reference('passwordProfiles', 'id', 'identityProfiles', 'identity_profile', (entry) => [entry.id]),
  reference('identities', 'profileId', 'identityProfiles', 'identity_profile', (entry) => [entry.profileId]),
  reference('credentials', 'identityId', 'identities', 'identity', (entry) => [entry.identityId]),
];

function reference<S extends Section>(
  from: S,
  member: string,
  to: Section,
  table: EntryTable,
  ids: (entry: Entry<S>) => readonly (string | null | undefined)[],
): Reference {
  return { from, member, to, table, ids: ids as Reference['ids'] };
}

/** Every referenced entry must be in the file or in the store. */
async function requireReferences({ tx, realm, at }: Applying, file: RealmFile): Promise<void> {
  for (const { from, member, to, table, ids } of references) {
    const [absent, known] = [true, false].map(
      (wanted) => new Set((file[to] ?? []).flatMap((entry) => (isAbsent(entry) === wanted ? [entry.id] : []))),
    ) as [Set<string>, Set<string>];
    const named = (file[from] ?? []).flatMap((entry, index) =>
      (isAbsent(entry) ? [] : ids(entry as never)).map((id, position) => ({
        id: id ?? undefined,
        at: `${at}/${from}/${index}/${member}${member === 'participants' ? `/${position}` : ''}`,
      })),
    );
    const sought = [...new Set(named.flatMap(({ id }) => (id === undefined || known.has(id) ? [] : [id])))];
    const stored = await readIds(tx.db, table, realm, sought);
    const isThere = (id: string) => known.has(id) || (stored.has(id) && !absent.has(id));
    const dangling = named.find(({ id }) => id !== undefined && !isThere(id));
    if (dangling !== undefined) throw invalid(dangling.at, `names none of ${to}`);
  }
}

/** The ids of the file that belong to removed entries. */
interface Removed {
  readonly identities: ReadonlySet<string>;
  readonly credentials: ReadonlySet<string>;
}

/** Removed identities and credentials are passed over: a file brings none back. */
async function requireNoneOfRemoved({ tx, realm, at, skipped }: Applying, file: RealmFile): Promise<Removed> {
  const { identities = [], credentials = [] } = file;
  const ended = async (names: readonly string[]) => endedSubjects(tx, realm, [...new Set(names)]);
  const identityNames = [...identities.map(({ id }) => id), ...credentials.map(({ identityId }) => identityId)];
  const endedIdentities = await ended(identityNames.map(identitySubjectId));
  const endedCredentials = await ended(credentials.map(({ id }) => credentialSubjectId(id)));
  const removed = {
    identities: new Set(identityNames.filter((id) => endedIdentities.has(identitySubjectId(id)))),
    credentials: new Set(credentials.flatMap(({ id }) => (endedCredentials.has(credentialSubjectId(id)) ? [id] : []))),
  };
  for (const [index, { id }] of identities.entries()) {
    if (removed.identities.has(id)) skipped.push(`${at}/identities/${index}`);
  }
  for (const [index, { id, identityId }] of credentials.entries()) {
    if (removed.credentials.has(id)) skipped.push(`${at}/credentials/${index}`);
    else if (removed.identities.has(identityId)) {
      throw invalid(`${at}/credentials/${index}/identityId`, 'names an identity that was deleted');
    }
  }
  return removed;
}

/** A code recognises one credential of the realm. */
async function requireFreeCodes({ tx, realm, at }: Applying, file: RealmFile, removed: Removed): Promise<void> {
  const credentials = file.credentials ?? [];
  const holders = await readRows(
    tx.db,
    'credential',
    realm,
    'code',
    credentials.map(({ code }) => code),
  );
  const owner = new Map(holders.map((row) => [row.code, row.id]));
  for (const [index, { id, code }] of credentials.entries()) {
    if (!removed.credentials.has(id) && (owner.get(code) ?? id) !== id)
      throw invalid(`${at}/credentials/${index}/code`, 'belongs to another credential');
  }
}

/**
 * "A credential belongs to an identity": its past actions were done for that identity, so it cannot move to another.
 */
async function requireSameIdentities({ tx, realm, at }: Applying, file: RealmFile): Promise<void> {
  const credentials = file.credentials ?? [];
  const ids = credentials.map(({ id }) => id);
  const known = new Map(
    (await readRows(tx.db, 'credential', realm, 'id', ids)).map((row) => [row.id, row.identity_id]),
  );
  for (const [index, { id, identityId }] of credentials.entries()) {
    if ((known.get(id) ?? identityId) !== identityId)
      throw invalid(`${at}/credentials/${index}/identityId`, 'cannot change: a credential stays with its identity');
  }
}

async function applyKind(applying: Applying, kind: EntryKind, file: RealmFile, removed: Removed): Promise<void> {
  const { tx, realm } = applying;
  const all = file[kind.section] ?? [];
  const places = new Map<object, number>(all.map((entry, index) => [entry, index]));
  const gone: ReadonlySet<string> = kind.section in removed ? removed[kind.section as keyof Removed] : new Set();
  const present = all.filter((entry) => !isAbsent(entry) && !gone.has(entry.id));
  const wanted = present as {
    id: string;
    participants?: string[];
    emailVerified?: true;
  }[];
  const ids = wanted.map(({ id }) => id);
  const rows = (await readRows(tx.db, kind.table, realm, 'id', ids)) as unknown as EntryRow[];
  const known = new Map(rows.map((row) => [row.id, row]));
  const members = kind.section === 'productNetworks' ? await readMembers(tx.db, realm, ids) : undefined;
  const fresh: EntryRow[] = [];
  for (const entry of wanted) {
    const before = known.get(entry.id);
    const index = places.get(entry) ?? 0;
    const merged = mergeRow(applying, kind, entry, before);
    const after = kind.section === 'credentials' ? withAddress(applying, index, entry, merged, before) : merged;
    if (before === undefined) fresh.push(after);
    const were = members?.get(entry.id) ?? [];
    const are = members === undefined || entry.participants === undefined ? were : [...entry.participants].sort();
    await applyEntry(applying, kind, before && view(kind, before, members && were), view(kind, after, members && are), {
      before,
      after,
    });
  }
  // Before the members, which refer to these rows.
  await insertRows(tx.db, kind.table, fresh as never);
  if (kind.section === 'credentials') await createCredentialSubjects(applying, fresh);
  if (members === undefined) return;
  for (const { id, participants } of wanted) {
    if (participants !== undefined) await applyMembers(applying, id, members.get(id) ?? [], participants);
  }
}

/** The subject of a credential is live while its identity is. */
async function createCredentialSubjects({ tx, realm }: Applying, credentials: readonly EntryRow[]): Promise<void> {
  const identities = [...new Set(credentials.map(({ identity_id }) => String(identity_id)))];
  const disabled = await lockIdentities(tx.db, realm, identities);
  for (const suspended of [true, false]) {
    const subjects = credentials
      .filter(({ identity_id }) => disabled.has(String(identity_id)) === suspended)
      .map(({ id }) => ({ realm, id: credentialSubjectId(id), kind: 'credential' as const }));
    await inChunks(subjects, async (some) => {
      await createSubjects(tx, some, suspended);
      return [];
    });
  }
}

function mergeRow(
  { tx, realm }: Applying,
  kind: EntryKind,
  entry: { readonly id: string },
  before: EntryRow | undefined,
): EntryRow {
  const given = Object.fromEntries(
    Object.entries(kind.columns(entry as never)).filter(([, value]) => value !== undefined),
  );
  const times = kind.timestamps ? { created_at: tx.now, updated_at: tx.now } : {};
  return { realm, id: entry.id, ...(before ?? { ...kind.defaults, ...times }), ...given } as EntryRow;
}

function view(kind: EntryKind, row: EntryRow, members: readonly string[] | undefined): object {
  return { ...(kind.toEntry(row as never) as object), ...(members === undefined ? {} : { participants: members }) };
}

async function applyEntry(
  applying: Applying,
  kind: EntryKind,
  before: object | undefined,
  after: object,
  rows: { readonly before: EntryRow | undefined; readonly after: EntryRow },
): Promise<void> {
  const row = rows.after;
  const object = `${kind.noun}:${row.id}`;
  if (before === undefined) return noteCreated(applying, object, eventView(kind, after));
  const change = differences(before, after);
  if (change === undefined) {
    applying.unchanged.count += 1;
    return;
  }
  const { realm, tx } = applying;
  // Nothing but what the file changes: another call may have changed the rest since it was read.
  const changed = Object.entries(row).filter(([name, value]) => value !== rows.before?.[name as keyof EntryRow]);
  const columns = { ...Object.fromEntries(changed), ...(kind.timestamps && { updated_at: tx.now }) };
  if (Object.keys(columns).length > 0) await updateRow(tx.db, kind.table, realm, row.id, columns);
  if (kind.topic !== undefined) tx.changed(kind.topic, realmKey(realm, row.id));
  if (kind.section === 'credentials' && rows.before !== undefined) {
    await followCredential(applying, ownerOf(rows.before), ownerOf(rows.after), rows.before.type !== row.type);
  }
  await noteChanged(applying, object, eventView(kind, change.before), eventView(kind, change.after));
}

/** Events stay when a credential is removed: none holds its code or address. */
function eventView(kind: EntryKind, view: object): object {
  if (kind.section !== 'credentials') return view;
  const { code, email, ...rest } = view as { code?: unknown; email?: unknown };
  const changed = Object.keys(view).filter((name) => name === 'code' || name === 'email');
  return changed.length === 0 ? rest : { ...rest, changed };
}

/** The address that the file declares as verified, else the known one while it stays the address for mail. */
function withAddress(
  { at }: Applying,
  index: number,
  { emailVerified }: { readonly emailVerified?: true },
  merged: EntryRow,
  before: EntryRow | undefined,
): EntryRow {
  const after = ownerOf(merged);
  if (emailVerified && mailAddressOf(after) === undefined) {
    throw invalid(`${at}/credentials/${index}/emailVerified`, 'needs an e-mail address');
  }
  return { ...merged, verified_email: verifiedEmailAfter(before && ownerOf(before), after, emailVerified) };
}

function ownerOf({ id, code, email, verified_email }: EntryRow): Owner {
  return { id, code: String(code), email: email as string | null, verifiedEmail: verified_email as string | null };
}

/**
 * Follows a changed credential: its sessions end because they carry the old state, and so do the codes sent to its
 * holder, because they may have gone elsewhere. The owner is told. After a new code, all devices count as unknown.
 */
async function followCredential(
  { context, tx, realm }: Applying,
  before: Owner,
  after: Owner,
  newType: boolean,
): Promise<void> {
  const told = { newCode: before.code !== after.code, newAddress: before.email !== after.email };
  if (told.newCode || told.newAddress || newType) await renewSubject(tx, realm, credentialSubjectId(after.id));
  if (told.newCode) await updateRow(tx.db, 'credential', realm, after.id, { devices_after: tx.now });
  if (told.newCode || told.newAddress) await tellOwner(context, tx, realm, after, 'credential-changed', told, before);
}

async function applyMembers(
  { tx, realm }: Applying,
  networkId: string,
  were: readonly string[],
  are: readonly string[],
): Promise<void> {
  const before = new Set(were);
  const after = new Set(are);
  const change = { removed: were.filter((id) => !after.has(id)), added: are.filter((id) => !before.has(id)) };
  await replaceMembers(tx.db, realm, networkId, change);
}
