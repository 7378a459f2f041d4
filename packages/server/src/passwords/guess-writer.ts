import type { Clock } from '../kernel/clock.ts';
import type { Store } from '../store/open.ts';
import { writeRows } from '../store/rows.ts';
import type { LoginFailureTable } from '../store/schema.ts';
import { addFailures } from './login-failure.store.ts';

/** Of a wrong guess, for whoever is told when the limit is reached. */
export interface Mark {
  readonly credentialId: string;
  readonly source: string;
}

/** Guesses at one key, as a process knows them. */
export interface Count {
  readonly realm: string;
  readonly key: string;
  readonly limit: number;
  /** Of all processes, as far as known. */
  total: number;
  /** The part of it that is not in the database yet; below zero when more is to be taken back. */
  unwritten: number;
  /** Guesses of which the database has not said yet how many there are with them. */
  unseen: number;
  /** How often it was handed to the database. */
  handed: number;
  /** Why the database refuses it; undefined as a rule. */
  fault: unknown;
  /** It ends later than the database knows. */
  extended: boolean;
  resetsAt: number;
  /** Which window it is: what was counted in one is not taken back from the next. */
  window: number;
  marks: Mark[];
  told: boolean;
}

export interface GuessWriter {
  /** What the database does not know yet. */
  readonly dirty: Set<Count>;
  /** Writes all of it. What could not be written stays. Throws when the database does not answer; what it refuses has a `fault`. */
  write(): Promise<void>;
}

/** Rows of one statement. */
export const rowsAtOnce = 500;
/** Milliseconds of a window. */
export const window = 86_400_000;

/** `read` is told what is counted now. */
export function createGuessWriter(store: Store, clock: Clock, read: (row: LoginFailureTable) => void): GuessWriter {
  const dirty = new Set<Count>();
  let running: Promise<void> = Promise.resolve();
  let queued: Promise<void> | undefined;

  /** One statement at a time; whoever asks while one is under way shares the next one. */
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
    // In one order everywhere: two nodes that lock the same rows must not wait for each other.
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
      const written = await addFailures(store.db, rows, { now, extended, longest: window });
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

/** Only now: until the database has answered, a guess that is under way there is one that it has not told us of. */
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
