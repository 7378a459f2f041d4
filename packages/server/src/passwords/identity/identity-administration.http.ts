import { administrator } from '../../callers/administrator.ts';
import { pageOf, pageQuery, pageSchema } from '../../http/page.ts';
import { nothing } from '../../http/route.ts';
import { lineOfText } from '../../kernel/text.ts';
import { type Route, route } from '../../route.ts';
import {
  createIdentity,
  createIdentityProfile,
  type IdentityStep,
  requireIdentity,
  requireIdentityProfile,
  stepIdentity,
} from './identity.ts';
import {
  identityProfileView,
  identityProfileViewSchema,
  identityView,
  identityViewSchema,
  newIdentityProfileSchema,
  newIdentitySchema,
  pageOfIdentities,
  pageOfIdentityProfiles,
} from './identity-administration.ts';

const profiles = '/realms/:realm/admin/identity-profiles';
const identities = '/realms/:realm/admin/identities';
const administration = { tag: 'Administration', caller: administrator } as const;

export const routes: readonly Route[] = [
  route({
    ...administration,
    method: 'GET',
    path: profiles,
    operationId: 'listIdentityProfiles',
    summary: 'Identity profiles by id.',
    query: pageQuery,
    answers: { 200: pageSchema(identityProfileViewSchema) },
    handle: ({ context, who: { realm }, query }) => pageOfIdentityProfiles(context, realm.name, pageOf(query)),
  }),
  route({
    ...administration,
    method: 'POST',
    path: profiles,
    operationId: 'createIdentityProfile',
    summary: 'An identity profile: what identities are made from, and what a password profile extends.',
    body: newIdentityProfileSchema,
    answers: { 201: identityProfileViewSchema },
    handle: async ({ context, who: { realm, caller }, body }) =>
      identityProfileView(await createIdentityProfile(context, realm.name, body, caller)),
  }),
  route({
    ...administration,
    method: 'GET',
    path: `${profiles}/:id`,
    operationId: 'getIdentityProfile',
    summary: 'One identity profile.',
    answers: { 200: identityProfileViewSchema },
    handle: async ({ context, who: { realm }, params: { id } }) =>
      identityProfileView(await requireIdentityProfile(context, realm.name, id)),
  }),
  route({
    ...administration,
    method: 'GET',
    path: identities,
    operationId: 'listIdentities',
    summary: 'Identities by id, of one profile if asked.',
    query: pageQuery.extend({ profileId: lineOfText().optional() }),
    answers: { 200: pageSchema(identityViewSchema) },
    handle: ({ context, who: { realm }, query: { profileId, ...page } }) =>
      pageOfIdentities(context, realm.name, profileId, pageOf(page)),
  }),
  route({
    ...administration,
    method: 'POST',
    path: identities,
    operationId: 'createIdentity',
    summary: 'An identity, made from an identity profile.',
    body: newIdentitySchema,
    answers: { 201: identityViewSchema },
    handle: async ({ context, who: { realm, caller }, body }) =>
      identityView(await createIdentity(context, realm.name, body, caller)),
  }),
  route({
    ...administration,
    method: 'GET',
    path: `${identities}/:id`,
    operationId: 'getIdentityAsAdministrator',
    summary: 'One identity.',
    answers: { 200: identityViewSchema },
    handle: async ({ context, who: { realm }, params: { id } }) =>
      identityView(await requireIdentity(context, realm.name, id)),
  }),
  step('disable', 'Disable an identity: none of its credentials can log in, and their sessions end.'),
  step('enable', 'Enable a disabled identity, and its credentials that are not disabled themselves.'),
];

function step(name: IdentityStep, summary: string): Route {
  return route({
    ...administration,
    method: 'POST',
    path: `${identities}/:id/${name}`,
    operationId: `${name}Identity`,
    summary,
    body: nothing,
    bodyOptional: true,
    answers: { 200: identityViewSchema },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await stepIdentity(context, realm.name, id, name, caller);
      return identityView(await requireIdentity(context, realm.name, id));
    },
  });
}
