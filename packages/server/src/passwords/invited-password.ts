import type { Caller, Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { findInvite, useInvite } from './invite.ts';
import { createPassword, type FirstPassword } from './password.ts';
import type { PasswordInfo } from './password-version.ts';

/**
 * The first password by whoever holds the invitation to this credential: "whoever knows a credential id takes the account" is what it
 * is there against. The invitation is used up in the transaction that makes the password, and only if it does. Throws
 * `token.invalid` for an unknown, used, expired invitation, and for one to another credential.
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
  return new Problem('token.invalid', undefined, { cause: new Error('no invitation to this credential') });
}
