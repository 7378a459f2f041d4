import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { masterKey, temporaryDir } from './support/context.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { administrator, run, serve } from './support/serve.ts';
import { obtainToken } from './support/server.ts';
import { testCertificate, testCertificateKey } from './support/tls.ts';

// Two starts of a process in a test, beside other tests.
vi.setConfig({ testTimeout: 90_000 });

const anotherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

/** On a connection of its own, which whichever worker takes. */
function ask(
  url: string,
  method: string,
  headers: Record<string, string>,
  body = '',
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

test('a first start writes credentials that work, in files of their owner’s alone, and stops at SIGTERM with 0', async () => {
  const dataDir = join(temporaryDir(), 'data');
  const port = await freePort();
  const server = await serve({
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_ADMIN_CLIENT_ID: '',
    COUNTERSIGN_ADMIN_CLIENT_SECRET: '',
    COUNTERSIGN_MASTER_KEY: '',
    COUNTERSIGN_UNHEARD_OF: 'value-of-it',
  });
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThanOrEqual(5);
  for (const file of files) {
    const path = join(file.parentPath, file.name);
    expect(statSync(path).mode & 0o777, path).toBe(0o600);
  }
  const secret = readFileSync(join(dataDir, 'credentials', 'loan-agent.secret'), 'utf8');
  expect(await obtainToken(`${server.url}/realms/dev`, 'loan-agent', secret)).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  const profile = JSON.parse(readFileSync(join(dataDir, 'credentials', 'admin.json'), 'utf8'));
  expect(await obtainToken(`${server.url}/realms/system`, profile.clientId, profile.clientSecret)).toBeTruthy();

  // As a newcomer takes it from the screen, in a shell that knows nothing of the server's.
  const [, line = ''] = /^ {2}npx countersign (wallet create .*)$/m.exec(server.output()) ?? [];
  const made = await run(line.split(' '), {});
  expect([made.code, made.stderr]).toEqual([0, '']);
  expect(JSON.parse(made.stdout)).toMatchObject({ did: expect.stringMatching(/^did:key:z6Mk/) });
  expect(statSync(join(dataDir, 'credentials', 'wallet.json')).mode & 0o777).toBe(0o600);

  const { code, signal, stdout, stderr } = await server.end('SIGTERM');
  expect([code, signal, stderr]).toEqual([0, null, '']);
  expect(stdout).toContain(`Countersign is running at http://localhost:${port}`);
  expect(stdout).toContain('COUNTERSIGN_UNHEARD_OF is not a setting');
  for (const hidden of [
    'value-of-it',
    secret,
    profile.clientSecret,
    readFileSync(join(dataDir, 'master.key'), 'utf8').trim(),
  ]) {
    expect(stdout).not.toContain(hidden);
  }
  // Closed in good order: nothing is left in the log of the database.
  expect(existsSync(join(dataDir, 'countersign.db-wal'))).toBe(false);
});

test('a second start keeps what there is', async () => {
  const dataDir = temporaryDir();
  const variables = { COUNTERSIGN_DATA_DIR: dataDir };
  await (await serve(variables)).end('SIGTERM');
  const secret = readFileSync(join(dataDir, 'credentials', 'loan-agent.secret'), 'utf8');
  const server = await serve(variables);
  expect(readFileSync(join(dataDir, 'credentials', 'loan-agent.secret'), 'utf8')).toBe(secret);
  expect(await obtainToken(`${server.url}/realms/dev`, 'loan-agent', secret)).toBeTruthy();
  expect((await server.end('SIGINT')).code).toBe(0);
});

test('a port in use stops the start with one line', async () => {
  const other = createServer();
  const port = await new Promise<number>((resolve) =>
    other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port)),
  );
  onTestFinished(() => void other.close());
  const variables = {
    COUNTERSIGN_DATA_DIR: temporaryDir(),
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_LOG_LEVEL: 'silent',
  };
  const { code, stdout, stderr } = await run(['serve'], variables);
  expect(stderr).toBe(`countersign: COUNTERSIGN_PORT: 127.0.0.1:${port} is in use by another process.\n`);
  expect(stdout).toBe('');
  expect(code).toBe(1);
});

test.each([
  [{ COUNTERSIGN_PORT: 'http' }, 'COUNTERSIGN_PORT'],
  [{ COUNTERSIGN_MASTER_KEY: 's3cret' }, 'COUNTERSIGN_MASTER_KEY'],
  [{ COUNTERSIGN_TRUSTED_PROXIES: 'everyone' }, 'COUNTERSIGN_TRUSTED_PROXIES'],
  [{ COUNTERSIGN_TLS_CERT: '/nowhere.pem', COUNTERSIGN_TLS_KEY: '/nowhere.pem' }, 'COUNTERSIGN_TLS_CERT'],
  [{ COUNTERSIGN_TLS_CERT: import.meta.filename, COUNTERSIGN_TLS_KEY: testCertificateKey }, 'COUNTERSIGN_TLS_CERT'],
  [{ COUNTERSIGN_TLS_CERT: testCertificate, COUNTERSIGN_TLS_KEY: testCertificate }, 'COUNTERSIGN_TLS_KEY'],
  [
    { COUNTERSIGN_TLS_CERT: testCertificate, COUNTERSIGN_TLS_KEY: 's3cret-without-its-first-line' },
    'COUNTERSIGN_TLS_KEY',
  ],
  [{ COUNTERSIGN_TLS_CERT: testCertificate, COUNTERSIGN_TLS_KEY: anotherKey }, 'COUNTERSIGN_TLS_KEY'],
  [{ COUNTERSIGN_HOST: '192.0.2.1' }, 'COUNTERSIGN_HOST'],
  [{ COUNTERSIGN_HOST: '192.0.2.1', COUNTERSIGN_WORKERS: '2' }, 'COUNTERSIGN_HOST'],
])('a bad configuration stops the start with one line: %j', async (variables, name) => {
  const dataDir = temporaryDir();
  const { code, stderr } = await run(['serve'], {
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_PORT: String(await freePort()),
    COUNTERSIGN_LOG_LEVEL: 'silent',
    ...variables,
  });
  expect(stderr).toMatch(new RegExp(`^countersign: ${name}[^\\n]*\\n$`));
  expect(readdirSync(dataDir)).toEqual([]);
  expect(stderr).not.toContain('s3cret');
  expect(code).toBe(1);
});

test('options of serve mirror the environment and win over it', async () => {
  const [dataDir, port] = [temporaryDir(), String(await freePort())];
  const keyFile = join(dataDir, 'key');
  writeFileSync(keyFile, masterKey);
  const args = ['--port', port, '--data-dir', dataDir, '--master-key-file', keyFile, '--workers', '2'];
  const server = await serve(
    { COUNTERSIGN_PORT: port, COUNTERSIGN_MASTER_KEY: '', COUNTERSIGN_DATA_DIR: '/nope' },
    args,
  );
  expect(server.output()).toContain(`Countersign is running at http://localhost:${port}`);
  expect(existsSync(join(dataDir, 'countersign.db'))).toBe(true);
});

test.each([
  [['--prot', '8213'], /unknown option '--prot'/],
  [['--master-key=s3cret'], /unknown option '--master-key'/],
  [['--database-url=postgres://u:s3cret@h/d'], /unknown option '--database-url'/],
  [['--port', ''], /--port is empty/],
  [['--port', 'http'], /COUNTERSIGN_PORT/],
  [['8213'], /too many arguments/],
])('serve refuses %j', async (args, said) => {
  const { code, stderr } = await run(['serve', ...args], { COUNTERSIGN_DATA_DIR: '/nope' });
  expect([code, said.test(stderr), stderr.includes('s3cret')], stderr).toEqual([1, true, false]);
});

test('the metrics of two workers are those of both, whichever is asked', async () => {
  const server = await serve({ COUNTERSIGN_WORKERS: '2' });
  const counted = async () => {
    const { text } = await ask(`${server.url}/metrics`, 'GET', {});
    return Number(
      /^countersign_http_requests_total\{method="GET",route="\/healthz",status="200"\} (\d+)$/m.exec(text)?.[1],
    );
  };
  for (let i = 0; i < 40; i++) await ask(`${server.url}/healthz`, 'GET', {});
  expect(await Promise.all(Array.from({ length: 8 }, counted))).toEqual(Array(8).fill(40));
});

test('a worker that is killed is named with its signal in the log', async () => {
  const server = await serve({ COUNTERSIGN_WORKERS: '2' });
  const pids = readFileSync(`/proc/${server.process.pid}/task/${server.process.pid}/children`, 'utf8')
    .trim()
    .split(' ');
  process.kill(Number(pids[0]), 'SIGKILL');
  await eventually(() => server.output().includes('a worker ended'), 10_000);
  const line = server
    .output()
    .split('\n')
    .find((text) => text.includes('a worker ended')) as string;
  expect(JSON.parse(line)).toMatchObject({ exitCode: null, signal: 'SIGKILL' });
});

test('another master key than the database’s stops the start', async () => {
  const dataDir = temporaryDir();
  await (await serve({ COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_MASTER_KEY: masterKey })).end('SIGTERM');
  const other = Buffer.alloc(32, 7).toString('base64url');
  const { code, stderr } = await run(['serve'], { COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_MASTER_KEY: other });
  expect(stderr).toMatch(/^countersign: COUNTERSIGN_MASTER_KEY does not match this database[^\n]*\n$/);
  expect(stderr).not.toContain(other);
  expect(code).toBe(1);
});

test('two workers on SQLite: what one revokes the other refuses within two seconds', async () => {
  const server = await serve({ COUNTERSIGN_WORKERS: '2' });
  const system = await obtainToken(`${server.url}/realms/system`, administrator.id, administrator.secret);
  const clients = `${server.url}/realms/dev/admin/clients`;
  const asSystem = { authorization: `Bearer ${system}`, 'content-type': 'application/json' };
  const made = await ask(
    clients,
    'POST',
    asSystem,
    JSON.stringify({ id: 'robot', name: 'Robot', scope: 'countersign:admin' }),
  );
  expect(made.status).toBe(201);
  const secret = /"(?:clientSecret|secret)":"([^"]+)"/.exec(made.text)?.[1] ?? '';
  const token = await obtainToken(`${server.url}/realms/dev`, 'robot', secret);
  const asRobot = { authorization: `Bearer ${token}` };
  const many = async () =>
    (await Promise.all(Array.from({ length: 12 }, () => ask(clients, 'GET', asRobot)))).map(({ status }) => status);
  // Both have the subject in their caches now.
  expect(await many()).toEqual(Array(12).fill(200));
  expect((await ask(`${clients}/robot/disable`, 'POST', asSystem, '{}')).status).toBeLessThan(300);
  const decided = performance.now();
  const late: { readonly after: number; readonly statuses: readonly number[] }[] = [];
  for (let after = 0; after < 4_000; after = performance.now() - decided) {
    const statuses = await many();
    // What was asked before the two seconds were over may still have been answered by the other's cache.
    if (after > 2_000) late.push({ after, statuses });
  }
  expect(late.length).toBeGreaterThan(0);
  expect(late.filter(({ statuses }) => statuses.some((status) => status !== 401))).toEqual([]);
  expect((await server.end('SIGTERM')).code).toBe(0);
});
