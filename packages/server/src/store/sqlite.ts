import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  type SqliteDatabase,
  SqliteDialect,
} from 'kysely';
import { Problem } from '../kernel/problem.ts';
import { isBusy } from './fault.ts';
import { requireStorable } from './storable.ts';

/** Older versions of SQLite may corrupt a WAL database when a checkpoint meets a reset of the log. */
const oldestSafe = [3, 51, 3] as const;

/** Milliseconds that a writer waits for another process's transaction. */
const busyTimeout = 5_000;
/** Milliseconds of that which SQLite may block at a time. While it blocks, this process answers no requests. */
const busyBlock = 2;
const busyPause = 5;

/** One file, WAL, `synchronous=FULL`: acknowledged writes survive the death of the process. */
export function sqliteDialect(path: string): SqliteDialect {
  requireSafeVersion(process.versions.sqlite ?? '0');
  const dialect = new SqliteDialect({ database: adapt(openFile(path)) });
  return Object.assign(dialect, {
    createDriver: () => patientDriver(SqliteDialect.prototype.createDriver.call(dialect)),
  });
}

/** Waits for another process's transaction between tries and not inside SQLite, so that the event loop goes on. */
function patientDriver(driver: Driver): Driver {
  const acquire = driver.acquireConnection.bind(driver);
  return Object.assign(driver, {
    async acquireConnection(): Promise<DatabaseConnection> {
      const connection = await acquire();
      return {
        streamQuery: connection.streamQuery.bind(connection),
        async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
          requireStorable(query.parameters);
          const deadline = performance.now() + busyTimeout;
          for (;;) {
            try {
              return await connection.executeQuery<R>(query);
            } catch (cause) {
              if (!isBusy(cause) || performance.now() > deadline) throw cause;
              await pause(busyPause);
            }
          }
        },
      };
    },
  });
}

function openFile(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    restrictFiles(path);
    database = new DatabaseSync(path, { timeout: busyBlock, enableForeignKeyConstraints: true });
    beginWal(database);
    database.exec('pragma synchronous=full; pragma temp_store=memory; pragma mmap_size=268435456;');
    restrictFiles(path);
    return database;
  } catch (cause) {
    database?.close();
    const reason = cause instanceof Error ? cause.message : 'unknown';
    throw new Problem('store.unavailable', { detail: `The database ${path} cannot be opened: ${reason}.`, cause });
  }
}

/**
 * The change to WAL needs the file alone for a moment, and SQLite does not wait there. If several processes open a new
 * database at once, the later ones try again.
 */
function beginWal(database: DatabaseSync): void {
  const deadline = performance.now() + busyTimeout;
  for (;;) {
    try {
      database.exec('pragma journal_mode=wal');
      return;
    } catch (cause) {
      if (!isBusy(cause) || performance.now() > deadline) throw cause;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

/**
 * Makes database, log and shared memory readable only for their owner, from the first moment on: SQLite copies the
 * mode.
 */
function restrictFiles(path: string): void {
  closeSync(openSync(path, 'a', 0o600));
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    try {
      chmodSync(file, 0o600);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    }
  }
}

/** A statement that does nothing. */
const nothing: ReturnType<SqliteDatabase['prepare']> = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [][Symbol.iterator](),
};

interface Prepared {
  readonly statement: StatementSync;
  /** True if it returns rows. Asking SQLite takes longer than reading a row, and the answer never changes. */
  readonly reader: boolean;
}

/** Adapts node:sqlite to the interface of better-sqlite3, which Kysely uses. Each SQL text is prepared once. */
function adapt(database: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, Prepared>();
  return {
    close: () => database.close(),
    prepare(sql) {
      // SQLite ends a transaction by itself if the disk is full or broken. Ending it again would hide the reason.
      if (sql === 'rollback' && !database.isTransaction) return nothing;
      // Our transactions always write: taking the lock at the beginning avoids a deadlock at the first write.
      const text = sql === 'begin' ? 'begin immediate' : sql;
      let known = prepared.get(text);
      if (known === undefined) {
        const statement = database.prepare(text);
        known = { statement, reader: statement.columns().length > 0 };
        prepared.set(text, known);
        // Our SQL texts are fixed, except for lists of varying length: the bound keeps those from piling up.
        if (prepared.size > 500) prepared.delete(prepared.keys().next().value as string);
      }
      const { statement, reader } = known;
      return {
        reader,
        all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
        run(parameters) {
          const { changes, lastInsertRowid } = statement.run(...(parameters as SQLInputValue[]));
          return { changes, lastInsertRowid };
        },
        iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
      };
    },
  };
}

export function requireSafeVersion(version: string): void {
  const parts = version.split('.').map(Number);
  for (const [index, least] of oldestSafe.entries()) {
    const part = parts[index] ?? 0;
    if (part > least) return;
    if (part < least) {
      throw new Problem('store.unavailable', {
        detail: `This Node carries SQLite ${version}; ${oldestSafe.join('.')} or later is needed.`,
      });
    }
  }
}
