import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startPostgres } from './support/postgres.ts';

const here = process.platform === 'linux' && process.arch === 'x64';

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

test.skipIf(!here)('a test process that is killed takes its PostgreSQL and its files along', async () => {
  const program = `
    const { startPostgres } = await import('${new URL('./support/postgres.ts', import.meta.url)}');
    const { pid, home } = await startPostgres();
    console.log(JSON.stringify({ pid, home }));
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(owner.stdout, 'data');
  const { pid, home } = JSON.parse(String(line));
  expect(lives(pid)).toBe(true);
  owner.kill('SIGKILL');
  while (lives(pid) || existsSync(home)) await pause(20);
});

test.skipIf(!here)('a durable server stops when asked, and stopping twice is once', async () => {
  const server = await startPostgres({ durable: true });
  if (server === undefined) throw new Error('There are no PostgreSQL binaries in node_modules.');
  expect(lives(server.pid)).toBe(true);
  await server.stop();
  await server.stop();
  expect(lives(server.pid)).toBe(false);
  expect(existsSync(server.home)).toBe(false);
});
