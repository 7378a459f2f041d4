import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Kysely, sql } from 'kysely';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import * as foundation from '../src/store/migrations/0001-foundation.ts';
import { openStore } from '../src/store/open.ts';
import { postgresDialect } from '../src/store/postgres.ts';
import { rehearse } from '../src/store/rehearse.ts';
import type { Schema } from '../src/store/schema.ts';
import { sqliteDialect } from '../src/store/sqlite.ts';
import { masterKey, temporaryDir } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { run } from './support/serve.ts';

const at = 1_700_000_000_000;

function connect(url: string): Kysely<Schema> {
  const dialect = url.startsWith('sqlite:')
    ? sqliteDialect(url.slice('sqlite:'.length))
    : postgresDialect(url, () => {});
  const db = new Kysely<Schema>({ dialect });
  onTestFinished(() => db.destroy());
  return db;
}

/** The schema of the first migration, with two credentials. */
async function firstSchema(url: string): Promise<Kysely<Schema>> {
  const db = connect(url);
  for (const statement of foundation.statements) await sql.raw(statement).execute(db);
  await sql`create table migration (name text primary key, applied_at bigint not null)`.execute(db);
  await sql`insert into migration values (${foundation.name}, ${at})`.execute(db);
  await sql`insert into identity_profile values ('dev', 'ip-1', 'Corporates', ${at}, ${at})`.execute(db);
  await sql`insert into identity values ('dev', 'corp-1', 'ip-1', 'Acme Travel', ${at}, ${at})`.execute(db);
  for (const id of ['cred-1', 'cred-2'])
    await sql`insert into credential values ('dev', ${id}, 'corp-1', 'ROOT', ${id}, ${at}, ${at})`.execute(db);
  return db;
}

/** Every table with its columns and rows. */
async function contentOf(db: Kysely<Schema>): Promise<unknown> {
  const tables = await db.introspection.getTables();
  const contents = tables.map(async ({ schema, name, columns }) => {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(db);
    return { schema, name, columns: columns.map((column) => column.name), rows };
  });
  return Promise.all(contents);
}

eachDatabase('a rehearsal of an upgrade', (freshUrl, kind) => {
  test('tells what each migration changes, in how many rows, and leaves the database as it is', async () => {
    const url = await freshUrl('empty');
    const db = await firstSchema(url);
    const before = await contentOf(db);
    const told: string[] = [];
    const { rows, migrations } = await rehearse(url, at, (step) => told.push(step));
    expect(await contentOf(db)).toEqual(before);
    if (kind === 'sqlite') expect(readdirSync(dirname(url.slice('sqlite:'.length))).join()).not.toContain('rehearsal');
    expect(rows).toBe(5);
    expect(told).toEqual(['copying the database', ...migrations.map(({ name }) => `trying ${name}`)]);
    const passwords = migrations.find(({ name }) => name === '0002-passwords');
    expect(passwords?.added).toContain('password');
    expect(passwords?.altered).toMatchObject({ credential: 2 });

    // The real upgrade does the same.
    const store = await openStore(url, systemClock, createLog('silent'));
    onTestFinished(() => store.close());
    const done = await sql<{
      name: string;
    }>`select name from migration where name <> ${foundation.name} order by name`.execute(store.db);
    expect(done.rows).toEqual(migrations.map(({ name }) => ({ name })));
    expect((await rehearse(url, at, () => {})).migrations).toEqual([]);
  });

  test('goes on beside a writer, and the copy has what was committed before it', async () => {
    const url = await freshUrl('empty');
    const db = await firstSchema(url);
    const writing = db.transaction().execute(async (tx) => {
      await sql`insert into identity values ('dev', 'corp-2', 'ip-1', 'Later', ${at}, ${at})`.execute(tx);
      return rehearse(url, at, () => {});
    });
    expect((await writing).rows).toBe(5);
  });

  test('that cannot be done ends with one line: no store, or one of a newer version', async () => {
    const url = await freshUrl('empty');
    await expect(rehearse(url, at, () => {})).rejects.toThrow('There is no store of Countersign');
    const db = await firstSchema(url);
    await sql`insert into migration values ('9999-future', ${at})`.execute(db);
    await expect(rehearse(url, at, () => {})).rejects.toThrow('a newer Countersign');
  });

  test('is a command, which asks to be told that it is only one', async () => {
    const url = await freshUrl('empty');
    await firstSchema(url);
    const variables = {
      COUNTERSIGN_DATA_DIR: temporaryDir(),
      COUNTERSIGN_DATABASE_URL: url,
      COUNTERSIGN_MASTER_KEY: masterKey,
    };
    const bare = await run(['upgrade'], variables);
    expect([bare.code, bare.stdout]).toEqual([1, '']);
    expect(bare.stderr).toContain('--rehearse');
    const { code, stdout } = await run(['upgrade', '--rehearse'], variables);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ rows: 5, copyMilliseconds: expect.any(Number) });
  });
});

eachDatabase('an upgrade', (freshUrl, kind) => {
  test.runIf(kind === 'postgres')('lets go of a table that another session holds, and tries again', async () => {
    const url = await freshUrl('empty');
    await firstSchema(url);
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    onTestFinished(() => holder.end());
    await holder.query('begin; lock table credential in access share mode');
    const opened = openStore(url, systemClock, createLog('silent'));
    const waiters = async () =>
      (await holder.query("select from pg_locks where not granted and relation = 'credential'::regclass")).rows.length;
    await eventually(async () => (await waiters()) > 0, 10_000);
    // While it waits, all who come after it wait too.
    await eventually(async () => (await waiters()) === 0, 10_000);
    await holder.query('commit');
    const store = await opened;
    onTestFinished(() => store.close());
    expect(await store.db.selectFrom('wallet_name').selectAll().execute()).toEqual([]);
  });
});
