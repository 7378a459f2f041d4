import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createProgress } from '../src/cli/progress.ts';
import { markLoading } from '../src/store/loading.ts';
import { temporaryDir } from './support/context.ts';
import { bothDatabases, eachDatabase } from './support/databases.ts';
import { everyRow, fill, move, open, rowCount, variables } from './support/move.ts';
import { program } from './support/program.ts';
import { run } from './support/serve.ts';

const rows = 3_000;

bothDatabases('dump and load on the command line', (fresh) => {
  test.each([
    ['sqlite', 'postgres'],
    ['postgres', 'sqlite'],
  ] as const)('move every row from %s to %s', async (from, to) => {
    const [old, next, folder] = [await fresh[from](), await fresh[to](), temporaryDir()];
    await fill(old, rows);
    const { dumped, loaded } = await move(old, next, folder);
    expect(dumped).toMatchObject({ code: 0, stderr: '' });
    expect(loaded).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(loaded.stdout).loaded).toMatchObject({ event: rows / 2, subject: rows / 2 });
    expect(await everyRow(next)).toEqual(await everyRow(old));
  });
});

test('a dump that is not whole is refused in one line, before anything is made', async () => {
  const [from, to] = [temporaryDir(), temporaryDir()];
  const url = `sqlite:${join(from, 'a.db')}`;
  await fill(url, rows);
  const file = join(from, 'good.dump');
  await run(['dump', '-f', file], variables(url, from));
  const good = readFileSync(file, 'latin1');
  const bad = join(from, 'bad.dump');
  const load = (path: string, more = {}) =>
    run(['load', '-f', path], { ...variables(`sqlite:${join(to, 'b.db')}`, to), ...more });

  const broken: Readonly<Record<string, readonly [content: string, said: RegExp]>> = {
    'cut off at a line': [`${good.split('\n').slice(0, -2).join('\n')}\n`, /cut off/],
    'cut off within a line': [good.slice(0, good.length / 2), /altered/],
    'not a dump': ['hello\n', /not a countersign-dump/],
  };
  for (const [what, [content, said]] of Object.entries(broken)) {
    writeFileSync(bad, content);
    const { code, stderr } = await load(bad);
    expect([what, code, stderr.trim().split('\n').length]).toEqual([what, 1, 1]);
    expect(stderr, what).toMatch(said);
  }
  expect(await load('/nope')).toMatchObject({
    code: 1,
    stderr: 'countersign: The dump /nope cannot be read: ENOENT.\n',
  });
  const otherKey = { COUNTERSIGN_MASTER_KEY: Buffer.alloc(32, 7).toString('base64url') };
  expect(await load(file, otherKey)).toMatchObject({
    code: 1,
    stderr: 'countersign: The master key is not the one of the dumped database.\n',
  });
  expect(readdirSync(to)).toEqual([]);
}, 120_000);

eachDatabase('a load that is ended', (freshUrl) => {
  test.each(['SIGINT', 'SIGKILL'] as const)(
    'by %s leaves no row',
    async (signal) => {
      const [old, next, folder] = [await freshUrl(), await freshUrl(), temporaryDir()];
      await fill(old, 20_000);
      const file = join(folder, 'x.dump');
      await run(['dump', '-f', file], variables(old, folder));
      const store = await open(next);
      const { code, stderr } = await interruptOnceLoading(
        ['load', '-f', file],
        variables(next, folder),
        signal,
        store.db,
      );

      if (signal === 'SIGINT') {
        expect({ code, stderr }).toEqual({
          code: 1,
          stderr: 'countersign: The load was interrupted: nothing was loaded.\n',
        });
      } else {
        const started = await run(['serve'], { ...variables(next, folder), COUNTERSIGN_PORT: '1' });
        expect(started.code).toBe(1);
        expect(started.stderr).toMatch(/^countersign: A load of a dump into this database runs or was interrupted/);
      }
      expect(await rowCount(store)).toBe(0);
      await store.close();
      expect(await run(['load', '-f', file], variables(next, folder))).toMatchObject({ code: 0 });
    },
    120_000,
  );
});

test('a dump that fails leaves no file, and a good one overwrites none', async () => {
  const folder = temporaryDir();
  const file = join(folder, 'x.dump');
  const away = await run(['dump', '-f', file], variables('postgres://nobody@127.0.0.1:1/nothing', folder));
  expect(away.code).toBe(1);
  expect(away.stderr).toMatch(/^countersign: .*127\.0\.0\.1:1.*\n$/);
  expect(readdirSync(folder)).toEqual([]);

  const url = `sqlite:${join(folder, 'a.db')}`;
  expect((await run(['dump', '-f', file], variables(url, folder))).code).toBe(1);
  expect(readdirSync(folder)).toEqual([]);

  await fill(url, 10);
  expect(await run(['dump', '-f', file], variables(url, folder))).toMatchObject({ code: 0 });
  expect((await run(['dump', '-f', file], variables(url, folder))).stderr).toMatch(/is there already/);
  expect(existsSync(`${file}.partial`)).toBe(false);
});

test('a server that starts on a database whose load runs is refused', async () => {
  const folder = temporaryDir();
  const url = `sqlite:${join(folder, 'a.db')}`;
  const store = await open(url);
  await markLoading(store.db);
  await store.close();
  const { code, stderr } = await run(['serve'], { ...variables(url, folder), COUNTERSIGN_PORT: '1' });
  expect({ code, lines: stderr.trim().split('\n').length }).toEqual({ code: 1, lines: 1 });
  expect(stderr).toMatch(/run countersign load again/);
});

test('progress rewrites one line on a terminal, and writes a line every three seconds elsewhere', () => {
  let now = 0;
  const shown = (isTTY: boolean) => {
    const written: string[] = [];
    const progress = createProgress({ isTTY, write: (text) => written.push(text) }, () => now);
    for (let i = 1; i <= 100; i++) {
      now += 70;
      progress.tell(`${i} rows`);
    }
    progress.end();
    return written;
  };
  const terminal = shown(true);
  expect(terminal).toHaveLength(51);
  expect(terminal.slice(0, 2)).toEqual(['\r2 rows\u001b[K', '\r4 rows\u001b[K']);
  expect(terminal.at(-1)).toBe('\n');
  expect(shown(false)).toEqual(['43 rows\n', '86 rows\n']);
});

test('a known share is a bar on a terminal, and nothing elsewhere', () => {
  const shown = (isTTY: boolean, share: number) => {
    let [now, written] = [0, ''];
    const progress = createProgress({ isTTY, write: (text) => (written += text) }, () => now);
    now = 5_000;
    progress.tell('9 rows', share);
    return written;
  };
  expect(shown(true, 0.5)).toBe(`\r[${'#'.repeat(12)}${'.'.repeat(12)}] 9 rows\u001b[K`);
  // The expected number may be an estimate, or nothing.
  expect(shown(true, 3)).toBe(`\r[${'#'.repeat(24)}] 9 rows\u001b[K`);
  expect(shown(true, Number.NaN)).toBe('\r9 rows\u001b[K');
  expect(shown(false, 0.5)).toBe('9 rows\n');
});

/** Runs a load and sends the signal once its mark is there. */
async function interruptOnceLoading(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  signal: NodeJS.Signals,
  db: Awaited<ReturnType<typeof open>>['db'],
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const closed = once(child, 'close');
  while ((await db.selectFrom('meta').select('name').where('name', '=', 'loading').execute()).length === 0) {
    if (child.exitCode !== null) throw new Error(`The load ended before it was interrupted: ${stderr}`);
    await pause(2);
  }
  child.kill(signal);
  const [code] = await closed;
  return { code, stderr };
}

test('a new master key in another spelling is refused before anything is sealed under it', async () => {
  const folder = temporaryDir();
  const url = `sqlite:${join(folder, 'countersign.db')}`;
  await fill(url, 10);
  const { COUNTERSIGN_MASTER_KEY: key = '', ...env } = variables(url, folder);
  writeFileSync(join(folder, 'master.key'), `${key}\n`, { mode: 0o600 });
  const keyFile = join(folder, 'new.key');
  const before = readFileSync(join(folder, 'master.key'), 'latin1');
  // Padded, as OpenSSL writes it; in the other alphabet; too short.
  const spellings = [
    Buffer.alloc(32, 7).toString('base64'),
    Buffer.alloc(32, 0xff).toString('base64').slice(0, 43),
    'x',
  ];
  for (const spelling of spellings) {
    writeFileSync(keyFile, `${spelling}\n`);
    expect(await run(['reseal', '--new-key-file', keyFile], env)).toMatchObject({
      code: 1,
      stderr: `countersign: ${keyFile} does not hold 32 bytes as base64url.\n`,
    });
  }
  expect(readFileSync(join(folder, 'master.key'), 'latin1')).toBe(before);
  expect(existsSync(join(folder, 'master.key.next'))).toBe(false);
  writeFileSync(keyFile, `${Buffer.alloc(32, 7).toString('base64url')}\n`);
  expect((await run(['reseal', '--new-key-file', keyFile], env)).code).toBe(0);
  expect((await run(['migrate'], env)).code).toBe(0);
});
