/** Moves of a database by `countersign dump` and `countersign load`, as an operator makes them. */

import { join } from 'node:path';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { insertRows, movedTables, readTable } from '../../src/store/tables.ts';
import { masterKey } from './context.ts';
import { run, type Variables } from './serve.ts';

export const open = (url: string) => openStore(url, systemClock, createLog('silent'));

export const variables = (url: string, dataDir: string): Variables => ({
  COUNTERSIGN_DATABASE_URL: url,
  COUNTERSIGN_DATA_DIR: dataDir,
  COUNTERSIGN_MASTER_KEY: masterKey,
});

/** As many rows, half of them events, with text that both databases must keep as it is. */
export async function fill(url: string, rows: number): Promise<void> {
  const store = await open(url);
  await store.db.transaction().execute(async (tx) => {
    for (let from = 0; from < rows / 2; from += 500) {
      const numbers = Array.from({ length: Math.min(500, rows / 2 - from) }, (_, index) => from + index);
      await insertRows(
        tx,
        'event',
        numbers.map((number) => ({
          id: `e-${number}`,
          realm: 'dev',
          at: 1_764_500_000_000 + number,
          type: 'participant.changed',
          object: `participant:p-${number}`,
          actor: 'test',
          request_id: `r-${number}`,
          before: null,
          after: JSON.stringify({ name: `Zoë “${number}” 𝔘\n`, note: 'x'.repeat(number % 200) }),
          seq: number,
          hash: null,
        })),
      );
      await insertRows(
        tx,
        'subject',
        numbers.map((number) => ({
          realm: 'dev',
          id: `s-${number}`,
          kind: 'client',
          generation: number,
          suspended_at: null,
          ended_at: number % 2 === 0 ? 1_764_500_000_000 : null,
        })),
      );
    }
  });
  await store.close();
}

/** Dumps one database and loads the other. Answers what each command said, and the milliseconds that both took. */
export async function move(from: string, to: string, folder: string) {
  const file = join(folder, 'moved.dump');
  const began = performance.now();
  const dumped = await run(['dump', '-f', file], variables(from, folder));
  const between = performance.now();
  const loaded = await run(['load', '-f', file], variables(to, folder));
  return { dumped, loaded, dumpTook: between - began, loadTook: performance.now() - between };
}

/** Every row of a database, as text, in an order that both databases agree on. */
export async function everyRow(url: string): Promise<string[]> {
  const store = await open(url);
  const rows: string[] = [];
  for (const table of movedTables) {
    for await (const page of readTable(store.db, table)) {
      for (const row of page) rows.push(`${table} ${JSON.stringify(Object.entries(row).sort())}`);
    }
  }
  await store.close();
  return rows.sort();
}

export async function rowCount(store: Store): Promise<number> {
  let count = 0;
  for (const table of movedTables) {
    for await (const page of readTable(store.db, table)) count += page.length;
  }
  return count;
}
