import type { Clock } from './clock.ts';
import { Problem } from './problem.ts';

/**
 * Counts what each source does within a window, and refuses more than its budget. In bounded memory; a restart forgets.
 */
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

export function createRate(clock: Clock, { budget, window, bound }: RateLimit): Rate {
  const windows = new Map<string, { spent: number; readonly until: number }>();

  /** Milliseconds until a spent budget is renewed. At most 0 if it is not spent. */
  function waitOf(key: string): number {
    const open = windows.get(key);
    return open === undefined || open.spent < budget ? 0 : open.until - clock.elapsed();
  }

  function spend(key: string): void {
    const open = windows.get(key);
    if (open !== undefined && open.until > clock.elapsed()) {
      open.spent++;
      return;
    }
    windows.delete(key);
    windows.set(key, { spent: 1, until: clock.elapsed() + window });
    if (windows.size > bound) windows.delete(windows.keys().next().value as string);
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
      if (open !== undefined && open.spent > 0) open.spent--;
    },
  };
}

/** One rate for each limit. */
export function createRates<Name extends string>(
  clock: Clock,
  limits: Readonly<Record<Name, RateLimit>>,
): Readonly<Record<Name, Rate>> {
  const rates = Object.entries<RateLimit>(limits).map(([name, limit]) => [name, createRate(clock, limit)]);
  return Object.fromEntries(rates) as Record<Name, Rate>;
}
