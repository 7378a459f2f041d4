import type { Context } from '../context.ts';
import type { Writing } from '../store/write.ts';
import { mailAddress } from './address.ts';
import { mailMemory } from './memory.ts';
import { enqueueMail } from './outbox.ts';
import type { Values } from './texts.ts';

/**
 * Mails that tell the owner of a credential what was done with it (ASVS 5.0 6.3.5 and 6.3.7): a thief of a session, of a password
 * or of an administrator's token cannot do it in silence. None has a code, a link, or a text that the one who did it chose.
 */
export type Notice = 'password-changed' | 'password-expired' | 'new-device' | 'factor-changed' | 'credential-changed';

export interface Owner {
  /** Of the credential. */
  readonly id: string;
  readonly email: string | null;
  readonly code: string;
}

/**
 * In the transaction of the change. At most five an hour of one kind for one credential, counted in this process: the first ones
 * tell the owner, and more would only fill a mailbox. One whose transaction is rolled back told nothing, and is not counted. `before`
 * is what the credential was before the change: the address that it had then is told too.
 */
export async function tellOwner<P extends Notice>(
  context: Context,
  tx: Writing,
  realm: string,
  owner: Owner,
  purpose: P,
  values: Omit<Values[P], 'at'>,
  before: Owner = owner,
): Promise<void> {
  const addresses = new Set([before, owner].flatMap(({ email, code }) => mailAddress(email ?? code) ?? []));
  const counted = `${realm} ${kindOf(purpose, values)} credential ${owner.id}`;
  if (addresses.size === 0 || !mailMemory(context).rate.take(counted)) return;
  tx.rolledBack(() => mailMemory(context).rate.giveBack(counted));
  for (const to of addresses) {
    await enqueueMail(context, tx, { realm, to, purpose, values: { ...values, at: tx.now } as Values[P] });
  }
}

/** Each change of factors is a kind of its own: or five new sets of recovery codes would hide that the factor was removed. */
function kindOf(purpose: Notice, values: object): string {
  return 'change' in values ? `${purpose} ${values.change}` : purpose;
}
