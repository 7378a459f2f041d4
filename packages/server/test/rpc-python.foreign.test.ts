import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { protoFolder, testServices } from './support/rpc.ts';
import { testServer } from './support/server.ts';

/** Debian's own, where its packages are, whatever else is called python3. */
const python = '/usr/bin/python3';

const isThere = (() => {
  try {
    execFileSync(python, ['-c', 'import grpc, google.protobuf'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test.runIf(process.env.CI)('python3-grpcio is there', () =>
  expect(isThere, 'apt-get install python3-grpcio').toBe(true),
);

test.skipIf(!isThere)(
  'a Python client (python3-grpcio; skipped where it is not installed) calls, and reads refusals',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-python-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const descriptors = join(folder, 'descriptors.binpb');
    const buf = join(createRequire(import.meta.url).resolve('@bufbuild/buf/package.json'), '..', 'bin', 'buf');
    execFileSync(process.execPath, [buf, 'build', '-o', descriptors], { cwd: protoFolder });
    const rig = testServices();
    const gate = rig.gate('python waits');
    const server = await testServer({ services: rig.services });
    onTestFinished(() => server.close());
    const client = fileURLToPath(new URL('support/grpc_client.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python, [client, server.url.replace('http://', ''), descriptors], {
      timeout: 25_000,
    });
    gate.release();
    const call = { digest: true, same: true, wallet: 'dev', request_id: expect.stringMatching(/^[0-9a-f-]{36}$/) };
    expect(JSON.parse(stdout)).toEqual({
      plain: call,
      gzip: call,
      realm: 'system',
      unknown_realm: { code: 5, text: 'There is no such realm.', error_info: true },
      throttled: { code: 8, text: 'What the rule says.', error_info: true },
      unimplemented: 12,
      late: 4,
      health: 1,
      watched: 1,
    });
  },
);
