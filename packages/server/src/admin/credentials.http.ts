import { z } from 'zod';
import { authenticateAdministration } from '../http/administration.ts';
import { readJson, validate } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { pageOf, pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json, noContent } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { isoDate } from '../kernel/clock.ts';
import { lineOfText, searchText } from '../kernel/text.ts';
import {
  type CredentialStep,
  changeCredential,
  createCredential,
  requireCredential,
  stepCredential,
} from '../passwords/credential.ts';
import {
  credentialChangeSchema,
  credentialView,
  credentialViewSchema,
  newCredentialSchema,
  pageOfCredentialViews,
} from '../passwords/identity-administration.ts';
import { inviteCredential } from '../passwords/invite.ts';
import { unlockCredential } from '../passwords/throttle.ts';
import { pageQuery, pageSchema } from './page-schema.ts';

const base = '/realms/:realm/admin/credentials';
const administration = { tag: 'Administration', refusals: 'problem', security: 'administrator' } as const;
const jsonOnly = ['application/json'] as const;
const nothing = z.strictObject({});
const filterSchema = z.strictObject({ identityId: lineOfText().optional(), code: searchText().optional() });
const inviteSchema = z.strictObject({ deliver: z.enum(['mail', 'show']).default('mail') });
const invitationSchema = z.object({
  credentialId: z.string(),
  expiresAt: z.string(),
  /** Only where it was asked to be shown. */
  token: z.string().optional(),
});

export const routes: readonly Route[] = [
  {
    ...administration,
    method: 'GET',
    path: base,
    operationId: 'listCredentials',
    summary: 'Credentials by id, of one identity or with one code if asked.',
    query: pageQuery.extend(filterSchema.shape),
    responses: { 200: pageSchema(credentialViewSchema) },
    handle: list,
  },
  {
    ...administration,
    method: 'POST',
    path: base,
    operationId: 'createCredential',
    summary: 'A credential of an identity. It has no password until its holder is invited and sets one.',
    body: { schema: newCredentialSchema, mediaTypes: jsonOnly },
    responses: { 201: credentialViewSchema },
    handle: create,
  },
  {
    ...administration,
    method: 'GET',
    path: `${base}/:id`,
    operationId: 'getCredential',
    summary: 'One credential.',
    responses: { 200: credentialViewSchema },
    handle: show,
  },
  {
    ...administration,
    method: 'PATCH',
    path: `${base}/:id`,
    operationId: 'changeCredential',
    summary: 'Change its code, which ends its sessions, or where its mail goes.',
    body: { schema: credentialChangeSchema, mediaTypes: jsonOnly },
    responses: { 200: credentialViewSchema },
    handle: change,
  },
  stepRoute('disable', 'Disable a credential: it cannot log in, and its sessions end.'),
  stepRoute('enable', 'Enable a disabled credential. Sessions from before stay ended.'),
  {
    ...administration,
    method: 'POST',
    path: `${base}/:id/unlock`,
    operationId: 'unlockCredential',
    summary: 'Forgive the failed logins from unknown devices, which have to wait otherwise.',
    responses: { 204: 'Done.' },
    handle: unlock,
  },
  {
    ...administration,
    method: 'POST',
    path: `${base}/:id/invite`,
    operationId: 'inviteCredential',
    summary: 'Send its holder a token, good once and for a week, with which to set the first password; or show it.',
    body: { schema: inviteSchema, mediaTypes: jsonOnly, optional: true },
    responses: { 201: invitationSchema },
    handle: invite,
  },
];

async function list(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  const filter = validate(filterSchema, {
    identityId: call.query.get('identityId') ?? undefined,
    code: call.query.get('code') ?? undefined,
  });
  return json(200, await pageOfCredentialViews(call.context, realm, filter, pageOf(call)));
}

async function create(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const wanted = await readJson(call, newCredentialSchema);
  return json(201, credentialView(await createCredential(call.context, realm, wanted, caller)));
}

async function show(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  return view(call, realm, pathName(call, 'id'));
}

async function change(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const wanted = await readJson(call, credentialChangeSchema);
  const id = pathName(call, 'id');
  await changeCredential(call.context, realm, id, wanted, caller);
  return view(call, realm, id);
}

function stepRoute(step: CredentialStep, summary: string): Route {
  return {
    ...administration,
    method: 'POST',
    path: `${base}/:id/${step}`,
    operationId: `${step}Credential`,
    summary,
    responses: { 200: credentialViewSchema },
    async handle(call) {
      const { realm, caller } = await authenticateAdministration(call);
      await readOptionalJson(call, nothing);
      const id = pathName(call, 'id');
      await stepCredential(call.context, realm, id, step, caller);
      return view(call, realm, id);
    },
  };
}

async function unlock(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  await readOptionalJson(call, nothing);
  await unlockCredential(call.context, realm, pathName(call, 'id'), caller);
  return noContent();
}

async function invite(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const { deliver } = await readOptionalJson(call, inviteSchema);
  const credentialId = pathName(call, 'id');
  const { until, token } = await inviteCredential(call.context, realm, credentialId, deliver, caller);
  return json(201, { credentialId, expiresAt: isoDate(until), token });
}

async function view(call: Call, realm: string, id: string): Promise<Response> {
  return json(200, credentialView(await requireCredential(call.context, realm, id)));
}
