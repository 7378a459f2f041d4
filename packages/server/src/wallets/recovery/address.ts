import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { type MailAddress, requireMailAddress } from '../../kernel/mail-address.ts';
import { Problem } from '../../kernel/problem.ts';
import { allowMail, enqueueMail } from '../../mail/outbox.ts';
import { type Writing, write } from '../../store/write.ts';
import type { Realm } from '../../subject/realm.ts';
import { issueOneTimeCode, ownerOfOneTimeCode, useOneTimeCode } from '../../subject/secrets/one-time-code.ts';
import type { Access } from '../access.ts';
import { denied } from '../invocation.ts';
import { lockTarget, walletOfTarget } from '../target.ts';
import { findAddress, listAddresses, replaceAddress } from './address.store.ts';
import { changedLately } from './standing.ts';
import { partsOfOwner } from './start.ts';

/**
 * The mail address of a wallet, for its recovery. A wallet that was opened with an invitation has the address of the
 * invitation. Another one is named by a device that the owner itself has let in, and counts once a code that was mailed
 * there comes back.
 */
const purpose = 'wallet-address';
/** Milliseconds. */
const life = 30 * 60_000;

/** Mails the code. Returns its end, in milliseconds. */
export async function setAddress(
  context: Context,
  { name: realm }: Realm,
  access: Access,
  email: string,
  caller: Caller,
): Promise<number> {
  const walletId = ownWallet(access);
  const to = requireMailAddress(email, 'email');
  if (!allowMail(context, realm, purpose, to) || !allowMail(context, realm, purpose, walletId)) {
    throw new Problem('attempt.throttled', { detail: 'Many codes were mailed within the hour.', retryAfter: 3600 });
  }
  return write(context, caller, async (tx) => {
    const { code, until } = await issueOneTimeCode(context, tx, realm, purpose, `${walletId} ${to}`, life);
    await enqueueMail(context, tx, { realm, to, purpose, values: { walletId, code, until }, until });
    await tx.record({ realm, type: 'wallet.address_named', object: `wallet:${walletId}` });
    return until;
  });
}

/** The address takes the place of the one before. Both get a mail. @throws {Problem} `address.code` */
export async function confirmAddress(
  context: Context,
  { name: realm }: Realm,
  access: Access,
  code: string,
  caller: Caller,
): Promise<void> {
  const walletId = ownWallet(access);
  const owner = await ownerOfOneTimeCode(context, realm, purpose, code);
  const parts = owner === undefined ? undefined : partsOfOwner(owner);
  if (owner === undefined || parts?.walletId !== walletId) throw new Problem('address.code');
  await write(context, caller, async (tx) => {
    await lockTarget(tx, realm, access.target);
    if (!(await useOneTimeCode(context, tx, realm, purpose, owner, code))) throw new Problem('address.code');
    if ((await findAddress(tx.db, realm, walletId))?.email === parts.email) return;
    await replaceAddress(tx.db, { realm, wallet_id: walletId, email: parts.email }, tx.now);
    await tx.record({ realm, type: 'wallet.address_changed', object: `wallet:${walletId}` });
    await tellChange(context, tx, realm, walletId);
  });
}

async function tellChange(context: Context, tx: Writing, realm: string, walletId: string): Promise<void> {
  for (const { email } of await listAddresses(tx.db, realm, walletId, tx.now - changedLately)) {
    const values = { walletId, at: tx.now };
    await enqueueMail(context, tx, { realm, to: email as MailAddress, purpose: 'wallet-address-changed', values });
  }
}

/** Only a device that the owner let in: a device that another one has let in may belong to somebody else. */
function ownWallet({ target, chain, ancestors }: Access): string {
  const walletId = walletOfTarget(target);
  if (walletId !== undefined && chain.length === 1 && ancestors.length === 0) return walletId;
  throw denied(new Error('not a device that the owner itself has let in'));
}
