import type { Ancestor } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { write } from '../../store/write.ts';
import type { Realm } from '../../subject/realm.ts';
import { usedBefore } from '../authorization.ts';
import { lockTarget, lookUpTarget, walletOfTarget } from '../target.ts';
import { noteUse } from './last-use.ts';
import { endRecovery } from './notice.ts';
import { findRunning } from './recovery.store.ts';
import { isDevice } from './standing.ts';

/** The calls by which a device looks at a recovery and approves it. They do not stop it. */
const quiet: ReadonlySet<string | undefined> = new Set([
  '/countersign.v1.RecoveryService/ListRecoveries',
  '/countersign.v1.RecoveryService/ApproveRecovery',
]);

/** A valid invocation of a capability. */
interface Use {
  readonly target: string;
  /** The DID that proved itself. */
  readonly device: string;
  /** The actions that all links of the chain allow. */
  readonly actions: readonly string[];
  readonly chain: readonly string[];
  readonly ancestors: readonly Ancestor[];
}

/**
 * Every valid invocation comes here, whatever it is for: a token, an exchange, a call, a packed call. Notes the last use,
 * and stops a running recovery of the wallet, unless this device has approved it: its devices are not lost.
 */
export async function watchUse(context: Context, realm: Realm, use: Use, procedure?: string): Promise<void> {
  const { target, device, actions, chain, ancestors } = use;
  const tail = chain.at(-1);
  if (tail === undefined || walletOfTarget(target) === undefined || ancestors.length > 0) return;
  noteUse(context, realm.name, tail, await usedBefore(context, realm.name, tail));
  if (!isDevice(actions, ancestors) || quiet.has(procedure)) return;
  const recovery = (await lookUpTarget(context, realm, target))?.recovery;
  if (recovery === undefined || recovery.ended_at !== null || isApproved(recovery, device)) return;
  await stopByUse(context, realm, use);
}

async function stopByUse(context: Context, { name: realm }: Realm, { target, device }: Use): Promise<void> {
  await write(context, { actor: device, requestId: '' }, async (tx) => {
    await lockTarget(tx, realm, target);
    const row = await findRunning(tx.db, realm, walletOfTarget(target) as string);
    if (row === undefined || isApproved(row, device)) return;
    await endRecovery(context, tx, row, 'cancelled', 'a device was used');
  });
}

function isApproved({ approvals }: { readonly approvals: string }, device: string): boolean {
  return (JSON.parse(approvals) as readonly string[]).includes(device);
}
