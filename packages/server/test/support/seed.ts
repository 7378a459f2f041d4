/** What tests of one file put into their databases in the same way is made twice, and copied for every later test. */

import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { quickFolder } from './quick-folder.ts';

/** The databases that nothing has opened since they were made. Only these take a copy. */
export const untouched = new Set<string>();

/** Writes the content into a database that is like the one it was taken from. */
type Copy = (databaseUrl: string) => Promise<void>;

const folder = quickFolder('seeds');
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const seen = new Map<string, Copy | undefined>();
let file: string | undefined;
let count = 0;

/**
 * True if the database has now what `make` puts into one. `make` runs at the second request for `key` in a test file,
 * since much is asked for once only, and closes the database. `key` names everything that `make` depends on.
 */
export async function seeded(databaseUrl: string, key: string, make: () => Promise<void>): Promise<boolean> {
  const { testPath } = expect.getState();
  if (testPath !== file) seen.clear();
  file = testPath;
  if (!untouched.delete(databaseUrl)) return false;
  const isPostgres = databaseUrl.startsWith('postgres');
  const name = `${isPostgres} ${key}`;
  const copy = seen.get(name);
  if (copy !== undefined) await copy(databaseUrl);
  else if (!seen.has(name)) seen.set(name, undefined);
  else {
    await make();
    seen.set(name, await (isPostgres ? takePostgres : takeSqlite)(databaseUrl));
  }
  return seen.get(name) !== undefined;
}

async function takeSqlite(databaseUrl: string): Promise<Copy> {
  const path = (url: string) => url.slice('sqlite:'.length);
  const kept = join(folder, `${++count}.db`);
  copyFileSync(path(databaseUrl), kept);
  return async (other) => copyFileSync(kept, path(other));
}

async function takePostgres(databaseUrl: string): Promise<Copy> {
  const { rows: tables } = await query(databaseUrl, "select tablename from pg_tables where schemaname = 'public'");
  const names = tables.map(({ tablename }) => String(tablename));
  const { rows } = await query(
    databaseUrl,
    names
      .map((name) => `select '${name}' as name, (select json_agg(t)::text from "${name}" t) as content`)
      .join(' union all '),
  );
  const filled = rows.filter(({ content }) => content !== null);
  const statements = filled.flatMap(({ name, content }) => [
    `delete from "${name}"`,
    `insert into "${name}" select * from json_populate_recordset(null::"${name}", ${pg.escapeLiteral(content)})`,
  ]);
  // Without triggers, which would forbid changes of what is written only once.
  const all = ['set session_replication_role = replica', ...statements].join(';');
  return async (other) => void (await query(other, all));
}

async function query(url: string, statements: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client.query(statements).finally(() => client.end());
}
