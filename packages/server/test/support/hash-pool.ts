import { createHashPool, type HashPool, type HashWork } from '../../src/subject/secrets/hash-pool.ts';
import { today } from '../../src/subject/secrets/stored-hash.ts';

const threads = createHashPool({ threads: 2, patience: 60_000 });
const shared = (cheaper: (work: HashWork) => HashWork): HashPool => ({
  run: (work, cost, asker) => threads.run(cheaper(work), cost, asker),
  close: async () => {},
});

/** One for all contexts of a test process, because threads start ten times slower than they hash. It is never closed. */
export const realHashPool = shared((work) => work);

/**
 * The pool of every context that names no other. A hash with today's parameters takes 25 ms of a core, and the tests
 * make thousands: here it takes next to nothing, although its text names today's parameters. A hash with other
 * parameters is real. So are those of processes, and of tests that make their own hasher.
 */
export const hashPool = shared((work) => {
  if ('make' in work) return { ...work, make: { ...work.make, ...cheap } };
  const { compare } = work;
  const isOfToday = compare.scheme === 'argon2' && compare.memory === today.memory && compare.passes === today.passes;
  return isOfToday ? { ...work, compare: { ...compare, ...cheap } } : work;
});
const cheap = { memory: 8, passes: 1 } as const;
