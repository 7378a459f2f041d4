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

/** SQLite before this may corrupt a WAL database when a checkpoint meets a reset of the log. */
const oldestSafe = [3, 51, 3] as const;

/** Milliseconds that a writer waits for another process's transaction before it gives up. */
const busyTimeout = 5_000;
/** Milliseconds of that which SQLite itself may wait at a time: while it does, this process answers nobody. */
const busyBlock = 2;
const busyPause = 5;

/**
 * One file, WAL, `synchronous=FULL`: what was acknowledged survives the death of the process.
 */
export function sqliteDialect(path: string): SqliteDialect {
  requireSafeVersion(process.versions.sqlite ?? '0');
  const dialect = new SqliteDialect({ database: adapt(openFile(path)) });
  return Object.assign(dialect, {
    createDriver: () => patientDriver(SqliteDialect.prototype.createDriver.call(dialect)),
  });
}

/** Waits for another process's transaction between tries, not inside SQLite: the event loop goes on meanwhile. */
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
    throw new Problem('store.unavailable', `The database ${path} cannot be opened: ${reason}.`, { cause });
  }
}

/**
 * Changing to WAL needs the file for itself for a moment, and there SQLite does not wait: when several processes open a new
 * database at once, those that come second try again.
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

/** Database, log and shared memory are readable by their owner only, from their first moment on: SQLite copies the mode. */
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
  /** Whether it answers rows. Asking SQLite takes longer than reading a row does, and the answer is the same each time. */
  readonly reader: boolean;
}

/** Kysely speaks the interface of better-sqlite3; this is the difference. Statements are prepared once for each SQL text. */
function adapt(database: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, Prepared>();
  return {
    close: () => database.close(),
    prepare(sql) {
      // SQLite ends a transaction by itself where the disk is full or broken: to end it again would hide why.
      if (sql === 'rollback' && !database.isTransaction) return nothing;
      // A transaction of ours always writes: taking the lock at its beginning avoids a deadlock at the first write.
      const text = sql === 'begin' ? 'begin immediate' : sql;
      let known = prepared.get(text);
      if (known === undefined) {
        const statement = database.prepare(text);
        known = { statement, reader: statement.columns().length > 0 };
        prepared.set(text, known);
        // Every SQL text of ours is fixed, except lists of varying length: keep those from piling up.
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
      throw new Problem(
        'store.unavailable',
        `This Node carries SQLite ${version}; ${oldestSafe.join('.')} or later is needed.`,
      );
    }
  }
}
