/**
 * `npm run check` runs every check that a change must pass. It prints one line per step, and the whole output of a failed step.
 * `--no-tests` leaves the tests out, for use after a test run.
 */

import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Step {
  readonly name: string;
  /** A JavaScript file below node_modules, or a script of this repository. */
  readonly program: string;
  readonly args: readonly string[];
}

/** These steps only read the tree, so they may run at the same time. */
const readers: readonly Step[] = [
  {
    name: 'types',
    program: 'node_modules/typescript/bin/tsc',
    args: [
      '--noEmit',
      '-p',
      'tsconfig.json',
      '--pretty',
      '--incremental',
      '--tsBuildInfoFile',
      'node_modules/.cache/check.tsbuildinfo',
    ],
  },
  {
    name: 'format and lint',
    program: 'node_modules/@biomejs/biome/bin/biome',
    args: ['check', '--error-on-warnings', '.'],
  },
  { name: 'import rules', program: 'scripts/import-rules.ts', args: [] },
  { name: 'nothing unused', program: 'node_modules/knip/bin/knip.js', args: ['--no-config-hints'] },
  { name: 'generated files', program: 'scripts/generate.ts', args: ['--check'] },
];

/** The tests run last. `npm test` runs those that start processes too, and CI all of them on both databases. */
const tests: readonly Step[] = [
  {
    name: 'tests',
    program: 'node_modules/vitest/vitest.mjs',
    args: ['run', '--project', 'unit', '--project', 'system'],
  },
];

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs one step, prints its line, and returns whether it passed. */
function passes(step: Step): Promise<boolean> {
  const from = performance.now();
  return new Promise((resolve) => {
    const args = [join(root, step.program), ...step.args];
    execFile(process.execPath, args, { cwd: root, maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
      const time = `${((performance.now() - from) / 1000).toFixed(1)} s`;
      console.log(`${error ? 'FAILED' : 'passed'}  ${step.name.padEnd(16)} ${time.padStart(7)}`);
      if (error) console.log(`${stdout}${stderr}`.trimEnd() || error.message);
      resolve(error === null);
    });
  });
}

async function failuresOf(steps: readonly Step[], atOnce: number): Promise<number> {
  const waiting = [...steps];
  let failures = 0;
  const work = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) if (!(await passes(step))) failures++;
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return failures;
}

const from = performance.now();
let failures = await failuresOf(readers, availableParallelism());
if (!process.argv.includes('--no-tests')) failures += await failuresOf(tests, 1);
const time = ((performance.now() - from) / 1000).toFixed(1);
console.log(failures === 0 ? `all passed in ${time} s` : `${failures} failed in ${time} s`);
process.exitCode = failures === 0 ? 0 : 1;
