import { z } from 'zod';
import { administrator } from '../callers/administrator.ts';
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { type Route, route } from '../route.ts';
import { type StandingCaller, write } from '../store/write.ts';
import type { Realm } from '../subject/realm.ts';
import { findNameOf } from './name.store.ts';
import { nameIn, nameRule, replaceName, urnOfName } from './name.ts';
import { maxRoles, replaceRoles, roleShape, rolesIn, rolesRule } from './roles.ts';
import { walletIdOf } from './target.ts';
import { findWallet, touchWallet } from './wallet.store.ts';

/** A member that is left out stays. */
const changeSchema = z.strictObject({
  roles: z.array(z.string().regex(roleShape, rolesRule)).max(maxRoles).optional(),
  name: z
    .string()
    .refine((given) => nameIn(given) !== undefined, nameRule)
    .transform((given) => nameIn(given) as string)
    .nullable()
    .optional(),
});

type Change = z.output<typeof changeSchema>;

export const routes: readonly Route[] = [
  route({
    method: 'PATCH',
    path: '/realms/:realm/admin/wallets/:id',
    tag: 'Administration',
    caller: administrator,
    operationId: 'changeWallet',
    summary: 'Replace the roles of a wallet, besides that of its type, or give it a name; `null` removes the name.',
    body: changeSchema,
    answers: {
      200: z.object({
        id: z.string(),
        roles: z.array(z.string()),
        /** The URN of the name. */
        name: z.string().nullable(),
      }),
    },
    handle: ({ context, who: { realm, caller }, params: { id }, body }) =>
      changeWallet(context, realm, id, body, caller),
  }),
];

/** All of it or nothing. @throws {Problem} `wallet.unknown`, `wallet.name_taken` */
async function changeWallet(
  context: Context,
  { name: realm }: Realm,
  id: string,
  { roles, name }: Change,
  caller: StandingCaller,
) {
  return write(context, caller, async (tx) => {
    if (walletIdOf(id) !== id) throw new Problem('wallet.unknown');
    await touchWallet(tx.db, realm, id);
    const wallet = await findWallet(tx.db, realm, id);
    if (wallet === undefined) throw new Problem('wallet.unknown');
    if (roles !== undefined) await replaceRoles(tx, wallet, roles);
    if (name !== undefined) await replaceName(tx, wallet, name);
    const present = await findWallet(tx.db, realm, id);
    const named = await findNameOf(tx.db, realm, id);
    return {
      id,
      roles: present === undefined ? [] : rolesIn(present),
      name: named === undefined ? null : urnOfName(named),
    };
  });
}
