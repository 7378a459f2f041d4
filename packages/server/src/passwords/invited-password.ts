import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { Problem } from '../kernel/problem.ts';
import { findInvite, useInvite } from './invite.ts';
import { createPassword, type FirstPassword } from './password.ts';
import type { PasswordInfo } from './password-version.ts';

/**
 * Sets the first password with an invitation, so that knowing a credential's id is not enough to take it over. The
 * transaction that makes the password also uses the invitation up.
 *
 * @throws {Problem} `token.invalid` for an unknown, used or expired invitation, or one to another credential
 */
export async function createInvitedPassword(
  context: Context,
  realm: string,
  credentialId: string,
  token: string,
  wanted: FirstPassword,
  caller: Caller,
): Promise<PasswordInfo> {
  if ((await findInvite(context, realm, token)) !== credentialId) throw refused();
  return createPassword(context, realm, credentialId, wanted, caller, async (tx) => {
    if (!(await useInvite(context, tx, realm, credentialId, token))) throw refused();
  });
}

function refused(): Problem {
  return new Problem('token.invalid', { reason: 'no invitation to this credential' });
}
