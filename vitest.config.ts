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

/** Hold promises of two seconds: they begin last, when the other workers have little to do. */
const last = ['descendants', 'failover'];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const named = (names: readonly string[]) =>
      names.flatMap((name) => sorted.filter(({ moduleId }) => basename(moduleId, '.test.ts') === name));
    const late = named(last);
    return [...new Set([...named(long), ...sorted.filter((file) => !late.includes(file)), ...late])];
  }
}

/** Tests of the SQL that all rooms share, and of PostgreSQL itself. Outside CI only these, and moves, use PostgreSQL, to answer in minutes. */
const sharedSql =
  /\/(write|change-log|dump|event|lost-database|migrate|password-races|replay|revocation|rolling-upgrade|store-refusal|upgrade)\.test\.ts$/;
const databases = process.env.COUNTERSIGN_TEST_DATABASES ?? (process.env.CI ? 'sqlite,postgres' : 'sqlite');

type ProjectTest = NonNullable<UserWorkspaceConfig['test']>;
const servers = {
  globalSetup: ['packages/server/test/support/global-setup.ts'],
  pool: 'forks',
  isolate: false,
  maxWorkers,
  testTimeout: 30_000,
  hookTimeout: 60_000,
} satisfies ProjectTest;

/** Everything of one kind that needs a server, on these databases. */
function serverTests(name: string, include: readonly string[], on = databases) {
  return { test: { name, include: [...include], env: { COUNTERSIGN_TEST_DATABASES: on }, ...servers } };
}

const onPostgres = [...files.system, ...files.process].filter((file) => sharedSql.test(file));

/**
 * `npm run quick` runs `unit`; `npm run check` adds `system`; `npm test` adds `process` and `postgres`; `npm run foreign` runs
 * `foreign`. Under CI, or where COUNTERSIGN_TEST_DATABASES names them, every test runs on both databases.
 */
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
      serverTests('system', files.system),
      serverTests('process', files.process),
      ...(databases === 'sqlite' ? [serverTests('postgres', onPostgres, 'postgres')] : []),
      serverTests('foreign', files.foreign),
    ],
  },
});
