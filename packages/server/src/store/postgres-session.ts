import type { PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import { isLost, isTransient, mayHaveHappened, noConnection, unconfirmed } from './fault.ts';
import { requireStorable } from './storable.ts';

export interface Connection {
  readonly client: pg.PoolClient;
  readonly url: string;
  /** Sent in the same round trip as each `begin`. */
  readonly afterBegin: string | undefined;
}

const begins = /^(begin|start transaction)\b/;
const ends = /^(commit|rollback)$/;
const reads = /^select\b/;

/**
 * One loan of a connection, for a transaction or for one statement.
 *
 * 1. A connection that broke, or whose answer did not come, leaves the pool: the next user would wait behind that query.
 * 2. A reading statement outside of a transaction is sent again on another connection, once.
 * 3. A change whose confirmation was lost is marked: it may have happened or not, so it is never sent again.
 */
export function createSession(
  first: Connection,
  reconnect: () => Promise<Connection>,
  doubt: (url: string) => void,
): PostgresPoolClient {
  let connection: Connection | undefined = first;
  let isOpen = false;
  let isBroken = false;
  const query = async (text: string, parameters: unknown[]): Promise<unknown> => {
    requireStorable(parameters);
    // The transaction ended with its connection.
    if (isBroken && text === 'rollback') return { command: 'ROLLBACK', rows: [] };
    if (connection === undefined) throw noConnection(new Error('the loan of the connection is over'));
    try {
      const result = await send(connection, text, parameters);
      isOpen = begins.test(text) || (isOpen && !ends.test(text));
      return result;
    } catch (error) {
      if (!isLost(error)) throw error;
      isBroken = true;
      doubt(connection.url);
      const isAlone = !isOpen && !begins.test(text);
      if (isAlone && reads.test(text) && isTransient(error)) {
        connection.client.release(true);
        connection = undefined;
        connection = await reconnect();
        isBroken = false;
        return send(connection, text, parameters);
      }
      throw text === 'commit' || (isAlone && !reads.test(text)) ? mayHaveHappened(error) : error;
    }
  };
  return {
    query: query as unknown as PostgresPoolClient['query'],
    release: (discard) => connection?.client.release(discard === true || isBroken),
  };
}

async function send({ client, afterBegin }: Connection, text: string, parameters: unknown[]): Promise<unknown> {
  if (afterBegin !== undefined && begins.test(text)) {
    await client.query(`${text}; ${afterBegin}`);
    return { command: 'BEGIN', rows: [] };
  }
  const result = await client.query(text, parameters);
  if (onlyHere.delete(client)) throw unconfirmed();
  return result;
}

/** Connections whose last change is on no standby. */
const onlyHere = new WeakSet<pg.ClientBase>();

/**
 * When a statement's time is over while it waits for a synchronous standby, PostgreSQL confirms the change with no more
 * than a warning, though a failover would lose it. Its text is in the language of the server, but not this name.
 */
export function watchStandby(client: pg.PoolClient): void {
  client.on('notice', ({ routine }) => {
    if (routine === 'SyncRepWaitForLSN') onlyHere.add(client);
  });
}
