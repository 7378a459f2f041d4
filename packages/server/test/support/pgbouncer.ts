/** A real PgBouncer in front of the tests' PostgreSQL: Debian's, with its default settings, in transaction mode. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDir } from './context.ts';
import { freePort } from './free-port.ts';

const program = '/usr/sbin/pgbouncer';
export const hasPgbouncer = existsSync(program);

/** Gives the URL of the same database by way of a PgBouncer. Stopped when the test ends. */
export async function startPgbouncer(databaseUrl: string): Promise<string> {
  const { hostname, port, pathname, username } = new URL(databaseUrl);
  const ownPort = await freePort();
  const folder = temporaryDir();
  chmodSync(folder, 0o755);
  const users = join(folder, 'users.txt');
  writeFileSync(users, `"${username}" ""\n`);
  const settings = [
    '[databases]',
    `* = host=${hostname} port=${port}`,
    '[pgbouncer]',
    'pool_mode = transaction',
    'listen_addr = 127.0.0.1',
    `listen_port = ${ownPort}`,
    'unix_socket_dir =',
    'auth_type = trust',
    `auth_file = ${users}`,
  ];
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(file, `${settings.join('\n')}\n`);
  // It refuses to run as root.
  const as = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const child = spawn(program, [file], { ...as, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      log += chunk;
      if (log.includes('process up')) resolve();
    });
    child.on('exit', () => reject(new Error(`PgBouncer ended:\n${log}`)));
  });
  return `postgres://${username}@127.0.0.1:${ownPort}${pathname}`;
}
