import type { Config } from './config.ts';
import type { Cache } from './kernel/cache.ts';
import type { Clock } from './kernel/clock.ts';
import type { Log } from './kernel/log.ts';
import type { Random } from './kernel/random.ts';
import type { Store } from './store/open.ts';
import type { Hasher } from './subject/secrets/password-hash.ts';
import type { Vault } from './subject/secrets/vault.ts';

/** Everything that rules may use. Built once in `server.ts`. A test builds its own with another clock or store. */
export interface Context {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly config: Config;
  /** Seals private keys at rest and digests secrets, under the master key. */
  readonly vault: Vault;
  readonly cache: Cache;
  /** Hashes passwords outside the event loop. */
  readonly hasher: Hasher;
}
