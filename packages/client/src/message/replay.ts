import {
  amount,
  type Checks,
  callable,
  finite,
  oneOf,
  optional,
  options as optionsOf,
  text,
} from '@countersign/proof/argument';
import { ClientError } from '../error.ts';

/**
 * Remembers received messages. One store may serve several processes if it answers atomically: if two callers ask for the same
 * key at the same time, only one gets `false`.
 */
export interface ReplayStore {
  /** Returns whether `key` was seen before, and remembers it until `untilMs` (milliseconds since the epoch). */
  seen(key: string, untilMs: number): boolean | Promise<boolean>;
}

export interface MemoryReplayOptions {
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** The largest number of remembered keys. Default 100,000. */
  readonly max?: number;
  /**
   * What to do without room: `refuse` throws, so that a message that must be received only once is refused; `forget` drops the
   * oldest keys, which is enough if replays are only reported. Default `refuse`.
   */
  readonly whenFull?: 'refuse' | 'forget';
}

const memoryChecks: Checks<MemoryReplayOptions> = {
  now: optional(callable),
  max: optional(amount),
  whenFull: optional(oneOf('refuse', 'forget')),
};

/**
 * A store in the memory of one process. After a restart it is empty: use a shared store if that matters.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 */
export function createMemoryReplayStore(options: MemoryReplayOptions = {}): ReplayStore {
  const { now = Date.now, max = 100_000, whenFull = 'refuse' } = optionsOf(options, 'options', memoryChecks);
  const known = new Map<string, number>();

  function makeRoom(at: number): void {
    for (const [key, until] of known) if (until < at) known.delete(key);
    if (known.size < max) return;
    if (whenFull === 'refuse') throw new ClientError('replay.full', 'The replay store is full.');
    for (const key of [...known.keys()].slice(0, Math.ceil(max / 10))) known.delete(key);
  }

  return {
    seen(key, untilMs) {
      text(key, 'key');
      // A time of NaN would be over at once.
      finite(untilMs, 'untilMs');
      const at = now();
      const until = known.get(key);
      if (until !== undefined && until >= at) {
        if (untilMs > until) known.set(key, untilMs);
        return true;
      }
      if (known.size >= max) makeRoom(at);
      known.delete(key);
      known.set(key, untilMs);
      return false;
    },
  };
}
