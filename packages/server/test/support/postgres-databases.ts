import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { onTestFinished, TestRunner } from 'vitest';
import { untouched } from './seed.ts';

/**
 * Databases of one PostgreSQL for tests. Copying the template takes a quarter of a second, so a database is emptied
 * after its test and given to the next one. One that the test left connected or with another schema is not used again.
 */
export function postgresDatabases(url: string, template: string) {
  const made: string[] = [];
  const idle: string[] = [];
  let original: Shape | undefined;

  const connected = async <T>(database: string | undefined, act: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: database === undefined ? url : urlOf(database) });
    await client.connect();
    return act(client).finally(() => client.end());
  };

  function urlOf(database: string): string {
    const at = new URL(url);
    at.pathname = `/${database}`;
    return at.href;
  }

  async function make(from: string): Promise<string> {
    const name = `countersign_test_${randomBytes(8).toString('hex')}`;
    // file_copy is three times quicker than the default; its checkpoint costs nothing without fsync.
    await connected(undefined, (client) => client.query(`create database ${name} template ${from} strategy file_copy`));
    made.push(name);
    return name;
  }

  async function giveBack(database: string): Promise<void> {
    await connected(database, async (client) => {
      for (let tries = 10; await isShared(client); tries--) {
        if (tries === 0) return;
        await pause(20);
      }
      const { schema, filled } = await shapeOf(client);
      if (schema !== original?.schema) return;
      const written = filled.filter((table) => !original?.filled.includes(table));
      await client.query(
        ['set session_replication_role = replica', ...written.map((table) => `delete from "${table}"`)].join(';'),
      );
      idle.push(database);
    });
  }

  async function fresh(schema?: 'empty'): Promise<string> {
    if (schema === 'empty') return urlOf(await make('template0'));
    const database = idle.pop() ?? (await make(template));
    original ??= await connected(database, shapeOf);
    // The database of a whole suite is kept until its end.
    if (TestRunner.getCurrentTest() !== undefined) onTestFinished(() => giveBack(database));
    untouched.add(urlOf(database));
    return urlOf(database);
  }

  return {
    fresh,
    async dispose() {
      idle.length = 0;
      await connected(undefined, async (client) => {
        for (const name of made.splice(0)) await client.query(`drop database if exists ${name} with (force)`);
      });
    },
  };
}

interface Shape {
  /** Differs if a table, a column, a trigger, a function or a setting was added or taken away. */
  readonly schema: string;
  /** The tables that have rows. */
  readonly filled: readonly string[];
}

async function shapeOf(client: pg.Client): Promise<Shape> {
  const counts =
    await client.query(`select concat_ws(' ', (select count(*) from pg_class), (select count(*) from pg_attribute),
    (select count(*) from pg_trigger), (select count(*) from pg_proc), (select count(*) from pg_db_role_setting s
    join pg_database d on d.oid = s.setdatabase where d.datname = current_database())) as schema`);
  const tables = await client.query("select tablename from pg_tables where schemaname = 'public'");
  const names = tables.rows.map(({ tablename }) => String(tablename));
  const found = await client.query(
    names.map((name) => `select '${name}' as name where exists (select from "${name}")`).join(' union all '),
  );
  return { schema: String(counts.rows[0]?.schema), filled: found.rows.map(({ name }) => String(name)) };
}

async function isShared(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(
    'select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  return rows.length > 0;
}
