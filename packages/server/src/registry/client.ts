import type { Context } from '../context.ts';
import { clientOwner, organisationOwner } from '../kernel/audience-name.ts';
import { realmKey } from '../kernel/id.ts';
import { Problem } from '../kernel/problem.ts';
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
  updateClient,
} from './client.store.ts';

/** A client as the token endpoint needs it: one read, cached. */
export interface Client {
  readonly realm: string;
  readonly id: string;
  readonly participantId: string | undefined;
  readonly secrets: readonly StoredSecret[];
  /** What it may ask for beyond its resources: RFC 8707 targets that it may name. */
  readonly audiences: readonly string[];
  /** False when suspended, offboarded, or its participant is not APPROVED. */
  readonly live: boolean;
  /** What it is once it has proved itself; `amr` says how. */
  readonly subject: Omit<ClientSubject, 'amr'>;
}

export interface StoredSecret {
  readonly id: string;
  readonly digest: string;
  readonly createdAt: number;
  /** Milliseconds; null while no end is set. */
  readonly expiresAt: number | null;
}

/** What the vault digests a client secret for. */
export const clientSecretPurpose = 'client-secret';

/** Secrets that live at the same time, while one replaces the other. */
const liveSecrets = 2;

/** From the cache; undefined when there is no such client, or it has ended. `read` is called when the cache does not know. */
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

/** Past the cache: for a refusal, which must take as long for a known client as for an unknown one. */
export async function readClient(context: Context, realm: string, id: string): Promise<Client | undefined> {
  const row = await readClientWithParticipant(context.store, realm, id);
  return row === undefined || row.ended_at !== null ? undefined : toClient(row);
}

/** Makes a client and its subject. `secretDigests` may be empty: such a client proves itself by `private_key_jwt`. */
export async function createClient(
  context: Context,
  tx: Writing,
  client: {
    readonly realm: string;
    readonly id: string;
    readonly name: string;
    readonly participantId?: string;
    /** Of its participant. */
    readonly organisationId?: string;
    readonly scope?: string;
    readonly audiences?: readonly string[];
    readonly secrets: readonly StoredSecret[];
    readonly suspended: boolean;
  },
): Promise<void> {
  // A tombstone still holds its id: an id is never used again.
  if ((await findClient(tx.db, client.realm, client.id)) !== undefined) {
    throw new Problem('registry.conflict', `The client id ${client.id} is or was in use.`);
  }
  const { organisationId } = client;
  const owner = organisationId === undefined ? clientOwner(client.id) : organisationOwner(organisationId);
  if ((await claimAudienceNames(tx, client.realm, [{ name: client.id, owner }])) !== undefined) {
    throw new Problem('registry.conflict', `${client.id} is an audience name of somebody else.`);
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

/** A new random secret of 256 bits, not yet stored: its value is shown once, its digest is kept. */
export function makeSecret(context: Context): { readonly value: string; readonly stored: StoredSecret } {
  const value = context.random.token(32);
  return { value, stored: storeSecret(context, value) };
}

/** The stored form of a secret that was given to us (in a network file: at least 16 characters). */
export function storeSecret(context: Context, value: string): StoredSecret {
  const digest = context.vault.digest(clientSecretPurpose, value);
  return { id: context.random.token(9), digest, createdAt: context.clock.now(), expiresAt: null };
}

/** Adds a secret beside the newest one; older ones end. `overlapSeconds` later the previous one ends by itself. */
export async function addSecret(
  tx: Writing,
  row: ClientRow,
  secret: StoredSecret,
  overlapSeconds: number,
): Promise<readonly StoredSecret[]> {
  const live = parseSecrets(row.secrets).filter((known) => known.expiresAt === null || known.expiresAt > tx.now);
  const until = tx.now + overlapSeconds * 1000;
  const kept = live
    .slice(-(liveSecrets - 1))
    .map((known) => ({ ...known, expiresAt: Math.min(known.expiresAt ?? until, until) }));
  const secrets = [...kept, secret];
  await changeClient(tx, row, { secrets: JSON.stringify(secrets) });
  return secrets;
}

/** The client is refused from now on and its tokens are dead; its id stays as a tombstone. */
export async function endClient(tx: Writing, row: ClientRow): Promise<void> {
  await changeClient(tx, row, { secrets: '[]', ended_at: tx.now });
  await endSubject(tx, row.realm, row.subject_id);
}

export async function changeClient(tx: Writing, row: ClientRow, change: Partial<ClientRow>): Promise<void> {
  if (!(await updateClient(tx.db, row, { ...change, updated_at: tx.now }))) throw new Problem('write.conflict');
  tx.changed('client', realmKey(row.realm, row.id));
}

export function parseSecrets(json: string): readonly StoredSecret[] {
  return JSON.parse(json) as StoredSecret[];
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
