import { AsyncLocalStorage } from 'node:async_hooks';

const inTransaction = new AsyncLocalStorage<true>();

/** Marks everything that `act` does as part of a transaction. */
export function withinTransaction<T>(act: () => Promise<T>): Promise<T> {
  return inTransaction.run(true, act);
}

/**
 * For code that reads past the transaction. SQLite has one connection: a transaction that waits for another read would
 * wait for itself for ever, and every other caller with it. Failing at once, on both databases, is better.
 */
export function requireNoTransaction(): void {
  if (inTransaction.getStore() === true) throw new Error('The cache was asked to read within a transaction.');
}
