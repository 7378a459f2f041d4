import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** TEST KEY, not a secret: contexts and processes that share a database must share it. */
export const masterKey = 'dGVzdC1vbmx5LW1hc3Rlci1rZXktZm9yLWNvdW50ZXI';

const bundle = process.env.COUNTERSIGN_TEST_PROGRAM;

/** The command line that tests start as a process: the bundle that `global-setup.ts` made, or under CI the source. */
export const program = bundle ?? fileURLToPath(new URL('../../bin/countersign.js', import.meta.url));

/** A script of this folder that tests start as a process, in the same way. */
export const script = (name: 'apply-process' | 'guess' | 'use-once'): string =>
  bundle === undefined ? fileURLToPath(new URL(`./${name}.ts`, import.meta.url)) : join(dirname(bundle), `${name}.js`);
