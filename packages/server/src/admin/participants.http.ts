import { z } from 'zod';
import { authenticateAdministration } from '../http/administration.ts';
import { readJson, validate } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { pageOf, pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { roles, statuses } from '../registry/participant.ts';
import {
  addParticipantKey,
  keyViewSchema,
  newKeySchema,
  pageOfParticipants,
  participantDetail,
  participantDetailSchema,
  participantViewSchema,
  retireParticipantKey,
} from '../registry/participant-administration.ts';
import { pageQuery, pageSchema } from './page-schema.ts';

const base = '/realms/:realm/admin/participants';
const administration = { tag: 'Administration', refusals: 'problem', security: 'administrator' } as const;
const jsonOnly = ['application/json'] as const;

const filterSchema = z.strictObject({ role: z.enum(roles).optional(), status: z.enum(statuses).optional() });
const retirementSchema = z.strictObject({ compromised: z.boolean().default(false) });

export const routes: readonly Route[] = [
  {
    ...administration,
    method: 'GET',
    path: base,
    operationId: 'listParticipants',
    summary: 'Participants by id, of one role or status if asked.',
    query: pageQuery.extend(filterSchema.shape),
    responses: { 200: pageSchema(participantViewSchema) },
    handle: list,
  },
  {
    ...administration,
    method: 'GET',
    path: `${base}/:id`,
    operationId: 'getParticipant',
    summary: 'One participant with all its keys and its client.',
    responses: { 200: participantDetailSchema },
    handle: show,
  },
  {
    ...administration,
    method: 'POST',
    path: `${base}/:id/keys`,
    operationId: 'addParticipantKey',
    summary: 'A public key beside those that the participant has.',
    body: { schema: newKeySchema, mediaTypes: jsonOnly },
    responses: { 201: keyViewSchema },
    handle: addKey,
  },
  {
    ...administration,
    method: 'POST',
    path: `${base}/:id/keys/:thumbprint/retire`,
    operationId: 'retireParticipantKey',
    summary: 'End the validity of a key; `compromised` tells the status feed and kills the tokens of the participant.',
    body: { schema: retirementSchema, mediaTypes: jsonOnly, optional: true },
    responses: { 200: keyViewSchema },
    handle: retire,
  },
];

async function list(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  const { query } = call;
  const filter = validate(filterSchema, {
    role: query.get('role') ?? undefined,
    status: query.get('status') ?? undefined,
  });
  return json(200, await pageOfParticipants(call.context, realm, filter, pageOf(call)));
}

async function show(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  return json(200, await participantDetail(call.context, realm, pathName(call, 'id')));
}

async function addKey(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const wanted = await readJson(call, newKeySchema);
  return json(201, await addParticipantKey(call.context, realm, pathName(call, 'id'), wanted, caller));
}

async function retire(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const { compromised } = await readOptionalJson(call, retirementSchema);
  const [id, thumbprint] = [pathName(call, 'id'), pathName(call, 'thumbprint')];
  return json(200, await retireParticipantKey(call.context, realm, id, thumbprint, compromised, caller));
}
