import type { Context } from '../context.ts';
import type { Writing } from '../store/write.ts';
import { mailMemory } from './memory.ts';
import { enqueueMail } from './outbox.ts';
import { mailAddressOf, type Owner, verifiedAddressOf } from './owner.ts';
import type { Values } from './texts.ts';

/**
 * Mails that tell the owner of a credential about a change to it (ASVS 5.0 6.3.5 and 6.3.7), so that a thief of a
 * session, a password or an administrator's token cannot change it unseen. They hold no code, no link, and no text
 * chosen by the one who made the change.
 */
export type Notice =
  | 'password-changed'
  | 'password-expired'
  | 'password-reset-shown'
  | 'new-device'
  | 'factor-changed'
  | 'credential-changed'
  | 'credential-deleted';

/**
 * Queues the mail in the transaction of the change. At most five an hour of one kind for one credential, counted by
 * all processes: the first ones tell the owner, and more would only fill the mailbox. A rolled back transaction is not
 * counted. Only a verified address gets it, except where code or address change: then the address from `before` and the
 * new one both do, verified or not.
 */
export async function tellOwner<P extends Notice>(
  context: Context,
  tx: Writing,
  realm: string,
  owner: Owner,
  purpose: P,
  values: Omit<Values[P], 'at'>,
  before?: Owner,
): Promise<void> {
  const told = before === undefined ? [verifiedAddressOf(owner)] : [mailAddressOf(before), mailAddressOf(owner)];
  const addresses = new Set(told.filter((address) => address !== undefined));
  const counted = `${realm} ${kindOf(purpose, values)} credential ${owner.id}`;
  if (addresses.size === 0 || !mailMemory(context).rate.take(counted)) return;
  tx.rolledBack(() => mailMemory(context).rate.giveBack(counted));
  for (const to of addresses) {
    await enqueueMail(context, tx, { realm, to, purpose, values: { ...values, at: tx.now } as Values[P] });
  }
}

/**
 * Each change of factors counts as its own kind. Otherwise five new sets of recovery codes would hide the removal of a
 * factor.
 */
function kindOf(purpose: Notice, values: object): string {
  return 'change' in values ? `${purpose} ${values.change}` : purpose;
}
