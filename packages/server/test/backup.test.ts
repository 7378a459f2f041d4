import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { commandSink } from '../src/cli/lines.ts';
import { systemRandom } from '../src/kernel/random.ts';
import { lastBackup } from '../src/store/backed-up.ts';
import { backupOpening, backupSealing } from '../src/subject/backup.ts';
import { checkDump, dumpSealing, dumpStore, loadStore } from '../src/subject/dump.ts';
import { sealNewEvents, verifyChain } from '../src/subject/event.ts';
import { masterKey, openContext, temporaryDir } from './support/context.ts';
import { eachDatabase, sqliteIn } from './support/databases.ts';
import { everyRow, fill, open, rowCount, variables } from './support/move.ts';
import { run, start } from './support/serve.ts';
import { testServer } from './support/server.ts';

const passphrase = 'a passphrase for tests alone';

function passphraseIn(folder: string): string {
  const path = join(folder, 'passphrase');
  writeFileSync(path, `${passphrase}\n`);
  return path;
}

eachDatabase('a backup', (freshUrl, kind) => {
  test('under load restores with every acknowledged write from before it, and with an intact chain of events', async () => {
    const [folder, target] = [temporaryDir(), await freshUrl()];
    const from = kind === 'sqlite' ? await sqliteIn(folder) : await freshUrl();
    const server = await testServer({ databaseUrl: from });
    const acknowledged: string[] = [];
    let stopped = false;
    const authorization = `Bearer ${await server.adminToken()}`;
    const writer = async () => {
      while (!stopped) {
        const answer = await fetch(`${server.issuer()}/admin/clients`, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: '{"name":"x"}',
        });
        const { clientId } = (await answer.json()) as { clientId: string };
        expect(clientId).toBeTypeOf('string');
        acknowledged.push(clientId);
      }
    };
    const writers = [writer(), writer(), writer(), writer()];
    while (acknowledged.length < 50) await pause(5);
    const before = [...acknowledged];
    const file = join(folder, 'x.backup');
    const secret = passphraseIn(folder);
    const made = await run(['backup', '-f', file, '--passphrase-file', secret], variables(from, folder));
    stopped = true;
    await Promise.all(writers);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    // Writes went on meanwhile.
    expect(acknowledged.length).toBeGreaterThan(before.length);
    expect(await lastBackup(server.context.store.db)).toBeGreaterThan(Date.now() - 60_000);
    await server.close();

    const restored = await run(['restore', '-f', file, '--passphrase-file', secret], variables(target, folder));
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    const context = await openContext(target);
    const ids = (await context.store.db.selectFrom('client').select('id').execute()).map(({ id }) => id);
    expect(before.filter((id) => !ids.includes(id))).toEqual([]);
    // What the sealer had not chained yet is chained after the restore.
    while ((await sealNewEvents(context, 'test')) > 0);
    expect(await verifyChain(context)).toMatchObject({ intact: true, events: expect.any(Number) });
    expect((await verifyChain(context)) as { events: number }).not.toMatchObject({ events: 0 });
    expect(await lastBackup(context.store.db)).toBeUndefined();
  }, 60_000);

  test('that is killed while it is restored leaves no server a half database', async () => {
    const [folder, from, target] = [temporaryDir(), await freshUrl(), await freshUrl()];
    await fill(from, 3_000);
    const [file, secret] = [join(folder, 'x.backup'), passphraseIn(folder)];
    await run(['backup', '-f', file, '--passphrase-file', secret], variables(from, folder));
    const env = variables(target, folder);
    // The second half never comes.
    const half = `head -c ${Math.floor(statSync(file).size / 2)} '${file}'; exec sleep 60`;
    const restoring = start(['restore', '--from', half, '--passphrase-file', secret], env);
    const store = await open(target);
    const marked = () => store.db.selectFrom('meta').select('name').where('name', '=', 'loading').execute();
    while ((await marked()).length === 0) await pause(5);
    restoring.process.kill('SIGKILL');
    await restoring.ended;
    const started = await run(['serve'], { ...env, COUNTERSIGN_PORT: '1' });
    expect(started).toMatchObject({ code: 1 });
    expect(started.stderr).toMatch(/^countersign: A load of a dump into this database runs or was interrupted/);
    expect(await rowCount(store)).toBe(0);
    await store.close();
    // These rows were never chained.
    const again = ['restore', '-f', file, '--passphrase-file', secret];
    expect((await run(again, env)).stderr).toMatch(/The backup was not restored: the chain of events is broken/);
    expect(await run([...again, '--accept-broken-chain'], env)).toMatchObject({ code: 0 });
    expect(await everyRow(target)).toEqual(await everyRow(from));
  }, 60_000);
});

describe('a backup that is not as it was made', () => {
  const key = Buffer.from(masterKey, 'base64url');
  const expected = { masterKey: key, acceptBrokenChain: false };
  const opening = backupOpening(passphrase, expected);
  const [lines, other, dump] = [[] as string[], [] as string[], [] as string[]];
  beforeAll(async () => {
    const context = await openContext(undefined, { realms: true });
    await sealNewEvents(context, 'test');
    for (const [into, sealing] of [
      [lines, await backupSealing(passphrase, systemRandom)],
      [other, await backupSealing(passphrase, systemRandom)],
      [dump, dumpSealing(key, systemRandom)],
    ] as const) {
      await dumpStore(context.store, sealing, async (line) => void into.push(line));
    }
  });

  const each = async function* (given: readonly string[]) {
    yield* given;
  };
  const head = (change: object) => [
    JSON.stringify({ ...JSON.parse(lines[0] as string), ...change }),
    ...lines.slice(1),
  ];
  const bad: Readonly<Record<string, readonly [() => readonly string[], RegExp]>> = {
    'is cut off at a line': [() => lines.slice(0, -1), /cut off/],
    'is cut off within a line': [() => [...lines.slice(0, 3), (lines[3] ?? '').slice(0, 40)], /altered/],
    'lacks a line in the middle': [() => lines.toSpliced(2, 1), /line 3 was altered, moved or left out/],
    'has two lines in another order': [
      () => lines.toSpliced(2, 2, lines[3] ?? '', lines[2] ?? ''),
      /line 3 was altered/,
    ],
    'repeats a line': [() => lines.toSpliced(2, 0, lines[2] ?? ''), /line 4 was altered/],
    'has an altered letter': [
      () =>
        lines.with(
          2,
          (lines[2] ?? '').replace(/.$/, (l) => (l === 'A' ? 'Q' : 'A')),
        ),
      /altered/,
    ],
    'has a line of another backup': [() => lines.with(2, other[2] ?? ''), /not the one of this backup|altered/],
    'goes on after its end': [() => [...lines, lines[1] ?? ''], /lines after the last one/],
    'has another salt': [() => head({ salt: 'AAAAAAAAAAAAAAAAAAAAAA' }), /passphrase is not the one/],
    'is of a newer schema': [() => head({ schema: '9999-later' }), /newer version/],
    'is of an older schema than it says': [() => head({ schema: '0001-foundation' }), /altered/],
    'is a dump': [() => dump, /not a countersign-backup/],
    'is empty': [() => [], /cut off/],
    'is no backup at all': [() => ['hello'], /not a countersign-backup/],
  };
  test.each(Object.entries(bad))('is refused where it %s', async (_what, [given, said]) => {
    await expect(checkDump(opening, each(given()))).rejects.toThrow(said);
  });

  test('is refused under another passphrase, and a short one makes none', async () => {
    const wrong = backupOpening(`${passphrase}.`, expected);
    await expect(checkDump(wrong, each(lines))).rejects.toThrow('The passphrase is not the one of this backup.');
    await expect(backupSealing('short', systemRandom)).rejects.toThrow('at least 12 characters');
  });

  test('is refused with another master key, into a database that is not empty, and with a broken chain', async () => {
    const url = await sqliteIn(temporaryDir());
    const store = await open(url);
    const otherMaster = { ...opening, ...backupOpening(passphrase, { ...expected, masterKey: Buffer.alloc(32, 7) }) };
    await expect(loadStore(store, { ...otherMaster, open: opening.open }, each(lines))).rejects.toThrow(
      'the master key is not the one of the database that was backed up',
    );
    expect(await rowCount(store)).toBe(0);
    await loadStore(store, opening, each(lines));
    await expect(loadStore(store, opening, each(lines))).rejects.toThrow('not empty');
    await store.db.updateTable('event').set({ actor: 'somebody' }).where('seq', '=', 1).execute();
    const broken: string[] = [];
    await dumpStore(store, await opening.open(lines[0] as string), async (line) => void broken.push(line));
    await store.close();
    const empty = await open(await sqliteIn(temporaryDir()));
    await expect(loadStore(empty, opening, each(broken))).rejects.toThrow('the chain of events is broken at number 1');
    expect(await rowCount(empty)).toBe(0);
    await empty.close();
  });
});

test('a command that ends before the last line has no backup, whatever its exit code', async () => {
  const pid = join(temporaryDir(), 'pid');
  const sink = commandSink(`read first; echo $$ > '${pid}'`);
  await sink.put('first');
  await vi.waitFor(() => expect(isRunning(Number(readFileSync(pid, 'latin1')))).toBe(false), 10_000);
  const write = async () => {
    await sink.put('second');
    await sink.done();
  };
  await expect(write()).rejects.toThrow('The command of --to ended before it had read everything.');
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a backup goes to a command and comes from one, and their failure is that of the backup', async () => {
  const [folder, target] = [temporaryDir(), temporaryDir()];
  const from = await sqliteIn(folder);
  const secret = passphraseIn(folder);
  const piped = join(folder, 'piped');
  const back = (...args: string[]) => run(['backup', '--passphrase-file', secret, ...args], variables(from, folder));
  expect(await back('--to', `cat > '${piped}'`)).toMatchObject({ code: 0 });
  for (const failing of ['exit 3', 'cat > /dev/null; exit 3', 'head -c 10 > /dev/null; exit 3']) {
    const { code, stderr } = await back('--to', failing);
    expect([failing, code, stderr]).toEqual([failing, 1, expect.stringMatching(/^countersign: The command of --to/)]);
  }
  const env = variables(`sqlite:${join(target, 'b.db')}`, target);
  const restore = (command: string) => run(['restore', '--from', command, '--passphrase-file', secret], env);
  expect((await restore(`cat '${piped}'; exit 4`)).stderr).toMatch(/The command of --from failed with exit code 4/);
  expect((await restore('true')).stderr).toMatch(/The backup was not restored: it was cut off/);
  expect(await restore(`cat '${piped}'`)).toMatchObject({ code: 0 });
  expect(readFileSync(piped, 'latin1')).not.toContain('realm');

  for (const args of [[], ['-f', 'x', '--to', 'cat']]) {
    expect(await back(...args)).toMatchObject({
      code: 1,
      stderr: 'countersign: Name --file or --to: one of the two.\n',
    });
  }
  const file = join(folder, 'x.backup');
  const shortSecret = join(folder, 'short');
  writeFileSync(shortSecret, 'short\n');
  const short = await run(['backup', '-f', file, '--passphrase-file', shortSecret], variables(from, folder));
  expect(short).toMatchObject({ code: 1, stderr: 'countersign: The passphrase needs at least 12 characters.\n' });
  expect(existsSync(file)).toBe(false);
  expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
}, 60_000);
