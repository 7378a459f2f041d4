import { createHash } from 'node:crypto';
import type { Context } from '../../context.ts';
import type { Instant } from '../../kernel/clock.ts';
import { processMemory } from '../../kernel/process-memory.ts';
import { storeProblem } from '../../store/fault.ts';
import type { Store } from '../../store/open.ts';
import { writeRows } from '../../store/rows.ts';
import type { Schema } from '../../store/schema.ts';
import { requireStorable } from '../../store/storable.ts';
import type { Writing } from '../../store/write.ts';
import { deleteExpiredUses, insertUses } from './replay.store.ts';

interface Use {
  readonly row: Schema['used_once'];
  settle(isFirst: boolean): void;
  fail(reason: unknown): void;
}

/** Rows of one statement. */
const atOnce = 100;
const waiting = processMemory((_: Store): Use[] => []);

/**
 * One-time use across nodes: true the first time a value is presented in its realm, then false until `expiresAt`. The
 * database's primary key decides races. Call it only after the signature over the value was verified: before that, a
 * stranger could use up the values of others.
 *
 * Requests of the same moment are written together, because each commit waits for the disk, and that wait is most of
 * the cost. A row that the database refuses fails alone and does not harm other requests.
 */
export function useOnce(
  { store }: Pick<Context, 'store'>,
  realm: string,
  purpose: string,
  value: string,
  expiresAt: Instant,
): Promise<boolean> {
  const key = keyOf(purpose, value);
  return new Promise((settle, fail) => {
    const row = { realm, key, expires_at: expiresAt };
    requireStorable(Object.values(row));
    const use = { row, settle, fail };
    if (waiting(store).push(use) === 1) setImmediate(writeWaiting, store);
  });
}

/** The same as part of a change: it is used when that has committed. */
export async function useOnceWithin(
  tx: Writing,
  realm: string,
  purpose: string,
  value: string,
  expiresAt: Instant,
): Promise<boolean> {
  const row = { realm, key: keyOf(purpose, value), expires_at: expiresAt };
  return (await insertUses(tx.db, [row])).length === 1;
}

function keyOf(purpose: string, value: string): string {
  return createHash('sha256').update(`${purpose}\0${value}`).digest('base64url');
}

function writeWaiting(store: Store): void {
  const uses = waiting(store).splice(0);
  for (let i = 0; i < uses.length; i += atOnce) {
    const some = uses.slice(i, i + atOnce);
    write(store, some).catch((reason: unknown) => {
      for (const { fail } of some) fail(reason);
    });
  }
}

/**
 * The first request at this process counts as the first use. Rows are sorted by key, so two nodes that write the same
 * rows cannot deadlock.
 */
async function write(store: Store, uses: readonly Use[]): Promise<void> {
  const firsts = new Map<string, Use>();
  for (const use of uses) {
    const name = `${use.row.realm}/${use.row.key}`;
    if (firsts.has(name)) use.settle(false);
    else firsts.set(name, use);
  }
  const names = [...firsts.keys()].sort();
  const refused = new Set<Use>();
  const written = await writeRows(
    names.map((name) => firsts.get(name) as Use),
    (some) =>
      insertUses(
        store.db,
        some.map(({ row }) => row),
      ),
    (use, cause) => {
      refused.add(use);
      use.fail(storeProblem(cause));
    },
  );
  const won = new Set(written.map(({ realm, key }) => `${realm}/${key}`));
  for (const [name, use] of firsts) if (!refused.has(use)) use.settle(won.has(name));
}

/** Deletes values that would be refused for their age anyway. The minute covers clocks that differ between nodes. */
export async function forgetOldUses(context: Context): Promise<void> {
  await deleteExpiredUses(context.store.db, context.clock.now() - 60_000);
}
