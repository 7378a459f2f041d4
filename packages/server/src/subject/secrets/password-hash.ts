import { availableParallelism } from 'node:os';
import { Problem } from '../../kernel/problem.ts';
import type { Random } from '../../kernel/random.ts';
import { traced } from '../../kernel/trace.ts';
import { type Asker, type Cost, createHashPool, type HashPool } from './hash-pool.ts';
import { normalisedPassword, requirePassword } from './password-text.ts';
import type { Pepper, Peppers } from './pepper.ts';
import { isOutdated, memoryOf, readHash, type StoredHash, spellHash, today, workOf } from './stored-hash.ts';

/**
 * Hashes passwords and compares them with hashes, outside the event loop.
 *
 * @throws {Problem} `attempt.busy` if there is too much work
 */
export interface Hasher {
  /**
   * A new hash with today's parameters under the current pepper, in PHC form.
   *
   * @throws {Problem} `password.too_long`, `request.invalid`
   */
  hash(password: string): Promise<string>;
  /**
   * Compares a password with a stored hash. Undefined stands for an unknown credential: the same work against a decoy,
   * and false. A text that could not be a password gets the same. An imported hash takes as long as the other program
   * chose, so its time differs until its first login. The pool decides the order.
   */
  verify(stored: string | undefined, password: string, asker?: Asker): Promise<Verdict>;
  close(): Promise<void>;
}

export interface Verdict {
  readonly ok: boolean;
  /**
   * The password must be hashed anew: other scheme, weaker parameters, no pepper or an older one, or a spelling not in
   * NFKC.
   */
  readonly outdated: boolean;
}

export interface HasherOptions {
  readonly random: Random;
  readonly peppers: Peppers;
  /** Default: the number of cores. */
  readonly threads?: number;
  /** Milliseconds of work that the queue may hold. */
  readonly patience?: number;
  /** Default: one of its own, with these threads and this patience. Closed with the hasher. */
  readonly pool?: HashPool;
}

const saltLength = 16;
const refusedVerdict: Verdict = { ok: false, outdated: false };

export function createHasher({
  random,
  peppers,
  threads = availableParallelism(),
  patience = 2_000,
  pool = createHashPool({ threads, patience }),
}: HasherOptions): Hasher {
  const fresh = () => ({ scheme: 'argon2', ...today, salt: random.bytes(saltLength) }) as const;
  const decoy: StoredHash = { ...fresh(), tag: random.bytes(32) };

  return {
    async hash(password) {
      const text = requirePassword(password);
      const pepper = await peppers.current();
      const make = { ...fresh(), ...(pepper && { pepper: pepper.number }) };
      const work = { make, password: Buffer.from(text), secret: pepper?.key };
      const { tag } = await traced('countersign.hash', () => pool.run(work, { work: 1, memory: today.memory }));
      return spellHash({ ...make, tag: tag as Uint8Array });
    },
    async verify(stored, password, asker) {
      const text = normalisedPassword(password);
      const current = await peppers.current();
      const compare = stored === undefined || text === undefined ? decoy : known(stored);
      const passwords = spellings(password, text);
      const work = { compare, passwords, secret: (await pepperOf(peppers, compare, current))?.key };
      const { matched } = await traced('countersign.hash', () =>
        pool.run(work, costOf(compare, passwords.length), asker),
      );
      if (compare === decoy || matched === -1) return refusedVerdict;
      return { ok: true, outdated: matched !== 0 || isOutdated(compare, current?.number) };
    },
    close: () => pool.close(),
  };
}

/**
 * The texts to try. Other programs hash the text as typed, so an imported hash may need that one. Both are tried
 * against every hash, so the time of a refusal does not show which hashes are imported.
 */
function spellings(password: string, text: string | undefined): readonly Uint8Array[] {
  if (text === undefined) return [Buffer.alloc(0)];
  return text === password ? [Buffer.from(text)] : [Buffer.from(text), Buffer.from(password)];
}

async function pepperOf(peppers: Peppers, hash: StoredHash, current: Pepper | undefined): Promise<Pepper | undefined> {
  if (hash.scheme !== 'argon2' || hash.pepper === undefined) return undefined;
  return hash.pepper === current?.number ? current : peppers.named(hash.pepper);
}

function costOf(hash: StoredHash, spelled: number): Cost {
  return { work: workOf(hash) * spelled, memory: memoryOf(hash) };
}

/** A stored hash was checked before it was written, so a fault here is internal. */
function known(stored: string): StoredHash {
  try {
    return readHash(stored);
  } catch (cause) {
    throw new Problem('internal', { cause });
  }
}
