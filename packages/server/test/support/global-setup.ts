/** Vitest's global setup: one PostgreSQL for the whole run, handed to the test processes by COUNTERSIGN_TEST_POSTGRES. */

import { startPostgres } from './postgres.ts';

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.COUNTERSIGN_TEST_POSTGRES) return undefined;
  const server = await startPostgres();
  if (server === undefined) {
    const reason = `there is no PostgreSQL for ${process.platform}-${process.arch} in node_modules; set COUNTERSIGN_TEST_POSTGRES=postgres://…`;
    if (process.env.CI) throw new Error(`Under CI both databases are tested, but ${reason}`);
    process.stderr.write(`PostgreSQL tests are skipped: ${reason}\n`);
    return undefined;
  }
  process.env.COUNTERSIGN_TEST_POSTGRES = server.url;
  return async () => {
    delete process.env.COUNTERSIGN_TEST_POSTGRES;
    await server.stop();
  };
}
