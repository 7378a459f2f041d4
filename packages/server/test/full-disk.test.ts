import { execFileSync } from 'node:child_process';
import { chownSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryDir } from './support/context.ts';
import { eventually } from './support/eventually.ts';
import { startPostgres } from './support/postgres.ts';
import { administrator, serve } from './support/serve.ts';
import { obtainToken, testServer } from './support/server.ts';

/** To mount a file system takes root on Linux. */
const canMount = process.platform === 'linux' && process.getuid?.() === 0;

interface SmallDisk {
  readonly path: string;
  /** Leaves not a byte free. */
  fill(): void;
  /** Takes away what `fill` put there. */
  clear(): void;
}

/** A file system of its own, of so many megabytes. It goes when the test ends. */
function smallDisk(megabytes: number): SmallDisk {
  const path = temporaryDir();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', path]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', path]));
  const filler = join(path, 'filler');
  return {
    path,
    fill() {
      const { bavail, bsize } = statfsSync(path);
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    },
    clear: () => rmSync(filler),
  };
}

/** Makes clients until one is refused, and gives that answer. */
async function fill(url: string, token: string): Promise<Response> {
  for (let i = 0; i < 20_000; i++) {
    const answer = await make(url, token, `filler-${i}`);
    if (answer.status !== 201) return answer;
    await answer.arrayBuffer();
  }
  throw new Error('the disk never became full');
}

function make(url: string, token: string, id: string): Promise<Response> {
  return fetch(`${url}/realms/dev/admin/clients`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ id, name: 'x'.repeat(200) }),
  });
}

const ready = async (url: string) => (await fetch(`${url}/readyz`)).status;

async function expectRefusal(answer: Response): Promise<void> {
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  // Outside it stays a fault of the server, and no more.
  expect(await answer.json()).toMatchObject({ code: 'store.unavailable', title: expect.stringMatching(/Try again/) });
}

describe('a disk that is full', () => {
  test('a database that may not grow refuses with 503, says why in the log, and goes on once it may', async () => {
    const server = await testServer();
    onTestFinished(() => server.close());
    const token = await server.adminToken();
    const { db } = server.context.store;
    const pages = await sql<{ page_count: number }>`pragma page_count`.execute(db);
    await sql.raw(`pragma max_page_count=${pages.rows[0]?.page_count ?? 0}`).execute(db);
    await expectRefusal(await fill(server.url, token));
    expect(server.logged.filter((line) => line.includes('The disk is full.'))).not.toEqual([]);
    await sql.raw('pragma max_page_count=1000000').execute(db);
    expect((await make(server.url, token, 'afterwards')).status).toBe(201);
  });

  test.skipIf(!canMount)(
    'an SQLite on it: 503 with Retry-After, not ready, a line in the log; ready again once there is room',
    async () => {
      const disk = smallDisk(8);
      const server = await serve({ COUNTERSIGN_DATA_DIR: join(disk.path, 'data') });
      const token = await obtainToken(`${server.url}/realms/system`, administrator.id, administrator.secret);
      expect(await ready(server.url)).toBe(200);
      disk.fill();
      await expectRefusal(await fill(server.url, token));
      await eventually(async () => (await ready(server.url)) === 503, 5_000);
      expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
      expect(server.output()).toContain('The disk is full.');
      disk.clear();
      await eventually(async () => (await ready(server.url)) === 200, 5_000);
      expect((await make(server.url, token, 'afterwards')).status).toBe(201);
      expect((await server.end('SIGTERM')).code).toBe(0);
    },
    60_000,
  );

  test.skipIf(!canMount)(
    'a PostgreSQL on it: 503 with Retry-After, a line in the log; goes on once there is room',
    async () => {
      const disk = smallDisk(24);
      chownSync(disk.path, 65534, 65534);
      const postgres = await startPostgres();
      if (postgres === undefined) throw new Error('There are no PostgreSQL binaries in node_modules.');
      onTestFinished(() => postgres.stop());
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      await client.query(`create tablespace small location '${disk.path}'`);
      await client.query('create database countersign template template0 strategy file_copy tablespace small');
      await client.end();
      const server = await testServer({ databaseUrl: postgres.url.replace(/postgres$/, 'countersign') });
      onTestFinished(() => server.close());
      const token = await server.adminToken();
      disk.fill();
      await expectRefusal(await fill(server.url, token));
      expect(server.logged.filter((line) => line.includes('The disk of the database is full.'))).not.toEqual([]);
      disk.clear();
      expect((await make(server.url, token, 'afterwards')).status).toBe(201);
    },
    60_000,
  );

  test('under CI nothing of this is skipped', () => {
    expect(process.env.CI === undefined || canMount || process.platform !== 'linux').toBe(true);
  });
});
