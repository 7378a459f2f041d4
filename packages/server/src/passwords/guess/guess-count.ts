import type { Clock } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { listCounts } from '../../store/count.ts';
import type { Store } from '../../store/open.ts';
import type { LoginFailureTable } from '../../store/schema.ts';
import { type Count, createGuessWriter, type Mark, nameOf, rowsAtOnce, toRow, window } from './guess-writer.ts';

/**
 * Counts guesses, up to a limit in any 24 hours, together with every other process of the same database. A count ends
 * when nothing has failed for 24 hours. With a fixed end, one budget before it and one after it would meet within a
 * day.
 *
 * 1. A guess is counted before it is tried. It is taken back if it was right or was not tried. So simultaneous guesses
 *    cannot exceed the limit.
 * 2. The first guess at a key reads its count from the database. From then on it is in memory, and a guess past the
 *    limit costs only a look there.
 * 3. Counts are written every second, all in one statement. A process is never ahead of the database by more than one
 *    guess at a key: the next guess waits until both are written, even during a write, and then knows those of the
 *    others. So n processes allow at most n - 1 more than the limit, because the process that reaches the limit knows
 *    it. A killed process forgets at most one guess.
 * 4. If there are too many keys, unused ones are removed from memory. Counts that are not written yet stay.
 */
export interface GuessCounts {
  /** Counts one guess. @throws {Problem} `attempt.throttled` if none is left */
  take(budget: Budget): Promise<Guess>;
  /** Writes the counts so far. */
  write(): Promise<void>;
  /** Reads the counts of keys refused since the last time again, because another process may have unlocked them. */
  refresh(): Promise<void>;
  /** Keys that failed in this process and have reached their limit. */
  exhausted(): readonly Exhausted[];
  /** Resets the count of a key. */
  forget(realm: string, key: string): void;
  size(): number;
}

export interface Budget {
  readonly realm: string;
  readonly key: string;
  readonly limit: number;
}

export interface Guess {
  /** The guess was wrong. `mark` is for the notice when the limit is reached. */
  failed(mark?: Mark): void;
  /** The guess was right, or never tried. */
  giveBack(): void;
  /** The guess was right, so all earlier failures are forgiven. */
  forgive(): void;
}

export interface Exhausted {
  readonly realm: string;
  readonly key: string;
  readonly credentialId: string;
  /** End of the window. */
  readonly until: number;
  /** Sources of this process's guesses, with their numbers. */
  readonly sources: Readonly<Record<string, number>>;
  /** Keeps the key from being listed again in this window. */
  told(): void;
}

/** Guesses at one key that a process may allow between two reads of the database. */
const ahead = 1;

export function createGuessCounts(store: Store, clock: Clock, bound = 50_000): GuessCounts {
  const counts = new Map<string, Count>();
  const loading = new Map<string, Promise<Count>>();
  const refused = new Set<Count>();
  const failing = new Set<Count>();
  const { dirty, write } = createGuessWriter(store, clock, read);

  async function countOf(budget: Budget): Promise<Count> {
    const name = nameOf(budget);
    const count = counts.get(name) ?? (await (loading.get(name) ?? load(name, budget)));
    count.resetsAt = endOf(count.resetsAt);
    if (count.resetsAt <= clock.now() || (count.total === 0 && count.unwritten === 0)) beginWindow(count);
    return count;
  }

  function load(name: string, { realm, key, limit }: Budget): Promise<Count> {
    const reading = listCounts(store.db, [{ realm, key }]).then(([row]) => {
      const count: Count = {
        ...{ realm, key, limit, total: row?.failures ?? 0, resetsAt: endOf(row?.resets_at ?? 0) },
        ...{ unwritten: 0, unseen: 0, handed: 0, fault: undefined, extended: false, window: 0, marks: [], told: false },
      };
      counts.set(name, count);
      makeRoom();
      return count;
    });
    loading.set(name, reading);
    const done = () => loading.delete(name);
    reading.then(done, done);
    return reading;
  }

  /** A window is never longer than its length, even if a clock that was ahead wrote its end. */
  function endOf(resetsAt: number): number {
    return Math.min(resetsAt, clock.now() + window);
  }

  function beginWindow(count: Count): void {
    Object.assign(count, { total: 0, unwritten: 0, unseen: 0, extended: false, marks: [], told: false });
    count.resetsAt = clock.now() + window;
    count.window++;
    dirty.delete(count);
  }

  function makeRoom(): void {
    if (counts.size <= bound) return;
    for (const [name, count] of counts) {
      if (dirty.has(count)) continue;
      counts.delete(name);
      failing.delete(count);
      refused.delete(count);
      return;
    }
  }

  function add(count: Count, guesses: number): void {
    const change = Math.max(guesses, -count.total);
    count.total += change;
    count.unwritten += change;
    if (count.unwritten === 0 && !count.extended) dirty.delete(count);
    else dirty.add(count);
  }

  function guessAt(count: Count): Guess {
    const { window: began, handed } = count;
    const takeBack = (guesses: number) => {
      add(count, -guesses);
      // A guess that was passed to the database counts as seen once the database has answered.
      if (count.handed === handed) count.unseen--;
    };
    const inWindow = (act: () => void) => () => count.window === began && act();
    return {
      failed(mark) {
        if (count.window !== began) return;
        count.resetsAt = clock.now() + window;
        count.extended = true;
        dirty.add(count);
        if (mark === undefined || count.marks.length > count.limit) return;
        count.marks.push(mark);
        failing.add(count);
      },
      giveBack: inWindow(() => takeBack(1)),
      forgive: inWindow(() => takeBack(count.total)),
    };
  }

  function refuse(count: Count): Problem {
    refused.add(count);
    const retryAfter = Math.max(1, Math.ceil((count.resetsAt - clock.now()) / 1000));
    return new Problem('attempt.throttled', { retryAfter });
  }

  function read(row: LoginFailureTable): void {
    const count = counts.get(nameOf(row));
    if (count === undefined) return;
    count.total = Math.max(0, row.failures + count.unwritten);
    if (!count.extended) count.resetsAt = endOf(row.resets_at);
  }

  async function written(count: Count): Promise<void> {
    await write();
    if (count.fault !== undefined) throw count.fault;
  }

  return {
    async take(budget) {
      const count = await countOf(budget);
      if (count.total >= budget.limit) throw refuse(count);
      add(count, 1);
      count.unseen++;
      const guess = guessAt(count);
      if (count.unseen <= ahead) return guess;
      dirty.add(count);
      await written(count).catch((thrown: unknown) => {
        guess.giveBack();
        throw thrown;
      });
      if (count.total <= budget.limit) return guess;
      guess.giveBack();
      throw refuse(count);
    },
    async write() {
      await write();
      for (const { fault } of dirty) if (fault !== undefined) throw fault;
    },
    async refresh() {
      const asked = [...refused].slice(0, rowsAtOnce).filter((count) => !dirty.has(count));
      refused.clear();
      const rows = new Map((await listCounts(store.db, asked)).map((row) => [nameOf(row), row]));
      for (const count of asked) read(rows.get(nameOf(count)) ?? toRow(count, 0));
    },
    exhausted() {
      const all = [...failing].filter((count) => count.total >= count.limit && !count.told);
      failing.clear();
      for (const count of all) failing.add(count);
      return all.map((count) => toExhausted(count, () => failing.delete(count)));
    },
    forget(realm, key) {
      const count = counts.get(nameOf({ realm, key }));
      if (count !== undefined) beginWindow(count);
    },
    size: () => counts.size,
  };
}

function toExhausted(count: Count, done: () => void): Exhausted {
  const { realm, key, resetsAt, marks } = count;
  const sources: Record<string, number> = {};
  for (const { source } of marks) sources[source] = (sources[source] ?? 0) + 1;
  return {
    ...{ realm, key, credentialId: (marks[0] as Mark).credentialId, until: resetsAt, sources },
    told() {
      count.told = true;
      done();
    },
  };
}
