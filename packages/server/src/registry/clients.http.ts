import { z } from 'zod';
import { administrator } from '../callers/administrator.ts';
import { pageOf, pageQuery, pageSchema } from '../http/page.ts';
import { nothing } from '../http/route.ts';
import { type Route, route } from '../route.ts';
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
} from './client-administration.ts';

const base = '/realms/:realm/admin/clients';
const administration = { tag: 'Administration', caller: administrator } as const;

/** Seconds that the secret before lives on. */
const rotationSchema = z.strictObject({ overlapSeconds: z.int().min(0).max(2_592_000).default(86_400) });

export const routes: readonly Route[] = [
  route({
    ...administration,
    method: 'GET',
    path: base,
    operationId: 'listClients',
    summary: 'Clients by id, those of participants too.',
    query: pageQuery,
    answers: { 200: pageSchema(clientViewSchema) },
    handle: ({ context, who: { realm }, query }) => pageOfClients(context, realm.name, pageOf(query)),
  }),
  route({
    ...administration,
    method: 'POST',
    path: base,
    operationId: 'createClient',
    summary: 'A client that belongs to no participant. Its secret is shown once.',
    body: newClientSchema,
    answers: { 201: newSecretSchema },
    handle: ({ context, who: { realm, caller }, body }) => registerClient(context, realm.name, body, caller),
  }),
  route({
    ...administration,
    method: 'GET',
    path: `${base}/:id`,
    operationId: 'getClient',
    summary: 'One client.',
    answers: { 200: clientViewSchema },
    handle: ({ context, who: { realm }, params: { id } }) => requireClientView(context, realm.name, id),
  }),
  route({
    ...administration,
    method: 'POST',
    path: `${base}/:id/secrets`,
    operationId: 'issueClientSecret',
    summary:
      'A new secret of a client that belongs to no participant, shown once; the one before lives on for a while.',
    body: rotationSchema,
    bodyOptional: true,
    answers: { 201: newSecretSchema },
    handle: ({ context, who: { realm, caller }, params: { id }, body: { overlapSeconds } }) =>
      issueSecret(context, realm.name, id, { overlapSeconds, isOwn: false }, caller),
  }),
  step('disable', 'Disable a client: it is refused and its tokens are dead.'),
  step('enable', 'Enable a disabled client. Tokens from before stay dead.'),
  step('end', 'End a client for good. Its id is never used again.'),
];

function step(name: ClientStep, summary: string): Route {
  return route({
    ...administration,
    method: 'POST',
    path: `${base}/:id/${name}`,
    operationId: `${name}Client`,
    summary,
    body: nothing,
    bodyOptional: true,
    answers: { 200: clientViewSchema },
    handle: ({ context, who: { realm, caller }, params: { id } }) => stepClient(context, realm.name, id, name, caller),
  });
}
