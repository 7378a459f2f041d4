import { AsyncLocalStorage } from 'node:async_hooks';

const inTransaction = new AsyncLocalStorage<true>();

/** Whatever `act` does, it does within a transaction. */
export function withinTransaction<T>(act: () => Promise<T>): Promise<T> {
  return inTransaction.run(true, act);
}

/**
 * For what reads past the transaction. SQLite has one connection: a transaction that waits for another read waits for itself, for
 * ever, and everybody waits with it. Better to fail at once, on either database, and loudly.
 */
export function requireNoTransaction(): void {
  if (inTransaction.getStore() === true) throw new Error('The cache was asked to read within a transaction.');
}
