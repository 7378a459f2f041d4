import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { Source } from '../kernel/source.ts';
import type { FactorTable, LoginFailureTable } from '../store/schema.ts';
import { type Writing, write } from '../store/write.ts';
import { recordEvent } from '../subject/event.ts';
import { requireCredential } from './credential.ts';
import { tellOwner } from './factor.ts';
import { addFailures, deleteFailures, markFailure } from './login-failure.store.ts';

/**
 * How often one may guess at the authenticator app of a credential.
 *
 * 1. Ten times in a quarter of an hour and thirty times in a day, of all processes, sessions and sources together: who guesses here
 *    knows the password already, or holds a session, and can have as many sessions as it likes.
 * 2. A guess is counted in the database before it is tried and taken back when it was right, or was not tried: as many as one
 *    likes at the same moment are still no more. It costs one statement, which is little beside the hash that came before.
 * 3. A window ends by itself, and what is refused does not prolong it: nobody is locked out for good.
 * 4. Recovery codes (80 bits) and passkeys (signatures) cannot be guessed, and have no budget: else who knows the password could keep
 *    its owner out. With one of them the owner comes in, and changes the password.
 *
 * Why 30. Two windows can meet within a day, and a code of six digits with three steps open is right by one chance in 333,333: who
 * knows the password finds it in a day in less than one case of 5,000, and the owner gets a mail on the first.
 */
const budgets = [
  { name: 'quarter', limit: 10, window: 15 * 60_000 },
  { name: 'day', limit: 30, window: 86_400_000 },
] as const;

export interface GuessedFactor {
  readonly realm: string;
  readonly credentialId: string;
  readonly kind: FactorTable['kind'];
  readonly source: Source;
}

/** Proves, within the budgets. What fails by anything but `factor.incorrect` was no guess. Throws `attempt.throttled`. */
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
    if (limited) await count(context, guessed, -1);
    return proved;
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code === 'factor.incorrect') {
      context.attempts.report({
        realm,
        type: 'factor.failed',
        object: `credential:${credentialId}`,
        source: source.address,
        count: 1,
      });
    } else if (limited) {
      await count(context, guessed, -1);
    }
    throw thrown;
  }
}

/** Lets the credential's app be tried anew. */
export async function forgetFactorGuesses(tx: Writing, realm: string, credentialId: string): Promise<void> {
  const keys = ['lock', ...budgets.map(({ name }) => name)].map((name) => keyOf(name, credentialId));
  await deleteFailures(tx.db, realm, keys);
}

async function take(context: Context, guessed: GuessedFactor): Promise<void> {
  const counted = await count(context, guessed, 1);
  const spent = budgets.flatMap(({ name, limit }) => {
    const row = counted.find(({ key }) => key === keyOf(name, guessed.credentialId));
    return row !== undefined && row.failures > limit ? [row.resets_at] : [];
  });
  if (spent.length === 0) return;
  // What is refused was not tried: in the window that is not spent it must not count.
  await count(context, guessed, -1);
  const until = Math.max(...spent);
  await recordLock(context, guessed, until);
  const retryAfter = Math.max(1, Math.ceil((until - context.clock.now()) / 1000));
  throw new Problem('attempt.throttled', undefined, { retryAfter });
}

/** One event and one mail to the owner for each window: whoever guesses here knows the password. */
async function recordLock(context: Context, guessed: GuessedFactor, until: number): Promise<void> {
  const { realm, credentialId, source } = guessed;
  const credential = await requireCredential(context, realm, credentialId);
  await write(context, async (tx) => {
    const mark = { realm, key: keyOf('lock', credentialId), failures: 1, resets_at: until };
    if (!(await markFailure(tx.db, mark, tx.now))) return;
    const event = {
      realm,
      type: 'factor.locked',
      object: `credential:${credentialId}`,
      after: { until, source: source.address },
    };
    await recordEvent(context, tx, event, { actor: 'anonymous', requestId: '' });
    await tellOwner(context, tx, realm, credential, 'guessed', 'Authenticator app');
  });
}

function count(
  { store, clock }: Context,
  { realm, credentialId }: GuessedFactor,
  failures: 1 | -1,
): Promise<LoginFailureTable[]> {
  const now = clock.now();
  const rows = budgets.map(({ name, window }) => {
    return { realm, key: keyOf(name, credentialId), failures, resets_at: now + window };
  });
  return addFailures(store.db, rows, { now, extended: false });
}

function keyOf(budget: string, credentialId: string): string {
  return `totp ${budget} ${credentialId}`;
}
