import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuSeconds } from '../packages/server/test/support/cpu-time.ts';

/** A server in its own process. */
export interface Child {
  readonly pid: number;
  readonly port: number;
  /** The CPU time that it has used so far, in all its threads. */
  cpuSeconds(): number;
  memory(): { readonly residentMegabytes: number; readonly peakMegabytes: number };
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a peer program of this folder with a port and `args`, and waits until it listens. */
export async function startPeer(file: string, args: readonly string[] = []): Promise<Child> {
  const port = await freePort();
  const path = fileURLToPath(new URL(file, import.meta.url));
  return started([path, String(port), ...args], port, { NODE_ENV: 'production' });
}

const launcher = fileURLToPath(new URL('../packages/server/bin/countersign.js', import.meta.url));

export interface CountersignOptions {
  readonly dataDir: string;
  /** A network file to apply at start. */
  readonly network?: unknown;
  /** False returns as soon as the process runs, before it listens. */
  readonly untilReady?: boolean;
}

/** `countersign serve` with default settings on a directory. */
export async function startCountersign({ dataDir, network, untilReady = true }: CountersignOptions): Promise<Child> {
  const port = await freePort();
  const file = join(dataDir, 'network.json');
  if (network !== undefined) writeFileSync(file, JSON.stringify(network));
  const env = {
    NODE_ENV: 'production',
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_DATA_DIR: dataDir,
    ...(network === undefined ? {} : { COUNTERSIGN_APPLY: file }),
  };
  return started([launcher, 'serve'], port, env, untilReady);
}

async function started(
  command: readonly string[],
  port: number,
  env: Readonly<Record<string, string>>,
  untilReady = true,
): Promise<Child> {
  const flags = process.env['BENCH_NODE_FLAGS']?.split(' ') ?? [];
  const child = spawn(process.execPath, [...flags, ...command], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      running.delete(child);
      resolve();
    });
  });
  if (untilReady) await untilAnswering(port, child);
  const pid = child.pid as number;
  return {
    pid,
    port,
    cpuSeconds: () => cpuSeconds(pid),
    memory: () => memory(pid),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function untilAnswering(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await sleep(20);
    }
  }
  throw new Error(`the server ended with exit code ${child.exitCode}`);
}

function memory(pid: number): ReturnType<Child['memory']> {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { residentMegabytes: kilobytes('VmRSS') / 1024, peakMegabytes: kilobytes('VmHWM') / 1024 };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

/** A directory that is deleted when `use` is done. */
export async function withDirectory<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
  try {
    return await use(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
