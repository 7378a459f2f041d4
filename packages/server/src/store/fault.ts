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
/**
 * What became of the connection. `again`: it cannot be used any more, and what was sent may succeed on another one soon.
 * `lost`: it cannot be used any more, and waiting has taken its time already.
 */
type Then = 'again' | 'lost' | undefined;

/** By the beginning of PostgreSQL's code. Longer beginnings come first. */
const postgresFaults: readonly (readonly [code: string, words: string, then?: Then])[] = [
  ['53100', 'the disk of the database is full'],
  ['53200', 'the database has no memory left'],
  ['53300', 'the database has no connection left'],
  ['53', 'the database has too few resources'],
  ['58', 'the disk of the database gives errors'],
  ['25006', 'the database is read-only: is it a standby?', 'again'],
  ['25P03', silence, 'lost'],
  ['25P04', silence, 'lost'],
  ['28', 'the database refuses the account'],
  ['3D', 'the database is not there'],
  ['55P03', 'another process keeps the database busy'],
  ['08', silence, 'again'],
  ['57P0', silence, 'again'],
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
/** Errors of the driver, which have no code. */
const messages: readonly (readonly [text: RegExp, then?: Then])[] = [
  [/Connection terminated/, 'again'],
  [/not queryable/, 'again'],
  [/Query read timeout/, 'lost'],
  [/timeout exceeded when trying to connect|driver has already been destroyed/],
];

/** Errors of an attempt to connect. */
const unconnected = new WeakSet<Error>();
/** Errors after which a change may have been committed or not. */
const undecided = new WeakSet<Error>();

/** A connection fails for many reasons (the account, TLS, a socket file, a pooler), each with its own code. None is the fault of a query. */
export function noConnection(error: unknown): unknown {
  if (error instanceof Error) unconnected.add(error);
  return error;
}

/** For a change whose confirmation was lost together with its connection. Returns the same error. */
export function mayHaveHappened(error: unknown): unknown {
  // It was never sent, or was refused.
  const isCertain = (error as Error).message.includes('not queryable') || codeOf(error) === '25006';
  if (error instanceof Error && !isCertain) undecided.add(error);
  return error;
}

export function unconfirmed(): Error {
  return mayHaveHappened(new Error('no standby has confirmed the change')) as Error;
}

/** What a statement on a standby would be told. */
export function readOnly(): Error {
  return Object.assign(new Error('the host takes no writes'), { code: '25006' });
}

/** What is known of a fault: its text for the log, and what becomes of the connection. */
type Fault = readonly [words: string, then?: Then];

function faultOf(error: unknown): Fault | undefined {
  if (!(error instanceof Error)) return undefined;
  if (undecided.has(error)) return ['the database was lost before it confirmed a change', 'lost'];
  return knownFault(error) ?? (unconnected.has(error) ? [silence] : undefined);
}

function knownFault(error: Error): Fault | undefined {
  const { errcode } = error as { errcode?: unknown };
  if (typeof errcode === 'number') {
    const words = sqliteFaults[errcode & 0xff];
    return words === undefined ? undefined : [words];
  }
  const code = codeOf(error);
  if (code !== undefined) {
    if (socketCodes.has(code)) return [silence, 'again'];
    const known = code.length === 5 ? postgresFaults.find(([beginning]) => code.startsWith(beginning)) : undefined;
    if (known !== undefined) return [known[1], known[2]];
  }
  const known = messages.find(([text]) => text.test(error.message));
  return known && [silence, known[1]];
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/** Its connection cannot be used any more. */
export function isLost(error: unknown): boolean {
  return faultOf(error)?.[1] !== undefined;
}

/** What was tried did not happen, and may succeed if it is tried again soon: a failover, a restart. */
export function isTransient(error: unknown): boolean {
  return faultOf(error)?.[1] === 'again';
}

/** PostgreSQL's lock_not_available. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === '55P03';
}

/** PostgreSQL's serialization_failure and deadlock_detected: the whole transaction may be run again at once. */
export function isConflict(error: unknown): boolean {
  return codeOf(error) === '40001' || codeOf(error) === '40P01';
}

export function isStoreFault(error: unknown): boolean {
  return faultOf(error) !== undefined;
}

/**
 * A Problem stays. A database that cannot answer becomes `store.unavailable`, or `write.unknown` if it may have made the
 * change. A value that no column accepts (PostgreSQL class 22) is the request's fault, though `requireStorable` should
 * have stopped it. All other errors are faults of the server.
 */
export function storeProblem(thrown: unknown): unknown {
  const fault = faultOf(thrown);
  if (undecided.has(thrown as Error)) return new Problem('write.unknown', { cause: thrown, retryAfter: 1 });
  if (fault !== undefined) {
    return new Problem('store.unavailable', { detail: `${sentence(fault[0])}.`, cause: thrown, retryAfter: 1 });
  }
  return isDataException(thrown) ? unstorable(thrown) : thrown;
}

function isDataException(error: unknown): boolean {
  return /^22[0-9A-Z]{3}$/.test(codeOf(error) ?? '');
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
  const { errcode } = (error ?? {}) as { errcode?: unknown };
  return codeOf(error) === '23505' || errcode === 1555 || errcode === 2067;
}
