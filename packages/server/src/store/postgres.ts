import { PostgresDialect } from 'kysely';
import pg from 'pg';

/** bigint arrives as text from the driver; all of ours are epoch milliseconds or counters below 2^53. */
const int8 = 20;
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
};

/** `onError` hears of idle connections that died; the pool replaces them by itself. */
export function postgresDialect(url: string, onError: (error: Error) => void): PostgresDialect {
  const pool = new pg.Pool({
    connectionString: url,
    types,
    max: 10,
    connectionTimeoutMillis: 4_000,
    statement_timeout: 10_000,
    idle_in_transaction_session_timeout: 10_000,
    application_name: 'countersign',
  });
  pool.on('error', onError);
  return new PostgresDialect({ pool });
}
