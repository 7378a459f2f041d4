import { Problem } from '../kernel/problem.ts';
import type { Random } from '../kernel/random.ts';
import type { Store } from '../store/open.ts';
import { insertRows, isEmpty, isMovedTable, movedTables, type Row, readTable } from '../store/tables.ts';
import { openEnvelope, sealEnvelope } from './vault.ts';

/**
 * The complete move of a database to another one, SQLite or PostgreSQL, as lines of text.
 *
 * 1. The first line names the format and this dump.
 * 2. Each further line is an envelope (AES-256-GCM under the master key) of a page of rows, bound to the dump and to its number,
 *    so that no line can be altered, left out, repeated, moved, or taken from another dump.
 * 3. The last line says that it is the last, and how many rows there were of each table: a file that was cut off does not load.
 *
 * All is read in one transaction, and written in one. Whoever loads needs the master key of the dumped database; it stays the
 * master key of the new one. The new database is another incarnation for the readers of the status feed.
 */
const format = 'countersign-dump/1';

export type Counts = Readonly<Record<string, number>>;

/** The lines of a dump, without their line ends. `counted` hears of the rows when it is done. */
export async function dumpStore(
  store: Store,
  masterKey: Uint8Array,
  random: Random,
  put: (line: string) => Promise<void>,
): Promise<Counts> {
  const id = random.token(16);
  await put(JSON.stringify({ format, id }));
  const counts: Record<string, number> = {};
  let line = 0;
  const seal = (content: object) => put(sealEnvelope(masterKey, JSON.stringify(content), binding(id, ++line)));
  const reading = store.db.transaction();
  // SQLite's one writer at a time is a snapshot already, and knows no isolation levels.
  const consistent = store.dialect === 'postgres' ? reading.setIsolationLevel('repeatable read') : reading;
  await consistent.execute(async (tx) => {
    for (const table of movedTables) {
      counts[table] = 0;
      for await (const rows of readTable(tx, table)) {
        counts[table] += rows.length;
        await seal({ table, rows });
      }
    }
  });
  await seal({ end: counts });
  return counts;
}

/** Loads a dump into an empty database. Nothing is written unless all of it was there and intact. */
export async function loadStore(store: Store, masterKey: Uint8Array, lines: AsyncIterable<string>): Promise<Counts> {
  return store.db.transaction().execute(async (tx) => {
    if (!(await isEmpty(tx))) throw refused('the database is not empty');
    const counts: Record<string, number> = {};
    let id: string | undefined;
    let number = 0;
    let end: Counts | undefined;
    for await (const line of lines) {
      if (id === undefined) {
        id = dumpId(line);
        continue;
      }
      if (end !== undefined) throw refused('there are lines after the last one');
      const content = JSON.parse(openLine(masterKey, line, id, ++number)) as {
        table?: unknown;
        rows?: readonly Row[];
        end?: Counts;
      };
      if (content.end !== undefined) end = content.end;
      else if (isMovedTable(content.table) && content.rows !== undefined) {
        await insertRows(tx, content.table, content.rows);
        counts[content.table] = (counts[content.table] ?? 0) + content.rows.length;
      } else throw refused('it holds a table that this version does not know');
    }
    if (end === undefined) throw refused('it was cut off');
    for (const [table, count] of Object.entries(end)) {
      if ((counts[table] ?? 0) !== count) throw refused(`rows of ${table} are missing`);
    }
    return end;
  });
}

function openLine(masterKey: Uint8Array, line: string, id: string, number: number): string {
  try {
    return openEnvelope(masterKey, line, binding(id, number));
  } catch (cause) {
    if (cause instanceof Problem && cause.code === 'config.invalid') {
      throw new Problem('config.invalid', 'The master key is not the one of the dumped database.', { cause });
    }
    throw refused(`line ${number + 1} was altered, moved or left out`, cause);
  }
}

function dumpId(line: string): string {
  try {
    const head = JSON.parse(line) as { format?: unknown; id?: unknown };
    if (head.format === format && typeof head.id === 'string') return head.id;
  } catch {
    // Not even JSON: the same answer.
  }
  throw refused(`it is no ${format} file`);
}

function binding(id: string, line: number): string {
  return `dump\0${id}\0${line}`;
}

function refused(reason: string, cause?: unknown): Problem {
  return new Problem('request.invalid', `The dump was not loaded: ${reason}.`, { cause });
}
