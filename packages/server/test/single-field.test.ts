import { connect } from 'node:http2';
import { connect as dial } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestServer, testServer } from './support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await testServer();
});
afterAll(() => server.close());

const token = '/realms/dev/protocol/openid-connect/token';

/** Exactly these lines, and what came back for them. */
function exchange(lines: readonly string[], body = ''): Promise<string> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const socket = dial(Number(port), hostname);
    let told = '';
    socket.on('data', (chunk) => {
      told += chunk;
    });
    socket.on('close', () => resolve(told)).on('error', reject);
    socket.write(`${lines.join('\r\n')}\r\nconnection: close\r\n\r\n${body}`);
  });
}

const host = () => `host: ${new URL(server.url).host}`;

test.each([
  ['two that differ', () => [host(), 'host: evil.example'], 'The field Host occurs twice.'],
  ['two that are the same', () => [host(), host()], 'The field Host occurs twice.'],
  ['two in other letters', () => [host(), 'HOST: evil.example'], 'The field Host occurs twice.'],
  ['a list', () => ['host: a.example, b.example'], 'The field Host holds no host.'],
  ['a path', () => ['host: a.example/b'], 'The field Host holds no host.'],
  ['somebody', () => ['host: eve@a.example'], 'The field Host holds no host.'],
  ['a bracket', () => ['host: [::1'], 'The field Host holds no host.'],
])('Host with %s is refused everywhere', async (_what, fields, detail) => {
  for (const path of [
    '/healthz',
    token,
    '/realms/dev/auth/login',
    '/nothing',
    '/countersign.v1.WalletService/GetChallenge',
  ]) {
    const answer = await exchange([`POST ${path} HTTP/1.1`, ...fields(), 'content-length: 0']);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain(detail);
  }
});

test.each(['a.example', 'a.example:8080', '[::1]:8080', 'xn--bcher-kva.example', 'a_b.example'])(
  'Host %s is one',
  async (value) => {
    expect(await exchange(['GET /healthz HTTP/1.1', `host: ${value}`])).toMatch(/^HTTP\/1\.1 200 /);
  },
);

test.each([
  ['/realms/dev/../system/.well-known/openid-configuration', 'The path of the request holds . or .. as a segment.'],
  ['/realms/dev/%2E%2e/%2e./metrics', 'The path of the request holds . or .. as a segment.'],
  ['/realms/./dev/protocol/openid-connect/certs', 'The path of the request holds . or .. as a segment.'],
  ['/realms/dev/..', 'The path of the request holds . or .. as a segment.'],
  ['/healthz/.?a=b', 'The path of the request holds . or .. as a segment.'],
  ['/countersign.v1.WalletService/../healthz', 'The path of the request holds . or .. as a segment.'],
  ['/realms\\dev/protocol/openid-connect/certs', 'The path of the request holds a backslash.'],
  ['/healthz#/../metrics', 'The request target holds a fragment.'],
  ['/healthz?a=b#c', 'The request target holds a fragment.'],
  ['http://evil.example/healthz', 'The request target names another host than the field Host.'],
  ['http://evil.example', 'The request target names another host than the field Host.'],
  ['http://eve@HOST/healthz', 'The request target names another host than the field Host.'],
  ['http://HOST/realms/dev/../../metrics', 'The path of the request holds . or .. as a segment.'],
  ['ftp://HOST/healthz', 'The request target is no path.'],
  ['*', 'The request target is no path.'],
])('%s, which others may read as another path or host, is refused', async (target, detail) => {
  const { host: own } = new URL(server.url);
  for (const method of ['GET', 'POST', 'OPTIONS']) {
    const answer = await exchange([`${method} ${target.replace('HOST', own)} HTTP/1.1`, host(), 'content-length: 0']);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain(detail);
  }
});

test.each(['/healthz?next=/../metrics', '/healthz?next=..%2f..', 'http://HOST/healthz', 'http://HOST/healthz?a=/./b'])(
  '%s is read by everybody alike',
  async (target) => {
    const { host: own } = new URL(server.url);
    const answer = await exchange([`GET ${target.replace('HOST', own)} HTTP/1.1`, host()]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  },
);

test.each([
  ['authorization: Basic YTpi', 'Authorization'],
  ['content-type: application/x-www-form-urlencoded', 'Content-Type'],
])('%s twice is refused', async (field, name) => {
  const grant = 'grant_type=client_credentials';
  const head = [`POST ${token} HTTP/1.1`, host(), `content-length: ${grant.length}`];
  const once = field.startsWith('content-type') ? [] : ['content-type: application/x-www-form-urlencoded'];
  const answer = await exchange([...head, ...once, field, field.replace(':', ':\t')], grant);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('"error":"invalid_request"');
  expect(answer).toContain(`The field ${name} occurs twice.`);
});

test('two lengths are refused, also where they agree', async () => {
  for (const second of ['0', '5']) {
    const answer = await exchange(['POST /healthz HTTP/1.1', host(), 'content-length: 0', `content-length: ${second}`]);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  }
});

test.each([
  ['1.1', ['transfer-encoding: gzip, chunked'], 'Transfer-Encoding: use chunked alone.'],
  ['1.1', ['transfer-encoding: deflate', 'transfer-encoding: chunked'], 'Transfer-Encoding: use chunked alone.'],
  ['1.1', ['transfer-encoding: ,chunked'], 'Transfer-Encoding: use chunked alone.'],
  ['1.0', ['transfer-encoding: chunked', 'connection: keep-alive'], 'HTTP/1.0 has no Transfer-Encoding.'],
])(
  'in HTTP/%s, %j, under which others read another body, is refused, and the connection closed',
  async (version, fields, detail) => {
    const body = 'grant_type=client_credentials';
    const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n${host()}\r\n\r\n`;
    const form = 'content-type: application/x-www-form-urlencoded';
    const answer = await exchange([`POST ${token} HTTP/${version}`, host(), form, ...fields], chunks);
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
    expect(answer).toContain(detail);
  },
);

test('over HTTP/2 Host must be what :authority says', async () => {
  const session = connect(server.url);
  const statusOf = (fields: Record<string, string | string[]>) =>
    new Promise<number>((resolve, reject) => {
      const stream = session.request({ ':path': '/healthz', ...fields });
      stream.on('response', (headers) => resolve(Number(headers[':status']))).on('error', reject);
      stream.resume().end();
    });
  try {
    expect(await statusOf({})).toBe(200);
    expect(await statusOf({ ':authority': 'A.example', host: 'a.example' })).toBe(200);
    expect(await statusOf({ ':authority': 'a.example', host: 'b.example' })).toBe(400);
    expect(await statusOf({ ':path': '/realms/dev/../../healthz' })).toBe(400);
    expect(await statusOf({ ':path': '/realms/dev/%2e%2e/.%2E/healthz' })).toBe(400);
  } finally {
    session.close();
  }
});
