import { PostgresDialect, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { noConnection } from './fault.ts';
import { requireStorable } from './storable.ts';

/** The driver gives bigint as text. All of ours are epoch milliseconds or counters below 2^53. */
const int8 = 20;
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
};

/** Milliseconds: the server ends a statement before the client stops waiting for its answer. */
const serverTimeout = 5_000;
const clientTimeout = 6_000;
const idleTimeout = 10_000;

/**
 * The timeouts are not connection parameters, because PgBouncer refuses parameters that it does not know. On a direct
 * connection a process sets them once. Behind a pooler that changes connections between transactions, that would affect
 * other clients. So there every transaction sets them itself, and a statement outside of one is ended by the client
 * alone.
 *
 * PostgreSQL reports the number of the process that answers; a pooler reports another number.
 */
const setOnce = `select set_config('statement_timeout', '${serverTimeout}', false),
  set_config('idle_in_transaction_session_timeout', '${idleTimeout}', false) where pg_backend_pid() = $1`;
const setForTransaction = `set local statement_timeout = ${serverTimeout}; set local idle_in_transaction_session_timeout = ${idleTimeout}`;

/** `onError` gets the errors of dead connections, which the pool replaces. */
export function postgresDialect(url: string, onError: (error: Error) => void): PostgresDialect {
  const pool = new pg.Pool({
    connectionString: url,
    types,
    max: 10,
    connectionTimeoutMillis: 4_000,
    query_timeout: clientTimeout,
    keepAlive: true,
    application_name: 'countersign',
  });
  // On every connection from its beginning: the pool itself listens only to idle ones, and an `error` without a
  // listener ends the process.
  pool.on('connect', (client) => client.on('error', onError));
  pool.on('error', () => {});
  const pooled = new WeakMap<pg.PoolClient, boolean>();
  const connect = async () => {
    const client = await pool.connect().catch((error: unknown) => {
      throw noConnection(error);
    });
    try {
      if (!pooled.has(client)) pooled.set(client, !(await setTimeouts(client)));
    } catch (error) {
      client.release(true);
      throw noConnection(error);
    }
    return discarding(client, pooled.get(client) === true);
  };
  return new PostgresDialect({ pool: { connect, end: () => pool.end(), options: pool.options } });
}

/** False behind a pooler, where nothing was set. */
async function setTimeouts(client: pg.PoolClient): Promise<boolean> {
  const { processID } = client as unknown as { readonly processID: number };
  return (await client.query(setOnce, [processID])).rows.length === 1;
}

/**
 * Removes a connection from the pool after a query without an answer: the other end may have vanished, and the next
 * user would wait behind that query.
 */
function discarding(client: pg.PoolClient, isPooled: boolean): PostgresPoolClient {
  let silent = false;
  const query = async (text: string, parameters: unknown[]) => {
    requireStorable(parameters);
    try {
      if (isPooled && /^(begin|start transaction)\b/.test(text)) {
        // One round trip for both.
        await client.query(`${text}; ${setForTransaction}`);
        return { command: 'BEGIN', rows: [] };
      }
      return await client.query(text, parameters);
    } catch (error) {
      silent ||= error instanceof Error && error.message === 'Query read timeout';
      throw error;
    }
  };
  return {
    query: query as unknown as PostgresPoolClient['query'],
    release: (discard) => client.release(discard === true || silent),
  };
}
