import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import { processMemory } from '../../kernel/process-memory.ts';
import type { Source } from '../../kernel/source.ts';
import { deleteCounts, deleteExpiredCounts, shortenCounts } from '../../store/count.ts';
import { write } from '../../store/write.ts';
import { attempts } from '../../subject/attempt.ts';
import { foldCredentialCode } from '../../subject/credential-code.ts';
import type { Device } from '../device.ts';
import { requireCredential } from '../identity/credential.ts';
import { forgetFactorGuesses } from './factor-budget.ts';
import { createGuessCounts, type Guess } from './guess-count.ts';
import { window } from './guess-writer.ts';
import { lockKey, recordLocks } from './lock-notice.ts';
import { networkRate } from './network-rate.ts';

/**
 * How often one may guess at a password.
 *
 * 1. At a credential, from devices that it has not logged in from: 10 wrong guesses in any 24 hours, from all sources
 *    and over all processes. Whether the credential exists makes no difference.
 * 2. From one network, at any credentials: 100 wrong guesses in ten minutes, and 1,000 from one IPv6 /48. This slows
 *    down an attacker who tries one password on many credentials. All
 *    processes count together, up to a second late, and nothing below relies on it.
 * 3. From a device that the credential has logged in from: 10 wrong guesses in any 24 hours, counted separately and
 *    forgiven by a login. So limits 1 and 2 do not keep the owner out. When these are spent, the device counts as
 *    unknown.
 *
 * A refusal comes before the credential is looked up and before anything is hashed. A right password costs nothing.
 *
 * Why 10: each process after the first allows one more (`guess-count.ts`), so eleven processes allow 20 guesses in a
 * day. The 49,233 most common passwords, and short ones, are refused. People's choices follow Zipf's law: by the fit to
 * RockYou's 32 million (D. Wang et al., "Zipf's Law in Passwords", IEEE TIFS 12, 2017) the first r passwords have a
 * share of C·r^s, C = 0.0374, s = 0.187. So those of the list have 28 %, and the next one has 1.06 in a million of all.
 * Half of all had 8 characters or more (Imperva, 2010). Even if the whole list is among those, the next one has 1.06 in
 * a million of the remaining 22 %: 4.8 in a million. So 20 guesses are right in less than one case of 10,000. This
 * holds for an attacker who knows nothing about the owner, and where people choose as they did there. A password leaked
 * elsewhere is a better guess: for these there are lists of breached passwords (`countersign blocklist import`).
 */
export const guessesPerCredential = 10;
const guessesPerDevice = 10;

const throttle = processMemory((context: Context) => {
  return { guesses: createGuessCounts(context.store, context.clock), networks: networkRate(context) };
});

/** A login attempt: the typed code of a credential, and its origin. */
export interface Guessing {
  readonly realm: string;
  readonly code: string;
  readonly source: Source;
  readonly device: Device | undefined;
}

/** The result. Only the server knows the credential of the attempt. */
export interface Outcome {
  readonly ok: boolean;
  readonly credentialId: string | undefined;
}

/**
 * Runs `prove` within the budgets. An error does not count as a guess.
 *
 * @throws {Problem} `attempt.throttled`, the same for known and unknown credentials
 */
export async function withinBudget<O extends Outcome>(
  context: Context,
  guessing: Guessing,
  prove: () => Promise<O>,
): Promise<O> {
  const guess = (await ownGuess(context, guessing)) ?? (await strangersGuess(context, guessing));
  const outcome = await prove().catch((thrown: unknown) => {
    guess.giveBack();
    throw thrown;
  });
  if (outcome.ok) {
    guess.forgive();
    return outcome;
  }
  const { realm, code, source } = guessing;
  const { address } = source;
  const { credentialId } = outcome;
  guess.failed(credentialId === undefined ? undefined : { credentialId, source: address });
  const object = credentialId === undefined ? unknownCode(context, realm, code) : `credential:${credentialId}`;
  attempts(context).report({ realm, type: 'login.failed', object, source: address, count: 1 });
  return outcome;
}

/** A guess of a known device that has some left. */
async function ownGuess(context: Context, { realm, device }: Guessing): Promise<Guess | undefined> {
  if (device === undefined) return undefined;
  const key = `device ${context.vault.digest('login-device-count', device.id)}`;
  try {
    const guess = await throttle(context).guesses.take({ realm, key, limit: guessesPerDevice });
    return { ...guess, failed: () => guess.failed() };
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code === 'attempt.throttled') return undefined;
    throw thrown;
  }
}

/** A success gives back only itself. Otherwise each login of the owner would give strangers a new budget. */
async function strangersGuess(context: Context, { realm, code, source: { network } }: Guessing): Promise<Guess> {
  const { guesses, networks } = throttle(context);
  networks.admit(network);
  const guess = await guesses
    .take({ realm, key: codeKey(context, realm, code), limit: guessesPerCredential })
    .catch((thrown: unknown) => {
      networks.giveBack(network);
      throw thrown;
    });
  const giveBack = () => {
    guess.giveBack();
    networks.giveBack(network);
  };
  return { ...guess, giveBack, forgive: giveBack };
}

/** Lets strangers guess at a credential again. @throws {Problem} `credential.unknown` */
export async function unlockCredential(context: Context, realm: string, id: string, caller: Caller): Promise<void> {
  const { code } = await requireCredential(context, realm, id);
  const key = codeKey(context, realm, code);
  await write(context, caller, async (tx) => {
    await deleteCounts(tx.db, realm, [key, lockKey(key)]);
    await forgetFactorGuesses(tx, realm, id);
    await tx.record({ realm, type: 'credential.unlocked', object: `credential:${id}` });
    tx.committed(() => throttle(context).guesses.forget(realm, key));
  });
}

/** Every second: writes the counts, notices what was unlocked elsewhere, and tells owners of locks. */
export async function keepLoginCounts(context: Context): Promise<void> {
  const { guesses } = throttle(context);
  await guesses.write();
  await guesses.refresh();
  await recordLocks(context, guesses.exhausted());
}

export async function forgetOldLoginFailures({ store, clock }: Context): Promise<void> {
  const now = clock.now();
  await deleteExpiredCounts(store.db, now);
  await shortenCounts(store.db, now + window);
}

function codeKey({ vault }: Pick<Context, 'vault'>, realm: string, code: string): string {
  return vault.digest('login-code', `${realm}\0${foldCredentialCode(code)}`);
}

/** An unknown code may be a password typed into the wrong field: log a digest, never the text. */
export function unknownCode(context: Pick<Context, 'vault'>, realm: string, code: string): string {
  return `credential-code:unknown-${codeKey(context, realm, code).slice(0, 8)}`;
}
