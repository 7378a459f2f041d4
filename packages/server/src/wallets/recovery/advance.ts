import type { Context } from '../../context.ts';
import { system } from '../../kernel/caller.ts';
import type { MailAddress } from '../../kernel/mail-address.ts';
import { enqueueMail } from '../../mail/outbox.ts';
import type { WalletRecoveryTable } from '../../store/schema.ts';
import { type Writing, write } from '../../store/write.ts';
import { lookUpRealm } from '../../subject/realm.ts';
import { issueOneTimeCode } from '../../subject/secrets/one-time-code.ts';
import { lockTarget, walletTarget } from '../target.ts';
import { endRecovery, type Stage, toStage } from './notice.ts';
import { deleteOldRecoveries, findRecovery, listDue } from './recovery.store.ts';
import { here, type Obstacle, obstacleTo } from './standing.ts';

/**
 * Brings due recoveries to their next stage. Every node does this: of two that take one at the same moment, one changes
 * it, and its mails are written in the same transaction.
 *
 * The end is half the delay after the reminder, not only the delay after the start. So a clock that is ahead for a while,
 * or a server that was down, leaves the owner at least that time.
 */
export async function advanceRecoveries(context: Context): Promise<void> {
  for (const due of await listDue(context.store.db, context.clock.now())) await advance(context, due);
}

/** Milliseconds that the mailed code is good. */
const codeLife = 72 * 3_600_000;
export const codePurpose = 'wallet-recovery';

async function advance(context: Context, { realm, id, wallet_id: walletId }: WalletRecoveryTable): Promise<void> {
  const at = await here(context);
  const isOff = (await lookUpRealm(context, realm))?.settings.walletRecoveryHours === null;
  await write(context, system, async (tx) => {
    await lockTarget(tx, realm, walletTarget(walletId));
    const row = await findRecovery(tx.db, realm, id);
    if (row === undefined || row.next_at === null || row.next_at > tx.now) return;
    const obstacle = isOff ? 'off' : await obstacleTo(tx, row, at);
    await steps[row.stage]?.(context, tx, row, obstacle);
  });
}

type Step = (context: Context, tx: Writing, row: WalletRecoveryTable, obstacle: Obstacle | undefined) => Promise<void>;

const steps: { readonly [S in Stage]?: Step } = {
  async started(context, tx, row, obstacle) {
    // A device may still approve it.
    if (obstacle !== undefined && obstacle !== 'device') return fail(context, tx, row, obstacle);
    await toStage(context, tx, row, { stage: 'reminded', next_at: tx.now + row.delay / 2 });
  },
  async reminded(context, tx, row, obstacle) {
    if (obstacle !== undefined) return fail(context, tx, row, obstacle);
    if (!(await toStage(context, tx, row, { stage: 'ready', next_at: tx.now + codeLife }))) return;
    const { realm, id, wallet_id: walletId, controller: did } = row;
    const { code, until } = await issueOneTimeCode(context, tx, realm, codePurpose, id, codeLife);
    const values = { walletId, did, code, until };
    await enqueueMail(context, tx, {
      realm,
      to: row.email as MailAddress,
      purpose: 'wallet-recovery-code',
      values,
      until,
    });
  },
  ready: (context, tx, row) => fail(context, tx, row, 'unused'),
};

async function fail(
  context: Context,
  tx: Writing,
  row: WalletRecoveryTable,
  reason: Obstacle | 'unused',
): Promise<void> {
  await endRecovery(context, tx, row, 'failed', reason);
}

/** Milliseconds that ended recoveries and replaced addresses are kept. */
const remembered = 365 * 86_400_000;

export async function forgetOldRecoveries(context: Context): Promise<void> {
  await deleteOldRecoveries(context.store.db, context.clock.now() - remembered);
}
