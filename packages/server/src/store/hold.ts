import { setTimeout as pause } from 'node:timers/promises';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Clock } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import { isBusy } from './fault.ts';
import type { Schema } from './schema.ts';

/**
 * A process that serves says so in the store, again and again. Commands that must not run beside a server see it there; and a
 * store that takes no writes, because its disk is full, is noticed although nothing else is written.
 */
export interface Hold {
  /** Names this process in the leases of the store. */
  readonly holder: string;
  /**
   * Throws when the store takes no write. `lost`: the entry of this process was removed, because it did not renew it in time; what it
   * knows of the store may be wrong from then on.
   */
  renew(): Promise<'held' | 'lost'>;
  /** Lets go of every lease of this process. */
  release(): Promise<void>;
}

/** Milliseconds from one renewal to the next, and after which a server that does not renew its hold counts as dead. */
export const holdRenewal = 3_000;
const holdTime = 12_000;
const holdName = 'server:';
/** Milliseconds for which an answer is good: anyone may ask for readiness, as often as they like. */
const freshFor = 1_000;

export function createHold(db: Kysely<Schema>, clock: Clock): Hold {
  const holder = crypto.randomUUID();
  const name = holdName + holder;
  let isHeld = false;
  let last: { readonly at: number; readonly outcome: Promise<'held' | 'lost'> } | undefined;

  const renewed = async () => {
    const row = { name, holder, expires_at: clock.now() + holdTime };
    const { expires_at } = row;
    const known = isHeld
      ? await db.updateTable('lease').set({ expires_at }).where('name', '=', name).returning('name').executeTakeFirst()
      : await db
          .insertInto('lease')
          .values(row)
          .onConflict((conflict) => conflict.column('name').doUpdateSet({ expires_at }))
          .returning('name')
          .executeTakeFirst();
    if (known === undefined) return 'lost';
    isHeld = true;
    return 'held';
  };
  return {
    holder,
    renew() {
      if (last === undefined || performance.now() - last.at >= freshFor) {
        const outcome = renewed().catch((error: unknown) => {
          // Another process writes at this moment: the store takes writes.
          if (isBusy(error)) return 'held' as const;
          throw error;
        });
        last = { at: performance.now(), outcome };
      }
      return last.outcome;
    },
    async release() {
      if (last === undefined) return;
      await last.outcome.catch(() => {});
      // Where that fails, the leases run out by themselves.
      const removed = db.deleteFrom('lease').where('holder', '=', holder).execute();
      await removed.catch(() => {});
    },
  };
}

/** What the servers have said, by process. */
type Holders = ReadonlyMap<string, number>;

async function holdersOf(db: Kysely<Schema>): Promise<Holders> {
  const rows = await db.selectFrom('lease').selectAll().where('name', 'like', `${holdName}%`).execute();
  return new Map(rows.map((row) => [row.name, row.expires_at]));
}

/** A hold that came or was renewed between two looks. Clocks are not asked: those of nodes may differ. */
function isAlive(before: Holders, after: Holders): boolean {
  return [...after].some(([name, expiresAt]) => before.get(name) !== expiresAt);
}

/**
 * For work that no server may live through. Watches the holds for as long as a dead server's last; throws when one of them lives. What is
 * returned is called in the transaction of that work: it throws when a server has come since, and lets none come until the end.
 */
export async function requireNoServer({
  db,
  dialect,
}: {
  readonly db: Kysely<Schema>;
  readonly dialect: 'sqlite' | 'postgres';
}): Promise<(tx: Transaction<Schema>) => Promise<void>> {
  const before = await holdersOf(db);
  for (let waited = 0; before.size > 0 && waited < holdTime; waited += freshFor) {
    await pause(freshFor);
    if (isAlive(before, await holdersOf(db))) throw held();
  }
  return async (tx) => {
    // SQLite has one writer at a time anyway.
    if (dialect === 'postgres') await sql`lock table lease in share row exclusive mode`.execute(tx);
    if (isAlive(before, await holdersOf(tx))) throw held();
    await tx.deleteFrom('lease').where('name', 'like', `${holdName}%`).execute();
  };
}

function held(): Problem {
  return new Problem('config.invalid', 'A server uses this database: stop every server first.');
}
