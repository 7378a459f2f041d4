import { Problem } from '../kernel/problem.ts';

/**
 * What a database says when it cannot answer now, as opposed to when a query of ours is wrong: connection failures of the
 * socket, PostgreSQL class 08 (connection), 53 (resources), 57 (shutdown, timeout), 25006 (a standby that cannot write), 25P03
 * (a transaction that idled too long), SQLite busy, full and I/O errors.
 */
const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
const postgresCodes = /^(08|53|57|25006|25P03)/;
/** SQLITE_BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. */
const sqliteCodes = new Set([5, 6, 8, 10, 13, 14]);
const messages =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|not queryable|driver has already been destroyed/;

export function isStoreFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return sqliteCodes.has(errcode & 0xff);
  if (typeof code === 'string' && (socketCodes.has(code) || (code.length === 5 && postgresCodes.test(code))))
    return true;
  return messages.test(error.message);
}

/** A Problem stays what it is; a database that cannot answer becomes `store.unavailable`; the rest is a fault of ours. */
export function storeProblem(thrown: unknown): unknown {
  return isStoreFault(thrown) ? new Problem('store.unavailable', undefined, { cause: thrown, retryAfter: 1 }) : thrown;
}

/** A primary key or unique index has decided a race: PostgreSQL unique_violation, SQLITE_CONSTRAINT_PRIMARYKEY and _UNIQUE. */
export function isDuplicate(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  return code === '23505' || errcode === 1555 || errcode === 2067;
}
