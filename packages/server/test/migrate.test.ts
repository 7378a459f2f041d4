import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import { migrate } from '../src/store/migrate.ts';
import { openStore } from '../src/store/open.ts';
import { requireSafeVersion } from '../src/store/sqlite.ts';
import { masterKey, temporaryDir } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { type Ended, run } from './support/serve.ts';

const log = createLog('silent');

eachDatabase('migration', (freshUrl) => {
  test('happens once, however many processes start on an empty database at the same moment', async () => {
    const url = await freshUrl('empty');
    const processes = Array.from({ length: 6 }, (_, i) =>
      fork(new URL('./support/writer.ts', import.meta.url), [url, String(i), '1'], { stdio: 'inherit' }),
    );
    onTestFinished(() => {
      for (const child of processes) child.kill('SIGKILL');
    });
    const first = (child: (typeof processes)[number]) => Promise.race([once(child, 'message'), once(child, 'exit')]);
    expect((await Promise.all(processes.map(first))).flat().filter((said) => said === 'ready')).toHaveLength(6);
    for (const child of processes) child.send('go');
    await Promise.all(processes.map((child) => once(child, 'exit')));
    const store = await openStore(url, systemClock, log);
    onTestFinished(() => store.close());
    expect((await sql`select name from migration order by name`.execute(store.db)).rows).toEqual([
      { name: '0001-foundation' },
      { name: '0002-passwords' },
      { name: '0003-mail' },
      { name: '0004-wallets' },
      { name: '0005-devices' },
      { name: '0006-ancestors' },
      { name: '0009-audience-owners' },
      { name: '0011-passkey-ids' },
      { name: '0012-network-members' },
      { name: '0013-onboarding-and-refusals' },
      { name: '0014-verified-addresses' },
      { name: '0015-deletions' },
      { name: '0016-wallet-recovery' },
      { name: '0017-wallet-lists' },
      { name: '0018-wallet-names' },
      { name: '0019-invitation-words' },
    ]);
    expect(await store.db.selectFrom('change').selectAll().execute()).toHaveLength(6);
  });

  test('twice is once', async () => {
    const url = await freshUrl('empty');
    const store = await openStore(url, systemClock, log);
    onTestFinished(() => store.close());
    await store.db.insertInto('meta').values({ name: 'kept', value: 'yes' }).execute();
    expect(await migrate(store.db, store.dialect, 0)).toEqual([]);
    expect(await store.db.selectFrom('meta').select('value').where('name', '=', 'kept').execute()).toHaveLength(1);
  });

  test('that fails leaves nothing behind', async () => {
    const url = await freshUrl('empty');
    const store = await openStore(url, systemClock, log);
    onTestFinished(() => store.close());
    // As if an earlier release had not known it: now one of its tables stands in the way.
    await sql`delete from migration`.execute(store.db);
    await sql`drop table meta`.execute(store.db);
    await expect(openStore(url, systemClock, log)).rejects.toMatchObject({ code: 'store.unavailable' });
    expect((await sql`select name from migration`.execute(store.db)).rows).toEqual([]);
    await expect(sql`select name from meta`.execute(store.db)).rejects.toThrow();
  });
});

test('a PostgreSQL that is not there is named without its password', async () => {
  const opened = openStore('postgres://someone:s3cret@127.0.0.1:1/database', systemClock, log);
  await expect(opened).rejects.toMatchObject({ code: 'store.unavailable' });
  await expect(opened).rejects.toThrow(/^The database database at 127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED/);
  await expect(opened).rejects.not.toThrow('s3cret');
});

test.each(['3.51.2', '3.50.99', '3.9.9', '2.99.99', '3', '0', ''])(
  'SQLite %s may corrupt its log: refused',
  (version) => {
    expect(() => requireSafeVersion(version)).toThrow(/3\.51\.3 or later is needed/);
  },
);

test.each(['3.51.3', '3.51.10', '3.52.0', '3.100.0', '4.0.0'])('SQLite %s is good', (version) => {
  expect(() => requireSafeVersion(version)).not.toThrow();
});

describe('a start on a database that cannot be used stops with one line', () => {
  const refused = ({ code, stdout, stderr }: Ended) => {
    expect(stderr).toMatch(/^countersign: [^\n]+\n$/);
    expect(stdout).toBe('');
    expect(code).toBe(1);
    return stderr;
  };
  const serve = (dataDir: string, shell?: string) =>
    run(['serve'], { COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_LOG_LEVEL: 'silent', COUNTERSIGN_PORT: '1' }, shell);

  test.each(['before its first start', 'after it'])('another process has locked it %s', async (when) => {
    const dataDir = temporaryDir();
    const path = join(dataDir, 'countersign.db');
    if (when === 'after it') await (await openStore(`sqlite:${path}`, systemClock, log)).close();
    const locker = fork(new URL('./support/lock-database.ts', import.meta.url), [path]);
    onTestFinished(() => void locker.kill('SIGKILL'));
    await once(locker, 'message');
    const line = refused(await serve(dataDir));
    expect(line).toContain(path);
    expect(line).toContain('database is locked');
    locker.disconnect();
  });

  test('the disk is full', async () => {
    const dataDir = temporaryDir();
    // No file of this process may grow beyond 32 KiB; with the signal ignored, a write fails as on a full disk.
    const line = refused(await serve(dataDir, `trap '' XFSZ; ulimit -f 64`));
    expect(line).toContain(join(dataDir, 'countersign.db'));
    // What is left of the attempt does no harm once there is room again.
    const store = await openStore(`sqlite:${join(dataDir, 'countersign.db')}`, systemClock, log);
    await store.close();
  });

  test('the data directory cannot be made', async () => {
    expect(refused(await serve('/dev/null/data'))).toContain('/dev/null/data');
  });

  test('its path is a directory', async () => {
    const dataDir = temporaryDir();
    mkdirSync(join(dataDir, 'countersign.db'));
    expect(refused(await serve(dataDir))).toContain(join(dataDir, 'countersign.db'));
  });

  test('it is no database', async () => {
    const dataDir = temporaryDir();
    const path = join(dataDir, 'countersign.db');
    writeFileSync(path, 'this is a text, and longer than the header of a database, to be sure '.repeat(100));
    expect(refused(await serve(dataDir))).toContain(`${path} cannot be opened: file is not a database`);
    expect(readFileSync(path, 'utf8')).toMatch(/^this is a text/);
  });

  test('its pages are damaged', async () => {
    const dataDir = temporaryDir();
    const path = join(dataDir, 'countersign.db');
    await (await openStore(`sqlite:${path}`, systemClock, log)).close();
    const bytes = readFileSync(path);
    // The header stays whole; the schema behind it does not.
    writeFileSync(path, bytes.fill(0xa5, 100, 8192));
    expect(refused(await serve(dataDir))).toContain(path);
  });

  test('PostgreSQL refuses the connection', async () => {
    const variables = {
      COUNTERSIGN_DATA_DIR: temporaryDir(),
      COUNTERSIGN_DATABASE_URL: 'postgres://someone:s3cret@127.0.0.1:1/database',
      COUNTERSIGN_MASTER_KEY: masterKey,
    };
    const line = refused(await run(['serve'], variables));
    expect(line).toContain('database at 127.0.0.1:1');
    expect(line).not.toContain('s3cret');
  });
});

test('the files of a database are its owner’s alone, whatever the umask says', async () => {
  const path = join(temporaryDir(), 'countersign.db');
  const umask = process.umask(0);
  onTestFinished(() => void process.umask(umask));
  const store = await openStore(`sqlite:${path}`, systemClock, log);
  onTestFinished(() => store.close());
  await store.db.insertInto('meta').values({ name: 'x', value: 'y' }).execute();
  for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('a database that others could read is closed to them', async () => {
  const path = join(temporaryDir(), 'countersign.db');
  new DatabaseSync(path).close();
  writeFileSync(path, '', { mode: 0o666 });
  const store = await openStore(`sqlite:${path}`, systemClock, log);
  onTestFinished(() => store.close());
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
