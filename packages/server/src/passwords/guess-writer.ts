import type { Clock } from '../kernel/clock.ts';
import type { Store } from '../store/open.ts';
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
  /** Guesses since the database was asked. */
  unseen: number;
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
  /** Writes all of it. What could not be written stays. */
  write(): Promise<void>;
}

/** Rows of one statement. */
export const rowsAtOnce = 500;

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
    for (const batch of inBatches(extended)) await writeBatch(batch, true);
    for (const batch of inBatches(others)) await writeBatch(batch, false);
  }

  async function writeBatch(batched: readonly Count[], extended: boolean): Promise<void> {
    const taken = batched.map((count) => ({ count, before: { ...count } }));
    for (const { count } of taken) {
      Object.assign(count, { unwritten: 0, unseen: 0, extended: false });
      dirty.delete(count);
    }
    const rows = taken.map(({ count, before }) => toRow(count, before.unwritten));
    const written = await addFailures(store.db, rows, extended, clock.now()).catch((thrown: unknown) => {
      for (const { count, before } of taken) {
        if (count.window !== before.window) continue;
        count.unwritten += before.unwritten;
        count.unseen += before.unseen;
        count.extended ||= before.extended;
        dirty.add(count);
      }
      throw thrown;
    });
    for (const row of written) read(row);
  }

  return { dirty, write };
}

function inBatches(counts: readonly Count[]): readonly (readonly Count[])[] {
  const batches = Math.ceil(counts.length / rowsAtOnce);
  return Array.from({ length: batches }, (_, at) => counts.slice(at * rowsAtOnce, (at + 1) * rowsAtOnce));
}

export function nameOf({ realm, key }: Pick<Count, 'realm' | 'key'>): string {
  return `${realm} ${key}`;
}

export function toRow({ realm, key, resetsAt }: Count, failures: number): LoginFailureTable {
  return { realm, key, failures, resets_at: resetsAt };
}
