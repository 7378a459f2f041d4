/**
 * Which host of a database the connections go to.
 *
 * 1. The first connection looks for a host that takes writes: every host is asked at the same time, so a host that
 *    does not answer delays nothing. The first one that takes writes is used from then on.
 * 2. After a connection broke, or a host turned out to be read-only, the host is doubted: the next connection looks
 *    again. All callers share one search, so an absent database is not asked once for every request.
 * 3. A search ends after `patience`, with the reason of the last try.
 */

import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { isTransient, noConnection, readOnly } from './fault.ts';
import type { PostgresServers } from './postgres-url.ts';

/** Milliseconds that a caller waits for a database that is away: a failover, or a restart. */
export const patience = 2_000;
const searchPause = 50;
const answerTimeout = 4_000;

export interface Hosts {
  /** The URL that a new connection uses. */
  url(): string;
  /** Waits until there is a host to use. Throws the reason if there is none. */
  ready(): Promise<void>;
  /** The next connection looks for a host again. `url`: the one that was used. */
  doubt(url: string): void;
}

export function hostsOf({ urls, mustWrite }: PostgresServers): Hosts {
  let current = urls[0] as string;
  // One host is used as it is until something goes wrong.
  let isKnown = urls.length === 1;
  let search: Promise<void> | undefined;
  const find = async () => {
    current = await firstUsable(urls, mustWrite);
    isKnown = true;
  };
  return {
    url: () => current,
    async ready() {
      if (isKnown) return;
      search ??= find().finally(() => {
        search = undefined;
      });
      await search;
    },
    doubt(url) {
      if (url === current) isKnown = false;
    },
  };
}

/** Asks every host again and again until one can be used. */
async function firstUsable(urls: readonly string[], mustWrite: boolean): Promise<string> {
  const end = performance.now() + patience;
  const found = new AbortController();
  let reason: unknown;
  const asked = urls.map(async (url) => {
    while (!found.signal.aborted) {
      try {
        await ask(url, mustWrite, found.signal);
        return url;
      } catch (error) {
        reason = error;
        if (!isTransient(error) || performance.now() > end) throw error;
      }
      await pause(searchPause);
    }
    throw reason;
  });
  try {
    return await Promise.any(asked);
  } catch {
    throw noConnection(reason);
  } finally {
    found.abort();
  }
}

async function ask(url: string, mustWrite: boolean, signal: AbortSignal): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: patience,
    query_timeout: answerTimeout,
    application_name: 'countersign',
  });
  client.on('error', () => {});
  // Another host was found: the answer of this one is not needed.
  const leave = () => void client.end().catch(() => {});
  signal.addEventListener('abort', leave, { once: true });
  try {
    await client.connect().catch((error: unknown) => {
      throw noConnection(error);
    });
    if (mustWrite) requireWritable((await client.query(isReadOnly)).rows);
  } finally {
    signal.removeEventListener('abort', leave);
    await client.end().catch(() => {});
  }
}

/** True on a standby, and where the default of the database or its role is to write nothing. */
const isReadOnly = "select current_setting('transaction_read_only') = 'on' as read_only";

function requireWritable(rows: readonly { readonly read_only: boolean }[]): void {
  if (rows[0]?.read_only !== false) throw readOnly();
}
