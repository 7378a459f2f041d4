/** Runs a program of examples/ in its own process, as an organisation would. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Member } from './member.ts';
import type { Stage } from './stage.ts';

export interface Program {
  /** Its whole output so far. */
  readonly lines: readonly string[];
  /** The first line that begins with `start`, as soon as it is there. */
  line(start: string): Promise<string>;
  /** Its exit code. */
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

/** Milliseconds. */
const patience = 15_000;

/** `member` runs examples/`name`.ts with its credentials, at its registered address. */
export function run(stage: Stage, name: 'lender' | 'loan-agent', member: Member, env: NodeJS.ProcessEnv = {}): Program {
  const credentials = join(stage.directory, member.participantId);
  mkdirSync(credentials, { mode: 0o700, recursive: true });
  writeFileSync(join(credentials, `${name}.secret`), member.clientSecret, { mode: 0o600 });
  writeFileSync(join(credentials, `${name}.private.jwk`), JSON.stringify(member.privateJwk), { mode: 0o600 });
  const child = spawn(process.execPath, [fileURLToPath(new URL(`../${name}.ts`, import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      ISSUER: stage.issuer,
      CREDENTIALS: credentials,
      CLIENT_ID: member.clientId,
      PORT: new URL(member.baseUrl).port,
      ...env,
    },
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    lines,
    ended,
    async line(start) {
      const deadline = performance.now() + patience;
      while (performance.now() < deadline) {
        const found = lines.find((line) => line.startsWith(start));
        if (found !== undefined) return found;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`${member.name} did not print: ${start}`);
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
