import { Problem } from '../kernel/problem.ts';
import type { Random } from '../kernel/random.ts';
import { claimLoading, markLoading, unmarkLoading } from '../store/loading.ts';
import { fill as fillAudienceOwners } from '../store/migrations/0009-audience-owners.ts';
import { fill as fillVerifiedAddresses } from '../store/migrations/0014-verified-addresses.ts';
import type { Store } from '../store/open.ts';
import {
  insertRows,
  isEmpty,
  isMovedTable,
  movedTables,
  type Row,
  readOneMoment,
  readTable,
  type TableName,
} from '../store/tables.ts';
import { openEnvelope, sealEnvelope } from './secrets/vault.ts';

/**
 * Moves a complete database to another one, SQLite or PostgreSQL, as lines of text.
 *
 * 1. The first line names the format and this dump.
 * 2. Each further line is an envelope (AES-256-GCM under the master key) with a page of rows, bound to the dump and to
 *    its number. So a line cannot be altered, left out, repeated, moved, or taken from another dump.
 * 3. The last line says that it is the last, with the number of rows of each table. So a file that was cut off does not
 *    load.
 *
 * One transaction reads everything, and one writes everything. A load needs the master key of the dumped database,
 * which stays the master key of the new one. For readers of the status feed the new database is another incarnation.
 */
const format = 'countersign-dump/1';

export type Counts = Readonly<Record<string, number>>;

/** Called with the number of rows of each page. */
type Told = (rows: number) => void;

/** Most characters of JSON in a line, unless a single row has more. Memory holds a line as a whole. */
const lineSize = 4 * 1024 * 1024;

/** Writes the lines of a dump, without line ends. */
export async function dumpStore(
  store: Store,
  masterKey: Uint8Array,
  random: Random,
  put: (line: string) => Promise<void>,
  told: Told = () => {},
): Promise<Counts> {
  const id = random.token(16);
  await put(JSON.stringify({ format, id }));
  const counts: Record<string, number> = {};
  let line = 0;
  const seal = (content: object) => put(sealEnvelope(masterKey, JSON.stringify(content), binding(id, ++line)));
  await readOneMoment(store, async (tx) => {
    for (const table of movedTables) {
      counts[table] = 0;
      for await (const page of readTable(tx, table)) {
        for (const rows of bySize(page)) await seal({ table, rows });
        counts[table] += page.length;
        told(page.length);
      }
    }
  });
  await seal({ end: counts });
  return counts;
}

/** Groups the rows, one group per line. */
function* bySize(rows: readonly Row[]): Generator<readonly Row[]> {
  let group: Row[] = [];
  let size = 0;
  for (const row of rows) {
    const more = JSON.stringify(row).length;
    if (group.length > 0 && size + more > lineSize) {
      yield group;
      group = [];
      size = 0;
    }
    group.push(row);
    size += more;
  }
  if (group.length > 0) yield group;
}

/**
 * Reads a whole dump and writes nothing. Refuses a dump that is cut off, altered or sealed under another key, before a
 * database is touched.
 */
export async function checkDump(masterKey: Uint8Array, lines: AsyncIterable<string>): Promise<Counts> {
  return readDump(masterKey, lines, async () => {});
}

/** Loads a dump into an empty database. Keeps nothing unless all of it arrived intact. */
export async function loadStore(
  store: Store,
  masterKey: Uint8Array,
  lines: AsyncIterable<string>,
  told: Told = () => {},
): Promise<Counts> {
  if (!(await isEmpty(store.db))) throw refused('the database is not empty');
  await markLoading(store.db);
  let claimed = false;
  try {
    return await store.db.transaction().execute(async (tx) => {
      claimed = await claimLoading(tx, store.dialect);
      if (!claimed) throw refused('another load into this database is running');
      if (!(await isEmpty(tx))) throw refused('the database is not empty');
      let isUnverified = false;
      const counts = await readDump(masterKey, lines, async (table, rows) => {
        isUnverified ||= table === 'credential' && rows.some((row) => !('verified_email' in row));
        await insertRows(tx, table, rows);
        told(rows.length);
      });
      // A dump of a release from before audience names had owners.
      if (counts.audience_owner === undefined) await fillAudienceOwners(tx, () => {});
      // A dump of a release in which every address counted.
      if (isUnverified) await fillVerifiedAddresses(tx);
      await unmarkLoading(tx);
      return counts;
    });
  } catch (thrown) {
    if (claimed) await unmarkLoading(store.db);
    throw thrown;
  }
}

/** Opens every line and returns the counts of the last line, if all of it arrived. */
async function readDump(
  masterKey: Uint8Array,
  lines: AsyncIterable<string>,
  take: (table: TableName, rows: readonly Row[]) => Promise<void>,
): Promise<Counts> {
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
      await take(content.table, content.rows);
      counts[content.table] = (counts[content.table] ?? 0) + content.rows.length;
    } else throw refused('it holds a table that this version does not know');
  }
  if (end === undefined) throw refused('it was cut off');
  for (const [table, count] of Object.entries(end)) {
    if ((counts[table] ?? 0) !== count) throw refused(`rows of ${table} are missing`);
  }
  return end;
}

function openLine(masterKey: Uint8Array, line: string, id: string, number: number): string {
  try {
    return openEnvelope(masterKey, line, binding(id, number));
  } catch (cause) {
    if (cause instanceof Problem && cause.code === 'config.invalid') {
      throw new Problem('config.invalid', { detail: 'The master key is not the one of the dumped database.', cause });
    }
    throw refused(`line ${number + 1} was altered, moved or left out`, cause);
  }
}

function dumpId(line: string): string {
  try {
    const head = JSON.parse(line) as { format?: unknown; id?: unknown };
    if (head.format === format && typeof head.id === 'string') return head.id;
  } catch {
    // Text that is not even JSON gets the same answer.
  }
  throw refused(`it is not a ${format} file`);
}

function binding(id: string, line: number): string {
  return `dump\0${id}\0${line}`;
}

function refused(reason: string, cause?: unknown): Problem {
  return new Problem('request.invalid', { detail: `The dump was not loaded: ${reason}.`, cause });
}
