import type { Clock } from '../kernel/clock.ts';
import { createRate } from '../kernel/rate.ts';

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
  /** What was drained and could not be written. */
  putBack(failures: readonly FailedAttempts[]): void;
}

export interface FailedAttempts {
  readonly realm: string;
  readonly credential: string;
  readonly source: string;
  readonly count: number;
}

const limit = { budget: 30, window: 60_000, bound: 50_000 };
/** Pairs that get an event of their own each minute. */
const reported = 100;

export function createAttempts(clock: Clock): Attempts {
  const rate = createRate(clock, limit);
  const unreported = new Map<string, FailedAttempts>();

  /** Pairs beyond the bound are added up in one entry: inventing credentials must not fill the event log. */
  function report(failure: FailedAttempts): void {
    const exact = keyOf(failure);
    const rest = { realm: failure.realm, credential: '(others)', source: '(others)' };
    const room = unreported.has(exact) || unreported.size < reported;
    const known = unreported.get(room ? exact : keyOf(rest));
    const named = room ? failure : rest;
    unreported.set(keyOf(named), { ...named, count: (known?.count ?? 0) + failure.count });
  }

  return {
    require(realm, credential, source) {
      rate.require(keyOf({ realm, credential: nameable(credential), source }));
    },
    failed(realm, credential, source) {
      const failure = { realm, credential: nameable(credential), source, count: 1 };
      rate.spend(keyOf(failure));
      report(failure);
    },
    drain() {
      const failures = [...unreported.values()];
      unreported.clear();
      return failures;
    },
    putBack: (failures) => failures.forEach(report),
  };
}

function keyOf({ realm, credential, source }: Omit<FailedAttempts, 'count'>): string {
  return `${realm}\0${credential}\0${source}`;
}

/**
 * A stranger chooses the credential: it is kept short, and free of what a database cannot store (one NUL would lose the whole
 * minute's events) or a log reader would stumble over.
 */
function nameable(credential: string): string {
  return credential
    .slice(0, 128)
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]/gu, '\ufffd');
}
