import { z } from 'zod';
import { administrator } from '../../callers/administrator.ts';
import { pageOf, pageQuery } from '../../http/page.ts';
import { nothing } from '../../http/route.ts';
import { type Route, route } from '../../route.ts';
import { requireCredential } from './credential.ts';
import { deleteCredential, deleteIdentity, restoreCredential, restoreIdentity } from './deletion.ts';
import { holdingsOfCredential, holdingsOfIdentity } from './holdings.ts';
import { requireIdentity } from './identity.ts';
import { credentialView, credentialViewSchema, identityView, identityViewSchema } from './identity-administration.ts';

const administration = { tag: 'Administration', caller: administrator } as const;
const credentials = '/realms/:realm/admin/credentials/:id';
const identities = '/realms/:realm/admin/identities/:id';
const list = z.array(z.record(z.string(), z.unknown()));
const held = {
  credential: credentialViewSchema,
  passwords: list,
  factors: list,
  sessions: list,
  codes: list,
  events: list,
};

export const routes: readonly Route[] = [
  route({
    ...administration,
    method: 'DELETE',
    path: credentials,
    operationId: 'deleteCredential',
    summary: 'Delete a credential: unusable at once, restorable until `removedAfter`, then removed.',
    answers: { 200: credentialViewSchema },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await deleteCredential(context, realm.name, id, caller);
      return credentialView(await requireCredential(context, realm.name, id));
    },
  }),
  route({
    ...administration,
    method: 'POST',
    path: `${credentials}/restore`,
    operationId: 'restoreCredential',
    summary: 'Restore a deleted credential with its password and second factors. Its sessions stay ended.',
    body: nothing,
    bodyOptional: true,
    answers: { 200: credentialViewSchema },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await restoreCredential(context, realm.name, id, caller);
      return credentialView(await requireCredential(context, realm.name, id));
    },
  }),
  route({
    ...administration,
    method: 'GET',
    path: `${credentials}/export`,
    operationId: 'exportCredential',
    summary: 'All that is held about a credential, without hashes and secrets.',
    answers: { 200: z.object(held) },
    handle: ({ context, who: { realm }, params: { id } }) =>
      holdingsOfCredential(context, realm.name, id) as Promise<never>,
  }),
  route({
    ...administration,
    method: 'DELETE',
    path: identities,
    operationId: 'deleteIdentity',
    summary: 'Delete an identity with all its credentials: unusable at once, restorable until `removedAfter`.',
    answers: { 200: identityViewSchema },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await deleteIdentity(context, realm.name, id, caller);
      return identityView(await requireIdentity(context, realm.name, id));
    },
  }),
  route({
    ...administration,
    method: 'POST',
    path: `${identities}/restore`,
    operationId: 'restoreIdentity',
    summary: 'Restore a deleted identity with its credentials, except those that were disabled or deleted themselves.',
    body: nothing,
    bodyOptional: true,
    answers: { 200: identityViewSchema },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await restoreIdentity(context, realm.name, id, caller);
      return identityView(await requireIdentity(context, realm.name, id));
    },
  }),
  route({
    ...administration,
    method: 'GET',
    path: `${identities}/export`,
    operationId: 'exportIdentity',
    summary: 'All that is held about an identity and, page by page, its credentials, without hashes and secrets.',
    query: pageQuery,
    answers: {
      200: z.object({
        identity: identityViewSchema,
        events: list,
        credentials: z.array(z.object(held)),
        next: z.string().optional(),
      }),
    },
    handle: ({ context, who: { realm }, params: { id }, query }) =>
      holdingsOfIdentity(context, realm.name, id, pageOf(query)) as Promise<never>,
  }),
];
