/** The stage of a demonstration: its own server, numbered steps, an end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type MailSink, openMailSink } from './mail-sink.ts';

export interface Stage {
  readonly url: string;
  readonly issuer: string;
  /** Deleted when the stage ends. */
  readonly directory: string;
  /** An access token of an administrator of this server. The server lives only for minutes. */
  readonly adminToken: string;
  readonly mails: MailSink;
  /** Sets the clock of the server forward. It cannot go back. */
  setForward(milliseconds: number): void;
  close(): Promise<void>;
}

let steps = 0;

/** Runs one step and prints what it proved. If the step fails, the whole demonstration fails. */
export async function step<T>(
  title: string,
  act: () => Promise<{ readonly proved: string; readonly value: T }>,
): Promise<T> {
  const { proved, value } = await act();
  steps += 1;
  process.stdout.write(`${String(steps).padStart(2)}. ${title}\n    proved: ${proved}\n`);
  return value;
}

/** A real `countersign serve` on a free port, with its own directory, which is deleted at the end. */
export async function raiseStage(): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-demo-'));
  const url = `http://localhost:${await freePort()}`;
  const mails = await openMailSink();
  const administrator = { id: 'demo-administrator', secret: randomBytes(32).toString('base64url') };
  const program = fileURLToPath(import.meta.resolve('@countersign/server/bin'));
  const clock = new URL('./moved-clock.ts', import.meta.url).href;
  const server = spawn(process.execPath, ['--import', clock, program, 'serve'], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      PATH: process.env.PATH,
      COUNTERSIGN_PORT: new URL(url).port,
      COUNTERSIGN_DATA_DIR: join(directory, 'data'),
      COUNTERSIGN_ADMIN_CLIENT_ID: administrator.id,
      COUNTERSIGN_ADMIN_CLIENT_SECRET: administrator.secret,
      COUNTERSIGN_LOG_LEVEL: 'warn',
      COUNTERSIGN_SMTP_URL: mails.url,
    },
  });
  await untilReady(url, server);
  const token = await administratorToken(`${url}/realms/system`, administrator);
  return {
    url,
    issuer: `${url}/realms/dev`,
    directory,
    adminToken: token,
    mails,
    setForward: (milliseconds) => server.send(milliseconds),
    async close() {
      server.kill('SIGTERM');
      if (server.exitCode === null) await new Promise((resolve) => server.once('exit', resolve));
      await mails.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A call of the administration API. */
export async function administer(stage: Stage, path: string, body: object = {}): Promise<unknown> {
  const response = await fetch(stage.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (performance.now() < deadline && server.exitCode === null) {
    const ready = await fetch(`${url}/readyz`).catch(() => undefined);
    if (ready?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the server did not become ready');
}

async function administratorToken(issuer: string, { id, secret }: { id: string; secret: string }): Promise<string> {
  const { createTokenSource } = await import('@countersign/client');
  return createTokenSource({ issuer, clientId: id, clientSecret: secret }).token();
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
