import type { Context } from '../context.ts';
import { Problem, type ProblemCode } from '../kernel/problem.ts';
import { processMemory } from '../kernel/process-memory.ts';
import type { Rate } from '../kernel/rate.ts';
import type { Source } from '../kernel/source.ts';
import { sharedRate } from './throttle/shared-rate.ts';

/**
 * Throttles failed proofs per credential and source, for guesses at secrets of 128 bits and more. A success costs
 * nothing, so bursts of correct requests are never throttled. The source is part of the key, so a stranger cannot lock
 * out the owner.
 */
export interface Attempts {
  /** @throws {Problem} `attempt.throttled` if this pair has failed too often in the last minute */
  require(realm: string, credential: string, source: Source): void;
  failed(realm: string, credential: string, source: Source): void;
  /** Reports a failure that is counted elsewhere, for the event log only. */
  report(failure: FailedAttempts): void;
  /** For the event log: the failures since the last call, added up per object and source. */
  drain(): readonly FailedAttempts[];
  /** Puts back drained failures that could not be written. */
  putBack(failures: readonly FailedAttempts[]): void;
}

export interface FailedAttempts {
  readonly realm: string;
  /** The type of the event. */
  readonly type: 'proof.failed' | 'login.failed' | 'factor.failed';
  /** The object of the event: `client:…`, `credential:…`. Never typed text that may be a password. */
  readonly object: string;
  readonly source: string;
  readonly count: number;
}

const perPair = sharedRate('failed proof', { budget: 30, window: 60_000, bound: 50_000 });
/** Pairs that get their own event each minute. */
const reported = 100;

export const attempts = processMemory((context: Context) => createAttempts(perPair(context)));

export function createAttempts(rate: Rate): Attempts {
  const unreported = new Map<string, FailedAttempts>();

  /** Further pairs share one entry, so that invented credentials cannot fill the event log. */
  function report(failure: FailedAttempts): void {
    const exact = keyOf(failure);
    const kind = failure.object.slice(0, failure.object.indexOf(':'));
    const rest = { realm: failure.realm, type: failure.type, object: `${kind}:(others)`, source: '(others)' };
    const room = unreported.has(exact) || unreported.size < reported;
    const known = unreported.get(room ? exact : keyOf(rest));
    const named = room ? failure : rest;
    unreported.set(keyOf(named), { ...named, count: (known?.count ?? 0) + failure.count });
  }

  return {
    require(realm, credential, source) {
      rate.require(pairOf(realm, credential, source));
    },
    failed(realm, credential, source) {
      rate.spend(pairOf(realm, credential, source));
      report({
        realm,
        type: 'proof.failed',
        object: `client:${nameable(credential)}`,
        source: source.address,
        count: 1,
      });
    },
    report,
    drain() {
      const failures = [...unreported.values()];
      unreported.clear();
      return failures;
    },
    putBack: (failures) => failures.forEach(report),
  };
}

/** True if the caller's proof was wrong or malformed. A fault of the server is not a failed proof. */
export function isFailedProof(thrown: unknown, refusal: ProblemCode): boolean {
  return thrown instanceof Problem && (thrown.code === refusal || thrown.code === 'request.invalid');
}

function pairOf(realm: string, credential: string, { network }: Source): string {
  return `${realm}\0${nameable(credential)}\0${network}`;
}

function keyOf({ realm, type, object, source }: Omit<FailedAttempts, 'count'>): string {
  return `${realm}\0${type}\0${object}\0${source}`;
}

/**
 * A stranger chooses the credential. So it is shortened and cleared of characters that a database cannot store (one NUL
 * would lose the events of a whole minute) or that would confuse a log reader.
 */
function nameable(credential: string): string {
  return credential
    .slice(0, 128)
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]/gu, '\ufffd');
}
