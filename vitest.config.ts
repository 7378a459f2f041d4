import { availableParallelism } from 'node:os';
import { defineConfig, type UserWorkspaceConfig } from 'vitest/config';
import { testFiles } from './scripts/test-kinds.ts';

/** Where CI asks for the counts, in vitest's JSON form. */
const report = process.env.COUNTERSIGN_TEST_REPORT;
const files = testFiles(import.meta.dirname);

/** Most of these wait for a server, a database or a clock: one more than there are cores keeps the cores busy. */
const maxWorkers = availableParallelism() + 1;
type ProjectTest = NonNullable<UserWorkspaceConfig['test']>;
const servers = {
  globalSetup: ['packages/server/test/support/global-setup.ts'],
  pool: 'forks',
  isolate: false,
  maxWorkers,
  testTimeout: 30_000,
  hookTimeout: 60_000,
} satisfies ProjectTest;

/** `npm run quick` runs `unit`; `npm test` runs `unit` and `system`; `npm run foreign` runs `foreign`. */
export default defineConfig({
  test: {
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: [...files.unit],
          pool: 'threads',
          isolate: false,
          maxWorkers,
          testTimeout: 30_000,
        },
      },
      { test: { name: 'system', include: [...files.system], ...servers } },
      { test: { name: 'foreign', include: [...files.foreign], ...servers } },
    ],
  },
});
