import type { Context } from '../../context.ts';
import { anonymous } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Source } from '../../kernel/source.ts';
import { tellOwner } from '../../mail/notice.ts';
import { deleteCounts, markCount } from '../../store/count.ts';
import type { FactorTable } from '../../store/schema.ts';
import { type Writing, write } from '../../store/write.ts';
import { attempts } from '../../subject/attempt.ts';
import { budgetKey, giveBackBudgets, spendBudgets, throttledUntil } from '../../subject/throttle/budget.ts';
import { requireCredential } from '../identity/credential.ts';

/**
 * How often one may guess at the authenticator app of a credential.
 *
 * 1. Ten times in a quarter of an hour and thirty times in a day, over all processes, sessions and sources: a guesser
 *    here knows the password already or holds a session, and can have any number of sessions.
 * 2. A guess is counted in the database before it is tried. It is taken back if it was right or was not tried. So
 *    simultaneous guesses cannot exceed the limit. It costs one statement, which is little beside the hash before it.
 * 3. A window ends by itself, and a refused guess does not extend it, so no owner is locked out for good.
 * 4. Recovery codes (80 bits) and passkeys (signatures) cannot be guessed, and have no budget: otherwise a thief who
 *    knows the password could keep the owner out. With one of them the owner gets in and changes the password.
 *
 * Why 30: two windows can meet within a day, and a code of six digits with three open steps is right with a chance of 1
 * in 333,333. So a thief of the password finds the code within a day in less than one case of 5,000, and the owner gets
 * a mail on the first day.
 */
const budgets = [
  { name: 'totp quarter', limit: 10, window: 15 * 60_000 },
  { name: 'totp day', limit: 30, window: 86_400_000 },
] as const;
const lock = 'totp lock';

export interface GuessedFactor {
  readonly realm: string;
  readonly credentialId: string;
  readonly kind: FactorTable['kind'];
  readonly source: Source;
}

/**
 * Runs `prove` within the budgets. Only the error `factor.incorrect` counts as a guess.
 *
 * @throws {Problem} `attempt.throttled`
 */
export async function withinFactorBudget<T>(
  context: Context,
  guessed: GuessedFactor,
  prove: () => Promise<T>,
): Promise<T> {
  const limited = guessed.kind === 'totp';
  if (limited) await take(context, guessed);
  const { realm, credentialId, source } = guessed;
  try {
    const proved = await prove();
    if (limited) await giveBackBudgets(context, guessed.realm, budgets, guessed.credentialId);
    return proved;
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code === 'factor.incorrect') {
      attempts(context).report({
        realm,
        type: 'factor.failed',
        object: `credential:${credentialId}`,
        source: source.address,
        count: 1,
      });
    } else if (limited) {
      await giveBackBudgets(context, guessed.realm, budgets, guessed.credentialId);
    }
    throw thrown;
  }
}

/** Forgets the guesses at the credential's app. */
export async function forgetFactorGuesses(tx: Writing, realm: string, credentialId: string): Promise<void> {
  const keys = [lock, ...budgets.map(({ name }) => name)].map((name) => budgetKey(name, credentialId));
  await deleteCounts(tx.db, realm, keys);
}

async function take(context: Context, guessed: GuessedFactor): Promise<void> {
  const until = await spendBudgets(context, guessed.realm, budgets, guessed.credentialId);
  if (until === undefined) return;
  await recordLock(context, guessed, until);
  throw throttledUntil(context, until);
}

/** One event and one mail to the owner per window, because a guesser here knows the password. */
async function recordLock(context: Context, guessed: GuessedFactor, until: number): Promise<void> {
  const { realm, credentialId, source } = guessed;
  const credential = await requireCredential(context, realm, credentialId);
  await write(context, anonymous, async (tx) => {
    const mark = { realm, key: budgetKey(lock, credentialId), failures: 1, resets_at: until };
    if (!(await markCount(tx.db, mark, tx.now))) return;
    const event = {
      realm,
      type: 'factor.locked',
      object: `credential:${credentialId}`,
      after: { until, source: source.address },
    };
    await tx.record(event);
    await tellOwner(context, tx, realm, credential, 'factor-changed', { change: 'guessed', factor: 'totp' });
  });
}
