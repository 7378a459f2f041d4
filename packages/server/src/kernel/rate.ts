import type { Clock } from './clock.ts';
import { Problem } from './problem.ts';

/** Counts what each source does within a window, and refuses more than its budget. In bounded memory. */
export interface Rate {
  /** @throws {Problem} `attempt.throttled` if this key has spent its budget */
  require(key: string): void;
  spend(key: string): void;
  /** Spends one. @throws {Problem} `attempt.throttled` if none is left */
  admit(key: string): void;
  /** Spends one if one is left. True if it did. */
  take(key: string): boolean;
  /** Takes one `spend` back, for budget that was spent before it was known to be due. */
  giveBack(key: string): void;
}

export interface RateLimit {
  readonly budget: number;
  /** Milliseconds. */
  readonly window: number;
  /** Number of keys to remember. Beyond it the oldest window is forgotten. */
  readonly bound: number;
}

/** A rate whose counts are shared with other processes now and then. */
export interface CountedRate extends Rate {
  /** What this process has spent since the last call, at most `most` keys of windows that are not over. */
  takeChanges(most: number): readonly Spending[];
  /** Takes over what all processes together have spent. What this one has spent since `takeChanges` is added. */
  adopt(total: Spending): void;
  /** Spendings that could not be shared: they come again with the next `takeChanges`. */
  putBack(changes: readonly Spending[]): void;
}

export interface Spending {
  readonly key: string;
  readonly spent: number;
  /** Milliseconds until the window ends. */
  readonly left: number;
}

interface Window {
  spent: number;
  until: number;
  /** The part that other processes do not know yet; below zero if more was given back. */
  unshared: number;
}

export function createRate(clock: Clock, { budget, window, bound }: RateLimit): CountedRate {
  const windows = new Map<string, Window>();
  const changed = new Set<string>();

  /** Milliseconds until a spent budget is renewed. At most 0 if it is not spent. */
  function waitOf(key: string): number {
    const open = windows.get(key);
    return open === undefined || open.spent < budget ? 0 : open.until - clock.elapsed();
  }

  function spend(key: string): void {
    const open = windows.get(key);
    if (open !== undefined && open.until > clock.elapsed()) {
      add(key, open, 1);
      return;
    }
    windows.delete(key);
    const begun = { spent: 0, until: clock.elapsed() + window, unshared: 0 };
    windows.set(key, begun);
    add(key, begun, 1);
    if (windows.size > bound) windows.delete(windows.keys().next().value as string);
  }

  function add(key: string, open: Window, count: number): void {
    open.spent += count;
    open.unshared += count;
    changed.add(key);
    if (changed.size > bound) changed.delete(changed.values().next().value as string);
  }

  function require(key: string): void {
    const wait = waitOf(key);
    if (wait > 0) throw new Problem('attempt.throttled', { retryAfter: Math.ceil(wait / 1000) });
  }

  return {
    require,
    spend,
    admit(key) {
      require(key);
      spend(key);
    },
    take(key) {
      if (waitOf(key) > 0) return false;
      spend(key);
      return true;
    },
    giveBack(key) {
      const open = windows.get(key);
      if (open !== undefined && open.spent > 0) add(key, open, -1);
    },
    takeChanges(most) {
      const changes: Spending[] = [];
      for (const key of changed) {
        if (changes.length === most) break;
        changed.delete(key);
        const open = windows.get(key);
        if (open === undefined || open.unshared === 0) continue;
        const left = open.until - clock.elapsed();
        if (left > 0) changes.push({ key, spent: open.unshared, left });
        open.unshared = 0;
      }
      return changes;
    },
    adopt({ key, spent, left }) {
      const open = windows.get(key);
      if (open === undefined || left <= 0) return;
      open.spent = Math.max(0, spent + open.unshared);
      open.until = clock.elapsed() + Math.min(left, window);
    },
    putBack(changes) {
      for (const { key, spent } of changes) {
        const open = windows.get(key);
        if (open === undefined) continue;
        open.unshared += spent;
        changed.add(key);
      }
    },
  };
}
