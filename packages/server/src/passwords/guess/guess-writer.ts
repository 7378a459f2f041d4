import type { Clock } from '../../kernel/clock.ts';
import { addCounts } from '../../store/count.ts';
import type { Store } from '../../store/open.ts';
import { writeRows } from '../../store/rows.ts';
import type { LoginFailureTable } from '../../store/schema.ts';

/** Origin of a wrong guess, for the notice when the limit is reached. */
export interface Mark {
  readonly credentialId: string;
  readonly source: string;
}

/** The guesses at one key, as this process knows them. */
export interface Count {
  readonly realm: string;
  readonly key: string;
  readonly limit: number;
  /** Over all processes, as far as known. */
  total: number;
  /** The part of it that is not in the database yet. Below zero if more must be taken back. */
  unwritten: number;
  /** Guesses for which the database has not returned the new total yet. */
  unseen: number;
  /** How often the count was passed to the database. */
  handed: number;
  /** The error with which the database refuses it. Normally undefined. */
  fault: unknown;
  /** The window ends later than the database knows. */
  extended: boolean;
  resetsAt: number;
  /** The number of the window: a guess of one window is not taken back from the next. */
  window: number;
  marks: Mark[];
  told: boolean;
}

export interface GuessWriter {
  /** Counts that the database does not know yet. */
  readonly dirty: Set<Count>;
  /**
   * Writes all of them. Unwritten counts stay. Throws if the database does not answer. A count that the database
   * refuses gets a `fault`.
   */
  write(): Promise<void>;
}

/** Rows of one statement. */
export const rowsAtOnce = 500;
/** Milliseconds of a window. */
export const window = 86_400_000;

/** `read` gets the present counts. */
export function createGuessWriter(store: Store, clock: Clock, read: (row: LoginFailureTable) => void): GuessWriter {
  const dirty = new Set<Count>();
  let running: Promise<void> = Promise.resolve();
  let queued: Promise<void> | undefined;

  /** Runs one statement at a time. Callers during a running one share the next. */
  function write(): Promise<void> {
    queued ??= running
      .catch(() => {})
      .then(() => {
        running = queued ?? running;
        queued = undefined;
        return writeAll();
      });
    return queued;
  }

  async function writeAll(): Promise<void> {
    // Sorted, so that two nodes that lock the same rows cannot deadlock.
    const all = [...dirty].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
    const extended = all.filter((count) => count.extended);
    const others = all.filter((count) => !count.extended);
    for (const batch of inBatches(extended)) await writeBatch(batch.map(hand), true);
    for (const batch of inBatches(others)) await writeBatch(batch.map(hand), false);
  }

  async function writeBatch(handed: readonly Handed[], extended: boolean): Promise<void> {
    const missing = new Set(handed);
    const add = async (some: readonly Handed[]) => {
      const now = clock.now();
      const rows = some.map(({ count, before }) => toRow(count, before.unwritten, now + window));
      const written = await addCounts(store.db, rows, { now, extended, longest: window });
      for (const one of some) {
        missing.delete(one);
        settle(one);
      }
      for (const row of written) read(row);
      return written;
    };
    try {
      await writeRows(handed, add, ({ count }, cause) => {
        count.fault = cause;
      });
    } finally {
      for (const one of missing) putBack(one);
    }
  }

  function hand(count: Count): Handed {
    const before = { ...count };
    Object.assign(count, { unwritten: 0, extended: false, fault: undefined });
    count.handed++;
    dirty.delete(count);
    return { count, before };
  }

  function putBack({ count, before }: Handed): void {
    if (count.window !== before.window) return;
    count.unwritten += before.unwritten;
    count.extended ||= before.extended;
    dirty.add(count);
  }

  return { dirty, write };
}

interface Handed {
  readonly count: Count;
  readonly before: Readonly<Count>;
}

/** Only now: until the database has answered, a running guess there may be one that we do not know of. */
function settle({ count, before }: Handed): void {
  if (count.window === before.window) count.unseen = Math.max(0, count.unseen - before.unseen);
}

function inBatches(counts: readonly Count[]): readonly (readonly Count[])[] {
  const batches = Math.ceil(counts.length / rowsAtOnce);
  return Array.from({ length: batches }, (_, at) => counts.slice(at * rowsAtOnce, (at + 1) * rowsAtOnce));
}

export function nameOf({ realm, key }: Pick<Count, 'realm' | 'key'>): string {
  return `${realm} ${key}`;
}

export function toRow({ realm, key, resetsAt }: Count, failures: number, latest = resetsAt): LoginFailureTable {
  return { realm, key, failures, resets_at: Math.min(resetsAt, latest) };
}
