/** Countersign as operators run it: a process of its own, seen only from outside. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { masterKey, temporaryDir } from './context.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { program } from './program.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Served {
  readonly url: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  /** What it wrote so far, both streams. */
  output(): string;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Ended>;
}

export type Variables = Readonly<Record<string, string>>;

export const administrator = { id: 'admin', secret: 'administrator-secret-for-tests' } as const;

/** Starts `countersign serve` and waits until it is ready. Killed when the test ends. `of`: another command line. */
export async function serve(variables: Variables = {}, args: readonly string[] = [], of = program): Promise<Served> {
  const port = variables.COUNTERSIGN_PORT ?? String(await freePort());
  const dataDir = variables.COUNTERSIGN_DATA_DIR ?? temporaryDir();
  const given = {
    COUNTERSIGN_PORT: port,
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_MASTER_KEY: masterKey,
    COUNTERSIGN_ADMIN_CLIENT_ID: administrator.id,
    COUNTERSIGN_ADMIN_CLIENT_SECRET: administrator.secret,
    ...variables,
  };
  const started = start(['serve', ...args], given, undefined, of);
  const url = `http://localhost:${port}`;
  const ready = async () => {
    if (started.process.exitCode !== null) throw new Error(`It ended instead of listening:\n${started.output()}`);
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    return answer?.status === 200;
  };
  await eventually(ready, 60_000);
  return {
    ...started,
    url,
    dataDir,
    end(signal) {
      started.process.kill(signal);
      return started.ended;
    },
  };
}

/** Runs one command to its end. */
export function run(args: readonly string[], variables: Variables, shell?: string): Promise<Ended> {
  return start(args, variables, shell).ended;
}

/** `shell`, if given, is a prelude that a shell runs before it becomes the command. */
export function start(args: readonly string[], variables: Variables, shell?: string, of = program) {
  const command = [process.execPath, of, ...args] as const;
  const [file, ...rest] =
    shell === undefined ? command : (['/bin/sh', '-c', `${shell}; exec "$@"`, 'sh', ...command] as const);
  const child = spawn(file, rest, {
    env: { PATH: process.env.PATH, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    written.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    written.stderr += chunk;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...written }) as Ended);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { process: child, ended, output: () => written.stdout + written.stderr };
}
