import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { protoFolder } from '../packages/server/test/support/rpc.ts';
import { testServer } from '../packages/server/test/support/server.ts';

/** Debian's own, where its packages are, whatever else is called python3. */
const python = '/usr/bin/python3';
const modules = 'grpc, grpc_tools, cryptography';

const isThere = (() => {
  try {
    execFileSync(python, ['-c', `import ${modules}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test.runIf(process.env.CI)('python3-grpcio, python3-grpc-tools and python3-cryptography are there', () =>
  expect(isThere, 'apt-get install python3-grpcio python3-grpc-tools python3-cryptography').toBe(true),
);

test.skipIf(!isThere)('a program in Python makes a wallet and calls with it, without the SDK', async () => {
  const build = mkdtempSync(join(tmpdir(), 'countersign-python-'));
  onTestFinished(() => rmSync(build, { recursive: true, force: true }));
  const outputs = [`--python_out=${build}`, `--grpc_python_out=${build}`];
  execFileSync(python, ['-m', 'grpc_tools.protoc', '-I', protoFolder, ...outputs, 'countersign/v1/wallet.proto']);
  const network = {
    realms: [{ name: 'dev', profile: 'ocen4', settings: { accessTokenAlg: 'ES256', walletCreation: 'open' } }],
  };
  const server = await testServer({ network });
  onTestFinished(() => server.close());
  const example = fileURLToPath(new URL('wallet.py', import.meta.url));
  const { stdout } = await promisify(execFile)(python, [example, server.url.replace('http://', '')], {
    env: { ...process.env, PYTHONPATH: build },
    timeout: 25_000,
  });
  expect(stdout).toBe('Python\n');
});
