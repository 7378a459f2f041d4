import type { Context } from '../context.ts';
import { clientOwner, organisationOwner } from '../kernel/audience-name.ts';
import { realmKey } from '../kernel/id.ts';
import { Problem } from '../kernel/problem.ts';
import { updateVersioned } from '../store/versioned.ts';
import type { Writing } from '../store/write.ts';
import { adminScope, configuredAdministrator } from '../subject/administrator.ts';
import { type ClientSubject, createSubject, endSubject, type ResourceAccess } from '../subject/subject.ts';
import { claimAudienceNames } from './audience-owner.ts';
import {
  type ClientRow,
  type ClientWithParticipant,
  findClient,
  insertClient,
  readClientWithParticipant,
} from './client.store.ts';

/** A client as the token endpoint needs it: one read, cached. */
export interface Client {
  readonly realm: string;
  readonly id: string;
  readonly participantId: string | undefined;
  readonly secrets: readonly StoredSecret[];
  /** The RFC 8707 targets that the client may name beyond its resources. */
  readonly audiences: readonly string[];
  /** False if the client is suspended or offboarded, or if its participant is not APPROVED. */
  readonly live: boolean;
  /** The subject once the client has proved itself. `amr` then says how. */
  readonly subject: Omit<ClientSubject, 'amr'>;
}

export interface StoredSecret {
  readonly id: string;
  readonly digest: string;
  readonly createdAt: number;
  /** Milliseconds. Null if no end is set. */
  readonly expiresAt: number | null;
}

/** Purpose under which the vault digests a client secret. */
export const clientSecretPurpose = 'client-secret';

/** Secrets that may live at the same time, while one replaces the other. */
const liveSecrets = 2;

/** From the cache; `read` is called if the cache does not know the client. Undefined for an unknown or ended client. */
export function lookUpClient(
  context: Context,
  realm: string,
  id: string,
  read: typeof readClient = readClient,
): Promise<Client | undefined> {
  const administrator = administratorClient(context, realm, id);
  if (administrator !== undefined) return Promise.resolve(administrator);
  return context.cache.get('client', realmKey(realm, id), () => read(context, realm, id));
}

/** Reads past the cache. A refusal must take as long for a known client as for an unknown one. */
export async function readClient(context: Context, realm: string, id: string): Promise<Client | undefined> {
  const row = await readClientWithParticipant(context.store, realm, id);
  if (row === undefined || row.ended_at !== null) return undefined;
  // Its keys are cached apart. Older keys would prove a generation that began when one of them was given up.
  if (row.participant_id !== null) context.cache.invalidate('participant', realmKey(realm, row.participant_id));
  return toClient(row);
}

/** Makes a client and its subject. A client without secrets proves itself by `private_key_jwt`. */
export async function createClient(
  context: Context,
  tx: Writing,
  client: {
    readonly realm: string;
    readonly id: string;
    readonly name: string;
    readonly participantId?: string;
    /** The organisation of the client's participant. */
    readonly organisationId?: string;
    readonly scope?: string;
    readonly audiences?: readonly string[];
    readonly secrets: readonly StoredSecret[];
    readonly suspended: boolean;
  },
): Promise<void> {
  // An id is never used again, so the tombstone of an ended client still holds it.
  if ((await findClient(tx.db, client.realm, client.id)) !== undefined) {
    throw new Problem('registry.conflict', { detail: `The client id ${client.id} is or was in use.` });
  }
  const { organisationId } = client;
  const owner = organisationId === undefined ? clientOwner(client.id) : organisationOwner(organisationId);
  if ((await claimAudienceNames(tx, client.realm, [{ name: client.id, owner }])) !== undefined) {
    throw new Problem('registry.conflict', { detail: `${client.id} is an audience name of another owner.` });
  }
  const subjectId = context.random.uuid();
  const kind = client.participantId === undefined ? 'client' : 'participant';
  await createSubject(tx, { realm: client.realm, id: subjectId, kind }, client.suspended);
  await insertClient(tx.db, {
    realm: client.realm,
    id: client.id,
    subject_id: subjectId,
    participant_id: client.participantId ?? null,
    name: client.name,
    scope: client.scope ?? '',
    audiences: JSON.stringify(client.audiences ?? []),
    secrets: JSON.stringify(client.secrets),
    created_at: tx.now,
    updated_at: tx.now,
    ended_at: null,
  });
  tx.changed('client', realmKey(client.realm, client.id));
}

/** A new random secret of 256 bits, not stored yet. Its value is shown once, and only its digest is kept. */
export function makeSecret(context: Context): { readonly value: string; readonly stored: StoredSecret } {
  const value = context.random.token(32);
  return { value, stored: storeSecret(context, value) };
}

/** The stored form of a secret that came from outside (in a network file, with at least 16 characters). */
export function storeSecret(context: Context, value: string): StoredSecret {
  const digest = context.vault.digest(clientSecretPurpose, value);
  return { id: context.random.token(9), digest, createdAt: context.clock.now(), expiresAt: null };
}

/**
 * Adds a secret. The newest one before it ends `overlapSeconds` later, older ones end now, and no network file brings
 * them back. Returns the row as it is now.
 */
export async function addSecret(
  tx: Writing,
  row: ClientRow,
  secret: StoredSecret,
  overlapSeconds: number,
): Promise<ClientRow> {
  const live = parseSecrets(row.secrets).filter((known) => known.expiresAt === null || known.expiresAt > tx.now);
  const until = tx.now + overlapSeconds * 1000;
  const kept = live
    .slice(-(liveSecrets - 1))
    .map((known) => ({ ...known, expiresAt: Math.min(known.expiresAt ?? until, until) }));
  return changeClient(tx, row, { secrets: secretsColumn(row, [...kept, secret], tx.now) });
}

/** Refuses the client from now on and ends its tokens. Its id stays as a tombstone. */
export async function endClient(tx: Writing, row: ClientRow, change: Partial<ClientRow> = {}): Promise<void> {
  await changeClient(tx, row, { ...change, secrets: '[]', ended_at: tx.now });
  await endSubject(tx, row.realm, row.subject_id);
}

/** Ends the client of a participant that has left, with what it was allowed. */
export async function offboardClient(tx: Writing, row: ClientRow): Promise<void> {
  await endClient(tx, row, { scope: '', audiences: '[]' });
}

/**
 * Returns the row as it is now.
 *
 * @throws {Problem} `write.conflict`
 */
export async function changeClient(tx: Writing, row: ClientRow, change: Partial<ClientRow>): Promise<ClientRow> {
  const changed = await updateVersioned(tx.db, 'client', row, { ...change, updated_at: tx.now });
  if (changed === undefined) throw new Problem('write.conflict');
  tx.changed('client', realmKey(row.realm, row.id));
  return changed;
}

/** Makes the row newer and nothing else, so that of two changes around it that come at once one is refused. */
export async function touchClient(tx: Writing, row: ClientRow): Promise<void> {
  await changeClient(tx, row, {});
}

export function parseSecrets(json: string): readonly StoredSecret[] {
  return (JSON.parse(json) as (StoredSecret | EndedSecret)[]).filter((secret) => !isEnded(secret));
}

/** A secret that was revoked or replaced. Its end is in the past, so the release before reads it as an expired one. */
interface EndedSecret extends StoredSecret {
  readonly ended: true;
}

/** Ended secrets that a client remembers: more than a network file can name. */
const maxEnded = 20;

function endedSecrets(json: string): readonly EndedSecret[] {
  return (JSON.parse(json) as (StoredSecret | EndedSecret)[]).filter(isEnded);
}

function isEnded(secret: StoredSecret): secret is EndedSecret {
  return 'ended' in secret;
}

/** True if a secret with this digest was revoked or replaced. */
export function hasEnded({ secrets }: Pick<ClientRow, 'secrets'>, digest: string): boolean {
  return endedSecrets(secrets).some((known) => known.digest === digest);
}

/** The column with these secrets. Those that are left out are remembered as ended. */
export function secretsColumn(
  { secrets }: Pick<ClientRow, 'secrets'>,
  kept: readonly StoredSecret[],
  now: number,
): string {
  const left = parseSecrets(secrets).filter(({ id }) => kept.every((one) => one.id !== id));
  const ended = left.map((one) => ({ ...one, expiresAt: Math.min(one.expiresAt ?? now, now), ended: true as const }));
  return JSON.stringify([...[...endedSecrets(secrets), ...ended].slice(-maxEnded), ...kept]);
}

function toClient(row: ClientWithParticipant): Client {
  const approved = row.participant_id === null || row.status === 'APPROVED';
  const resources = JSON.parse(row.resources ?? '[]') as { resource: string; roles: string[] }[];
  const resourceAccess: ResourceAccess = Object.fromEntries(
    resources.map(({ resource, roles }) => [resource, { roles }]),
  );
  return {
    realm: row.realm,
    id: row.id,
    participantId: row.participant_id ?? undefined,
    secrets: parseSecrets(row.secrets),
    audiences: JSON.parse(row.audiences) as string[],
    live: approved && row.suspended_at === null && row.subject_ended_at === null,
    subject: {
      kind: row.participant_id === null ? 'client' : 'participant',
      realm: row.realm,
      id: row.subject_id,
      clientId: row.id,
      participantId: row.participant_id ?? undefined,
      generation: row.generation,
      roles: row.role === null ? [] : [row.role],
      scopes: row.scope === '' ? [] : row.scope.split(' '),
      resourceAccess,
    },
  };
}

function administratorClient(context: Context, realm: string, id: string): Client | undefined {
  const administrator = configuredAdministrator(context, realm);
  if (administrator?.clientId !== id) return undefined;
  return {
    realm,
    id,
    participantId: undefined,
    secrets: [{ id: 'configured', digest: administrator.secretDigest, createdAt: 0, expiresAt: null }],
    audiences: [],
    live: true,
    subject: {
      kind: 'client',
      realm,
      id: administrator.subjectId,
      clientId: id,
      participantId: undefined,
      generation: administrator.generation,
      roles: [],
      scopes: [adminScope],
      resourceAccess: {},
    },
  };
}
