import type { Kysely } from 'kysely';
import { Problem } from '../kernel/problem.ts';
import type { Random } from '../kernel/random.ts';
import { claimLoading, markLoading, unmarkLoading } from '../store/loading.ts';
import { fill as fillAudienceOwners } from '../store/migrations/0009-audience-owners.ts';
import { fill as fillVerifiedAddresses } from '../store/migrations/0014-verified-addresses.ts';
import type { Store } from '../store/open.ts';
import type { Schema } from '../store/schema.ts';
import {
  insertRows,
  isEmpty,
  isMovedTable,
  keepAwake,
  movedTables,
  type Row,
  readOneMoment,
  readTable,
  rowEstimate,
  type TableName,
} from '../store/tables.ts';
import { openEnvelope, sealEnvelope } from './secrets/vault.ts';

/**
 * Moves a complete database to another one, SQLite or PostgreSQL, as lines of text.
 *
 * 1. The first line names the format and this dump.
 * 2. Each further line is an envelope (AES-256-GCM) with a page of rows, bound to the dump and to its number. So a line
 *    cannot be altered, left out, repeated, moved, or taken from another dump.
 * 3. The last line says that it is the last, with the number of rows of each table. So a file that was cut off does not
 *    load.
 *
 * One transaction reads everything, and one writes everything. For readers of the status feed the new database is
 * another incarnation. A dump is sealed under the master key; a backup, which has the same lines, under a passphrase
 * (`backup.ts`).
 */
const format = 'countersign-dump/1';

export type Counts = Readonly<Record<string, number>>;

/** Called with the number of rows of each page, and before the first one with the expected number of all. */
export type Told = (rows: number, expected?: number) => void;

/** How the lines of one file are sealed. */
export interface Sealing {
  /** The first line. */
  readonly head: string;
  readonly key: Uint8Array;
  /** The place that an envelope is bound to. Lines are counted from 1, without the first. */
  boundTo(line: number): string;
}

/** How the lines of a file are opened. */
export interface Opening {
  /** Begins each refusal: `The dump was not loaded`. */
  readonly refusal: string;
  readonly wrongKey: string;
  /** Reads the first line. @throws {Problem} `request.invalid` */
  open(head: string): Promise<Sealing>;
  /** Looks at what was written, before it counts. */
  verify?(tx: Kysely<Schema>): Promise<void>;
}

/** Most characters of JSON in a line, unless a single row has more. Memory holds a line as a whole. */
const lineSize = 4 * 1024 * 1024;

export function dumpSealing(masterKey: Uint8Array, random: Random): Sealing {
  const id = random.token(16);
  return sealingOf(masterKey, JSON.stringify({ format, id }), id);
}

export function dumpOpening(masterKey: Uint8Array): Opening {
  const refusal = 'The dump was not loaded';
  return {
    refusal,
    wrongKey: 'The master key is not the one of the dumped database.',
    async open(head) {
      const { id, format: named } = parsedHead(head);
      if (named !== format || typeof id !== 'string') throw refused(refusal, `it is not a ${format} file`);
      return sealingOf(masterKey, head, id);
    },
  };
}

function sealingOf(key: Uint8Array, head: string, id: string): Sealing {
  return { head, key, boundTo: (line) => `dump\0${id}\0${line}` };
}

/** Empty for a text that is no JSON object. */
export function parsedHead(head: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(head) as Record<string, unknown>) ?? {};
  } catch {
    return {};
  }
}

/** Writes the lines of a dump, without line ends. */
export async function dumpStore(
  store: Store,
  { head, key, boundTo }: Sealing,
  put: (line: string) => Promise<void>,
  told: Told = () => {},
): Promise<Counts> {
  await put(head);
  const counts: Record<string, number> = {};
  let line = 0;
  const seal = (content: object) => put(sealEnvelope(key, JSON.stringify(content), boundTo(++line)));
  await readOneMoment(store, async (tx) => {
    told(0, await rowEstimate(tx, store.dialect));
    for (const table of movedTables) {
      counts[table] = 0;
      for await (const page of readTable(tx, table)) {
        // The reader of the lines may be slow, and a silent transaction is ended.
        for (const rows of bySize(page)) await keepAwake(tx, store.dialect, seal({ table, rows }));
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
export async function checkDump(opening: Opening, lines: AsyncIterable<string>): Promise<Counts> {
  return readDump(opening, lines, async () => {});
}

/** Loads a dump into an empty database. Keeps nothing unless all of it arrived intact. */
export async function loadStore(
  store: Store,
  opening: Opening,
  lines: AsyncIterable<string>,
  told: Told = () => {},
): Promise<Counts> {
  const notEmpty = () => refused(opening.refusal, 'the database is not empty');
  if (!(await isEmpty(store.db))) throw notEmpty();
  await markLoading(store.db);
  let claimed = false;
  try {
    return await store.db.transaction().execute(async (tx) => {
      claimed = await claimLoading(tx, store.dialect);
      if (!claimed) throw refused(opening.refusal, 'another load into this database is running');
      if (!(await isEmpty(tx))) throw notEmpty();
      let isUnverified = false;
      const counts = await readDump(opening, awake(tx, store.dialect, lines), async (table, rows) => {
        isUnverified ||= table === 'credential' && rows.some((row) => !('verified_email' in row));
        await insertRows(tx, table, rows);
        told(rows.length);
      });
      // A dump of a release from before audience names had owners.
      if (counts.audience_owner === undefined) await fillAudienceOwners(tx, () => {});
      // A dump of a release in which every address counted.
      if (isUnverified) await fillVerifiedAddresses(tx);
      await opening.verify?.(tx);
      await unmarkLoading(tx);
      return counts;
    });
  } catch (thrown) {
    if (claimed) await unmarkLoading(store.db);
    throw thrown;
  }
}

/** The same lines. The transaction stays alive where they come slowly. */
async function* awake(tx: Kysely<Schema>, dialect: Store['dialect'], lines: AsyncIterable<string>) {
  const iterator = lines[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await keepAwake(tx, dialect, iterator.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** Opens every line and returns the counts of the last line, if all of it arrived. */
async function readDump(
  opening: Opening,
  lines: AsyncIterable<string>,
  take: (table: TableName, rows: readonly Row[]) => Promise<void>,
): Promise<Counts> {
  const { refusal } = opening;
  const counts: Record<string, number> = {};
  let sealing: Sealing | undefined;
  let number = 0;
  let end: Counts | undefined;
  for await (const line of lines) {
    if (sealing === undefined) {
      sealing = await opening.open(line);
      continue;
    }
    if (end !== undefined) throw refused(refusal, 'there are lines after the last one');
    const content = JSON.parse(openLine(opening, sealing, line, ++number)) as {
      table?: unknown;
      rows?: readonly Row[];
      end?: Counts;
    };
    if (content.end !== undefined) end = content.end;
    else if (isMovedTable(content.table) && content.rows !== undefined) {
      await take(content.table, content.rows);
      counts[content.table] = (counts[content.table] ?? 0) + content.rows.length;
    } else throw refused(refusal, 'it holds a table that this version does not know');
  }
  if (end === undefined) throw refused(refusal, 'it was cut off');
  for (const [table, count] of Object.entries(end)) {
    if ((counts[table] ?? 0) !== count) throw refused(refusal, `rows of ${table} are missing`);
  }
  return end;
}

function openLine({ refusal, wrongKey }: Opening, { key, boundTo }: Sealing, line: string, number: number): string {
  try {
    return openEnvelope(key, line, boundTo(number));
  } catch (cause) {
    if (cause instanceof Problem && cause.code === 'config.invalid') {
      throw new Problem('config.invalid', { detail: wrongKey, cause });
    }
    throw refused(refusal, `line ${number + 1} was altered, moved or left out`, cause);
  }
}

export function refused(refusal: string, reason: string, cause?: unknown): Problem {
  return new Problem('request.invalid', { detail: `${refusal}: ${reason}.`, cause });
}
