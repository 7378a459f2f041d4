import { z } from 'zod';
import { callerOf } from '../http/administration.ts';
import { authenticateSystemAdministrator } from '../http/authenticate.ts';
import type { Call } from '../http/call.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { isoDate } from '../kernel/clock.ts';
import { listPeppers, type Pepper, rotatePepper } from '../subject/pepper.ts';
import { systemRealm } from '../subject/realm.ts';

const administration = { tag: 'Administration', refusals: 'problem', security: 'administrator' } as const;

const pepperView = z.object({ number: z.int(), activeAt: z.string() });

export const routes: readonly Route[] = [
  {
    ...administration,
    method: 'GET',
    path: '/admin/password-peppers',
    operationId: 'listPasswordPeppers',
    summary:
      'The secret keys of password hashes, without the keys; the last one is current. For administrators of realm system.',
    responses: { 200: z.object({ items: z.array(pepperView) }) },
    handle: list,
  },
  {
    ...administration,
    method: 'POST',
    path: '/admin/password-peppers/rotate',
    operationId: 'rotatePasswordPepper',
    summary:
      'A new secret key for password hashes. Each hash gets it at its next login. For administrators of realm system.',
    responses: { 200: pepperView },
    handle: rotate,
  },
];

async function list(call: Call): Promise<Response> {
  await authenticateSystemAdministrator(call);
  const { store, vault } = call.context;
  return json(200, { items: (await listPeppers(store.db, vault)).map(toView) });
}

async function rotate(call: Call): Promise<Response> {
  const caller = callerOf(call, await authenticateSystemAdministrator(call), systemRealm);
  return json(200, toView(await rotatePepper(call.context, caller)));
}

function toView({ number, activeAt }: Pepper): z.output<typeof pepperView> {
  return { number, activeAt: isoDate(activeAt) };
}
