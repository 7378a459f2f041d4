import type { Clock } from './clock.ts';
import { Problem } from './problem.ts';
import { requireNoTransaction } from './transaction.ts';

/**
 * The one cache of a process: bounded, read-through, single flight, invalidated by topic and key.
 *
 * An entry is never older than the last change of this process, and never older than the last poll of the change log
 * for changes of others. When polling has failed for `maxStaleness`, the cache refuses: a node that is cut off from its
 * store must not accept what may have been revoked. Before the first poll nothing is kept, because a command that does
 * not follow the change log must not act on old values.
 */
export interface Cache {
  /**
   * Not an async function: every token request calls this three times, and a promise around a promise costs three
   * turns.
   */
  get<T>(topic: Topic, key: string, load: () => Promise<T>): Promise<T>;
  invalidate(topic: Topic, key: string): void;
  invalidateAll(): void;
  /** The change log was read up to its end at `asOf`, a reading of `clock.elapsed()`. Default: now. */
  refreshed(asOf?: number): void;
  /** @throws {Problem} `store.unavailable` if the change log has not been read for too long */
  requireFresh(): void;
  size(): number;
}

/** The topics of the cache, with the number of entries that a process keeps. About 1.5 KB per entry. */
const bounds = {
  realm: 1_000,
  keys: 1_000,
  pepper: 1,
  subject: 10_000,
  client: 10_000,
  participant: 10_000,
  audience_owner: 10_000,
  session: 10_000,
  password_profile: 1_000,
  realm_did: 1_000,
  wallet: 10_000,
  capability: 10_000,
} as const;
export type Topic = keyof typeof bounds;

/** Milliseconds without a successful poll after which a process refuses. */
export const maxStaleness = 5_000;

export function createCache(clock: Clock): Cache {
  const rooms = new Map<Topic, Map<string, Promise<unknown>>>();
  // Kept between removals: a new iterator would step over every entry that was removed before.
  const oldest = new Map<Topic, MapIterator<string>>();
  for (const topic of Object.keys(bounds) as Topic[]) {
    const room = new Map<string, Promise<unknown>>();
    rooms.set(topic, room);
    oldest.set(topic, room.keys());
  }
  let freshAt: number | undefined;

  const isStale = () => freshAt !== undefined && clock.elapsed() - freshAt > maxStaleness;
  const unavailable = () => new Problem('store.unavailable', { retryAfter: 1 });

  return {
    requireFresh() {
      if (isStale()) throw unavailable();
    },
    get<T>(topic: Topic, key: string, load: () => Promise<T>): Promise<T> {
      if (isStale()) return Promise.reject(unavailable());
      const room = rooms.get(topic) as Map<string, Promise<unknown>>;
      const known = freshAt === undefined ? undefined : room.get(key);
      if (known !== undefined) return known as Promise<T>;
      requireNoTransaction();
      if (freshAt === undefined) return load();
      const loading = load();
      room.set(key, loading);
      const forget = () => {
        if (room.get(key) === loading) room.delete(key);
      };
      // Failed loads and absences are not cached. Only a found value evicts another, so unknown names cannot empty the
      // cache.
      loading.then((value) => {
        if (value === undefined) forget();
        else if (room.size > bounds[topic]) room.delete(oldest.get(topic)?.next().value as string);
      }, forget);
      return loading;
    },
    invalidate(topic, key) {
      // Also drops running loads, because their result may be from before the change.
      rooms.get(topic)?.delete(key);
    },
    invalidateAll() {
      for (const room of rooms.values()) room.clear();
    },
    refreshed(asOf = clock.elapsed()) {
      freshAt = asOf;
    },
    size: () => [...rooms.values()].reduce((sum, room) => sum + room.size, 0),
  };
}
