import type { Clock } from './clock.ts';
import { Problem } from './problem.ts';

/**
 * The one cache of a process: bounded, read-through, single flight, invalidated by topic and key.
 *
 * What it serves is never older than the last change that this process made itself, and never older than the last poll of the
 * change log for changes that others made. When polling has failed for `maxStaleness`, the cache refuses instead of serving:
 * a node that is cut off from its store must not keep honouring what may have been revoked.
 */
export interface Cache {
  get<T>(topic: Topic, key: string, load: () => Promise<T>): Promise<T>;
  invalidate(topic: Topic, key: string): void;
  invalidateAll(): void;
  /** The change log was read up to its end just now. */
  refreshed(): void;
  /** Throws `store.unavailable` when the change log has not been read for too long. */
  requireFresh(): void;
  size(): number;
}

/** What is cached, each with how many entries a process keeps. About 1.5 KB an entry. */
const bounds = { realm: 1_000, keys: 1_000, subject: 10_000, client: 10_000, participant: 10_000 } as const;
export type Topic = keyof typeof bounds;

/** Milliseconds without a successful poll after which a process refuses. */
export const maxStaleness = 5_000;

export function createCache(clock: Clock): Cache {
  const rooms = new Map<Topic, Map<string, Promise<unknown>>>();
  for (const topic of Object.keys(bounds) as Topic[]) rooms.set(topic, new Map());
  let freshAt = clock.elapsed();

  function requireFresh(): void {
    if (clock.elapsed() - freshAt > maxStaleness) throw new Problem('store.unavailable', undefined, { retryAfter: 1 });
  }

  return {
    requireFresh,
    async get<T>(topic: Topic, key: string, load: () => Promise<T>): Promise<T> {
      requireFresh();
      const room = rooms.get(topic) as Map<string, Promise<unknown>>;
      const known = room.get(key);
      if (known !== undefined) return known as Promise<T>;
      const loading = load();
      room.set(key, loading);
      if (room.size > bounds[topic]) room.delete(room.keys().next().value as string);
      // A failed load is no answer, and an absence is not kept: unknown names must not push known ones out.
      const forget = () => {
        if (room.get(key) === loading) room.delete(key);
      };
      loading.then((value) => value === undefined && forget(), forget);
      return loading;
    },
    invalidate(topic, key) {
      // This drops loads that are still under way too: their answer may be from before the change.
      rooms.get(topic)?.delete(key);
    },
    invalidateAll() {
      for (const room of rooms.values()) room.clear();
    },
    refreshed() {
      freshAt = clock.elapsed();
    },
    size: () => [...rooms.values()].reduce((sum, room) => sum + room.size, 0),
  };
}
