import type { Clock } from './clock.ts';
import { Problem } from './problem.ts';
import { requireNoTransaction } from './transaction.ts';

/**
 * The one cache of a process: bounded, read-through, single flight, invalidated by topic and key.
 *
 * What it serves is never older than the last change that this process made itself, and never older than the last poll of the
 * change log for changes that others made. When polling has failed for `maxStaleness`, the cache refuses instead of serving:
 * a node that is cut off from its store must not keep honouring what may have been revoked. Until the first poll nothing is
 * kept: a command that follows no change log must not act on what it read minutes ago.
 */
export interface Cache {
  /** Every token request passes here three times: no async function, whose promise around a promise costs three turns. */
  get<T>(topic: Topic, key: string, load: () => Promise<T>): Promise<T>;
  invalidate(topic: Topic, key: string): void;
  invalidateAll(): void;
  /** The change log was read up to what was its end at `asOf`, a reading of `clock.elapsed()`; just now, when absent. */
  refreshed(asOf?: number): void;
  /** Throws `store.unavailable` when the change log has not been read for too long. */
  requireFresh(): void;
  size(): number;
}

/** What is cached, each with how many entries a process keeps. About 1.5 KB an entry. */
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
  // Kept from one removal to the next: a new iterator would step over every entry that was removed before.
  const oldest = new Map<Topic, MapIterator<string>>();
  for (const topic of Object.keys(bounds) as Topic[]) {
    const room = new Map<string, Promise<unknown>>();
    rooms.set(topic, room);
    oldest.set(topic, room.keys());
  }
  let freshAt: number | undefined;

  const isStale = () => freshAt !== undefined && clock.elapsed() - freshAt > maxStaleness;
  const unavailable = () => new Problem('store.unavailable', undefined, { retryAfter: 1 });

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
      // A failed load is no answer, and an absence is not kept. Room is made only for what was found: unknown names must not
      // push known ones out.
      loading.then((value) => {
        if (value === undefined) forget();
        else if (room.size > bounds[topic]) room.delete(oldest.get(topic)?.next().value as string);
      }, forget);
      return loading;
    },
    invalidate(topic, key) {
      // This drops loads that are still under way too: their answer may be from before the change.
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
