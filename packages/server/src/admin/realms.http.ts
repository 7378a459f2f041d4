import { authenticateAdministration, callerOf } from '../http/administration.ts';
import { authenticateSystemAdministrator } from '../http/authenticate.ts';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { pageOf } from '../http/name.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { toPage } from '../kernel/page.ts';
import { realmNames, requireRealm } from '../subject/realm.ts';
import {
  changeRealm,
  createRealm,
  newRealmSchema,
  realmView,
  realmViewSchema,
  settingsChangeSchema,
} from '../subject/realm-change.ts';
import { pageQuery, pageSchema } from './page-schema.ts';

const administration = { tag: 'Administration', refusals: 'problem', security: 'administrator' } as const;
const jsonOnly = ['application/json'] as const;

export const routes: readonly Route[] = [
  {
    ...administration,
    method: 'GET',
    path: '/admin/realms',
    operationId: 'listRealms',
    summary: 'All realms. For administrators of realm system.',
    query: pageQuery,
    responses: { 200: pageSchema(realmViewSchema) },
    handle: list,
  },
  {
    ...administration,
    method: 'POST',
    path: '/admin/realms',
    operationId: 'createRealm',
    summary: 'A new realm with its signing keys. For administrators of realm system.',
    body: { schema: newRealmSchema, mediaTypes: jsonOnly },
    responses: { 201: realmViewSchema },
    handle: create,
  },
  {
    ...administration,
    method: 'GET',
    path: '/realms/:realm/admin/settings',
    operationId: 'getSettings',
    summary: 'The settings of the realm as they are in force.',
    responses: { 200: realmViewSchema },
    handle: show,
  },
  {
    ...administration,
    method: 'PATCH',
    path: '/realms/:realm/admin/settings',
    operationId: 'changeSettings',
    summary: 'Change the profile or single settings; null goes back to what the profile says.',
    body: { schema: settingsChangeSchema, mediaTypes: jsonOnly },
    responses: { 200: realmViewSchema },
    handle: change,
  },
];

async function list(call: Call): Promise<Response> {
  await authenticateSystemAdministrator(call);
  const { after, limit } = pageOf(call);
  const names = (await realmNames(call.context)).filter((name) => name > after).sort();
  const { items, ...rest } = toPage(names.slice(0, limit + 1), limit, (name) => name);
  const realms = await Promise.all(items.map((name) => requireRealm(call.context, name)));
  return json(200, { items: realms.map(realmView), ...rest });
}

async function create(call: Call): Promise<Response> {
  const subject = await authenticateSystemAdministrator(call);
  const wanted = await readJson(call, newRealmSchema);
  return json(201, realmView(await createRealm(call.context, wanted, callerOf(call, subject))));
}

async function show(call: Call): Promise<Response> {
  await authenticateAdministration(call);
  return json(200, realmView(await call.realm()));
}

async function change(call: Call): Promise<Response> {
  const { realm, caller } = await authenticateAdministration(call);
  const wanted = await readJson(call, settingsChangeSchema);
  return json(200, realmView(await changeRealm(call.context, realm, wanted, caller)));
}
