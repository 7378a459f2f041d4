import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import type { WalletRecoveryTable, WalletTable } from '../../store/schema.ts';
import { write } from '../../store/write.ts';
import type { Realm } from '../../subject/realm.ts';
import { ownerOfOneTimeCode, useOneTimeCode } from '../../subject/secrets/one-time-code.ts';
import { renewSubject } from '../../subject/subject.ts';
import { walletSubjectId } from '../../subject/tokens/wallet-token.ts';
import { registerCapability } from '../capability.ts';
import { requireSealer } from '../invocation.ts';
import { delegateToDevice, type Owner } from '../owner.ts';
import { endAllCapabilities } from '../revoke.ts';
import { type SignedRequest, useRequest, verifySignedRequest } from '../signed-request.ts';
import { lockTarget, walletTarget } from '../target.ts';
import { findWallet } from '../wallet.store.ts';
import { type CreatedWallet, ownerDocument } from '../wallet.ts';
import { codePurpose } from './advance.ts';
import { endRecovery } from './notice.ts';
import { findRecovery, holdReadOnly } from './recovery.store.ts';
import { here, obstacleTo } from './standing.ts';
import { type RecoveryRequest, requireDelay } from './start.ts';

/** Milliseconds that a recovered wallet can only be read. */
const readOnly = 72 * 3_600_000;

/**
 * Gives the wallet to the new device.
 *
 * 1. The signed request proves the key that began the recovery, and its nonce is used up. The code of the last mail
 *    alone is not enough.
 * 2. The owner's key signs the first capability of the new device.
 * 3. With the wallet locked, all or nothing: the code is used up, nothing stands against the recovery (`standing.ts`),
 *    every capability of the wallet ends with its tokens, and the new one is registered. Capabilities that devices gave
 *    to others end too, because they hang on those of the devices.
 *
 * @throws {Problem} `recovery.code`, alike for every reason
 */
export async function completeRecovery(
  context: Context,
  realm: Realm,
  { signedRequest, sealedBy }: RecoveryRequest,
  caller: Caller,
): Promise<CreatedWallet> {
  requireDelay(realm);
  const request = await verifySignedRequest(context, realm, signedRequest, 'CompleteRecovery');
  requireSealer(sealedBy, request.controller);
  await useRequest(context, realm, request);
  const { row, wallet } = await readyFor(context, realm.name, request);
  const owner = { ...wallet, owner_did: wallet.owner_did as string } satisfies Owner;
  const { wallet_id: walletId, controller } = row;
  const zcap = await delegateToDevice(context, realm.name, walletId, owner, controller);
  const at = await here(context);
  await write(context, { ...caller, actor: controller }, async (tx) => {
    const target = walletTarget(walletId);
    await lockTarget(tx, realm.name, target);
    const isUsed = await useOneTimeCode(context, tx, realm.name, codePurpose, row.id, request.securityCode as string);
    const present = await findRecovery(tx.db, realm.name, row.id);
    if (!isUsed || present?.stage !== 'ready') throw new Problem('recovery.code');
    const obstacle = await obstacleTo(tx, present, at);
    if (obstacle !== undefined) throw new Problem('recovery.code', { reason: obstacle });
    const ids = await endAllCapabilities(tx, realm.name, target, 'recovery');
    const event = {
      realm: realm.name,
      type: 'capability.revoked',
      object: `wallet:${walletId}`,
      after: { target, ids },
    };
    await tx.record(event);
    await renewSubject(tx, realm.name, walletSubjectId(walletId));
    await holdReadOnly(tx.db, realm.name, walletId, tx.now + readOnly);
    await registerCapability(tx, realm.name, target, zcap);
    if (!(await endRecovery(context, tx, present, 'completed', null))) throw new Problem('recovery.code');
  });
  const didDocument = await ownerDocument(wallet.owner_long_did as string);
  return { walletId, didDocument, capability: walletTarget(walletId), invoker: request.invoker, zcap };
}

/** Steps 1 and 2 need it before the wallet is locked. Step 3 reads it again. */
async function readyFor(
  context: Context,
  realm: string,
  { controller, securityCode }: SignedRequest,
): Promise<{ readonly row: WalletRecoveryTable; readonly wallet: WalletTable }> {
  const id = await ownerOfOneTimeCode(context, realm, codePurpose, securityCode ?? '');
  const row = id === undefined ? undefined : await findRecovery(context.store.db, realm, id);
  const wallet = row && (await findWallet(context.store.db, realm, row.wallet_id));
  if (row === undefined || row.controller !== controller || wallet?.owner_did == null)
    throw new Problem('recovery.code');
  return { row, wallet };
}
