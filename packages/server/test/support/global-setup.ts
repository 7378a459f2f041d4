/**
 * Vitest's global setup: one PostgreSQL for the whole run, of each database a template that has today's schema, and the
 * command line in one bundle, except under CI. The test processes learn of them by variables of the environment.
 */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { openStore } from '../../src/store/open.ts';
import { bundleProgram } from './bundle.ts';
import { startPostgres } from './postgres.ts';

const variables = [
  'COUNTERSIGN_TEST_POSTGRES',
  'COUNTERSIGN_TEST_POSTGRES_TEMPLATE',
  'COUNTERSIGN_TEST_SQLITE_TEMPLATE',
  'COUNTERSIGN_TEST_PROGRAM',
];

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  // Another project of this run has made everything.
  if (process.env.COUNTERSIGN_TEST_SQLITE_TEMPLATE) return undefined;
  const before = Object.fromEntries(variables.map((name) => [name, process.env[name]]));
  const folder = mkdtempSync(join(tmpdir(), 'countersign-template-'));
  const file = join(folder, 'countersign.db');
  await makeSchema(`sqlite:${file}`);
  process.env.COUNTERSIGN_TEST_SQLITE_TEMPLATE = file;
  if (!process.env.CI) process.env.COUNTERSIGN_TEST_PROGRAM = await bundleProgram(join(folder, 'program'));
  const stopPostgres = await findPostgres();
  const { COUNTERSIGN_TEST_POSTGRES: url } = process.env;
  const dropTemplate = url === undefined ? undefined : await makePostgresTemplate(url);
  return async () => {
    await dropTemplate?.();
    await stopPostgres?.();
    rmSync(folder, { recursive: true, force: true });
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

/** The one that is named, or one that is started and stopped again. */
async function findPostgres(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.COUNTERSIGN_TEST_POSTGRES) return undefined;
  const server = await startPostgres();
  if (server === undefined) {
    const reason = `there is no PostgreSQL for ${process.platform}-${process.arch} in node_modules; set COUNTERSIGN_TEST_POSTGRES=postgres://…`;
    if (process.env.CI) throw new Error(`Under CI both databases are tested, but ${reason}`);
    process.stderr.write(`PostgreSQL tests are skipped: ${reason}\n`);
    return undefined;
  }
  process.env.COUNTERSIGN_TEST_POSTGRES = server.url;
  return () => server.stop();
}

async function makePostgresTemplate(url: string): Promise<() => Promise<void>> {
  const name = `countersign_template_${randomBytes(8).toString('hex')}`;
  const database = new URL(url);
  database.pathname = `/${name}`;
  await query(url, `create database ${name} template template0`);
  await makeSchema(database.href);
  process.env.COUNTERSIGN_TEST_POSTGRES_TEMPLATE = name;
  return () => query(url, `drop database ${name}`);
}

async function query(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

async function makeSchema(url: string): Promise<void> {
  const store = await openStore(url, systemClock, createLog('silent'));
  await store.close();
}
