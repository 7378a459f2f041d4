/**
 * Tries the project as a stranger would: clones HEAD into an empty folder and runs README's two commands there. Run it before a
 * release: `node scripts/clean-clone.ts`. The clone has only committed files.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../packages/server/test/support/free-port.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const readySeconds = 300;

/** The environment of a stranger's shell: without the Node and the settings of this tree's npm scripts. */
const environment = Object.fromEntries(
  Object.entries(process.env)
    .filter(([name]) => !name.startsWith('npm_') && !name.startsWith('COUNTERSIGN_'))
    .map(([name, value]) => [name, name === 'PATH' ? withoutThisTree(value ?? '') : value]),
);

function withoutThisTree(path: string): string {
  return path
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter);
}

/** The process gets its own group, so that a signal reaches npm and every process that npm started. */
function start(command: string, cwd: string, extra: NodeJS.ProcessEnv = {}): ChildProcess {
  console.log(`--- ${command}`);
  const env = { ...environment, ...extra };
  return spawn(command, { cwd, env, shell: true, detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function run(command: string, cwd: string): Promise<void> {
  const [code] = await once(start(command, cwd), 'exit');
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}

async function runsAndStops(command: string, cwd: string): Promise<void> {
  const port = await freePort();
  const child = start(command, cwd, { COUNTERSIGN_PORT: String(port) });
  const exit = once(child, 'exit');
  try {
    await ready(`http://127.0.0.1:${port}/readyz`, child);
    await pause(3000);
    if (child.exitCode !== null) throw new Error(`${command} ended by itself with ${child.exitCode}`);
  } finally {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    await exit;
  }
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + readySeconds * 1000;
  while (child.exitCode === null && performance.now() < deadline) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await pause(200);
  }
  throw new Error(`${url} never answered with 200`);
}

const clone = await mkdtemp(join(tmpdir(), 'countersign-clone-'));
try {
  await run(`git clone --quiet --no-local '${root}' .`, clone);
  await runsAndStops('npm install && npm start', clone);
  await run('npm install && npm test', clone);
  console.log('A clean clone starts and passes its tests.');
} finally {
  await rm(clone, { recursive: true, force: true });
}
