import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import { createContext } from '../src/server.ts';
import { openStore } from '../src/store/open.ts';
import { masterKey, temporaryDir } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { administrator, type Ended, run, serve } from './support/serve.ts';
import { obtainToken } from './support/server.ts';

const log = createLog('silent');

function refused({ code, stdout, stderr }: Ended): string {
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^countersign: [^\n]+\n$/);
  return stderr;
}

describe('a command on the store, in a directory without one', () => {
  test.each([
    ['events verify'],
    ['migrate'],
    ['upgrade --rehearse'],
    ['restored'],
    ['reseal'],
    ['dump -f copy.dump'],
    ['blocklist import words.txt'],
    ['load -f copy.dump'],
  ])('countersign %s says so, and makes nothing', async (command) => {
    const elsewhere = join(temporaryDir(), 'data');
    const line = refused(await run(command.split(' '), { COUNTERSIGN_DATA_DIR: elsewhere }));
    expect(line).toMatch(
      command.startsWith('load') ? /No master key|cannot be read/ : /There is no store of Countersign at/,
    );
    expect(existsSync(elsewhere)).toBe(false);
    expect(existsSync('copy.dump') || existsSync('copy.dump.partial')).toBe(false);
  });
});

eachDatabase('countersign', (freshUrl) => {
  test('events verify refuses a database without a store, and leaves it as it is', async () => {
    const url = await freshUrl('empty');
    const variables = {
      COUNTERSIGN_DATA_DIR: temporaryDir(),
      COUNTERSIGN_DATABASE_URL: url,
      COUNTERSIGN_MASTER_KEY: masterKey,
    };
    expect(refused(await run(['events', 'verify'], variables))).toContain('There is no store of Countersign');
    await (await openStore(url, systemClock, log)).close();
    expect((await run(['events', 'verify'], variables)).code).toBe(0);
  });

  test('reseal is refused while a server runs, changes nothing then, and works once the server was killed', async () => {
    const dataDir = temporaryDir();
    const url = await freshUrl();
    const next = join(dataDir, 'next.key');
    const other = Buffer.alloc(32, 9).toString('base64url');
    writeFileSync(next, other, { mode: 0o600 });
    const variables = {
      COUNTERSIGN_DATA_DIR: dataDir,
      COUNTERSIGN_DATABASE_URL: url,
      COUNTERSIGN_MASTER_KEY: masterKey,
    };
    const server = await serve({ ...variables, COUNTERSIGN_WORKERS: '2' });
    const reseal = () => run(['reseal', '--new-key-file', next], variables);
    expect(refused(await reseal())).toBe('countersign: A server uses this database: stop every server first.\n');
    const issuer = `${server.url}/realms/system`;
    expect(await obtainToken(issuer, administrator.id, administrator.secret)).toBeTruthy();
    await server.end('SIGKILL');
    // Its workers end by themselves; what they said in the database stays, and is seen to be dead.
    expect((await reseal()).code).toBe(0);
    const again = await serve({ ...variables, COUNTERSIGN_MASTER_KEY: other });
    expect(await obtainToken(`${again.url}/realms/system`, administrator.id, administrator.secret)).toBeTruthy();
  }, 120_000);

  test('a schema of a newer version stops the start, with both versions in a line', async () => {
    const url = await freshUrl();
    const store = await openStore(url, systemClock, log);
    await sql`insert into migration (name, applied_at) values ('9999-tomorrow', 1)`.execute(store.db);
    await store.close();
    const variables = {
      COUNTERSIGN_DATA_DIR: temporaryDir(),
      COUNTERSIGN_DATABASE_URL: url,
      COUNTERSIGN_MASTER_KEY: masterKey,
    };
    const line = refused(await run(['serve'], { ...variables, COUNTERSIGN_LOG_LEVEL: 'silent' }));
    expect(line).toMatch(/its schema is 9999-tomorrow, and this version knows none after 00\d\d-/);
    expect(refused(await run(['events', 'verify'], variables))).toBe(line);
  }, 60_000);
});

test.each([
  [['--seq', 'abc', '--hash', 'A'.repeat(43)], '--seq must be a whole number'],
  [['--seq', '-1', '--hash', 'A'.repeat(43)], '--seq must be a whole number'],
  [['--seq', '1', '--hash', 'short'], '--hash must be'],
  [['--seq', '1'], 'Name --seq and --hash together'],
  [['--hash', 'A'.repeat(43)], 'Name --seq and --hash together'],
])('events verify %j is refused', async (options, why) => {
  expect(refused(await run(['events', 'verify', ...options], { COUNTERSIGN_DATA_DIR: temporaryDir() }))).toContain(why);
});

test('reseal refuses a new key that is none', async () => {
  const dataDir = temporaryDir();
  await (await openStore(`sqlite:${join(dataDir, 'countersign.db')}`, systemClock, log)).close();
  const file = join(dataDir, 'next.key');
  writeFileSync(file, 'short');
  const line = refused(await run(['reseal', '--new-key-file', file], { COUNTERSIGN_DATA_DIR: dataDir }));
  expect(line).toContain('does not hold 32 bytes as base64url');
});

describe.skipIf(process.platform === 'win32')('what others can read in the data directory', () => {
  test('stops the start, and the line that mends it is said', async () => {
    const dataDir = join(temporaryDir(), 'data');
    const { config } = loadConfig({ COUNTERSIGN_DATA_DIR: dataDir });
    const open = async () => (await createContext(config, { log })).store.close();
    await open();
    mkdirSync(join(dataDir, 'credentials'), { mode: 0o700 });
    writeFileSync(join(dataDir, 'credentials', 'admin.json'), '{}', { mode: 0o600 });
    for (const name of ['.', 'master.key', 'credentials', 'credentials/admin.json']) {
      const path = join(dataDir, name);
      const { mode } = statSync(path);
      for (const wide of [0o040, 0o004, 0o020, 0o001]) {
        chmodSync(path, mode | wide);
        const mending = `chmod ${(mode & 0o777).toString(8)} ${path}`;
        await expect(open()).rejects.toThrow(
          `${path} can be read or changed by others than its owner. Run: ${mending}`,
        );
      }
      chmodSync(path, mode);
    }
    await open();
  });

  test('stops the first start too', async () => {
    const dataDir = join(temporaryDir(), 'data');
    mkdirSync(dataDir, { mode: 0o755 });
    expect(refused(await run(['serve'], { COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_LOG_LEVEL: 'silent' }))).toContain(
      'chmod 700',
    );
    expect(readdirSync(dataDir)).toEqual([]);
  });
});

test('a public URL that others can reach: no network to try things out, no open wallets, unless the realm dev was asked for', async () => {
  const variables = {
    COUNTERSIGN_PUBLIC_URL: 'https://id.example',
    COUNTERSIGN_ADMIN_CLIENT_ID: '',
    COUNTERSIGN_ADMIN_CLIENT_SECRET: '',
  };
  const settings = async (dataDir: string, port: string) => {
    const profile = JSON.parse(readFileSync(join(dataDir, 'credentials', 'admin.json'), 'utf8'));
    const token = await obtainToken(`http://localhost:${port}/realms/system`, profile.clientId, profile.clientSecret);
    const answer = await fetch(`http://localhost:${port}/realms/dev/admin/settings`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return ((await answer.json()) as { settings: object }).settings;
  };
  const secret = join(temporaryDir(), 'smtp.url');
  writeFileSync(secret, 'smtp://localhost', { mode: 0o644 });
  const plain = await serve({ ...variables, COUNTERSIGN_SMTP_URL_FILE: secret });
  // Containers mount such files: a warning, and no more.
  expect(plain.output()).toContain(`COUNTERSIGN_SMTP_URL_FILE: ${secret} can be read or changed by others`);
  expect(readdirSync(join(plain.dataDir, 'credentials'))).toEqual(['admin.json']);
  expect(await settings(plain.dataDir, new URL(plain.url).port)).toMatchObject({
    development: false,
    walletCreation: 'invited',
  });
  expect(plain.output()).not.toContain('is for development');
  const asked = await serve({ ...variables, COUNTERSIGN_DEFAULT_REALM: 'dev' });
  expect(readdirSync(join(asked.dataDir, 'credentials'))).toContain('example-root.json');
  expect(await settings(asked.dataDir, new URL(asked.url).port)).toMatchObject({
    development: true,
    walletCreation: 'open',
  });
  expect(asked.output()).toContain('this realm is for development');
}, 60_000);
