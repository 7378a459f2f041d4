import type { Clock } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';

/**
 * Throttles failed proofs per credential and source. Kept in memory, bounded: one process forgets at restart, and each node
 * counts for itself, which is enough against guessing at 128 bits and more. A success costs nothing, so bursts of correct
 * requests are never throttled; the source is part of the key, so nobody locks out somebody else.
 */
export interface Attempts {
  /** Throws `attempt.throttled` when this pair has failed too often in the last minute. */
  require(realm: string, credential: string, source: string): void;
  failed(realm: string, credential: string, source: string): void;
  /** Failures since the last call, added up per credential and source: for the event log. */
  drain(): readonly FailedAttempts[];
}

export interface FailedAttempts {
  readonly realm: string;
  readonly credential: string;
  readonly source: string;
  readonly count: number;
}

const perMinute = 30;
const window = 60_000;
const bound = 50_000;
/** Pairs that get an event of their own each minute. */
const reported = 100;

interface Window {
  failures: number;
  readonly until: number;
}

export function createAttempts(clock: Clock): Attempts {
  const windows = new Map<string, Window>();
  const unreported = new Map<string, FailedAttempts>();

  /** Pairs beyond the bound are added up in one entry: inventing credentials must not fill the event log. */
  function report(pair: Omit<FailedAttempts, 'count'>): void {
    const exact = `${pair.realm}\0${pair.credential}\0${pair.source}`;
    const rest = `${pair.realm}\0`;
    const room = unreported.has(exact) || unreported.size < reported;
    const entry = unreported.get(room ? exact : rest);
    const named = room ? pair : { realm: pair.realm, credential: '(others)', source: '(others)' };
    unreported.set(room ? exact : rest, { ...named, count: (entry?.count ?? 0) + 1 });
  }

  return {
    require(realm, credential, source) {
      const open = windows.get(`${realm}\0${credential}\0${source}`);
      if (open === undefined || open.failures < perMinute) return;
      const left = open.until - clock.elapsed();
      if (left > 0) throw new Problem('attempt.throttled', undefined, { retryAfter: Math.ceil(left / 1000) });
    },
    failed(realm, credential, source) {
      const key = `${realm}\0${credential}\0${source}`;
      const open = windows.get(key);
      if (open !== undefined && open.until > clock.elapsed()) open.failures++;
      else {
        windows.delete(key);
        windows.set(key, { failures: 1, until: clock.elapsed() + window });
        if (windows.size > bound) windows.delete(windows.keys().next().value as string);
      }
      report({ realm, credential, source });
    },
    drain() {
      const failures = [...unreported.values()];
      unreported.clear();
      return failures;
    },
  };
}
