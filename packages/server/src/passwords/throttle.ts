import type { Caller, Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { processMemory } from '../kernel/process-memory.ts';
import { createRate } from '../kernel/rate.ts';
import type { Source } from '../kernel/source.ts';
import { write } from '../store/write.ts';
import { attempts } from '../subject/attempt.ts';
import { foldCredentialCode } from '../subject/credential-code.ts';
import { recordEvent } from '../subject/event.ts';
import { requireCredential } from './credential.ts';
import type { Device } from './device.ts';
import { forgetFactorGuesses } from './factor-budget.ts';
import { createGuessCounts, type Guess } from './guess-count.ts';
import { window } from './guess-writer.ts';
import { lockKey, recordLocks } from './lock-notice.ts';
import { deleteExpiredFailures, deleteFailures, shortenFailures } from './login-failure.store.ts';

/**
 * How often one may guess at a password.
 *
 * 1. At a credential, from devices that it has not logged in from: 10 wrong guesses in any 24 hours, from wherever, of all processes
 *    together. Whether the credential exists makes no difference.
 * 2. From one network, at whatever credentials: 100 wrong guesses in ten minutes. That slows down who tries one password on
 *    everybody; it is counted by each process for itself, and nothing below rests on it.
 * 3. From a device that the credential has logged in from: 10 of its own in any 24 hours, forgiven by a login. Neither 1 nor 2 keeps
 *    its owner out. When they are spent, the device is like any other.
 *
 * A refusal comes before the credential is looked for and before anything is hashed. What is right costs nothing.
 *
 * Why 10. Each process more than one lets through one more (`guess-count.ts`): by eleven processes 20 guesses in a day. Nobody may choose
 * one of the 49,233 most common passwords, nor a short one. What people choose follows Zipf's law: by the fit to RockYou's 32
 * million (D. Wang et al., "Zipf's Law in Passwords", IEEE TIFS 12, 2017) the first r passwords have a share of C·r^s, C = 0.0374,
 * s = 0.187, so that those of the list have 28 % and the next one 1.06 in a million of all. Half of all had 8 characters and more
 * (Imperva, 2010); even if everything on the list were among those, the next one has 1.06 in a million of the 22 % that are left:
 * 4.8 in a million. So 20 guesses are right in less than one case of 10,000. That holds for who knows nothing of the owner, and
 * where people choose as they did there: what was seen elsewhere is a better guess, which is what lists of breached passwords
 * are for (`countersign blocklist import`).
 */
export const guessesPerCredential = 10;
const guessesPerDevice = 10;
const perNetwork = { budget: 100, window: 600_000, bound: 50_000 } as const;

const throttle = processMemory(({ store, clock }: Context) => {
  return { guesses: createGuessCounts(store, clock), networks: createRate(clock, perNetwork) };
});

/** A try: what was typed as the code of a credential, and where. */
export interface Guessing {
  readonly realm: string;
  readonly code: string;
  readonly source: Source;
  readonly device: Device | undefined;
}

/** What became of it. The credential that it was about is known to us alone. */
export interface Outcome {
  readonly ok: boolean;
  readonly credentialId: string | undefined;
}

/**
 * Proves, within the budgets. What fails by an error was no guess. Throws `attempt.throttled`, the same whether there is such a
 * credential or not.
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

/** Of a known device that has some left. */
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

/** By a success no more than itself is given back: else each login of the owner would give strangers another budget. */
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

/** Lets strangers guess at a credential anew. Throws `credential.unknown`. */
export async function unlockCredential(context: Context, realm: string, id: string, caller: Caller): Promise<void> {
  const { code } = await requireCredential(context, realm, id);
  const key = codeKey(context, realm, code);
  await write(context, async (tx) => {
    await deleteFailures(tx.db, realm, [key, lockKey(key)]);
    await forgetFactorGuesses(tx, realm, id);
    await recordEvent(context, tx, { realm, type: 'credential.unlocked', object: `credential:${id}` }, caller);
    tx.committed(() => throttle(context).guesses.forget(realm, key));
  });
}

/** Every second: counts go to the database, what was unlocked elsewhere is noticed, and owners are told of locks. */
export async function keepLoginCounts(context: Context): Promise<void> {
  const { guesses } = throttle(context);
  await guesses.write();
  await guesses.refresh();
  await recordLocks(context, guesses.exhausted());
}

export async function forgetOldLoginFailures({ store, clock }: Context): Promise<void> {
  const now = clock.now();
  await deleteExpiredFailures(store.db, now);
  await shortenFailures(store.db, now + window);
}

function codeKey({ vault }: Pick<Context, 'vault'>, realm: string, code: string): string {
  return vault.digest('login-code', `${realm}\0${foldCredentialCode(code)}`);
}

/** What is no code of ours may be a password in the wrong field: it is told apart, and not told. */
export function unknownCode(context: Pick<Context, 'vault'>, realm: string, code: string): string {
  return `credential-code:unknown-${codeKey(context, realm, code).slice(0, 8)}`;
}
