import { z } from 'zod';
import { administrator } from '../../callers/administrator.ts';
import { pageOf, pageQuery, pageSchema } from '../../http/page.ts';
import { nothing } from '../../http/route.ts';
import { isoDate } from '../../kernel/clock.ts';
import { lineOfText, searchText } from '../../kernel/text.ts';
import { type Route, route } from '../../route.ts';
import { bulkInviteSchema, bulkResultSchema, inviteMany } from '../bulk-invite.ts';
import { unlockCredential } from '../guess/throttle.ts';
import { inviteCredential } from '../invite.ts';
import { resetPassword } from '../reset.ts';
import { sendVerification } from '../verify-address.ts';
import { type CredentialStep, createCredential, requireCredential, stepCredential } from './credential.ts';
import { changeCredential } from './credential-change.ts';
import {
  credentialChangeSchema,
  credentialView,
  credentialViewSchema,
  newCredentialSchema,
  pageOfCredentialViews,
} from './identity-administration.ts';

const base = '/realms/:realm/admin/credentials';
const administration = { tag: 'Administration', caller: administrator } as const;
const filter = { identityId: lineOfText().optional(), code: searchText().optional() };
const deliverySchema = z.strictObject({ deliver: z.enum(['mail', 'show']).default('mail') });
const oneTimeCodeSchema = z.object({
  credentialId: z.string(),
  expiresAt: z.string(),
  /** Only if the caller asked to see it. */
  token: z.string().optional(),
});

export const routes: readonly Route[] = [
  route({
    ...administration,
    method: 'GET',
    path: base,
    operationId: 'listCredentials',
    summary: 'Credentials by id, of one identity or with one code if asked.',
    query: pageQuery.extend(filter),
    answers: { 200: pageSchema(credentialViewSchema) },
    handle: ({ context, who: { realm }, query: { identityId, code, ...page } }) =>
      pageOfCredentialViews(context, realm.name, { identityId, code }, pageOf(page)),
  }),
  route({
    ...administration,
    method: 'POST',
    path: base,
    operationId: 'createCredential',
    summary: 'A credential of an identity. It has no password until its holder is invited and sets one.',
    body: newCredentialSchema,
    answers: { 201: credentialViewSchema },
    handle: async ({ context, who: { realm, caller }, body }) =>
      credentialView(await createCredential(context, realm.name, body, caller)),
  }),
  route({
    ...administration,
    method: 'GET',
    path: `${base}/:id`,
    operationId: 'getCredential',
    summary: 'One credential.',
    answers: { 200: credentialViewSchema },
    handle: async ({ context, who: { realm }, params: { id } }) =>
      credentialView(await requireCredential(context, realm.name, id)),
  }),
  route({
    ...administration,
    method: 'PATCH',
    path: `${base}/:id`,
    operationId: 'changeCredential',
    summary: 'Change its code, which ends its sessions, or its address for mail, or declare the address verified.',
    body: credentialChangeSchema,
    answers: { 200: credentialViewSchema },
    async handle({ context, who: { realm, caller }, params: { id }, body }) {
      await changeCredential(context, realm.name, id, body, caller);
      return credentialView(await requireCredential(context, realm.name, id));
    },
  }),
  step('disable', 'Disable a credential: it cannot log in, and its sessions end.'),
  step('enable', 'Enable a disabled credential. Sessions from before stay ended.'),
  route({
    ...administration,
    method: 'POST',
    path: `${base}/:id/unlock`,
    operationId: 'unlockCredential',
    summary: 'Forgive its failed logins, so that unknown devices need not wait.',
    body: nothing,
    bodyOptional: true,
    answers: { 204: 'Done.' },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await unlockCredential(context, realm.name, id, caller);
    },
  }),
  route({
    ...administration,
    method: 'POST',
    path: `${base}/:id/verify-email`,
    operationId: 'startEmailVerificationOfCredential',
    summary: 'Mail its holder a code that verifies the address, good once and for a day, unless it is verified.',
    body: nothing,
    bodyOptional: true,
    answers: { 200: credentialViewSchema },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await sendVerification(context, realm.name, id, caller);
      return credentialView(await requireCredential(context, realm.name, id));
    },
  }),
  route({
    ...administration,
    method: 'POST',
    path: `${base}/invitations`,
    operationId: 'inviteCredentials',
    summary: 'Make and invite up to a hundred credentials by mail. Each row has its own result; repeating it is safe.',
    body: bulkInviteSchema,
    answers: { 200: z.object({ results: z.array(bulkResultSchema) }) },
    handle: async ({ context, who: { realm, caller }, body }) => ({
      results: [...(await inviteMany(context, realm.name, body, caller))],
    }),
  }),
  code(
    'invite',
    'inviteCredential',
    'Send its holder a token, good once and for a week, with which to set the first password; or show it.',
    inviteCredential,
  ),
  code(
    'reset-password',
    'resetPassword',
    'Send its holder a code, good once and for a day, with which to set a new password; or show it.',
    resetPassword,
  ),
];

function step(name: CredentialStep, summary: string): Route {
  return route({
    ...administration,
    method: 'POST',
    path: `${base}/:id/${name}`,
    operationId: `${name}Credential`,
    summary,
    body: nothing,
    bodyOptional: true,
    answers: { 200: credentialViewSchema },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await stepCredential(context, realm.name, id, name, caller);
      return credentialView(await requireCredential(context, realm.name, id));
    },
  });
}

/** A one-time code for the holder of a credential. */
function code(name: string, operationId: string, summary: string, issue: typeof inviteCredential): Route {
  return route({
    ...administration,
    method: 'POST',
    path: `${base}/:id/${name}`,
    operationId,
    summary,
    body: deliverySchema,
    bodyOptional: true,
    answers: { 201: oneTimeCodeSchema },
    async handle({ context, who: { realm, caller }, params: { id }, body: { deliver } }) {
      const { until, token } = await issue(context, realm.name, id, deliver, caller);
      return { credentialId: id, expiresAt: isoDate(until), token };
    },
  });
}
