import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { requireMailAddress } from '../kernel/mail-address.ts';
import { Problem } from '../kernel/problem.ts';
import type { WalletInvitationTable, WalletTable } from '../store/schema.ts';
import { write } from '../store/write.ts';
import type { Realm } from '../subject/realm.ts';
import { takeTurn } from '../subject/secrets/one-time-code.ts';
import { requireBudgets } from '../subject/throttle/budget.ts';
import { type Invitation, readInvitation, requireInvitation } from './invitation.ts';
import { type Inviter, mailCode, requireMailAllowed } from './invitation-mail.ts';
import { wordsOf } from './invitation-words.ts';
import { findWallet, renewInvitation } from './wallet.store.ts';

/** How often one invitation is sent again in a day. */
const perInvitation = { name: 'invitation-resend', limit: 5, window: 86_400_000 };

/**
 * Sends an open, expired or undelivered invitation again: with a new code, which lives as long as the first one did, to
 * the same address, in the same words. The code before opens nothing from then on.
 *
 * @throws {Problem} `invitation.unknown`, `invitation.closed`, `attempt.throttled`
 */
export async function resendInvitation(
  context: Context,
  realm: Realm,
  id: string,
  inviter: Inviter,
  caller: Caller,
): Promise<Invitation> {
  const row = await requireInvitation(context, realm, id, inviter);
  requireOpen(row);
  const wallet = (await findWallet(context.store.db, realm.name, row.wallet_id)) as WalletTable;
  const to = requireMailAddress(row.email ?? '', 'email');
  await requireBudgets(context, realm.name, [perInvitation], id);
  requireMailAllowed(context, realm.name, inviter, to);
  await write(context, caller, async (tx) => {
    await takeTurn(tx, realm.name, id);
    const until = await mailCode(context, tx, realm, { ...wallet, id, to, words: wordsOf(row) });
    if (!(await renewInvitation(tx.db, row, until, tx.now))) throw new Problem('invitation.closed');
    const after = { wallet: row.wallet_id, expires: until };
    await tx.record({ realm: realm.name, type: 'invitation.resent', object: `invitation:${id}`, after });
  });
  return readInvitation(context, realm, id, inviter);
}

function requireOpen({ completed_at, cancelled_at, email }: WalletInvitationTable): void {
  // An invitation of the first releases does not know its address.
  if (completed_at !== null || cancelled_at !== null || email === null) throw new Problem('invitation.closed');
}
