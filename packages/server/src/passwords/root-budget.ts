import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { type Budget, requireBudgets, requireLeft, returnBudgets, spendBudgets } from './budget.ts';

/**
 * What the ROOTs of an identity may do in a day, together. Administrators are not counted.
 *
 * 1. A hundred tries to make a credential.
 * 2. When ten of them were codes that are taken, no more: codes are unique in the realm, so such an answer tells of another
 *    identity's credential. Tries at the same moment do not know of each other: 1 bounds them.
 * 3. A hundred mails with invitations, to whatever addresses.
 */
const day = 86_400_000;
const made: Budget = { name: 'root-credential', limit: 100, window: day };
const taken: Budget = { name: 'root-code-taken', limit: 10, window: day };
const invited: Budget = { name: 'root-invitation', limit: 100, window: day };

/** Throws `attempt.throttled` before any code is looked up. */
export async function withinCreationBudget<T>(
  context: Context,
  realm: string,
  identityId: string,
  create: () => Promise<T>,
): Promise<T> {
  await requireLeft(context, realm, taken, identityId);
  await requireBudgets(context, realm, [made], identityId);
  try {
    return await create();
  } catch (thrown) {
    const isTaken = thrown instanceof Problem && thrown.code === 'credential.code_taken';
    if (isTaken) await spendBudgets(context, realm, [taken], identityId);
    else await returnBudgets(context, realm, [made], identityId);
    throw thrown;
  }
}

/** Throws `attempt.throttled`. */
export async function withinInvitationBudget<T>(
  context: Context,
  realm: string,
  identityId: string,
  invite: () => Promise<T>,
): Promise<T> {
  await requireBudgets(context, realm, [invited], identityId);
  try {
    return await invite();
  } catch (thrown) {
    await returnBudgets(context, realm, [invited], identityId);
    throw thrown;
  }
}
