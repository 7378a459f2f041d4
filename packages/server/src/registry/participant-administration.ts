import { cryptoPort } from '@countersign/client/node-crypto';
import { thumbprint } from '@countersign/proof';
import { z } from 'zod';
import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { isoDate, numericDate, seconds } from '../kernel/clock.ts';
import { type Page, type PageRequest, toPage } from '../kernel/page.ts';
import { Problem } from '../kernel/problem.ts';
import { type Writing, write } from '../store/write.ts';
import { revokeKey } from '../subject/tokens/revocation.ts';
import { findClientOfParticipant } from './client.store.ts';
import { touchClient } from './client.ts';
import {
  type ClientView,
  clientViewSchema,
  endLiveTokens,
  requireClientState,
  requireClientView,
} from './client-administration.ts';
import { listHolders, listKeys } from './keys/participant-key.store.ts';
import { readKeys, registerKey, retireKey } from './keys/participant-key.ts';
import { offeredKeySchema, requireNewKey, requireValidity } from './keys/public-key.ts';
import { isValidAt, type RegisteredKey } from './keys/registered-key.ts';
import { findParticipant, listParticipants, lockParticipant, type ParticipantFilter } from './participant.store.ts';
import {
  changeParticipant,
  type Participant,
  readParticipants,
  roles,
  statuses,
  toParticipant,
} from './participant.ts';

const text = z.string().nullable();

export const keyViewSchema = z.object({
  thumbprint: z.string(),
  publicKey: z.record(z.string(), z.unknown()),
  /** NumericDate. */
  nbf: z.number(),
  exp: z.number().nullable(),
  valid: z.boolean(),
});

export const participantViewSchema = z.object({
  id: z.string(),
  organisationId: z.string(),
  role: z.enum(roles),
  status: z.enum(statuses),
  baseUrl: text,
  resources: z.array(z.object({ resource: z.string(), roles: z.array(z.string()) })),
  participant: z.record(z.string(), text),
  clientId: text,
  keys: z.array(keyViewSchema),
  approvedBy: text,
  approvedOn: text,
  createdOn: z.string(),
  updatedOn: z.string(),
});
export type ParticipantView = z.output<typeof participantViewSchema>;

export const participantDetailSchema = participantViewSchema.extend({ client: clientViewSchema.nullable() });

export const newKeySchema = z.strictObject({
  publicKey: offeredKeySchema,
  nbf: numericDate.optional(),
  exp: numericDate.optional(),
});

export async function pageOfParticipants(
  context: Context,
  realm: string,
  filter: ParticipantFilter,
  { after, limit }: PageRequest,
): Promise<Page<ParticipantView>> {
  const { db } = context.store;
  const { items, ...rest } = toPage(
    await listParticipants(db, realm, after, limit + 1, filter),
    limit,
    (row) => row.id,
  );
  const ids = items.map((row) => row.id);
  const keys = Map.groupBy(await listKeys(db, realm, ids), (key) => key.participant_id);
  const now = context.clock.now();
  return { items: items.map((row) => participantView(toParticipant(row, keys.get(row.id) ?? []), now)), ...rest };
}

/** Reads past the cache, because an administrator must see the current state. */
export async function participantDetail(
  context: Context,
  realm: string,
  id: string,
): Promise<ParticipantView & { readonly client: ClientView | null }> {
  const [participant] = await readParticipants(context, realm, [id]);
  if (participant === undefined) throw new Problem('participant.unknown');
  const client = participant.clientId === null ? null : await requireClientView(context, realm, participant.clientId);
  return { ...participantView(participant, context.clock.now()), client };
}

/** Adds a key to the participant's keys. @throws {Problem} `registry.key`, `registry.key_taken`, `registry.conflict` */
export async function addParticipantKey(
  context: Context,
  realm: string,
  participantId: string,
  wanted: z.output<typeof newKeySchema>,
  caller: Caller,
): Promise<z.output<typeof keyViewSchema>> {
  const key = await requireNewKey(wanted.publicKey, '/publicKey');
  const { jwk } = key;
  const keyId = await thumbprint(jwk, cryptoPort);
  const now = context.clock.now();
  const from = wanted.nbf === undefined ? now : wanted.nbf * 1000;
  const until = wanted.exp === undefined ? null : wanted.exp * 1000;
  if (until !== null && until <= Math.max(now, from)) {
    throw new Problem('request.invalid', { detail: '/exp: must be in the future and after nbf.', pointer: '/exp' });
  }
  requireValidity(key, { from: now }, '/publicKey');
  const { notBefore, notAfter } = requireValidity(key, { from, until }, '/publicKey');
  await write(context, caller, async (tx) => {
    const { organisation_id: organisationId } = await touchParticipant(tx, realm, participantId);
    await registerKey(tx, { realm, participantId, organisationId, jwk, thumbprint: keyId, notBefore, notAfter });
    const after = {
      thumbprint: keyId,
      alg: jwk.alg,
      nbf: seconds(notBefore),
      exp: notAfter === null ? null : seconds(notAfter),
    };
    await tx.record({ realm, type: 'participant.key_added', object: `participant:${participantId}`, after });
  });
  return keyView({ thumbprint: keyId, jwk, notBefore, notAfter }, now);
}

/**
 * Ends the validity of a key. If the key may have leaked (`compromised`), the status feed says so and the participant's
 * tokens die, because the thief may have obtained some.
 */
export async function retireParticipantKey(
  context: Context,
  realm: string,
  participantId: string,
  keyId: string,
  compromised: boolean,
  caller: Caller,
): Promise<z.output<typeof keyViewSchema>> {
  return write(context, caller, async (tx) => {
    const participant = await findParticipant(tx.db, realm, participantId);
    if (participant === undefined) throw new Problem('participant.unknown');
    return retireKeyOf(tx, { realm, participantId, thumbprint: keyId, compromised });
  });
}

/** The same inside a transaction. */
export async function retireKeyOf(
  tx: Writing,
  retired: {
    readonly realm: string;
    readonly participantId: string;
    readonly thumbprint: string;
    readonly compromised: boolean;
  },
): Promise<z.output<typeof keyViewSchema>> {
  const { realm, participantId, ...after } = retired;
  // A compromised key also ends for every other participant of the organisation that has it.
  const holders = after.compromised ? await listHolders(tx.db, realm, after.thumbprint) : [];
  for (const holder of new Set([participantId, ...holders])) {
    await lockParticipant(tx.db, realm, holder);
    const outcome = await retireKey(tx, realm, holder, after.thumbprint);
    if (after.compromised) await endTokensOf(tx, realm, holder);
    else if (outcome === 'unchanged') continue;
    const event = { realm, type: 'participant.key_retired', object: `participant:${holder}`, after };
    await tx.record(event);
  }
  if (after.compromised) await revokeKey(tx, realm, after.thumbprint);
  const key = (await readKeys(tx, realm, participantId)).find((known) => known.thumbprint === after.thumbprint);
  return keyView(key as RegisteredKey, tx.now);
}

async function endTokensOf(tx: Writing, realm: string, participantId: string): Promise<void> {
  const client = await findClientOfParticipant(tx.db, realm, participantId);
  if (client === undefined || client.ended_at !== null) return;
  const state = await requireClientState(tx.db, realm, client.id);
  await touchClient(tx, state);
  await endLiveTokens(tx, state);
}

/** The id of the participant's client. @throws {Problem} `participant.unknown`, `client.unknown` if it has no client */
export async function clientIdOf(context: Context, realm: string, participantId: string): Promise<string> {
  const participant = await findParticipant(context.store.db, realm, participantId);
  if (participant === undefined) throw new Problem('participant.unknown');
  const client = await findClientOfParticipant(context.store.db, realm, participantId);
  if (client === undefined) throw new Problem('client.unknown', { detail: 'The participant has no client.' });
  return client.id;
}

/** Decides between this change and a lifecycle step at the same moment. */
export async function touchParticipant(tx: Writing, realm: string, id: string) {
  const row = await findParticipant(tx.db, realm, id);
  if (row === undefined) throw new Problem('participant.unknown');
  if (row.status === 'OFFBOARDED')
    throw new Problem('registry.transition', { detail: 'The participant is OFFBOARDED.' });
  await changeParticipant(tx, row, null, {});
  return row;
}

function participantView(participant: Participant, now: number): ParticipantView {
  const { id, organisationId, role, status, baseUrl, resources, organisation, clientId, approvedBy } = participant;
  return {
    id,
    organisationId,
    role,
    status,
    baseUrl,
    resources: resources.map((mapping) => ({ resource: mapping.resource, roles: [...mapping.roles] })),
    participant: { ...organisation },
    clientId,
    keys: participant.keys.map((key) => keyView(key, now)),
    approvedBy,
    approvedOn: isoDate(participant.approvedAt),
    createdOn: isoDate(participant.createdAt),
    updatedOn: isoDate(participant.updatedAt),
  };
}

export function keyView(key: RegisteredKey, now: number): z.output<typeof keyViewSchema> {
  return {
    thumbprint: key.thumbprint,
    publicKey: { ...key.jwk },
    nbf: seconds(key.notBefore),
    exp: key.notAfter === null ? null : seconds(key.notAfter),
    valid: isValidAt(key, now),
  };
}
