import { databaseUrlOf } from '../../config.ts';
import { inspectStore, type StoreFacts } from '../../store/inspect.ts';
import { nameOf } from '../../store/open.ts';
import { duration, error, type Finding, warning } from './finding.ts';
import type { Around, Check, InPostgres, InStore } from './look.ts';

/** The facts, or why there are none. */
export async function lookAtStore(look: Around): Promise<StoreFacts | Finding> {
  const url = databaseUrlOf(look.config);
  try {
    return await inspectStore(url, look.clock);
  } catch (thrown) {
    const { message = '', code = 'unknown' } = thrown as NodeJS.ErrnoException;
    const reason = message.split('\n', 1)[0] || code;
    const line = 'start the database, or set COUNTERSIGN_DATABASE_URL to where it is';
    return error('database.unreachable', `The database ${nameOf(url)} does not answer: ${reason}.`, line);
  }
}

const missing: Check<InStore> = ({ config, facts }) =>
  facts.isStore
    ? undefined
    : error(
        'database.missing',
        `There is no store of Countersign at ${nameOf(databaseUrlOf(config))}.`,
        'COUNTERSIGN_DATA_DIR or COUNTERSIGN_DATABASE_URL of the server',
      );

const damaged: Check<InStore> = ({ facts: { damage } }) =>
  damage === undefined
    ? undefined
    : error(
        'database.damaged',
        `SQLite finds the file damaged: ${damage}.`,
        'stop the server, move the file away, and run countersign restore with the last backup',
      );

const newer: Check<InStore> = ({ facts }) =>
  facts.newer.length === 0
    ? undefined
    : error(
        'database.schema_newer',
        `The schema is that of a newer Countersign (${[...facts.newer].sort().at(-1)}): this version does not start on it.`,
        'install the newer version',
      );

const older: Check<InStore> = ({ facts }) =>
  !facts.isStore || facts.missing.length === 0
    ? undefined
    : error(
        'database.schema_older',
        `The schema lacks ${facts.missing.length} of its changes, up to ${facts.missing.at(-1)}.`,
        'countersign migrate',
      );

const interrupted: Check<InStore> = ({ facts }) =>
  facts.loading
    ? error(
        'database.loading',
        'A load or restore into this database runs or was interrupted: no server starts on it.',
        'run countersign load or countersign restore again',
      )
    : undefined;

/** Bytes. The log is emptied at checkpoints; one that grows means that a reader never lets go. */
const largestWal = 512 * 1024 * 1024;

const longLog: Check<InStore> = ({ facts: { wal = 0 } }) =>
  wal <= largestWal
    ? undefined
    : warning(
        'database.wal',
        `The write-ahead log has ${Math.floor(wal / 1024 / 1024)} MiB: a process that reads for very long keeps it from being emptied.`,
        'end other programs that have the database open, then restart the server',
      );

export const storeChecks: readonly Check<InStore>[] = [missing, damaged, newer, older, interrupted, longLog];

const readOnly: Check<InPostgres> = ({ postgres }) =>
  postgres.readOnly
    ? error(
        'database.read_only',
        'PostgreSQL takes no writes: it is a standby, or default_transaction_read_only is on.',
        'COUNTERSIGN_DATABASE_URL=<the primary>, or several hosts with target_session_attrs=read-write',
      )
    : undefined;

const encoding: Check<InPostgres> = ({ postgres }) =>
  postgres.encoding === 'UTF8'
    ? undefined
    : error(
        'database.encoding',
        `The database has the encoding ${postgres.encoding}: names in other scripts are refused or damaged.`,
        "create database … encoding 'UTF8' template template0, then countersign dump and load",
      );

const durability: Check<InPostgres> = ({ postgres }) =>
  postgres.durable
    ? undefined
    : error(
        'database.durability',
        'PostgreSQL acknowledges changes before they are on the disk: a crash loses revocations.',
        'synchronous_commit = on and fsync = on in postgresql.conf',
      );

/** Connections of one process. */
const pool = 10;

const connections: Check<InPostgres> = ({ config: { workers }, postgres }) =>
  postgres.connections >= workers * pool
    ? undefined
    : error(
        'database.connections',
        `PostgreSQL allows ${postgres.connections} connections, and ${workers} processes of this node want up to ${workers * pool}.`,
        `max_connections = ${workers * pool + 20} in postgresql.conf, or a larger connection limit of the database and the role`,
      );

/** Milliseconds. Leases, codes and tokens of several nodes meet in the database. */
const clocksDiffer = 5_000;

const clock: Check<InPostgres> = ({ postgres: { clockAhead } }) =>
  Math.abs(clockAhead) <= clocksDiffer
    ? undefined
    : error(
        'clock.database',
        `The clock of this machine is ${duration(clockAhead)} ${clockAhead > 0 ? 'ahead of' : 'behind'} that of the database.`,
        'timedatectl set-ntp true, on both machines',
      );

export const postgresChecks: readonly Check<InPostgres>[] = [readOnly, encoding, durability, connections, clock];
