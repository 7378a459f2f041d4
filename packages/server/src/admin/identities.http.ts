import { z } from 'zod';
import { authenticateAdministration } from '../http/administration.ts';
import { readJson, validate } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { pageOf, pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { lineOfText } from '../kernel/text.ts';
import {
  createIdentity,
  createIdentityProfile,
  type IdentityStep,
  requireIdentity,
  requireIdentityProfile,
  stepIdentity,
} from '../passwords/identity.ts';
import {
  identityProfileView,
  identityProfileViewSchema,
  identityView,
  identityViewSchema,
  newIdentityProfileSchema,
  newIdentitySchema,
  pageOfIdentities,
  pageOfIdentityProfiles,
} from '../passwords/identity-administration.ts';
import { pageQuery, pageSchema } from './page-schema.ts';

const profiles = '/realms/:realm/admin/identity-profiles';
const identities = '/realms/:realm/admin/identities';
const administration = { tag: 'Administration', refusals: 'problem', security: 'administrator' } as const;
const jsonOnly = ['application/json'] as const;
const nothing = z.strictObject({});
const filterSchema = z.strictObject({ profileId: lineOfText().optional() });

export const routes: readonly Route[] = [
  {
    ...administration,
    method: 'GET',
    path: profiles,
    operationId: 'listIdentityProfiles',
    summary: 'Identity profiles by id.',
    query: pageQuery,
    responses: { 200: pageSchema(identityProfileViewSchema) },
    handle: listProfiles,
  },
  {
    ...administration,
    method: 'POST',
    path: profiles,
    operationId: 'createIdentityProfile',
    summary: 'An identity profile: what identities are made from, and what a password profile extends.',
    body: { schema: newIdentityProfileSchema, mediaTypes: jsonOnly },
    responses: { 201: identityProfileViewSchema },
    handle: createProfile,
  },
  {
    ...administration,
    method: 'GET',
    path: `${profiles}/:id`,
    operationId: 'getIdentityProfile',
    summary: 'One identity profile.',
    responses: { 200: identityProfileViewSchema },
    handle: showProfile,
  },
  {
    ...administration,
    method: 'GET',
    path: identities,
    operationId: 'listIdentities',
    summary: 'Identities by id, of one profile if asked.',
    query: pageQuery.extend(filterSchema.shape),
    responses: { 200: pageSchema(identityViewSchema) },
    handle: list,
  },
  {
    ...administration,
    method: 'POST',
    path: identities,
    operationId: 'createIdentity',
    summary: 'An identity, made from an identity profile.',
    body: { schema: newIdentitySchema, mediaTypes: jsonOnly },
    responses: { 201: identityViewSchema },
    handle: create,
  },
  {
    ...administration,
    method: 'GET',
    path: `${identities}/:id`,
    operationId: 'getIdentityAsAdministrator',
    summary: 'One identity.',
    responses: { 200: identityViewSchema },
    handle: show,
  },
  stepRoute('disable', 'Disable an identity: none of its credentials can log in, and their sessions end.'),
  stepRoute('enable', 'Enable a disabled identity, and its credentials that are not disabled themselves.'),
];

async function listProfiles(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  return json(200, await pageOfIdentityProfiles(call.context, realm, pageOf(call)));
}

async function createProfile(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const wanted = await readJson(call, newIdentityProfileSchema);
  return json(201, identityProfileView(await createIdentityProfile(call.context, realm, wanted, caller)));
}

async function showProfile(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  return json(200, identityProfileView(await requireIdentityProfile(call.context, realm, pathName(call, 'id'))));
}

async function list(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  const { profileId } = validate(filterSchema, { profileId: call.query.get('profileId') ?? undefined });
  return json(200, await pageOfIdentities(call.context, realm, profileId, pageOf(call)));
}

async function create(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const wanted = await readJson(call, newIdentitySchema);
  return json(201, identityView(await createIdentity(call.context, realm, wanted, caller)));
}

async function show(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  return json(200, identityView(await requireIdentity(call.context, realm, pathName(call, 'id'))));
}

function stepRoute(step: IdentityStep, summary: string): Route {
  return {
    ...administration,
    method: 'POST',
    path: `${identities}/:id/${step}`,
    operationId: `${step}Identity`,
    summary,
    responses: { 200: identityViewSchema },
    async handle(call) {
      const { realm, caller } = await authenticateAdministration(call);
      await readOptionalJson(call, nothing);
      const id = pathName(call, 'id');
      await stepIdentity(call.context, realm, id, step, caller);
      return json(200, identityView(await requireIdentity(call.context, realm, id)));
    },
  };
}
