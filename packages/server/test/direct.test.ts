import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { administrator, type TestServer, testServer } from './support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await testServer();
});
afterAll(() => server.close());

const path = '/realms/system/protocol/openid-connect/token';
const form = ['content-type', 'application/x-www-form-urlencoded'];
const basicOf = (secret: string) => `Basic ${Buffer.from(`${administrator.id}:${secret}`).toString('base64')}`;
const basic = basicOf(administrator.secret);
const grant = 'grant_type=client_credentials';

/** Header lines as they are given, twice where they are given twice. */
function send(target: string, headers: readonly string[], body: string) {
  return new Promise<{ status: number | undefined; headers: readonly string[]; body: object }>((resolve, reject) => {
    const lines = [...headers, 'host', 'localhost', 'content-length', String(Buffer.byteLength(body))];
    request(server.url + target, { method: 'POST', headers: lines }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => {
        const names = response.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
        resolve({ status: response.statusCode, headers: names.sort(), body: JSON.parse(text) });
      });
    })
      .on('error', reject)
      .end(body);
  });
}

test.each([
  ['a good request', 200, [...form, 'authorization', basic], grant],
  ['its parameters, percent-encoded', 200, [...form, 'Authorization', basic], 'grant%5Ftype=client_credentials'],
  ['no media type', 415, ['authorization', basic], grant],
  ['two media types', 400, [...form, ...form, 'authorization', basic], grant],
  ['no proof', 401, form, grant],
  ['a wrong secret', 401, [...form, 'authorization', basicOf('another one')], grant],
  // Either alone would be good: the first must not be taken in silence.
  ['two proofs', 400, [...form, 'authorization', basic, 'authorization', basic], grant],
  ['an empty body', 400, [...form, 'authorization', basic], ''],
  ['too large a body', 413, [...form, 'authorization', basic], 'x'.repeat(1024 * 1024 + 1)],
])('the short way and the long way answer alike: %s', async (_, status, headers, body) => {
  const short = await send(path, headers, body);
  const long = await send(`${path}?`, headers, body);
  expect(short.status).toBe(status);
  expect({ ...short, body: Object.keys(short.body) }).toEqual({ ...long, body: Object.keys(long.body) });
  if (status !== 200) expect(short.body).toEqual(long.body);
});

test('half a request is no token, and no harm to the next', async () => {
  const { port } = new URL(server.url);
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1' });
    socket.on('error', reject);
    socket.on('close', () => resolve());
    const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\n${form.join(': ')}\r\nauthorization: ${basic}\r\n`;
    socket.write(`${head}content-length: 100\r\n\r\n${grant}`, () => socket.destroy());
  });
  expect((await send(path, [...form, 'authorization', basic], grant)).status).toBe(200);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/route="\/realms\/:realm\/protocol\/openid-connect\/token",status="200"\} [1-9]/);
});

test('a caller that goes away in the middle of its body is no fault of the database', async () => {
  const { hostname, port } = new URL(server.url);
  for (const target of [path, `${path}/introspect`, '/auth/login']) {
    const type = target === '/auth/login' ? 'application/json' : 'application/x-www-form-urlencoded';
    const socket = connect(Number(port), hostname);
    const head = `POST ${target} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: 500\r\n\r\n${grant}`;
    socket.write(head, () => setTimeout(() => socket.destroy(), 50));
    const route = target.replace('system', ':realm');
    const counted = new RegExp(`route="${route}",status="(\\d+)"`, 'g');
    await expect
      .poll(async () => {
        const text = await (await fetch(`${server.url}/metrics`)).text();
        return [...text.matchAll(counted)].map(([, status]) => status);
      })
      .toContain('400');
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect([...text.matchAll(counted)].map(([, status]) => status)).not.toContain('503');
  }
});

test('metrics have one spelling, which a proxy can hide', async () => {
  const server = await testServer();
  const statusOf = async (path: string) => (await fetch(server.url + path)).status;
  expect(await statusOf('/metrics')).toBe(200);
  for (const other of ['/%6Detrics', '/metric%73', '/metrics/', '//metrics', '/Metrics'])
    expect([other, await statusOf(other)]).toEqual([other, 404]);
});
