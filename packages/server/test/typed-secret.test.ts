import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryDir } from './support/context.ts';
import { program } from './support/program.ts';

test.each([
  ['a one-time code', ['participant', 'pick-up', 'app-1', '--key', 'k.jwk'], 'Name the code of the application.'],
  ['a client secret', ['participant', 'keys', 'list', 'p-1', '--client-id', 'c'], 'Name --client-secret-file.'],
])('%s is asked for on a terminal only: a program with an open pipe does not hang', async (_what, args, said) => {
  const child = spawn(process.execPath, [program, ...args], {
    env: { COUNTERSIGN_DATA_DIR: temporaryDir() },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code] = await once(child, 'close');
  expect([code, stderr]).toEqual([1, `countersign: ${said}\n`]);
});
