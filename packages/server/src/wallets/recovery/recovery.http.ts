import { z } from 'zod';
import { administrator } from '../../callers/administrator.ts';
import { nothing } from '../../http/route.ts';
import { isoDate } from '../../kernel/clock.ts';
import { type Route, route } from '../../route.ts';
import { requireAdministered } from '../administration/administration.ts';
import { cancelRecovery, type RecoveryView, recoveriesOf } from './recovery.ts';

const administration = { tag: 'Administration', caller: administrator } as const;
const recoverySchema = z.object({
  id: z.string(),
  walletId: z.string(),
  state: z.enum(['running', 'ready', 'completed', 'cancelled', 'failed']),
  /** The DID of the new device. */
  controller: z.string(),
  started: z.string(),
  changed: z.string(),
  /** While it runs: when the code is mailed at the earliest. */
  earliest: z.string().optional(),
  needsApproval: z.boolean(),
});

/** Administrators see recoveries and stop them. They cannot begin, approve or shorten one. */
export const routes: readonly Route[] = [
  route({
    ...administration,
    method: 'GET',
    path: '/realms/:realm/admin/wallets/:id/recoveries',
    operationId: 'listWalletRecoveries',
    summary: 'The recoveries of a wallet, the newest first, at most 100.',
    answers: { 200: z.object({ items: z.array(recoverySchema) }) },
    async handle({ context, who: { realm }, params: { id } }) {
      await requireAdministered(context, realm, id);
      return { items: (await recoveriesOf(context, realm, id)).map(answerOf) };
    },
  }),
  route({
    ...administration,
    method: 'POST',
    path: '/realms/:realm/admin/wallets/:id/recovery/cancel',
    operationId: 'cancelWalletRecovery',
    summary: 'Stop the running recovery of a wallet.',
    body: nothing,
    bodyOptional: true,
    answers: { 200: recoverySchema },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await requireAdministered(context, realm, id);
      return answerOf(await cancelRecovery(context, realm, id, 'administrator', caller));
    },
  }),
];

function answerOf({ started, changed, earliest, ...rest }: RecoveryView) {
  return {
    ...rest,
    started: isoDate(started),
    changed: isoDate(changed),
    ...(earliest === undefined ? {} : { earliest: isoDate(earliest) }),
  };
}
