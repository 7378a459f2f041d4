import { PostgresDialect, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { requireStorable } from './storable.ts';

/** bigint arrives as text from the driver; all of ours are epoch milliseconds or counters below 2^53. */
const int8 = 20;
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
};

/** Milliseconds: the server ends a statement by itself before we stop listening for its answer. */
const serverTimeout = 5_000;
const clientTimeout = 6_000;

/** `onError` hears of connections that died; the pool replaces them by itself. */
export function postgresDialect(url: string, onError: (error: Error) => void): PostgresDialect {
  const pool = new pg.Pool({
    connectionString: url,
    types,
    max: 10,
    connectionTimeoutMillis: 4_000,
    statement_timeout: serverTimeout,
    query_timeout: clientTimeout,
    keepAlive: true,
    idle_in_transaction_session_timeout: 10_000,
    application_name: 'countersign',
  });
  // On every connection, from its beginning: the pool itself listens only to idle ones, and an `error` that nobody listens to
  // ends the process.
  pool.on('connect', (client) => client.on('error', onError));
  pool.on('error', () => {});
  return new PostgresDialect({
    pool: { connect: async () => discarding(await pool.connect()), end: () => pool.end(), options: pool.options },
  });
}

/**
 * A connection on which a query got no answer leaves the pool when it is given back: the network may have swallowed the other
 * end, and whoever took it next would wait behind that query.
 */
function discarding(client: pg.PoolClient): PostgresPoolClient {
  let silent = false;
  const query = async (text: string, parameters: unknown[]) => {
    requireStorable(parameters);
    try {
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
