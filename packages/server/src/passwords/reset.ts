import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import type { MailAddress } from '../kernel/mail-address.ts';
import { Problem } from '../kernel/problem.ts';
import { tellOwner } from '../mail/notice.ts';
import { enqueueMail } from '../mail/outbox.ts';
import { verifiedAddressOf } from '../mail/owner.ts';
import { write } from '../store/write.ts';
import { issueOneTimeCode } from '../subject/secrets/one-time-code.ts';
import { type Credential, lockCredential, requireCredential } from './identity/credential.ts';
import { type Delivery, type Invitation, requireAddress } from './invite.ts';
import { newestPassword } from './passwords.store.ts';

/**
 * A reset by an administrator, or by the ROOT of the identity: the holder gets a code with which to set a new password.
 * No administrator ever chooses a password.
 *
 * 1. The code works once, for a day. A newer one replaces it, and everything that ends the credential's other codes
 *    ends it too.
 * 2. Until it is used the present password works as before, so a reset by mistake harms nothing. To shut a thief out at
 *    once, expire the password as compromised first.
 * 3. The code goes to the holder by mail, to a verified address only. Only an administrator may have it shown, to pass it on in another way: every
 *    reader of the code can become the holder, except where a second factor is needed. The owner is told of it by mail.
 * 4. `resumeLostPassword` takes it: every session and every other code ends, and all devices become unknown.
 */
const purpose = 'password-reset';
/** Milliseconds. */
const day = 86_400_000;

/**
 * @throws {Problem} `credential.unknown`, `credential.disabled`, `password.unknown` if the credential has no password
 * yet, `credential.no_address` if it has no address for mail, `credential.unverified_address` if nothing has shown that
 * its holder reads it
 */
export async function resetPassword(
  context: Context,
  realm: string,
  credentialId: string,
  delivery: Delivery,
  caller: Caller,
): Promise<Invitation> {
  const { identity } = await requireCredential(context, realm, credentialId);
  return write(context, caller, async (tx) => {
    const credential = await lockCredential(tx, realm, identity.id, credentialId);
    if (!credential.live) throw new Problem('credential.disabled');
    if ((await newestPassword(tx.db, realm, credentialId)) === undefined) {
      throw new Problem('password.unknown', { detail: 'The credential has no password yet. Invite its holder.' });
    }
    const to = delivery === 'mail' ? requireVerified(credential) : undefined;
    const { code, until } = await issueOneTimeCode(context, tx, realm, purpose, credentialId, day);
    if (to === undefined) await tellOwner(context, tx, realm, credential, 'password-reset-shown', {});
    else {
      const values = { credentialCode: credential.code, code, until };
      await enqueueMail(context, tx, { realm, to, purpose, values, reference: `reset:${credentialId}`, until });
    }
    const event = { type: 'password.reset_started', object: `credential:${credentialId}`, after: { until, delivery } };
    await tx.record({ realm, ...event });
    return { until, token: delivery === 'show' ? code : undefined };
  });
}

function requireVerified(credential: Credential): MailAddress {
  requireAddress(credential);
  const to = verifiedAddressOf(credential);
  if (to === undefined) throw new Problem('credential.unverified_address');
  return to;
}
