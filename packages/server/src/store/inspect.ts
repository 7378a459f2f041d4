import { statSync } from 'node:fs';
import { type Kysely, sql } from 'kysely';
import type { Clock } from '../kernel/clock.ts';
import { createLog } from '../kernel/log.ts';
import { isLoading } from './loading.ts';
import { schemaGap } from './migrate.ts';
import { connect, dialectOf, isMissingFile, isStore } from './open.ts';
import type { Schema } from './schema.ts';

/** A database as it is, seen without changing it. */
export interface StoreFacts {
  readonly isStore: boolean;
  readonly newer: readonly string[];
  readonly missing: readonly string[];
  readonly loading: boolean;
  /** Why the file of SQLite is damaged. */
  readonly damage?: string;
  /** Bytes of the write-ahead log of SQLite. */
  readonly wal?: number;
  readonly postgres?: PostgresFacts;
}

export interface PostgresFacts {
  readonly readOnly: boolean;
  readonly encoding: string;
  /** False if a commit is acknowledged before it is on the disk. */
  readonly durable: boolean;
  /** Connections that the server, the database and the role allow. */
  readonly connections: number;
  /** Milliseconds that our clock is ahead of the database's. */
  readonly clockAhead: number;
}

const nothing = { isStore: false, newer: [], missing: [], loading: false } as const;

/** @throws if the database does not answer */
export async function inspectStore(url: string, clock: Clock): Promise<StoreFacts> {
  if (isMissingFile(url)) return nothing;
  const isSqlite = dialectOf(url) === 'sqlite';
  // Before it is opened: the first to open a database that no process has open clears its log.
  const wal = isSqlite ? statSync(`${url.slice('sqlite:'.length)}-wal`, { throwIfNoEntry: false })?.size : undefined;
  const db = connect(url, createLog('silent'));
  try {
    const damage = isSqlite ? await damageOf(db) : undefined;
    if (damage !== undefined) return { ...nothing, isStore: true, damage };
    if (!(await isStore(db))) return nothing;
    return {
      isStore: true,
      ...(await schemaGap(db)),
      loading: await isLoading(db),
      ...(wal !== undefined && { wal }),
      ...(isSqlite ? {} : { postgres: await postgresFacts(db, clock) }),
    };
  } finally {
    await db.destroy();
  }
}

async function damageOf(db: Kysely<Schema>): Promise<string | undefined> {
  try {
    const { rows } = await sql<{ quick_check: string }>`pragma quick_check(1)`.execute(db);
    const said = rows[0]?.quick_check ?? 'no answer';
    return said === 'ok' ? undefined : said;
  } catch (thrown) {
    // SQLITE_CORRUPT and SQLITE_NOTADB.
    if (![11, 26].includes((thrown as { errcode?: number }).errcode ?? 0)) throw thrown;
    return (thrown as Error).message;
  }
}

async function postgresFacts(db: Kysely<Schema>, clock: Clock): Promise<PostgresFacts> {
  const before = clock.now();
  const { rows } = await sql<{
    now: number;
    read_only: boolean;
    encoding: string;
    durable: boolean;
    connections: number;
  }>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as now,
      pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as read_only,
      current_setting('server_encoding') as encoding,
      current_setting('synchronous_commit') <> 'off' and current_setting('fsync')::boolean as durable,
      least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        (select nullif(datconnlimit, -1) from pg_database where datname = current_database()),
        (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user)) as connections`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('PostgreSQL says nothing about itself.');
  const { now, read_only: readOnly, encoding, durable, connections } = row;
  return { readOnly, encoding, durable, connections, clockAhead: (before + clock.now()) / 2 - now };
}
