import { setTimeout as pause } from 'node:timers/promises';
import { sql, type Transaction } from 'kysely';
import type { Cache, Topic } from '../kernel/cache.ts';
import type { Caller } from '../kernel/caller.ts';
import type { Clock } from '../kernel/clock.ts';
import { timeOrderedId } from '../kernel/id.ts';
import { Problem } from '../kernel/problem.ts';
import type { Random } from '../kernel/random.ts';
import { traced } from '../kernel/trace.ts';
import { withinTransaction } from '../kernel/transaction.ts';
import { isConflict, isTransient } from './fault.ts';
import type { Store } from './open.ts';
import type { Schema } from './schema.ts';

/** A transaction that tells every cache, here and on other nodes, what it changed. */
export interface Writing {
  readonly db: Transaction<Schema>;
  readonly now: number;
  /** Adds an event by the caller to the log: it is there if the transaction commits, and only then. */
  record(event: Event): Promise<void>;
  /** Marks a cache entry as stale once the transaction has committed. */
  changed(topic: Topic, key: string): void;
  /**
   * The next number of the store-wide sequence. The counter's row stays locked until the transaction ends, so numbers
   * appear in commit order: a reader who has seen n never sees a smaller number appear later.
   */
  sequence(): Promise<number>;
  /** Runs in this process after the commit. Only a hint, because a process that dies in between runs nothing. */
  committed(act: () => void): void;
  /** Runs if the transaction did not commit, also before another try. Takes back what was counted in memory for it. */
  rolledBack(act: () => void): void;
}

/** What was done to what, without secrets. `subject/event.ts` chains the events. */
export interface Event {
  readonly realm: string;
  /** `noun.past_participle`: `participant.suspended`. */
  readonly type: string;
  /** `kind:id` of what it happened to. */
  readonly object: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** A caller whose proof may have ended since it was verified, perhaps at another node. */
export interface StandingCaller extends Caller {
  /**
   * Refuses if the proof has ended, as the database knows it. Each change of this caller asks again in its own
   * transaction: what it makes (a secret, a key, another administrator) outlives the seconds in which a cache is behind.
   */
  readonly standing?: (tx: Writing) => Promise<void>;
}

interface WriteContext {
  readonly store: Store;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly random: Random;
}

const tries = 4;
/** Milliseconds after which a transaction is not run again, for whatever reason it failed. */
const retryTime = 4_000;
/** Milliseconds before another try where a database takes no writes. A broken connection waits for the next one anyway. */
const retryPause = 100;

/**
 * Runs `act` in one transaction. `act` may only read and write the database (no hashing, no network), and must be safe
 * to run again: it is, after a deadlock, and where the connection broke before the commit was sent.
 *
 * @throws {Problem} `write.conflict`; an error that becomes `write.unknown` if the answer to the commit was lost
 */
export async function write<T>(
  context: WriteContext,
  caller: StandingCaller,
  act: (tx: Writing) => Promise<T>,
): Promise<T> {
  const began = performance.now();
  for (let attempt = 1; ; attempt++) {
    const changes = new Map<string, readonly [Topic, string]>();
    const ends: Ends = { committed: [], rolledBack: [] };
    let result: T;
    try {
      result = await traced('countersign.transaction', () =>
        context.store.db.transaction().execute((db) => run(context, caller, db, changes, ends, act)),
      );
    } catch (error) {
      for (const undo of ends.rolledBack) undo();
      const isLast = attempt === tries || performance.now() - began > retryTime;
      if (isConflict(error)) {
        if (isLast) throw new Problem('write.conflict', { cause: error });
      } else if (isLast || !isTransient(error)) throw error;
      else await pause(retryPause);
      continue;
    } finally {
      // Also after a failure: if the connection broke during the commit, the outcome is unknown.
      for (const [topic, key] of changes.values()) context.cache.invalidate(topic, key);
    }
    // Outside of the try: an error here must not run a committed change again.
    for (const nudge of ends.committed) nudge();
    return result;
  }
}

type Ends = Readonly<Record<'committed' | 'rolledBack', (() => void)[]>>;

async function run<T>(
  context: WriteContext,
  caller: StandingCaller,
  db: Transaction<Schema>,
  changes: Map<string, readonly [Topic, string]>,
  ends: Ends,
  act: (tx: Writing) => Promise<T>,
): Promise<T> {
  const now = context.clock.now();
  const tx: Writing = {
    db,
    now,
    record: (event) => insertEvent(db, event, caller, { at: now, id: timeOrderedId(now, context.random) }),
    changed: (topic, key) => changes.set(`${topic} ${key}`, [topic, key]),
    sequence: () => nextSequence(db),
    committed: (nudge) => ends.committed.push(nudge),
    rolledBack: (undo) => ends.rolledBack.push(undo),
  };
  const result = await withinTransaction(async () => {
    await caller.standing?.(tx);
    return act(tx);
  });
  for (const [topic, key] of changes.values()) {
    // Last in the transaction, because it takes the store-wide counter's lock.
    await db
      .insertInto('change')
      .values({ seq: await nextSequence(db), topic, key, at: tx.now })
      .execute();
  }
  return result;
}

async function insertEvent(
  db: Transaction<Schema>,
  { realm, type, object, before, after }: Event,
  { actor, requestId }: Caller,
  { id, at }: { readonly id: string; readonly at: number },
): Promise<void> {
  const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));
  const change = { before: json(before), after: json(after) };
  const row = { id, realm, at, type, object, actor, request_id: requestId, ...change, seq: null, hash: null };
  await db.insertInto('event').values(row).execute();
}

async function nextSequence(db: Transaction<Schema>): Promise<number> {
  const row = await db
    .insertInto('counter')
    .values({ name: 'sequence', value: 1 })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: sql`counter.value + 1` }))
    .returning('value')
    .executeTakeFirstOrThrow();
  return row.value;
}

/** The newest committed number of the sequence. 0 in an empty store. */
export async function currentSequence(store: Store): Promise<number> {
  const row = await store.db.selectFrom('counter').select('value').where('name', '=', 'sequence').executeTakeFirst();
  return row?.value ?? 0;
}
