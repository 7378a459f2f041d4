import { setTimeout as pause } from 'node:timers/promises';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Clock } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import { isBusy } from './fault.ts';
import type { Schema } from './schema.ts';

/**
 * The row that a serving process keeps renewing in the store. Commands that must not run beside a server look for it.
 * The renewal also detects a store that takes no writes, for example because its disk is full.
 */
export interface Hold {
  /** Names this process in the leases of the store. */
  readonly holder: string;
  /**
   * Throws if the store takes no writes. `lost`: the entry of this process was removed because it was not renewed in
   * time, so what the process knows about the store may be wrong from then on.
   */
  renew(): Promise<'held' | 'lost'>;
  /** Releases every lease of this process. */
  release(): Promise<void>;
}

/** Milliseconds between two renewals, and the time after which a server without renewals counts as dead. */
export const holdRenewal = 3_000;
const holdTime = 12_000;
const holdName = 'server:';
/** Milliseconds that an answer may be reused, because strangers may ask for readiness at any rate. */
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
          // Another process is writing at this moment, so the store takes writes.
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
      // If that fails, the leases expire by themselves.
      const removed = db.deleteFrom('lease').where('holder', '=', holder).execute();
      await removed.catch(() => {});
    },
  };
}

/** The expiry that each server has stated, by process. */
type Holders = ReadonlyMap<string, number>;

async function holdersOf(db: Kysely<Schema>): Promise<Holders> {
  const rows = await db.selectFrom('lease').selectAll().where('name', 'like', `${holdName}%`).execute();
  return new Map(rows.map((row) => [row.name, row.expires_at]));
}

/**
 * True if a hold appeared or was renewed between two looks. Clocks are not compared, because those of nodes may differ.
 */
function isAlive(before: Holders, after: Holders): boolean {
  return [...after].some(([name, expiresAt]) => before.get(name) !== expiresAt);
}

/**
 * For work that no server may run beside. Watches the holds for as long as a dead server's last one lasts, and throws
 * if one is alive. Call the returned function inside the transaction of that work: it throws if a server has come
 * since, and keeps servers out until the end.
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
    // SQLite has only one writer at a time.
    if (dialect === 'postgres') await sql`lock table lease in share row exclusive mode`.execute(tx);
    if (isAlive(before, await holdersOf(tx))) throw held();
    await tx.deleteFrom('lease').where('name', 'like', `${holdName}%`).execute();
  };
}

function held(): Problem {
  return new Problem('config.invalid', { detail: 'A server uses this database: stop every server first.' });
}
