import { z } from 'zod';
import { administratorHolder } from '../../callers/holder.ts';
import { nothing } from '../../http/route.ts';
import { corporate, type Route } from '../../route.ts';
import { passwordConfigSchema } from '../../subject/password-config.ts';
import { rootOrAdministrator } from '../root.http.ts';
import { identityIdOut } from '../wire-schema.ts';
import { createProfile, profileOfIdentity, profileViewSchema, requireProfileView, updateProfile } from './profile.ts';

const profileRequest = z.strictObject({ configPerCredentialType: passwordConfigSchema });
const common = { tag: 'Passwords', caller: administratorHolder } as const;
const base = '/passwords/profiles/:identity_profile_id';

export const routes: readonly Route[] = [
  ...saved('create', 'Extend an identity profile with password rules. For administrators.', createProfile),
  ...corporate({
    ...common,
    path: `${base}/get`,
    operationId: 'getPasswordProfile',
    summary: 'A password profile with all its rules. For administrators.',
    body: nothing,
    bodyOptional: true,
    answers: { 200: profileViewSchema },
    handle: ({ context, who: { realm }, params: { identity_profile_id: id } }) =>
      requireProfileView(context, realm.name, id),
  }),
  ...saved(
    'update',
    'Replace the rules of the named types. Passwords from before stay valid. For administrators.',
    updateProfile,
  ),
  ...corporate({
    ...common,
    path: '/passwords/identities/:identity_id/get',
    operationId: 'getPasswordIdentity',
    summary: 'The profile that an identity belongs to. For its ROOT, and for administrators.',
    caller: rootOrAdministrator,
    body: nothing,
    bodyOptional: true,
    answers: { 200: z.object({ identityId: identityIdOut, profileId: z.string() }) },
    handle: ({ context, who: { realm }, params: { identity_id: id } }) => profileOfIdentity(context, realm.name, id),
  }),
];

function saved(step: 'create' | 'update', summary: string, rule: typeof createProfile): readonly Route[] {
  return corporate({
    ...common,
    path: `${base}/${step}`,
    operationId: `${step}PasswordProfile`,
    summary,
    body: profileRequest,
    answers: { 200: profileViewSchema },
    handle: ({ context, who: { realm, caller }, params: { identity_profile_id: id }, body }) =>
      rule(context, realm.name, { id, ...body }, caller),
  });
}
