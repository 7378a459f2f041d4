import { z } from 'zod';
import { authenticateAdministration } from '../http/administration.ts';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { pageOf, pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import {
  type ClientStep,
  clientViewSchema,
  issueSecret,
  newClientSchema,
  newSecretSchema,
  pageOfClients,
  registerClient,
  requireClientView,
  stepClient,
} from '../registry/client-administration.ts';
import { pageQuery, pageSchema } from './page-schema.ts';

const base = '/realms/:realm/admin/clients';
const administration = { tag: 'Administration', refusals: 'problem', security: 'administrator' } as const;
const jsonOnly = ['application/json'] as const;

/** Seconds for which the secret before it lives on. */
const rotationSchema = z.strictObject({ overlapSeconds: z.int().min(0).max(2_592_000).default(86_400) });
const nothing = z.strictObject({});

export const routes: readonly Route[] = [
  {
    ...administration,
    method: 'GET',
    path: base,
    operationId: 'listClients',
    summary: 'Clients by id, those of participants too.',
    query: pageQuery,
    responses: { 200: pageSchema(clientViewSchema) },
    handle: list,
  },
  {
    ...administration,
    method: 'POST',
    path: base,
    operationId: 'createClient',
    summary: 'A client that belongs to no participant. Its secret is shown once.',
    body: { schema: newClientSchema, mediaTypes: jsonOnly },
    responses: { 201: newSecretSchema },
    handle: create,
  },
  {
    ...administration,
    method: 'GET',
    path: `${base}/:id`,
    operationId: 'getClient',
    summary: 'One client.',
    responses: { 200: clientViewSchema },
    handle: show,
  },
  {
    ...administration,
    method: 'POST',
    path: `${base}/:id/secrets`,
    operationId: 'issueClientSecret',
    summary:
      'A new secret of a client that belongs to no participant, shown once; the one before lives on for a while.',
    body: { schema: rotationSchema, mediaTypes: jsonOnly, optional: true },
    responses: { 201: newSecretSchema },
    handle: issue,
  },
  stepRoute('disable', 'Disable a client: it is refused and its tokens are dead.'),
  stepRoute('enable', 'Enable a disabled client. Tokens from before stay dead.'),
  stepRoute('end', 'End a client for good. Its id is never used again.'),
];

async function list(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  return json(200, await pageOfClients(call.context, realm, pageOf(call)));
}

async function create(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const wanted = await readJson(call, newClientSchema);
  return json(201, await registerClient(call.context, realm, wanted, caller));
}

async function show(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  return json(200, await requireClientView(call.context, realm, pathName(call, 'id')));
}

async function issue(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const { overlapSeconds } = await readOptionalJson(call, rotationSchema);
  const wanted = { overlapSeconds, isOwn: false };
  return json(201, await issueSecret(call.context, realm, pathName(call, 'id'), wanted, caller));
}

function stepRoute(step: ClientStep, summary: string): Route {
  return {
    ...administration,
    method: 'POST',
    path: `${base}/:id/${step}`,
    operationId: `${step}Client`,
    summary,
    responses: { 200: clientViewSchema },
    async handle(call) {
      const { realm, caller } = await authenticateAdministration(call);
      await readOptionalJson(call, nothing);
      return json(200, await stepClient(call.context, realm, pathName(call, 'id'), step, caller));
    },
  };
}
