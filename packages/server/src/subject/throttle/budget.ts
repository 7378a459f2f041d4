import type { Context } from '../../context.ts';
import { Problem } from '../../kernel/problem.ts';
import { processMemory } from '../../kernel/process-memory.ts';
import { createRate, type Rate } from '../../kernel/rate.ts';
import { addCounts, listCounts } from '../../store/count.ts';
import type { LoginFailureTable } from '../../store/schema.ts';

/**
 * How often something may be done in a window, by all processes together. Each use is counted in the database before it
 * is done, so simultaneous uses cannot exceed the limit. A window ends by itself, and a refused use does not extend it.
 */
export interface Budget {
  readonly name: string;
  readonly limit: number;
  /** Milliseconds. */
  readonly window: number;
}

/** Counts one use in each budget. If one of them was spent, counts nothing and returns when its window ends. */
export async function spendBudgets(
  context: Context,
  realm: string,
  budgets: readonly Budget[],
  of: string,
): Promise<number | undefined> {
  const counted = await count(context, realm, budgets, of, 1);
  const spent = budgets.flatMap(({ name, limit }) => {
    const row = counted.find(({ key }) => key === budgetKey(name, of));
    return row !== undefined && row.failures > limit ? [row.resets_at] : [];
  });
  if (spent.length === 0) return undefined;
  await giveBackBudgets(context, realm, budgets, of);
  return Math.max(...spent);
}

/**
 * The same, where a spent budget is a refusal. A budget that this process alone has spent is refused without a database
 * query, so a flood costs no write.
 *
 * @throws {Problem} `attempt.throttled`
 */
export async function requireBudgets(
  context: Context,
  realm: string,
  budgets: readonly Budget[],
  of: string,
): Promise<void> {
  const key = budgetKey(realm, of);
  for (const budget of budgets) ownRate(context, budget).require(key);
  for (const budget of budgets) ownRate(context, budget).spend(key);
  const until = await spendBudgets(context, realm, budgets, of);
  if (until === undefined) return;
  // Another process has spent it. The refused use is not counted here either, or this process would refuse for a whole
  // window of its own.
  for (const budget of budgets) ownRate(context, budget).giveBack(key);
  throw throttledUntil(context, until);
}

/** Counts nothing. @throws {Problem} `attempt.throttled` if the budget is spent */
export async function requireLeft(
  context: Context,
  realm: string,
  { name, limit, window }: Budget,
  of: string,
): Promise<void> {
  const [row] = await listCounts(context.store.db, [{ realm, key: budgetKey(name, of) }]);
  const until = row !== undefined && row.failures >= limit ? Math.min(row.resets_at, context.clock.now() + window) : 0;
  if (until > context.clock.now()) throw throttledUntil(context, until);
}

/** Takes back a use that was required and then not done. */
export async function returnBudgets(
  context: Context,
  realm: string,
  budgets: readonly Budget[],
  of: string,
): Promise<void> {
  for (const budget of budgets) ownRate(context, budget).giveBack(budgetKey(realm, of));
  await giveBackBudgets(context, realm, budgets, of);
}

/** Takes back a use that was not done. */
export async function giveBackBudgets(
  context: Context,
  realm: string,
  budgets: readonly Budget[],
  of: string,
): Promise<void> {
  await count(context, realm, budgets, of, -1);
}

export function throttledUntil({ clock }: Context, until: number): Problem {
  const retryAfter = Math.max(1, Math.ceil((until - clock.now()) / 1000));
  return new Problem('attempt.throttled', { retryAfter });
}

export function budgetKey(name: string, of: string): string {
  return `${name} ${of}`;
}

const rates = processMemory((_: Context) => new Map<string, Rate>());

function ownRate(context: Context, { name, limit, window }: Budget): Rate {
  const known = rates(context);
  const rate = known.get(name) ?? createRate(context.clock, { budget: limit, window, bound: 10_000 });
  known.set(name, rate);
  return rate;
}

function count(
  { store, clock }: Context,
  realm: string,
  budgets: readonly Budget[],
  of: string,
  change: 1 | -1,
): Promise<LoginFailureTable[]> {
  const now = clock.now();
  const rows = budgets.map(({ name, window }) => {
    return { realm, key: budgetKey(name, of), failures: change, resets_at: now + window };
  });
  return addCounts(store.db, rows, { now, extended: false });
}
