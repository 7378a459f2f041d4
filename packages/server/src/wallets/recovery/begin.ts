import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { isoDate } from '../../kernel/clock.ts';
import { timeOrderedId } from '../../kernel/id.ts';
import { Problem } from '../../kernel/problem.ts';
import type { WalletRecoveryTable } from '../../store/schema.ts';
import { type Writing, write } from '../../store/write.ts';
import type { Realm } from '../../subject/realm.ts';
import { ownerOfOneTimeCode, useOneTimeCode } from '../../subject/secrets/one-time-code.ts';
import { requireSealer } from '../invocation.ts';
import { useRequest, verifySignedRequest } from '../signed-request.ts';
import { lockTarget, walletTarget } from '../target.ts';
import { endRecovery, tellStage } from './notice.ts';
import { countBegun, findRunning, insertRecovery } from './recovery.store.ts';
import { type RecoveryView, viewOf } from './recovery.ts';
import { type Here, here, isLive, needsApproval, recoveringAddress, voidReason } from './standing.ts';
import { partsOfOwner, type RecoveryRequest, requireDelay, startPurpose } from './start.ts';

/** Recoveries of a wallet that may begin within 30 days. */
const mostBegun = 5;
const month = 30 * 86_400_000;

/**
 * Begins the delay for the new device that shows the code of the first mail.
 *
 * 1. The signed request proves the new device, and its nonce is used up.
 * 2. The code tells the wallet and the address. An unknown, used or expired one gets one answer.
 * 3. With the wallet locked: it is live, has had this address for 30 days, and no other recovery is running. The caller
 *    reads the mailbox, so it may know which of these is wrong.
 *
 * @throws {Problem} `recovery.code`, `recovery.refused`
 */
export async function beginRecovery(
  context: Context,
  realm: Realm,
  { signedRequest, sealedBy }: RecoveryRequest,
  caller: Caller,
): Promise<RecoveryView> {
  const delay = requireDelay(realm);
  const request = await verifySignedRequest(context, realm, signedRequest, 'BeginRecovery');
  requireSealer(sealedBy, request.controller);
  await useRequest(context, realm, request);
  const { controller, securityCode: code = '' } = request;
  const owner = await ownerOfOneTimeCode(context, realm.name, startPurpose, code);
  const parts = owner === undefined ? undefined : partsOfOwner(owner);
  if (owner === undefined || parts === undefined) throw new Problem('recovery.code');
  const at = await here(context);
  return write(context, { ...caller, actor: controller }, async (tx) => {
    const { walletId, email } = parts;
    await lockTarget(tx, realm.name, walletTarget(walletId));
    if (!(await useOneTimeCode(context, tx, realm.name, startPurpose, owner, code))) throw new Problem('recovery.code');
    await requireRecoverable(context, tx, realm.name, parts, at);
    const row = newRecovery(context, tx, realm.name, { walletId, email, controller, delay, at });
    await insertRecovery(tx.db, row);
    await tellStage(context, tx, row);
    return viewOf(row, await needsApproval(tx, row, at));
  });
}

/** Step 3. */
async function requireRecoverable(
  context: Context,
  tx: Writing,
  realm: string,
  { walletId, email }: { readonly walletId: string; readonly email: string },
  at: Here,
): Promise<void> {
  if (!(await isLive(tx, realm, walletId))) throw new Problem('recovery.code');
  if ((await recoveringAddress(tx, realm, walletId)) !== email) {
    throw refused('The wallet has not had this address for 30 days.');
  }
  const running = await findRunning(tx.db, realm, walletId);
  const isVoid = running === undefined ? undefined : voidReason(running, at, tx.now);
  if (running !== undefined && isVoid === undefined) {
    throw refused(`A recovery of this wallet is running since ${isoDate(running.started_at)}.`);
  }
  if (running !== undefined) await endRecovery(context, tx, running, 'failed', isVoid ?? null);
  if ((await countBegun(tx.db, realm, walletId, tx.now - month)) >= mostBegun) {
    throw refused(`${mostBegun} recoveries of this wallet began within 30 days.`);
  }
}

interface Beginning {
  readonly walletId: string;
  readonly email: string;
  readonly controller: string;
  readonly delay: number;
  readonly at: Here;
}

function newRecovery(
  { random }: Context,
  { now }: Writing,
  realm: string,
  { walletId, email, controller, delay, at }: Beginning,
): WalletRecoveryTable {
  return {
    realm,
    id: timeOrderedId(now, random),
    wallet_id: walletId,
    controller,
    email,
    stage: 'started',
    delay,
    approvals: '[]',
    incarnation: at.incarnation,
    started_at: now,
    stage_at: now,
    next_at: now + delay / 2,
    ended_at: null,
    reason: null,
  };
}

function refused(detail: string): Problem {
  return new Problem('recovery.refused', { detail });
}
