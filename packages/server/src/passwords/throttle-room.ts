import type { Clock } from '../kernel/clock.ts';
import { createRate, type Rate } from '../kernel/rate.ts';
import type { Store } from '../store/open.ts';
import { createGuessCounts, type GuessCounts } from './guess-count.ts';

/** What a process knows of guesses at passwords. The rules are in `throttle.ts`. */
export interface LoginThrottle {
  /** At credentials, and from known devices. */
  readonly guesses: GuessCounts;
  /** From networks. */
  readonly networks: Rate;
}

const perNetwork = { budget: 100, window: 600_000, bound: 50_000 } as const;

export function createLoginThrottle(store: Store, clock: Clock): LoginThrottle {
  return { guesses: createGuessCounts(store, clock), networks: createRate(clock, perNetwork) };
}
