import type { Kysely } from 'kysely';
import type { Clock } from '../kernel/clock.ts';
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
export const holdTime = 12_000;
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
