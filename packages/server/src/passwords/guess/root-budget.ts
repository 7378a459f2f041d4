import type { Context } from '../../context.ts';
import { Problem } from '../../kernel/problem.ts';
import {
  type Budget,
  requireBudgets,
  requireLeft,
  returnBudgets,
  spendBudgets,
} from '../../subject/throttle/budget.ts';

/**
 * Daily limits for all ROOTs of an identity together. Administrators are not counted.
 *
 * 1. A hundred attempts to make a credential.
 * 2. No more attempts after ten with taken codes: codes are unique in the realm, so such an answer tells about another
 *    identity's credential. Simultaneous attempts do not see each other; limit 1 bounds them.
 * 3. A hundred mails with invitations and a hundred with resets, to all addresses together.
 */
const day = 86_400_000;
const made: Budget = { name: 'root-credential', limit: 100, window: day };
const taken: Budget = { name: 'root-code-taken', limit: 10, window: day };
const mailed = {
  invitation: { name: 'root-invitation', limit: 100, window: day },
  reset: { name: 'root-reset', limit: 100, window: day },
} as const satisfies Readonly<Record<string, Budget>>;

/** Checks the limits before any code is looked up. @throws {Problem} `attempt.throttled` */
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

/** @throws {Problem} `attempt.throttled` */
export async function withinMailBudget<T>(
  context: Context,
  realm: string,
  identityId: string,
  mail: keyof typeof mailed,
  send: () => Promise<T>,
): Promise<T> {
  await requireBudgets(context, realm, [mailed[mail]], identityId);
  try {
    return await send();
  } catch (thrown) {
    await returnBudgets(context, realm, [mailed[mail]], identityId);
    throw thrown;
  }
}
