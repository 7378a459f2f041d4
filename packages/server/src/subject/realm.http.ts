import { z } from 'zod';
import { administrator, systemAdministrator } from '../callers/administrator.ts';
import { pageOf, pageQuery, pageSchema } from '../http/page.ts';
import { toPage } from '../kernel/page.ts';
import { type Route, route } from '../route.ts';
import { realmNames, requireRealm } from './realm.ts';
import {
  changeRealm,
  createRealm,
  newRealmSchema,
  realmView,
  realmViewSchema,
  settingsChangeSchema,
} from './realm-change.ts';

const ofAll = { tag: 'Administration', caller: systemAdministrator, path: '/admin/realms' } as const;
/** A request as it arrived, so that an operator finds what the proxies before it change. */
const seenSchema = z.object({
  source: z.string(),
  forwardedFor: z.string().nullable(),
  target: z.string(),
});

const ofRealm = { tag: 'Administration', caller: administrator, path: '/realms/:realm/admin/settings' } as const;

export const routes: readonly Route[] = [
  route({
    ...ofAll,
    method: 'GET',
    operationId: 'listRealms',
    summary: 'All realms. For administrators of realm system.',
    query: pageQuery,
    answers: { 200: pageSchema(realmViewSchema) },
    async handle({ context, query }) {
      const { after, limit } = pageOf(query);
      const names = (await realmNames(context)).filter((name) => name > after).sort();
      const { items, ...rest } = toPage(names.slice(0, limit + 1), limit, (name) => name);
      const realms = await Promise.all(items.map((name) => requireRealm(context, name)));
      return { items: realms.map(realmView), ...rest };
    },
  }),
  route({
    ...ofAll,
    method: 'POST',
    operationId: 'createRealm',
    summary: 'A new realm with its signing keys. For administrators of realm system.',
    body: newRealmSchema,
    answers: { 201: realmViewSchema },
    handle: async ({ context, who: { caller }, body }) => realmView(await createRealm(context, body, caller)),
  }),
  route({
    tag: 'Administration',
    caller: systemAdministrator,
    path: '/admin/request',
    method: 'GET',
    operationId: 'seeRequest',
    summary:
      'This request as it arrived behind the proxies. For administrators of realm system, and `countersign doctor`.',
    query: z.looseObject({}),
    answers: { 200: seenSchema },
    handle: ({ call }) => ({
      source: call.source.address,
      forwardedFor: call.request.headers.get('x-forwarded-for'),
      target: call.target,
    }),
  }),
  route({
    ...ofRealm,
    method: 'GET',
    operationId: 'getSettings',
    summary: 'The settings of the realm as they are in force.',
    answers: { 200: realmViewSchema },
    handle: ({ who: { realm } }) => realmView(realm),
  }),
  route({
    ...ofRealm,
    method: 'PATCH',
    operationId: 'changeSettings',
    summary: 'Change the profile or single settings; null goes back to what the profile says.',
    body: settingsChangeSchema,
    answers: { 200: realmViewSchema },
    handle: async ({ context, who: { realm, caller }, body }) =>
      realmView(await changeRealm(context, realm.name, body, caller)),
  }),
];
