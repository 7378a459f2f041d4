import { configDefaults, defineConfig } from 'vitest/config';

/** The long ones: kill rounds, floods, a million rows, timing. One file at a time, so that none measures another. */
export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.soak.test.ts'],
    exclude: configDefaults.exclude,
    globalSetup: ['packages/server/test/support/global-setup.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 30 * 60_000,
    hookTimeout: 5 * 60_000,
  },
});
