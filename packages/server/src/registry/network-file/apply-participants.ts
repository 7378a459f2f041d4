import type { Selectable } from 'kysely';
import { realmKey } from '../../kernel/id.ts';
import type { ClientTable, ParticipantTable } from '../../store/schema.ts';
import { createSubject, endSubject, reinstateSubject, renewSubject, suspendSubject } from '../../subject/subject.ts';
import { needsDevelopment } from '../base-url.ts';
import { addSecret, changeClient, hasEnded, offboardClient, parseSecrets } from '../client.ts';
import { changeKeyValidity, type NewKey, readKeysOf, registerKeys, retireAllKeys } from '../keys/participant-key.ts';
import type { RegisteredKey } from '../keys/registered-key.ts';
import { changeParticipant } from '../participant.ts';
import { applyAudiences } from './apply-audiences.ts';
import { type Applying, differences, noteChanged, noteCreated } from './applying.ts';
import { withoutMappings } from './leaving.ts';
import { isNarrowed } from './narrowing.ts';
import { insertRows, readRows } from './network.store.ts';
import { changedAt, fromColumns, mergeState, type ParticipantState, toColumns } from './participant-state.ts';
import type { PreparedKey, PreparedParticipant } from './prepare.ts';
import { invalid } from './refusal.ts';

type ParticipantRow = Selectable<ParticipantTable>;
type ClientRow = Selectable<ClientTable>;

/** A participant of the file beside its stored state. */
interface Pair {
  readonly prepared: PreparedParticipant;
  readonly row: ParticipantRow | undefined;
  readonly before: ParticipantState | undefined;
  readonly after: ParticipantState;
  readonly client: ClientRow | undefined;
  readonly keys: readonly RegisteredKey[];
}

/** Rows that are written in bulk, after every participant was checked. */
interface Fresh {
  readonly participants: Omit<ParticipantRow, 'version'>[];
  readonly clients: Omit<ClientRow, 'version'>[];
  readonly keys: { readonly key: NewKey; readonly at: string }[];
}

/**
 * Registers and changes the participants of a realm with their keys and clients. Returns the ids of those that this file
 * offboards.
 */
export async function applyParticipants(
  applying: Applying,
  prepared: readonly PreparedParticipant[],
): Promise<readonly string[]> {
  const pairs = await pairUp(
    applying,
    prepared.map((one) => withoutMappings(applying, one)),
  );
  await requireFreeClientIds(applying, pairs);
  const fresh: Fresh = { participants: [], clients: [], keys: [] };
  for (const pair of pairs) {
    // OFFBOARDED is final, and nothing is added to such a participant.
    if (pair.before?.status === 'OFFBOARDED') applying.unchanged.count += 1;
    else await applyParticipant(applying, pair, fresh);
  }
  // No cache holds these new rows, because absences are not cached.
  await insertRows(applying.tx.db, 'participant', fresh.participants);
  await insertRows(applying.tx.db, 'client', fresh.clients);
  const taken = await registerKeys(
    applying.tx,
    applying.realm,
    fresh.keys.map(({ key }) => key),
  );
  const at = fresh.keys.find(({ key }) => key === taken)?.at;
  if (at !== undefined) throw invalid(at, 'the public key belongs to another organisation');
  await applyAudiences(
    applying,
    pairs.filter(({ before }) => before?.status !== 'OFFBOARDED'),
  );
  const leaving = pairs.filter(({ before, after }) => after.status === 'OFFBOARDED' && before?.status !== after.status);
  return leaving.map(({ prepared: { entry } }) => entry.id);
}

async function pairUp({ tx, realm, caller }: Applying, prepared: readonly PreparedParticipant[]): Promise<Pair[]> {
  const ids = prepared.map(({ entry }) => entry.id);
  const rows = new Map((await readRows(tx.db, 'participant', realm, 'id', ids)).map((row) => [row.id, row]));
  const clients = new Map(
    (await readRows(tx.db, 'client', realm, 'participant_id', ids)).map((row) => [row.participant_id, row]),
  );
  const keys = await readKeysOf(tx, realm, ids);
  return prepared.map((one) => {
    const { id } = one.entry;
    const row = rows.get(id);
    const before = row && fromColumns(row);
    const after = mergeState(one.entry, before, tx.now, caller.actor);
    return { prepared: one, row, before, after, client: clients.get(id), keys: keys.get(id) ?? [] };
  });
}

/** A client id belongs to one participant for ever, even after the client has ended. */
async function requireFreeClientIds({ tx, realm }: Applying, pairs: readonly Pair[]): Promise<void> {
  const wanted = pairs.flatMap(({ prepared }) => prepared.entry.client?.id ?? []);
  const holders = new Map(
    (await readRows(tx.db, 'client', realm, 'id', wanted)).map((row) => [row.id, row.participant_id]),
  );
  for (const { prepared, client } of pairs) {
    const { entry, at } = prepared;
    if (entry.client === undefined) continue;
    if (client !== undefined && client.id !== entry.client.id)
      throw invalid(`${at}/client/id`, 'the participant has another client');
    if (client === undefined && holders.has(entry.client.id)) throw invalid(`${at}/client/id`, 'is or was in use');
  }
}

async function applyParticipant(applying: Applying, pair: Pair, fresh: Fresh): Promise<void> {
  const { tx, realm } = applying;
  const { prepared, row, before, after } = pair;
  requireSound(applying, pair);
  const { id } = prepared.entry;
  const object = `participant:${id}`;
  const added = await applyKeys(applying, pair, fresh);
  if (row === undefined || before === undefined) {
    fresh.participants.push({ realm, id, contact: null, ...toColumns(after) });
    await noteCreated(applying, object, view(after, added), 'registered');
  } else {
    const change = differences(view(before, pair.keys.map(validity)), view(after, added));
    if (change === undefined) applying.unchanged.count += 1;
    else {
      const updatedAt = changedAt(prepared.entry, before, tx.now);
      await changeParticipant(tx, row, pair.client?.id ?? null, toColumns({ ...after, updatedAt }));
      await followStatus(applying, pair);
      await noteChanged(applying, object, change.before, change.after);
    }
  }
  await applyClient(applying, pair, fresh);
  if (losesRights(pair)) await renewSubject(tx, realm, pair.client.subject_id);
}

/**
 * True if the file takes rights away, so that the tokens must die. In other statuses than APPROVED they are dead
 * already.
 */
function losesRights(pair: Pair): pair is Pair & { readonly client: ClientRow } {
  const { prepared, before, after, client } = pair;
  if (before?.status !== 'APPROVED' || after.status !== 'APPROVED' || client === undefined) return false;
  const had = { scope: client.scope, audiences: JSON.parse(client.audiences) as string[] };
  const { scope = had.scope, audiences = had.audiences } = prepared.entry.client ?? {};
  return isNarrowed({ ...before, ...had }, { ...after, scope, audiences });
}

function requireSound({ development }: Applying, { prepared, before, after, client, keys }: Pair): void {
  const { entry, at } = prepared;
  if (client === undefined && entry.client === undefined && after.baseUrl === null) {
    throw invalid(at, 'a participant has a client, a baseUrl, or both');
  }
  if (entry.baseUrl != null && needsDevelopment(entry.baseUrl) && !development) {
    throw invalid(`${at}/baseUrl`, 'must be https: http is for realms with the setting development');
  }
  const isProvider = (state: ParticipantState | undefined) => state?.status === 'APPROVED' && state.baseUrl !== null;
  // One from before this rule stays as it is.
  if (isProvider(after) && !isProvider(before) && keys.length + prepared.keys.length === 0) {
    throw invalid(`${at}/keys`, 'an approved participant with a baseUrl signs its answers: name a public key');
  }
  if (before !== undefined && keys.length > 0 && after.organisationId !== before.organisationId) {
    // The participant's keys, and everything signed with them, belong to the organisation that registered them.
    throw invalid(`${at}/participant/id`, 'a participant with keys cannot move to another organisation');
  }
}

interface Validity {
  readonly thumbprint: string;
  readonly notBefore: number;
  readonly notAfter: number | null;
}

/** Adds new keys and moves the ends of known ones. Returns all keys. A retired key stays retired. */
async function applyKeys(
  applying: Applying,
  { prepared, after, keys }: Pair,
  fresh: Fresh,
): Promise<readonly Validity[]> {
  const { tx, realm } = applying;
  const participantId = prepared.entry.id;
  const states = new Map(keys.map((key) => [key.thumbprint, validity(key)]));
  for (const key of prepared.keys) {
    const known = states.get(key.thumbprint);
    if (known === undefined) {
      const added = requireSpan(key, { notBefore: key.notBefore ?? tx.now, notAfter: key.notAfter ?? null });
      states.set(key.thumbprint, { thumbprint: key.thumbprint, ...added });
      const { organisationId } = after;
      fresh.keys.push({
        key: { realm, participantId, organisationId, jwk: key.jwk, thumbprint: key.thumbprint, ...added },
        at: key.at,
      });
      continue;
    }
    if (known.notAfter !== null && known.notAfter <= tx.now) continue;
    const moved = {
      notBefore: sameSecond(key.notBefore, known.notBefore),
      notAfter: sameSecond(key.notAfter, known.notAfter),
    };
    if (moved.notBefore === known.notBefore && moved.notAfter === known.notAfter) continue;
    await changeKeyValidity(tx, { realm, participantId, thumbprint: key.thumbprint }, requireSpan(key, moved));
    states.set(key.thumbprint, { thumbprint: key.thumbprint, ...moved });
  }
  return [...states.values()];
}

function requireSpan<V extends Omit<Validity, 'thumbprint'>>(key: PreparedKey, span: V): V {
  if (span.notAfter !== null && span.notAfter < span.notBefore)
    throw invalid(`${key.at}/exp`, 'must not be earlier than nbf');
  return span;
}

/** The file has seconds, the store milliseconds. Within the same second the stored value counts. */
function sameSecond<T extends number | null>(said: number | undefined, known: T): T | number {
  if (said === undefined) return known;
  return known !== null && Math.floor(known / 1000) * 1000 === said ? known : said;
}

function validity({ thumbprint, notBefore, notAfter }: RegisteredKey): Validity {
  return { thumbprint, notBefore, notAfter };
}

/** For events. Leaves out the logo, which is a picture, and `updatedAt`, which the event has anyway. */
function view(
  { updatedAt: _, organisation: { participantLogo, ...organisation }, ...state }: ParticipantState,
  keys: readonly Validity[],
) {
  return { ...state, organisation: { ...organisation, participantLogo: participantLogo === null ? null : '…' }, keys };
}

/** The client is live only while its participant is approved. In every other status its subject is suspended. */
async function followStatus({ tx, realm }: Applying, { prepared, before, after, client }: Pair): Promise<void> {
  if (before === undefined || before.status === after.status) return;
  if (after.status === 'OFFBOARDED') await retireAllKeys(tx, realm, prepared.entry.id);
  if (client === undefined || client.ended_at !== null) return;
  if (after.status === 'OFFBOARDED') await offboardClient(tx, client);
  else if (after.status === 'APPROVED') await reinstateSubject(tx, realm, client.subject_id);
  else await suspendSubject(tx, realm, client.subject_id);
}

async function applyClient(applying: Applying, pair: Pair, fresh: Fresh): Promise<void> {
  const { entry } = pair.prepared;
  if (entry.client === undefined) return;
  if (pair.client === undefined) return makeClient(applying, pair, entry.client, fresh);
  // The tombstone of an ended client stays as it is, also if it was offboarded just now.
  if (pair.client.ended_at !== null || pair.after.status === 'OFFBOARDED') return;
  await updateClient(applying, pair.prepared, pair.client, entry.client);
}

type ClientFile = NonNullable<PreparedParticipant['entry']['client']>;

async function makeClient(
  applying: Applying,
  { prepared, row, after }: Pair,
  wanted: ClientFile,
  fresh: Fresh,
): Promise<void> {
  const { context, tx, realm } = applying;
  const ended = after.status === 'OFFBOARDED';
  const secret = prepared.given ?? prepared.made?.stored;
  const { scope = '', audiences = [] } = ended ? {} : wanted;
  const subjectId = context.random.uuid();
  await createSubject(tx, { realm, id: subjectId, kind: 'participant' }, after.status !== 'APPROVED');
  if (ended) await endSubject(tx, realm, subjectId);
  fresh.clients.push({
    realm,
    id: wanted.id,
    subject_id: subjectId,
    participant_id: prepared.entry.id,
    name: after.organisation.participantName ?? prepared.entry.id,
    scope,
    audiences: JSON.stringify(audiences),
    secrets: JSON.stringify(ended || secret === undefined ? [] : [secret]),
    created_at: tx.now,
    updated_at: tx.now,
    ended_at: ended ? tx.now : null,
  });
  if (row !== undefined) tx.changed('participant', realmKey(realm, prepared.entry.id));
  if (!ended && prepared.made !== undefined)
    applying.secrets.push({ realm, clientId: wanted.id, secret: prepared.made.value });
  await noteCreated(applying, `client:${wanted.id}`, { participantId: prepared.entry.id, scope, audiences, ended });
}

async function updateClient(
  applying: Applying,
  { given }: PreparedParticipant,
  row: ClientRow,
  wanted: ClientFile,
): Promise<void> {
  const { tx } = applying;
  const secrets = parseSecrets(row.secrets);
  const before = {
    scope: row.scope,
    audiences: JSON.parse(row.audiences) as string[],
    secrets: secrets.map(({ id }) => id),
  };
  const after = { ...before, scope: wanted.scope ?? before.scope, audiences: wanted.audiences ?? before.audiences };
  let current = row;
  const isKnown = given !== undefined && secrets.some(({ digest }) => digest === given.digest);
  // A file may be old: it does not bring back a secret that was revoked, or that the participant has replaced.
  if (given !== undefined && !isKnown && !hasEnded(row, given.digest)) {
    // Without overlap: the file states the secret, and the operator may have replaced one that leaked. A participant
    // that needs two secrets for a while gets them from `POST …/participants/{id}/secrets`.
    current = await addSecret(tx, current, given, 0);
    after.secrets = parseSecrets(current.secrets).map(({ id }) => id);
  }
  const change = differences(before, after);
  if (change === undefined) {
    applying.unchanged.count += 1;
    return;
  }
  const columns = { scope: after.scope, audiences: JSON.stringify(after.audiences) };
  if (row.scope !== columns.scope || row.audiences !== columns.audiences) await changeClient(tx, current, columns);
  await noteChanged(applying, `client:${row.id}`, change.before, change.after);
}
