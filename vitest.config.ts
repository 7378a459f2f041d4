import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { defineConfig, type UserWorkspaceConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { testFiles } from './scripts/test-kinds.ts';

/** Where CI asks for the counts, in vitest's JSON form. */
const report = process.env.COUNTERSIGN_TEST_REPORT;
const files = testFiles(import.meta.dirname);

/** Most of these wait for a server, a database or a clock: one more than there are cores keeps the cores busy. */
const maxWorkers = availableParallelism() + 1;

/** The files that take longest. They begin first, so that no worker is left with one at the end. */
const long = ['first-start', 'docs'];

/** Holds promises of two seconds: it begins last, when the other workers have little to do. */
const last = ['descendants'];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const named = (names: readonly string[]) =>
      names.flatMap((name) => sorted.filter(({ moduleId }) => basename(moduleId, '.test.ts') === name));
    const late = named(last);
    return [...new Set([...named(long), ...sorted.filter((file) => !late.includes(file)), ...late])];
  }
}

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
    sequence: { sequencer: LongFirst },
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
