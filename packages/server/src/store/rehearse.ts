/**
 * Tries the missing migrations on a copy of the database, which stays as it is and may be in use.
 *
 * SQLite: a copy of the file beside it, removed afterwards. PostgreSQL: a copy of the tables in a schema of its own,
 * in one transaction that is rolled back: no other session ever sees it, and nothing is left of it even if the process
 * is killed.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely, sql } from 'kysely';
import { Problem } from '../kernel/problem.ts';
import { applyMigration, type Migration, missingMigrations } from './migrate.ts';
import { dialectOf, isMissingFile, isStore, noStore, unusable } from './open.ts';
import { patient, postgresDialect } from './postgres.ts';
import type { Schema } from './schema.ts';
import { sqliteDialect } from './sqlite.ts';

export interface Rehearsal {
  /** Rows that were copied. */
  readonly rows: number;
  readonly copyMilliseconds: number;
  readonly migrations: readonly Rehearsed[];
}

export interface Rehearsed {
  readonly name: string;
  readonly milliseconds: number;
  /** Whole tables as `table`, columns of other tables as `table.column`. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** The tables with other columns than before, with their number of rows. */
  readonly altered: Readonly<Record<string, number>>;
}

/**
 * `tell` gets a line before each step.
 *
 * @throws {Problem} `config.invalid` without a store, or on one of a newer version; `store.unavailable`
 */
export async function rehearse(url: string, now: number, tell: (step: string) => void): Promise<Rehearsal> {
  const isFile = dialectOf(url) === 'sqlite';
  const path = url.slice('sqlite:'.length);
  if (isMissingFile(url)) throw noStore(url);
  try {
    return await (isFile ? rehearseFile(path, now, tell) : rehearseSchema(url, now, tell));
  } catch (cause) {
    throw cause instanceof Problem ? cause : unusable(url, cause);
  }
}

async function rehearseFile(path: string, now: number, tell: (step: string) => void): Promise<Rehearsal> {
  // Its mode is 0700, as mkdtemp makes it.
  const folder = await mkdtemp(join(dirname(path), 'rehearsal-'));
  try {
    tell('copying the database');
    const began = performance.now();
    const original = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    const copy = join(folder, 'copy.db');
    try {
      original.prepare('vacuum into ?').run(copy);
    } finally {
      original.close();
    }
    const copyMilliseconds = since(began);
    const db = new Kysely<Schema>({ dialect: sqliteDialect(copy) });
    try {
      if (!(await isStore(db))) throw noStore(`sqlite:${path}`);
      return await db.transaction().execute((tx) => tryAll(tx, undefined, copyMilliseconds, now, tell));
    } finally {
      await db.destroy();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const copySchema = 'countersign_rehearsal';

async function rehearseSchema(url: string, now: number, tell: (step: string) => void): Promise<Rehearsal> {
  const db = new Kysely<Schema>({ dialect: postgresDialect(url, () => {}, patient) });
  let rehearsal: Rehearsal | undefined;
  const undone = new Error('rolled back');
  try {
    await db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (tx) => {
        tell('copying the database');
        const began = performance.now();
        if (!(await isStore(tx))) throw noStore(url);
        await copyTables(tx);
        rehearsal = await tryAll(tx, copySchema, since(began), now, tell);
        throw undone;
      });
  } catch (error) {
    if (error !== undone) throw error;
  } finally {
    await db.destroy();
  }
  return rehearsal as Rehearsal;
}

/** Copies every table with its rows, constraints and indexes, under the same names, and makes the copy the current schema. */
async function copyTables(tx: Kysely<Schema>): Promise<void> {
  const texts = async (query: ReturnType<typeof sql<{ text: string }>>) =>
    (await query.execute(tx)).rows.map(({ text }) => text);
  const of = sql`current_schema()::regnamespace`;
  const tables = await texts(sql`select quote_ident(relname) as text from pg_class
    where relnamespace = ${of} and relkind = 'r' order by relname`);
  // Keys before the foreign keys that name them. Without the schema, so that they name the copy.
  const constraints = await texts(sql`select format('alter table %I add constraint %I %s', c.relname, k.conname,
    pg_get_constraintdef(k.oid)) as text from pg_constraint k join pg_class c on c.oid = k.conrelid
    where k.connamespace = ${of} and k.contype in ('p', 'u', 'f') order by k.contype = 'f', k.conname`);
  const indexes = await texts(sql`select replace(pg_get_indexdef(i.indexrelid),
    format(' ON %I.', current_schema()), format(' ON %I.', ${copySchema}::text)) as text from pg_index i
    join pg_class c on c.oid = i.indrelid where c.relnamespace = ${of}
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid)`);
  const [from = 'public'] = await texts(sql`select quote_ident(current_schema()) as text`);
  await sql.raw(`create schema ${copySchema}`).execute(tx);
  await sql.raw(`set local search_path = ${copySchema}`).execute(tx);
  for (const table of tables) {
    await sql.raw(`create table ${table} (like ${from}.${table} including defaults including constraints)`).execute(tx);
    await sql.raw(`insert into ${table} select * from ${from}.${table}`).execute(tx);
  }
  for (const statement of [...constraints, ...indexes]) await sql.raw(statement).execute(tx);
}

async function tryAll(
  tx: Kysely<Schema>,
  schema: string | undefined,
  copyMilliseconds: number,
  now: number,
  tell: (step: string) => void,
): Promise<Rehearsal> {
  const missing = await missingMigrations(tx);
  const counts = await rowsOf(tx, await columnsOf(tx, schema));
  const migrations: Rehearsed[] = [];
  for (const migration of missing) {
    tell(`trying ${migration.name}`);
    migrations.push(await tryOne(tx, schema, migration, counts, now));
  }
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { rows, copyMilliseconds, migrations };
}

async function tryOne(
  tx: Kysely<Schema>,
  schema: string | undefined,
  migration: Migration,
  counts: Readonly<Record<string, number>>,
  now: number,
): Promise<Rehearsed> {
  const before = await columnsOf(tx, schema);
  const began = performance.now();
  await applyMigration(tx, migration, now, () => {});
  const milliseconds = since(began);
  const after = await columnsOf(tx, schema);
  const added = beyond(after, before);
  const removed = beyond(before, after);
  const tables = new Set([...added, ...removed].map((name) => name.split('.')[0] ?? ''));
  const altered = [...tables].filter((table) => before.has(table) && after.has(table));
  return {
    ...{ name: migration.name, milliseconds, added, removed },
    altered: Object.fromEntries(altered.map((table) => [table, counts[table] ?? 0])),
  };
}

type Columns = ReadonlyMap<string, readonly string[]>;

async function columnsOf(tx: Kysely<Schema>, schema: string | undefined): Promise<Columns> {
  const tables = await tx.introspection.getTables();
  const own = tables.filter((table) => schema === undefined || table.schema === schema);
  return new Map(own.map(({ name, columns }) => [name, columns.map((column) => column.name)]));
}

/** What the first has and the second has not. */
function beyond(some: Columns, others: Columns): readonly string[] {
  return [...some].flatMap(([table, columns]) => {
    const known = others.get(table);
    return known === undefined
      ? [table]
      : columns.filter((name) => !known.includes(name)).map((name) => `${table}.${name}`);
  });
}

async function rowsOf(tx: Kysely<Schema>, columns: Columns): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const table of columns.keys()) {
    const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(tx);
    counts[table] = Number(rows[0]?.count ?? 0);
  }
  return counts;
}

function since(began: number): number {
  return Math.round(performance.now() - began);
}
