import type { Context } from '../../context.ts';
import { realmKey } from '../../kernel/id.ts';
import type { MailAddress } from '../../kernel/mail-address.ts';
import { enqueueMail } from '../../mail/outbox.ts';
import type { WalletRecoveryTable } from '../../store/schema.ts';
import type { Writing } from '../../store/write.ts';
import { revokeOneTimeCodes } from '../../subject/secrets/one-time-code.ts';
import { listAddresses } from './address.store.ts';
import { changeRecovery } from './recovery.store.ts';
import { changedLately } from './standing.ts';

/** The recovery at its next stage. */
export type Stage = WalletRecoveryTable['stage'];

/**
 * Brings a recovery to its next stage, and tells it: an event, a mail to every address of the wallet, also to those of
 * the last 30 days, and every device at its next call. False if another change came first: then nothing was told.
 */
export async function toStage(
  context: Context,
  tx: Writing,
  row: WalletRecoveryTable,
  change: Partial<WalletRecoveryTable> & { readonly stage: Stage },
): Promise<boolean> {
  if (!(await changeRecovery(tx.db, row, { ...change, stage_at: tx.now }))) return false;
  await tellStage(context, tx, { ...row, ...change });
  return true;
}

export async function tellStage(context: Context, tx: Writing, row: WalletRecoveryTable): Promise<void> {
  const { realm, id, wallet_id: walletId, stage, controller: did, started_at, delay, email } = row;
  tx.changed('wallet', realmKey(realm, walletId));
  const after = { recovery: id, device: did, ...(row.reason !== null && { reason: row.reason }) };
  await tx.record({ realm, type: `wallet.recovery_${stage}`, object: `wallet:${walletId}`, after });
  const values = { walletId, stage, did, at: tx.now, earliest: started_at + delay };
  for (const address of await listAddresses(tx.db, realm, walletId, tx.now - changedLately)) {
    // At the end of the delay the one who began it gets the code instead.
    if (stage === 'ready' && address.email === email) continue;
    await enqueueMail(context, tx, { realm, to: address.email as MailAddress, purpose: 'wallet-recovery', values });
  }
}

/** Ends a running recovery. False if it had ended. */
export async function endRecovery(
  context: Context,
  tx: Writing,
  row: WalletRecoveryTable,
  stage: 'completed' | 'cancelled' | 'failed',
  reason: string | null,
): Promise<boolean> {
  if (!(await toStage(context, tx, row, { stage, next_at: null, ended_at: tx.now, reason }))) return false;
  await revokeOneTimeCodes(tx, row.realm, row.id);
  return true;
}
