import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import type { WalletRecoveryTable } from '../../store/schema.ts';
import { type Writing, write } from '../../store/write.ts';
import type { Realm } from '../../subject/realm.ts';
import type { Access } from '../access.ts';
import { denied } from '../invocation.ts';
import { lockTarget, walletOfTarget, walletTarget } from '../target.ts';
import { endRecovery } from './notice.ts';
import { changeRecovery, findPresent, findRecovery, findRunning, listRecoveriesOf } from './recovery.store.ts';
import { here, isDevice, needsApproval, voidReason } from './standing.ts';

/** A recovery as the devices of its wallet and administrators see it. Times are in milliseconds. */
export interface RecoveryView {
  readonly id: string;
  readonly walletId: string;
  readonly state: 'running' | 'ready' | 'completed' | 'cancelled' | 'failed';
  /** The DID of the new device. */
  readonly controller: string;
  readonly started: number;
  readonly changed: number;
  /** While it runs: when the code is mailed at the earliest. */
  readonly earliest: number | undefined;
  /** A device that was used within 30 days has not approved it. */
  readonly needsApproval: boolean;
}

/** Milliseconds for which a device is told of a recovery that ended. */
const news = 30 * 86_400_000;

export function viewOf(row: WalletRecoveryTable, isBlocked: boolean): RecoveryView {
  const { id, wallet_id: walletId, stage, controller, started_at, stage_at, delay, ended_at } = row;
  const isRunning = stage === 'started' || stage === 'reminded';
  return {
    id,
    walletId,
    state: isRunning ? 'running' : stage,
    controller,
    started: started_at,
    changed: stage_at,
    earliest: isRunning ? started_at + delay : undefined,
    needsApproval: ended_at === null && isBlocked,
  };
}

/** A recovery for the next answer to each device, if it changed within 30 days. */
export function recoveryNews(
  { clock }: Pick<Context, 'clock'>,
  row: WalletRecoveryTable | undefined,
): RecoveryView | undefined {
  return row === undefined || row.stage_at < clock.now() - news ? undefined : viewOf(row, false);
}

/** The newest first. */
export async function recoveriesOf(
  context: Context,
  { name: realm }: Realm,
  walletId: string,
): Promise<readonly RecoveryView[]> {
  const { db } = context.store;
  const at = await here(context);
  const now = context.clock.now();
  const rows = await listRecoveriesOf(db, realm, walletId, 100);
  return Promise.all(
    rows.map(async (row) => viewOf(row, row.ended_at === null && (await needsApproval({ db, now }, row, at)))),
  );
}

/**
 * A device lets the new device have the wallet. Each device that was used within 30 days has to, and none of them stops
 * the recovery by its use afterwards. `did` is the one that the new device shows: so a device cannot approve another
 * recovery than its holder means.
 *
 * @throws {Problem} `recovery.unknown`
 */
export async function approveRecovery(
  context: Context,
  realm: Realm,
  access: Access,
  did: string,
  caller: Caller,
): Promise<RecoveryView> {
  const walletId = walletOfTarget(access.target) as string;
  if (!isDevice(access.actions, access.ancestors)) throw denied(new Error('a guest cannot approve'));
  const at = await here(context);
  return write(context, caller, async (tx) => {
    const row = await lockedRunning(tx, realm.name, walletId);
    if (row.controller !== did || voidReason(row, at, tx.now) !== undefined) throw new Problem('recovery.unknown');
    const approved = new Set([...(JSON.parse(row.approvals) as string[]), access.device]);
    const changed = { ...row, approvals: JSON.stringify([...approved]) };
    await changeRecovery(tx.db, row, { approvals: changed.approvals });
    tx.changed('wallet', `${realm.name}/${walletId}`);
    const event = { realm: realm.name, type: 'wallet.recovery_approved', object: `wallet:${walletId}` };
    await tx.record({ ...event, after: { recovery: row.id, device: did, by: access.device } });
    return viewOf(changed, await needsApproval(tx, changed, at));
  });
}

/**
 * Stops the running recovery. If a use of the device has just stopped it, that one is the answer.
 *
 * @throws {Problem} `recovery.unknown`
 */
export async function cancelRecovery(
  context: Context,
  { name: realm }: Realm,
  walletId: string,
  by: 'device' | 'administrator',
  caller: Caller,
): Promise<RecoveryView> {
  const ended = await write(context, caller, async (tx) => {
    await lockTarget(tx, realm, walletTarget(walletId));
    const row = await findPresent(tx.db, realm, walletId);
    if (row?.ended_at === null) await endRecovery(context, tx, row, 'cancelled', by);
    return row && findRecovery(tx.db, realm, row.id);
  });
  if (ended?.stage !== 'cancelled') throw new Problem('recovery.unknown');
  return viewOf(ended, false);
}

async function lockedRunning(tx: Writing, realm: string, walletId: string): Promise<WalletRecoveryTable> {
  await lockTarget(tx, realm, walletTarget(walletId));
  const row = await findRunning(tx.db, realm, walletId);
  if (row === undefined) throw new Problem('recovery.unknown');
  return row;
}
