import { Problem } from '../kernel/problem.ts';
import { unstorable } from './storable.ts';

/**
 * The texts for a database that cannot answer now, as opposed to a wrong query. They are for the log: callers learn
 * only that they may try again.
 */
const silence = 'the database does not answer';
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
/** By the beginning of PostgreSQL's code. Longer beginnings come first. */
const postgresFaults: readonly (readonly [code: string, words: string])[] = [
  ['53100', 'the disk of the database is full'],
  ['53200', 'the database has no memory left'],
  ['53300', 'the database has no connection left'],
  ['53', 'the database has too few resources'],
  ['58', 'the disk of the database gives errors'],
  ['25006', 'the database is read-only: is it a standby?'],
  ['25P03', silence],
  ['25P04', silence],
  ['28', 'the database refuses the account'],
  ['3D', 'the database is not there'],
  ['55P03', 'another process keeps the database busy'],
  ['08', silence],
  ['57', silence],
];
/** By SQLite's primary code. */
const sqliteFaults: Readonly<Record<number, string>> = {
  5: 'another process keeps the database busy',
  6: 'another process keeps the database busy',
  7: 'there is no memory left for the database',
  8: 'the database file cannot be written',
  10: 'the disk gives errors, or is full',
  13: 'the disk is full',
  14: 'the database file cannot be opened',
};
const messages =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|not queryable|driver has already been destroyed/;

/** Errors of an attempt to connect. */
const unconnected = new WeakSet<Error>();

/** A connection fails for many reasons (the account, TLS, a socket file, a pooler), each with its own code. None is the fault of a query. */
export function noConnection(error: unknown): unknown {
  if (error instanceof Error) unconnected.add(error);
  return error;
}

/** Why the database cannot answer now, as a text for the log. Undefined for other errors. */
function storeFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return knownFault(error) ?? (unconnected.has(error) ? silence : undefined);
}

function knownFault(error: Error): string | undefined {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return sqliteFaults[errcode & 0xff];
  if (typeof code === 'string') {
    if (socketCodes.has(code)) return silence;
    const known = code.length === 5 ? postgresFaults.find(([beginning]) => code.startsWith(beginning)) : undefined;
    if (known !== undefined) return known[1];
  }
  return messages.test(error.message) ? silence : undefined;
}

export function isStoreFault(error: unknown): boolean {
  return storeFault(error) !== undefined;
}

/**
 * A Problem stays. A database that cannot answer becomes `store.unavailable`. A value that no column accepts
 * (PostgreSQL class 22) is the request's fault, though `requireStorable` should have stopped it. All other errors are
 * faults of the server.
 */
export function storeProblem(thrown: unknown): unknown {
  const fault = storeFault(thrown);
  if (fault !== undefined) {
    return new Problem('store.unavailable', { detail: `${sentence(fault)}.`, cause: thrown, retryAfter: 1 });
  }
  return isDataException(thrown) ? unstorable(thrown) : thrown;
}

function isDataException(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code);
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** SQLITE_BUSY and its extended codes: another process is writing. */
export function isBusy(error: unknown): boolean {
  return (((error as { errcode?: number }).errcode ?? 0) & 0xff) === 5;
}

/**
 * A primary key or unique index has decided a race: PostgreSQL unique_violation, SQLITE_CONSTRAINT_PRIMARYKEY and
 * _UNIQUE.
 */
export function isDuplicate(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  return code === '23505' || errcode === 1555 || errcode === 2067;
}
