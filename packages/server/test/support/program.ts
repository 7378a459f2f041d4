import { fileURLToPath } from 'node:url';

/** The command line that tests start as a process: the bundle that `global-setup.ts` made, or under CI the source. */
export const program =
  process.env.COUNTERSIGN_TEST_PROGRAM ?? fileURLToPath(new URL('../../bin/countersign.js', import.meta.url));
