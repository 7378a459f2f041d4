import type { Clock } from '../../src/kernel/clock.ts';

/** A clock that stands until it is moved. */
export interface ManualClock extends Clock {
  advance(milliseconds: number): void;
}

export function manualClock(start = Date.UTC(2026, 0, 15, 12)): ManualClock {
  let passed = 0;
  return {
    now: () => start + passed,
    elapsed: () => passed,
    advance(milliseconds) {
      passed += milliseconds;
    },
  };
}

/** A clock that goes on by itself, and can be moved. */
export function movedClock() {
  let moved = 0;
  return {
    now: () => Date.now() + moved,
    elapsed: () => performance.now(),
    advance(milliseconds: number) {
      moved += milliseconds;
    },
  };
}
