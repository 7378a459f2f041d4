import type { Context } from '../../context.ts';
import { processMemory } from '../../kernel/process-memory.ts';
import { type CountedRate, createRate, type Rate, type RateLimit, type Spending } from '../../kernel/rate.ts';
import { addCounts } from '../../store/count.ts';

/**
 * Rates that all processes of a database count together. Each process counts in its own memory, and every second it
 * writes what it has added and reads the sums.
 *
 * 1. A process refuses as soon as it knows that the budget is spent. Until the next second it does not know what the
 *    others have admitted meanwhile, and at the first use of a key it does not know the key.
 * 2. If the database is away, each process counts for itself and tells the others later.
 * 3. A row holds a digest of the key, because keys contain addresses.
 *
 * Where a budget must be exact, `budget.ts` counts in the database before the use.
 */
export function sharedRate(name: string, limit: RateLimit): (context: Context) => Rate {
  return (context) => {
    const known = shared(context).get(name);
    if (known !== undefined) return known.rate;
    const rate = createRate(context.clock, limit);
    shared(context).set(name, { rate, limit });
    return rate;
  };
}

/** One rate for each limit. */
export function sharedRates<Name extends string>(
  name: string,
  limits: Readonly<Record<Name, RateLimit>>,
): Readonly<Record<Name, (context: Context) => Rate>> {
  const rates = Object.entries<RateLimit>(limits).map(([one, limit]) => [one, sharedRate(`${name} ${one}`, limit)]);
  return Object.fromEntries(rates) as Record<Name, (context: Context) => Rate>;
}

const shared = processMemory(
  (_: Context) => new Map<string, { readonly rate: CountedRate; readonly limit: RateLimit }>(),
);

/** Keys of one rate that are shared in one round. The others wait for the next round. */
const mostKeys = 2_000;
/** No name of a realm: the key of a rate names the realm where it matters. */
const anyRealm = '';
/** Rows of one statement. */
const rowsAtOnce = 500;

/** One round. Every second. */
export async function shareRates(context: Context): Promise<void> {
  for (const [name, { rate, limit }] of shared(context)) {
    const changes = [...rate.takeChanges(mostKeys)];
    try {
      for (; changes.length > 0; changes.splice(0, rowsAtOnce)) {
        await share(context, name, limit, rate, changes.slice(0, rowsAtOnce));
      }
    } catch (thrown) {
      rate.putBack(changes);
      throw thrown;
    }
  }
}

async function share(
  { store, clock, vault }: Context,
  name: string,
  { window }: RateLimit,
  rate: CountedRate,
  changes: readonly Spending[],
): Promise<void> {
  const now = clock.now();
  const byDigest = new Map(
    changes.map((change) => [`${name} ${vault.digest('rate', `${name}\0${change.key}`)}`, change]),
  );
  const rows = [...byDigest].map(([key, { spent, left }]) => {
    return { realm: anyRealm, key, failures: spent, resets_at: Math.ceil(now + left) };
  });
  // Sorted, so that two processes that lock the same rows cannot deadlock.
  rows.sort((one, other) => (one.key < other.key ? -1 : 1));
  for (const row of await addCounts(store.db, rows, { now, extended: false, longest: window })) {
    const key = byDigest.get(row.key)?.key;
    if (key !== undefined) rate.adopt({ key, spent: row.failures, left: row.resets_at - now });
  }
}
