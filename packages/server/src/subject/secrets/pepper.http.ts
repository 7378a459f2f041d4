import { z } from 'zod';
import { systemAdministrator } from '../../callers/administrator.ts';
import { clientActor } from '../../kernel/caller.ts';
import { isoDate } from '../../kernel/clock.ts';
import { type Route, route } from '../../route.ts';
import { listPeppers, type Pepper } from './pepper.ts';
import { rotatePepper } from './pepper-rotation.ts';

const administration = { tag: 'Administration', caller: systemAdministrator } as const;

const pepperView = z.object({ number: z.int(), activeAt: z.string() });

export const routes: readonly Route[] = [
  route({
    ...administration,
    method: 'GET',
    path: '/admin/password-peppers',
    operationId: 'listPasswordPeppers',
    summary:
      'The secret keys of password hashes, without the keys; the last one is current. For administrators of realm system.',
    answers: { 200: z.object({ items: z.array(pepperView) }) },
    handle: async ({ context: { store, vault } }) => ({ items: (await listPeppers(store.db, vault)).map(toView) }),
  }),
  route({
    ...administration,
    method: 'POST',
    path: '/admin/password-peppers/rotate',
    operationId: 'rotatePasswordPepper',
    summary:
      'A new secret key for password hashes. Each hash gets it at its next login. For administrators of realm system.',
    answers: { 200: pepperView },
    // The event belongs to realm `system` itself.
    handle: async ({ context, who: { subject, caller } }) =>
      toView(await rotatePepper(context, { ...caller, actor: clientActor(subject.clientId) })),
  }),
];

function toView({ number, activeAt }: Pepper): z.output<typeof pepperView> {
  return { number, activeAt: isoDate(activeAt) };
}
