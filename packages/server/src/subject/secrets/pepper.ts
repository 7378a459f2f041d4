import type { Kysely } from 'kysely';
import type { Cache } from '../../kernel/cache.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Random } from '../../kernel/random.ts';
import type { Store } from '../../store/open.ts';
import type { Schema } from '../../store/schema.ts';
import { hasPasswords, insertSealed, listSealed } from './vault.store.ts';
import type { Vault } from './vault.ts';

/**
 * The pepper: a secret key of password hashes, so that the database alone is not enough to guess passwords. NIST SP
 * 800-63B-4 §3.1.1.2: "verifiers SHOULD perform an additional iteration of a keyed hashing or encryption operation
 * using a secret key known only to the verifier". In Argon2 it is the secret value K of RFC 9106 §3.1.
 *
 * 1. A pepper is 32 random bytes, sealed by the master key in the table `sealed`. It moves with a dump, and `reseal`
 *    seals it again.
 * 2. Each new hash uses the current pepper and names its number (`keyid` of the PHC string). A login renews a hash
 *    without a pepper or with an older one.
 * 3. Older peppers stay, because hashes may name them.
 * 4. A database that had passwords before peppers existed gets a first pepper that begins an hour later. Until then,
 *    nodes of the release before can read every hash.
 */
export interface Pepper {
  readonly number: number;
  readonly key: Uint8Array;
  /** Milliseconds. */
  readonly activeAt: number;
}

export interface Peppers {
  /** The pepper of new hashes. Undefined until the first pepper begins. */
  current(): Promise<Pepper | undefined>;
  /** The pepper that a hash names. @throws {Problem} `internal` if it is missing */
  named(number: number): Promise<Pepper>;
}

const prefix = 'password-pepper-';
/** Milliseconds. */
const hour = 3_600_000;

/** The peppers of a store, from the cache. Makes the first one if there is none. */
export async function openPeppers({
  store,
  vault,
  cache,
  clock,
  random,
}: {
  readonly store: Store;
  readonly vault: Vault;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly random: Random;
}): Promise<Peppers> {
  if ((await listPeppers(store.db, vault)).length === 0) {
    const activeAt = clock.now() + ((await hasPasswords(store.db)) ? hour : 0);
    await insertSealed(store.db, sealPepper(vault, { number: 1, key: random.bytes(32), activeAt }));
  }
  const known = () => cache.get('pepper', '', () => listPeppers(store.db, vault));
  return {
    async current() {
      const now = clock.now();
      return (await known()).findLast(({ activeAt }) => activeAt <= now);
    },
    async named(number) {
      const isNamed = (pepper: Pepper) => pepper.number === number;
      // Another node may have made it within the last second.
      const pepper = (await known()).find(isNamed) ?? (await listPeppers(store.db, vault)).find(isNamed);
      if (pepper !== undefined) return pepper;
      throw new Problem('internal', { reason: `pepper ${number} of a password hash is missing` });
    },
  };
}

/** In the order of their numbers. */
export async function listPeppers(db: Kysely<Schema>, vault: Vault): Promise<readonly Pepper[]> {
  const rows = (await listSealed(db)).filter(({ name }) => name.startsWith(prefix));
  return rows.map(({ name, value }) => openPepper(name, vault.open(value, name))).sort((a, b) => a.number - b.number);
}

/** The row of a pepper in the table `sealed`. */
export function sealPepper(
  vault: Vault,
  { number, key, activeAt }: Pepper,
): { readonly name: string; readonly value: string } {
  const name = `${prefix}${number}`;
  return { name, value: vault.seal(`${activeAt}.${Buffer.from(key).toString('base64url')}`, name) };
}

function openPepper(name: string, plain: string): Pepper {
  const [activeAt, key] = plain.split('.') as [string, string];
  return { number: Number(name.slice(prefix.length)), key: Buffer.from(key, 'base64url'), activeAt: Number(activeAt) };
}
