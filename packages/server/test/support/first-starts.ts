/** First starts that are killed, and first starts at the same moment: what they leave works with the credentials on disk. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { temporaryDir } from './context.ts';
import type { FreshUrl } from './databases.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type Served, serve, start, type Variables } from './serve.ts';
import { obtainToken } from './server.ts';

/** As a newcomer starts: no administrator named, and with SQLite no master key. */
const bare: Variables = {
  COUNTERSIGN_ADMIN_CLIENT_ID: '',
  COUNTERSIGN_ADMIN_CLIENT_SECRET: '',
  COUNTERSIGN_LOG_LEVEL: 'warn',
};

function on(databaseUrl: string | undefined): Variables {
  return databaseUrl === undefined
    ? { ...bare, COUNTERSIGN_MASTER_KEY: '' }
    : { ...bare, COUNTERSIGN_DATABASE_URL: databaseUrl };
}

/** Kills a first start at a random moment of it, then starts again: on SQLite, or on the databases that `freshUrl` makes. */
export async function killedFirstStarts(rounds: number, freshUrl?: FreshUrl): Promise<void> {
  const nowhere = async () => ({
    ...on(await freshUrl?.('empty')),
    COUNTERSIGN_DATA_DIR: join(temporaryDir(), 'data'),
  });
  const before = await nowhere();
  const began = performance.now();
  await end(await serve(before));
  const whole = performance.now() - began;
  for (let round = 0; round < rounds; round++) {
    const variables = await nowhere();
    const first = start(['serve'], { ...variables, COUNTERSIGN_PORT: String(await freePort()) });
    // Each round has its part of the time, so that no moment is left to luck alone.
    await pause(((round + Math.random()) / rounds) * whole);
    first.process.kill('SIGKILL');
    await first.ended;
    const second = await serve(variables);
    await expectCredentials(second.url, second.dataDir);
    await end(second);
  }
}

/** Two at the same moment, on one data directory, or with `databaseUrl` on one database. */
export async function firstStartsAtOnce(databaseUrl?: string): Promise<void> {
  const dataDir = join(temporaryDir(), 'data');
  const servers = await Promise.all([0, 1].map(() => serve({ ...on(databaseUrl), COUNTERSIGN_DATA_DIR: dataDir })));
  for (const { url } of servers) await expectCredentials(url, dataDir);
  for (const server of servers) await end(server);
}

async function expectCredentials(url: string, dataDir: string): Promise<void> {
  const file = (name: string) => readFileSync(join(dataDir, 'credentials', name), 'utf8');
  // The other of two may be about to write what it finds.
  await eventually(() => existsSync(join(dataDir, 'credentials', 'admin.json')), 5_000);
  const { clientId, clientSecret } = JSON.parse(file('admin.json')) as { clientId: string; clientSecret: string };
  expect(await obtainToken(`${url}/realms/system`, clientId, clientSecret)).toBeTruthy();
  for (const name of ['loan-agent', 'lender'])
    expect(await obtainToken(`${url}/realms/dev`, name, file(`${name}.secret`))).toBeTruthy();
  const headers = { 'content-type': 'application/json' };
  const login = await fetch(`${url}/auth/login`, { method: 'POST', headers, body: file('example-root.json') });
  expect([login.status, await login.text()]).toEqual([200, expect.stringContaining('example-root')]);
  expect(file('wallet.passphrase').trim()).toMatch(/^[\w-]{24}$/);
}

async function end(server: Served): Promise<void> {
  expect((await server.end('SIGTERM')).code).toBe(0);
}
