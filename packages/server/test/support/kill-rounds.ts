/** Kills a real server under load, again and again, and looks for what it had promised to keep. */

import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { verifyChain } from '../../src/subject/event.ts';
import { temporaryDir } from './context.ts';
import { eventually } from './eventually.ts';
import { administrator, type Served, serve } from './serve.ts';
import { obtainToken } from './server.ts';

const writers = 4;

export async function killRounds(databaseUrl: string, rounds: number): Promise<void> {
  const variables = {
    COUNTERSIGN_DATA_DIR: temporaryDir(),
    COUNTERSIGN_DATABASE_URL: databaseUrl,
    COUNTERSIGN_LOG_LEVEL: 'warn',
  };
  const acknowledged = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const server = await serve(variables);
    const loading = load(server, `r${round}`, acknowledged);
    await pause(150 + Math.random() * 500);
    const { signal } = await server.end('SIGKILL');
    expect(signal).toBe('SIGKILL');
    await loading;
    await inspect(databaseUrl, acknowledged);
  }
  // Else nothing was proved.
  expect(acknowledged.size).toBeGreaterThan(rounds * writers);
  // The last one comes back too, seals what was left once the lease of the killed one has ended, and its chain is whole.
  const server = await serve(variables);
  await eventually(async () => (await inspect(databaseUrl, acknowledged)).unsealed === 0, 15_000);
  expect((await server.end('SIGTERM')).code).toBe(0);
  await inspect(databaseUrl, acknowledged);
}

/** Makes clients until the server is gone; remembers those that it said were made. */
async function load(server: Served, prefix: string, acknowledged: Set<string>): Promise<void> {
  const token = await obtainToken(`${server.url}/realms/system`, administrator.id, administrator.secret).catch(
    () => undefined,
  );
  if (token === undefined) return;
  const writer = async (name: number) => {
    for (let i = 0; ; i++) {
      const id = `${prefix}-${name}-${i}`;
      try {
        const response = await fetch(`${server.url}/realms/dev/admin/clients`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ id, name: id }),
        });
        // The status alone is the promise, whether or not the rest of the answer arrives.
        if (response.status === 201) acknowledged.add(id);
        await response.arrayBuffer();
      } catch {
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, name) => writer(name)));
}

async function inspect(databaseUrl: string, acknowledged: ReadonlySet<string>): Promise<{ readonly unsealed: number }> {
  const store = await openStore(databaseUrl, systemClock, createLog('silent'));
  try {
    const { clients, subjects, events } = await snapshot(store);
    const kept = new Set(clients.map(({ id }) => id));
    expect([...acknowledged].filter((id) => !kept.has(id))).toEqual([]);
    // Nothing is half there: a client has its subject and its event, and neither is there without it.
    const loaded = clients.filter(({ id }) => /^r\d+-/.test(id));
    const known = new Set(subjects.map(({ realm, id }) => `${realm} ${id}`));
    expect(clients.filter(({ realm, subject_id }) => !known.has(`${realm} ${subject_id}`))).toEqual([]);
    expect(subjects).toHaveLength(clients.length);
    const created = events.filter(({ type, object }) => type === 'client.created' && /^client:r\d+-/.test(object));
    expect(created.map(({ object }) => object.slice('client:'.length)).sort()).toEqual(
      loaded.map(({ id }) => id).sort(),
    );
    expect(await verifyChain({ store } as Parameters<typeof verifyChain>[0])).toMatchObject({ intact: true });
    return { unsealed: events.filter(({ seq }) => seq === null).length };
  } finally {
    await store.close();
  }
}

/** In one snapshot: PostgreSQL may still be committing what it was sent last by the process that was killed. */
async function snapshot({ db, dialect }: Store) {
  const reading = db.transaction();
  return (dialect === 'postgres' ? reading.setIsolationLevel('repeatable read') : reading).execute(async (tx) => ({
    clients: await tx.selectFrom('client').select(['realm', 'id', 'subject_id']).execute(),
    // Credentials and wallets are subjects without a client.
    subjects: await tx
      .selectFrom('subject')
      .select(['realm', 'id'])
      .where('kind', 'in', ['client', 'participant'])
      .execute(),
    events: await tx.selectFrom('event').select(['realm', 'type', 'object', 'seq']).execute(),
  }));
}
