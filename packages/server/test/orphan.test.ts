import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { masterKey, temporaryDir } from './support/context.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { program } from './support/program.ts';

vi.setConfig({ testTimeout: 120_000 });

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A parent that starts a server and waits for it, as npm does. It passes no signal on. */
const waits = `
const { spawn } = require('node:child_process');
const child = spawn(process.execPath, [${JSON.stringify(program)}, 'serve'], { stdio: 'inherit', detached: process.argv[1] === 'detached' });
console.log('child ' + child.pid);
`;

/** Starts a parent, waits until its server answers, kills the parent, and answers how long the server goes on. */
async function afterDeath(
  start: (env: NodeJS.ProcessEnv) => ChildProcess,
  more: Readonly<Record<string, string>>,
  patience: number,
): Promise<number> {
  const port = String(await freePort());
  const parent = start({
    PATH: process.env.PATH,
    HOME: temporaryDir(),
    COUNTERSIGN_PORT: port,
    COUNTERSIGN_DATA_DIR: temporaryDir(),
    COUNTERSIGN_MASTER_KEY: masterKey,
    COUNTERSIGN_LOG_LEVEL: 'silent',
    ...more,
  });
  let output = '';
  parent.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  const answers = () =>
    fetch(`http://127.0.0.1:${port}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  onTestFinished(() => {
    // Passed on to the server, where the test has failed before it killed the parent.
    parent.kill('SIGTERM');
    const [, pid] = /child (\d+)/.exec(output) ?? [];
    try {
      if (pid !== undefined) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended, as it should.
    }
  });
  await eventually(answers, 60_000);
  const died = once(parent, 'exit');
  parent.kill('SIGKILL');
  await died;
  const began = performance.now();
  while ((await answers()) && performance.now() - began < patience) await pause(50);
  return performance.now() - began;
}

const scripted = (mode: string) => (env: NodeJS.ProcessEnv) =>
  spawn(process.execPath, ['-e', waits, mode], { env, cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
const npmVariables = { npm_lifecycle_event: 'start' };

describe.skipIf(process.platform === 'win32')('a server whose parent is killed', () => {
  test.each([
    ['npm', npmVariables],
    ['npm, with workers', { ...npmVariables, COUNTERSIGN_WORKERS: '2' }],
    ['npx', { npm_lifecycle_event: 'npx' }],
  ])('ends within two seconds: %s', async (_, variables) => {
    expect(await afterDeath(scripted('waits'), variables, 10_000)).toBeLessThan(2_000);
  });

  test('ends within two seconds: the launcher that handed over to another Node', async () => {
    const handsOver = (env: NodeJS.ProcessEnv) =>
      spawn(
        process.execPath,
        [
          '-e',
          `const { spawn } = require('node:child_process');
           const env = { ...process.env, _COUNTERSIGN_LAUNCHER: String(process.pid) };
           console.log('child ' + spawn(process.execPath, [${JSON.stringify(program)}, 'serve'], { stdio: 'inherit', env }).pid);`,
        ],
        { env, cwd: root, stdio: ['ignore', 'pipe', 'ignore'] },
      );
    expect(await afterDeath(handsOver, {}, 10_000)).toBeLessThan(2_000);
  });

  test.each([
    ['a shell or a program started it', 'waits', {}],
    ['it was detached within npm', 'detached', npmVariables],
  ])('goes on where %s', async (_, mode, variables) => {
    expect(await afterDeath(scripted(mode), variables, 2_500)).toBeGreaterThanOrEqual(2_500);
  });

  test('ends within two seconds: the real npm, which passes options on to serve', async () => {
    const port = String(await freePort());
    // The option must win: nothing listens on the port of the variable.
    const npm = (env: NodeJS.ProcessEnv) =>
      spawn('npm', ['start', '--', '--port', env.COUNTERSIGN_PORT as string], {
        env: { ...env, COUNTERSIGN_PORT: port },
        cwd: root,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    expect(await afterDeath(npm, {}, 10_000)).toBeLessThan(2_000);
  });
});
