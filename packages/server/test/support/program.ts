import { fileURLToPath } from 'node:url';

/** TEST KEY, not a secret: contexts and processes that share a database must share it. */
export const masterKey = 'dGVzdC1vbmx5LW1hc3Rlci1rZXktZm9yLWNvdW50ZXI';

/** The command line that tests start as a process: the bundle that `global-setup.ts` made, or under CI the source. */
export const program =
  process.env.COUNTERSIGN_TEST_PROGRAM ?? fileURLToPath(new URL('../../bin/countersign.js', import.meta.url));
