import { z } from 'zod';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { corporateRoutes } from '../http/corporate.ts';
import { authenticateAdministratorHolder, authenticateHolder } from '../http/holder.ts';
import { pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json } from '../http/render.ts';
import { Problem } from '../kernel/problem.ts';
import { passwordConfigSchema } from '../subject/password-config.ts';
import { createProfile, profileOfIdentity, profileViewSchema, requireProfileView, updateProfile } from './profile.ts';
import { identityIdOut } from './wire-schema.ts';

const nothing = z.strictObject({});
const profileRequest = z.strictObject({ configPerCredentialType: passwordConfigSchema });
const common = { tag: 'Passwords', security: 'session' } as const;
const base = '/passwords/profiles/:identity_profile_id';

export const routes = corporateRoutes([
  {
    ...common,
    path: `${base}/create`,
    operationId: 'createPasswordProfile',
    summary: 'Extend an identity profile by what its passwords must be. For administrators.',
    body: profileRequest,
    responses: { 200: profileViewSchema },
    handle: (call) => save(call, createProfile),
  },
  {
    ...common,
    path: `${base}/get`,
    operationId: 'getPasswordProfile',
    summary: 'A password profile, with nothing left out. For administrators.',
    body: nothing,
    optionalBody: true,
    responses: { 200: profileViewSchema },
    handle: show,
  },
  {
    ...common,
    path: `${base}/update`,
    operationId: 'updatePasswordProfile',
    summary: 'Replace what the profile says of the types named. Passwords from before stay good. For administrators.',
    body: profileRequest,
    responses: { 200: profileViewSchema },
    handle: (call) => save(call, updateProfile),
  },
  {
    ...common,
    path: '/passwords/identities/:identity_id/get',
    operationId: 'getPasswordIdentity',
    summary: 'Which profile an identity is linked with. For its ROOT, and for administrators.',
    body: nothing,
    optionalBody: true,
    responses: { 200: z.object({ identityId: identityIdOut, profileId: z.string() }) },
    handle: identity,
  },
]);

async function save(call: Call, act: typeof createProfile): Promise<Response> {
  const { realm, caller } = await authenticateAdministratorHolder(call);
  const { configPerCredentialType } = await readJson(call, profileRequest);
  const profile = { id: pathName(call, 'identity_profile_id'), configPerCredentialType };
  return json(200, await act(call.context, realm.name, profile, caller));
}

async function show(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministratorHolder(call);
  await readOptionalJson(call, nothing);
  return json(200, await requireProfileView(call.context, realm.name, pathName(call, 'identity_profile_id')));
}

async function identity(call: Call): Promise<Response> {
  const holder = await authenticateHolder(call);
  await readOptionalJson(call, nothing);
  const id = pathName(call, 'identity_id');
  if (holder.kind === 'session') {
    const { credential, identity: own } = holder.session.subject;
    if (own.id !== id) throw new Problem('identity.unknown');
    if (credential.type !== 'ROOT') throw new Problem('caller.forbidden', 'This is for the ROOT of the identity.');
  }
  return json(200, await profileOfIdentity(call.context, holder.realm.name, id));
}
