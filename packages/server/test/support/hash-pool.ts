import { createHashPool, type HashPool } from '../../src/subject/secrets/hash-pool.ts';

const threads = createHashPool({ threads: 2, patience: 60_000 });

/** One for all servers of a test process, because threads start ten times slower than they hash. It is never closed. */
export const hashPool: HashPool = { run: threads.run, close: async () => {} };
