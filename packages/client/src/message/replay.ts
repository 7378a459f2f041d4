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
  /**
   * Returns whether `key` was seen before, and remembers it until `untilMs` (milliseconds since the epoch). `sender` is the
   * participant, or the key, that made the message: a store with limited room can refuse one that fills it.
   */
  seen(key: string, untilMs: number, sender?: string): boolean | Promise<boolean>;
}

/** The clock and the size of a store in memory. */
export interface MemoryReplayOptions {
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /**
   * The largest number of remembered keys. Default 200,000. One sender can have at most half of them, and two senders a third
   * each: a sender is refused once it has more keys than there is room left, so that the others always have room.
   */
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

interface Kept {
  until: number;
  readonly sender: string | undefined;
}

/**
 * Makes a store of received messages in the memory of one process. Times are in milliseconds since the epoch. After a
 * restart it is empty, and other processes do not see it: use a shared store if that matters.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @throws {ClientError} by `seen`: `replay.full` if there is no room, or the sender has used its share, and `whenFull`
 *   is `refuse`
 * @example
 * const store = createMemoryReplayStore({ now: clock });
 * await store.seen('jti-1', clock() + 60_000); // → false
 * await store.seen('jti-1', clock() + 60_000); // → true
 */
export function createMemoryReplayStore(options: MemoryReplayOptions = {}): ReplayStore {
  const { now = Date.now, max = 200_000, whenFull = 'refuse' } = optionsOf(options, 'options', memoryChecks);
  const known = new Map<string, Kept>();
  /** The number of keys of each sender. */
  const held = new Map<string, number>();
  const expiry = createExpiry();

  function forget(key: string): void {
    const sender = known.get(key)?.sender;
    known.delete(key);
    if (sender === undefined) return;
    const left = (held.get(sender) ?? 0) - 1;
    if (left > 0) held.set(sender, left);
    else held.delete(sender);
  }

  /** Looks at no other key, so that a refusal costs nothing. */
  function requireRoom(sender: string | undefined): void {
    const room = max - known.size;
    if (room <= 0) throw new ClientError('replay.full', 'The replay store is full.');
    if (sender !== undefined && (held.get(sender) ?? 0) >= room)
      throw new ClientError('replay.full', 'The sender has used its share of the replay store.');
  }

  function forgetOldest(): void {
    let surplus = Math.ceil(max / 10);
    for (const key of known.keys()) {
      if (surplus-- === 0) return;
      forget(key);
    }
  }

  function remember(key: string, until: number, sender: string | undefined): void {
    if (whenFull === 'refuse') requireRoom(sender);
    else if (known.size >= max) forgetOldest();
    known.set(key, { until, sender });
    if (sender !== undefined) held.set(sender, (held.get(sender) ?? 0) + 1);
    expiry.add(key, until);
  }

  return {
    seen(key, untilMs, sender) {
      text(key, 'key');
      // A time of NaN would be over at once.
      finite(untilMs, 'untilMs');
      if (sender !== undefined) text(sender, 'sender');
      const at = now();
      for (const due of expiry.due(at)) {
        const until = known.get(due)?.until;
        if (until !== undefined && until >= at) expiry.add(due, until);
        else forget(due);
      }
      const kept = known.get(key);
      if (kept === undefined) {
        remember(key, untilMs, sender);
        return false;
      }
      const isSeen = kept.until >= at;
      if (untilMs > kept.until) kept.until = untilMs;
      return isSeen;
    },
  };
}

/** Keys by the second in which they are due. They are looked through at most once a second. */
function createExpiry() {
  const bySecond = new Map<number, string[]>();
  let looked = Number.NEGATIVE_INFINITY;
  return {
    add(key: string, untilMs: number): void {
      const second = Math.floor(untilMs / 1000);
      const keys = bySecond.get(second);
      if (keys === undefined) bySecond.set(second, [key]);
      else keys.push(key);
    },
    /** Takes out the keys of the seconds before this one. Their time may have been extended meanwhile. */
    due(at: number): readonly string[] {
      const second = Math.floor(at / 1000);
      if (second === looked) return [];
      looked = second;
      const over = [...bySecond.keys()].filter((each) => each < second);
      return over.flatMap((each) => {
        const keys = bySecond.get(each) ?? [];
        bySecond.delete(each);
        return keys;
      });
    },
  };
}
