import { z } from 'zod';
import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { isoDate } from '../kernel/clock.ts';
import { type Page, type PageRequest, toPage } from '../kernel/page.ts';
import { Problem } from '../kernel/problem.ts';
import { audienceText, lineOfText } from '../kernel/text.ts';
import { isDuplicate } from '../store/fault.ts';
import { type Writing, write } from '../store/write.ts';
import { configuredAdministrator } from '../subject/administrator.ts';
import { reinstateSubject, suspendSubject } from '../subject/subject.ts';
import { lockClient } from './client.store.ts';
import {
  addSecret,
  changeClient,
  createClient,
  endClient,
  makeSecret,
  parseSecrets,
  secretsColumn,
  touchClient,
} from './client.ts';
import { findClientState, listClientStates } from './client-administration.store.ts';
import { tellOfParticipant } from './contacts.ts';

/**
 * Clients without a participant: automation, administrators, monitoring. A participant's client follows its
 * participant.
 */
export const newClientSchema = z.strictObject({
  /** Characters that need no escape in a URL, in a form or in HTTP Basic. */
  id: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,254}$/, 'must be 1 to 255 of A-Z, a-z, 0-9, ., _, ~ and -')
    .optional(),
  name: lineOfText(),
  /**
   * RFC 6749 §3.3: scope tokens with single spaces. `countersign:admin` makes the client an administrator of this
   * realm.
   */
  scope: z
    .string()
    .max(2048)
    .regex(
      /^([\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*)?$/,
      'must be scope tokens with one space between them',
    )
    .optional(),
  /** RFC 8707: the values of `resource` that the client may request. */
  audiences: z.array(audienceText).max(100).optional(),
});

export const clientViewSchema = z.object({
  id: z.string(),
  name: z.string(),
  participantId: z.string().nullable(),
  scope: z.string(),
  audiences: z.array(z.string()),
  status: z.enum(['ENABLED', 'DISABLED', 'ENDED']),
  secrets: z.array(z.object({ id: z.string(), createdAt: z.string(), expiresAt: z.string().nullable() })),
  createdAt: z.string(),
  updatedAt: z.string(),
  endedAt: z.string().nullable(),
});
export type ClientView = z.output<typeof clientViewSchema>;

/** The secret is shown only now. The store keeps its digest. */
export const newSecretSchema = z.object({ secretId: z.string(), clientId: z.string(), clientSecret: z.string() });
export type NewSecret = z.output<typeof newSecretSchema>;

export type ClientState = NonNullable<Awaited<ReturnType<typeof findClientState>>>;

export async function registerClient(
  context: Context,
  realm: string,
  wanted: z.output<typeof newClientSchema>,
  caller: Caller,
): Promise<NewSecret> {
  const id = wanted.id ?? context.random.uuid();
  const taken = () =>
    new Problem('registry.conflict', { detail: `The client id ${id} is or was in use.`, pointer: '/id' });
  if (configuredAdministrator(context, realm)?.clientId === id) throw taken();
  const secret = makeSecret(context);
  const { name, scope = '', audiences = [] } = wanted;
  try {
    await write(context, caller, async (tx) => {
      await createClient(context, tx, {
        realm,
        id,
        name,
        scope,
        audiences,
        secrets: [secret.stored],
        suspended: false,
      });
      const after = { name, scope, audiences, secretId: secret.stored.id };
      await tx.record({ realm, type: 'client.created', object: `client:${id}`, after });
    });
  } catch (thrown) {
    // The id was found in use, or the primary key refused it a moment later.
    throw isDuplicate(thrown) || (thrown instanceof Problem && thrown.code === 'registry.conflict') ? taken() : thrown;
  }
  return { secretId: secret.stored.id, clientId: id, clientSecret: secret.value };
}

export async function pageOfClients(
  context: Context,
  realm: string,
  { after, limit }: PageRequest,
): Promise<Page<ClientView>> {
  const rows = await listClientStates(context.store.db, realm, after, limit + 1);
  return toPage(rows.map(clientView), limit, (client) => client.id);
}

export async function requireClientView(context: Context, realm: string, id: string): Promise<ClientView> {
  return clientView(await requireClientState(context.store.db, realm, id));
}

/**
 * Makes a new secret. The newest one before it ends `overlapSeconds` later: at most two secrets live at once. The
 * secret of a participant's client is shown only to the participant (`isOwn`).
 */
export async function issueSecret(
  context: Context,
  realm: string,
  clientId: string,
  { overlapSeconds, isOwn }: { readonly overlapSeconds: number; readonly isOwn: boolean },
  caller: Caller,
): Promise<NewSecret> {
  const secret = makeSecret(context);
  await write(context, caller, async (tx) => {
    const row = await requireOpenClient(tx, realm, clientId);
    if (row.participant_id !== null && !isOwn) {
      throw new Problem('caller.forbidden', {
        detail: 'This client belongs to a participant, who alone gets its secrets.',
      });
    }
    const after = await addSecret(tx, row, secret.stored, overlapSeconds);
    const event = { before: secretIds(row), after: { ...secretIds(after), overlapSeconds } };
    await tx.record({ realm, type: 'client.secret_issued', object: `client:${clientId}`, ...event });
    if (row.participant_id !== null)
      await tellOfParticipant(context, tx, realm, row.participant_id, 'a new client secret');
  });
  return { secretId: secret.stored.id, clientId, clientSecret: secret.value };
}

/**
 * Refuses the secret from now on. Tokens obtained with it live to their end, because a token does not name its secret.
 * If the secret may have leaked (`compromised`), all tokens of the client die.
 */
export async function revokeSecret(
  context: Context,
  realm: string,
  clientId: string,
  secretId: string,
  compromised: boolean,
  caller: Caller,
): Promise<void> {
  await write(context, caller, async (tx) => {
    await lockClient(tx.db, realm, clientId);
    const row = await requireOpenClient(tx, realm, clientId);
    const known = parseSecrets(row.secrets);
    const kept = known.filter((secret) => secret.id !== secretId);
    if (kept.length === known.length)
      throw new Problem('registry.unknown', { detail: 'The client has no such secret.' });
    const after = await changeClient(tx, row, { secrets: secretsColumn(row, kept, tx.now) });
    if (compromised) await endLiveTokens(tx, row);
    const event = { before: secretIds(row), after: { ...secretIds(after), compromised } };
    await tx.record({ realm, type: 'client.secret_revoked', object: `client:${clientId}`, ...event });
  });
}

/**
 * Ends the client's tokens. The client may get new ones at once. The caller has changed the client's row in this
 * transaction, so a suspension at the same moment is not undone here.
 */
export async function endLiveTokens(tx: Writing, row: ClientState): Promise<void> {
  if (row.suspended_at !== null || row.ended_at !== null) return;
  await suspendSubject(tx, row.realm, row.subject_id);
  await reinstateSubject(tx, row.realm, row.subject_id);
}

export type ClientStep = 'disable' | 'enable' | 'end';

/** The statuses from which each step starts, and its result. Repeating a step changes nothing. */
const steps: Record<
  ClientStep,
  {
    readonly from: readonly ClientView['status'][];
    readonly to: ClientView['status'];
    readonly event: string;
    readonly act: Act;
  }
> = {
  disable: { from: ['ENABLED'], to: 'DISABLED', event: 'client.disabled', act: disable },
  enable: { from: ['DISABLED'], to: 'ENABLED', event: 'client.enabled', act: enable },
  end: { from: ['ENABLED', 'DISABLED'], to: 'ENDED', event: 'client.ended', act: endClient },
};
type Act = (tx: Writing, row: ClientState) => Promise<void>;

export async function stepClient(
  context: Context,
  realm: string,
  id: string,
  step: ClientStep,
  caller: Caller,
): Promise<ClientView> {
  const { from, to, event, act } = steps[step];
  await write(context, caller, async (tx) => {
    const row = await requireClientState(tx.db, realm, id);
    if (row.participant_id !== null) {
      throw new Problem('registry.transition', {
        detail: 'This client belongs to a participant: suspend, reinstate or offboard that.',
      });
    }
    const status = statusOf(row);
    if (status === to) return;
    if (!from.includes(status)) throw new Problem('registry.transition', { detail: `The client is ${status}.` });
    await act(tx, row);
    const change = { before: { status }, after: { status: to } };
    await tx.record({ realm, type: event, object: `client:${id}`, ...change });
  });
  return requireClientView(context, realm, id);
}

/** Changes the client's row first: its version decides between two changes at once. */
async function disable(tx: Writing, row: ClientState): Promise<void> {
  await touchClient(tx, row);
  await suspendSubject(tx, row.realm, row.subject_id);
}

async function enable(tx: Writing, row: ClientState): Promise<void> {
  await touchClient(tx, row);
  await reinstateSubject(tx, row.realm, row.subject_id);
}

export async function requireClientState(
  db: Writing['db'] | Context['store']['db'],
  realm: string,
  id: string,
): Promise<ClientState> {
  const row = await findClientState(db, realm, id);
  if (row === undefined) throw new Problem('client.unknown');
  return row;
}

async function requireOpenClient(tx: Writing, realm: string, id: string): Promise<ClientState> {
  const row = await requireClientState(tx.db, realm, id);
  if (row.ended_at !== null) throw new Problem('registry.transition', { detail: 'The client has ended.' });
  return row;
}

function clientView(row: ClientState): ClientView {
  return {
    id: row.id,
    name: row.name,
    participantId: row.participant_id,
    scope: row.scope,
    audiences: JSON.parse(row.audiences) as string[],
    status: statusOf(row),
    secrets: parseSecrets(row.secrets).map(({ id, createdAt, expiresAt }) => ({
      id,
      createdAt: isoDate(createdAt),
      expiresAt: isoDate(expiresAt),
    })),
    createdAt: isoDate(row.created_at),
    updatedAt: isoDate(row.updated_at),
    endedAt: isoDate(row.ended_at),
  };
}

function statusOf(row: ClientState): ClientView['status'] {
  if (row.ended_at !== null) return 'ENDED';
  return row.suspended_at === null ? 'ENABLED' : 'DISABLED';
}

/** For the event log: the ids of the secrets, never their values. */
function secretIds({ secrets }: Pick<ClientState, 'secrets'>): { readonly secretIds: readonly string[] } {
  return { secretIds: parseSecrets(secrets).map(({ id }) => id) };
}
