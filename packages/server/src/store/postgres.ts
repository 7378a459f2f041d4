import { PostgresDialect } from 'kysely';
import pg from 'pg';
import { isTransient, noConnection, readOnly } from './fault.ts';
import { type Hosts, hostsOf, patience } from './postgres-hosts.ts';
import { type Connection, createSession, watchStandby } from './postgres-session.ts';
import { serversOf } from './postgres-url.ts';

/** The driver gives bigint as text. All of ours are epoch milliseconds or counters below 2^53. */
const int8 = 20;
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
};

/** Milliseconds; 0 is no limit. */
interface Limits {
  /** The server ends a statement before the client stops waiting for its answer. */
  readonly statement: number;
  readonly answer: number;
  readonly idleInTransaction: number;
}

const serving: Limits = { statement: 5_000, answer: 6_000, idleInTransaction: 10_000 };
/** For work on a whole database, such as a migration. */
export const patient: Limits = { statement: 0, answer: 0, idleInTransaction: 0 };

/**
 * The timeouts are not connection parameters, because PgBouncer refuses parameters that it does not know. On a direct
 * connection a process sets them once. Behind a pooler that changes connections between transactions, that would affect
 * other clients. So there every transaction sets them itself, and a statement outside of one is ended by the client
 * alone.
 *
 * PostgreSQL reports the number of the process that answers; a pooler reports another number.
 */
const first = ({ statement, idleInTransaction }: Limits) =>
  `select current_setting('transaction_read_only') = 'on' as read_only, case when pg_backend_pid() = $1 then
  set_config('statement_timeout', '${statement}', false)
  || set_config('idle_in_transaction_session_timeout', '${idleInTransaction}', false) end as timeouts`;
const forTransaction = ({ statement, idleInTransaction }: Limits) =>
  `set local statement_timeout = ${statement}; set local idle_in_transaction_session_timeout = ${idleInTransaction}`;

/** `onError` gets the errors of dead connections, which the pool replaces. */
export function postgresDialect(
  url: string,
  onError: (error: Error) => void,
  limits: Limits = serving,
): PostgresDialect {
  const servers = serversOf(url);
  const hosts = hostsOf(servers);
  const urls = new WeakMap<pg.ClientBase, string>();
  const begun = new WeakMap<pg.ClientBase, Connection>();
  const pool = poolOf(hosts, urls, onError, limits);

  const begin = async (client: pg.PoolClient, at: string): Promise<Connection> => {
    const { processID } = client as unknown as { readonly processID: number };
    const { read_only, timeouts } = (await client.query(first(limits), [processID])).rows[0];
    if (servers.mustWrite && read_only) throw readOnly();
    watchStandby(client);
    return { client, url: at, afterBegin: timeouts === null ? forTransaction(limits) : undefined };
  };
  const checkOut = async (): Promise<Connection | undefined> => {
    await hosts.ready();
    const client = await pool.connect();
    const at = urls.get(client) ?? '';
    try {
      // After a failover, connections to the former host may still be there.
      if (at !== hosts.url()) return void client.release(true);
      const connection = begun.get(client) ?? (await begin(client, at));
      begun.set(client, connection);
      return connection;
    } catch (error) {
      client.release(true);
      throw error;
    }
  };
  const connect = async (): Promise<Connection> => {
    const end = performance.now() + patience;
    for (;;) {
      const tried = hosts.url();
      try {
        const connection = await checkOut();
        if (connection !== undefined) return connection;
      } catch (error) {
        hosts.doubt(tried);
        if (!isTransient(error) || performance.now() > end) throw noConnection(error);
      }
    }
  };
  const session = async () => createSession(await connect(), connect, hosts.doubt);
  const guarded = { connect: session, end: () => pool.end(), options: pool.options };
  return new PostgresDialect({ pool: guarded });
}

function poolOf(
  hosts: Hosts,
  urls: WeakMap<pg.ClientBase, string>,
  onError: (error: Error) => void,
  limits: Limits,
): pg.Pool {
  /** Connects to the host that is used at the moment. */
  class Client extends pg.Client {
    constructor(options?: pg.ClientConfig) {
      const connectionString = hosts.url();
      super({ ...options, connectionString });
      urls.set(this, connectionString);
    }
  }
  const pool = new pg.Pool({
    Client,
    types,
    max: 10,
    connectionTimeoutMillis: 4_000,
    query_timeout: limits.answer,
    keepAlive: true,
    application_name: 'countersign',
  });
  // On every connection from its beginning: the pool itself listens only to idle ones, and an `error` without a
  // listener ends the process.
  pool.on('connect', (client) => client.on('error', onError));
  pool.on('error', () => {});
  return pool;
}
