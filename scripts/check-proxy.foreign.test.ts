/** An API behind a real nginx with deploy/proxy/api.conf, which asks a real server about each request. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { chainNetwork, secret } from '../packages/server/test/support/chain.ts';
import { eventually } from '../packages/server/test/support/eventually.ts';
import { freePort } from '../packages/server/test/support/free-port.ts';
import { basic, form, post } from '../packages/server/test/support/oauth.ts';
import { grpcClient } from '../packages/server/test/support/rpc.ts';
import { obtainToken, type TestServer, testServer } from '../packages/server/test/support/server.ts';
import { testCertificate } from '../packages/server/test/support/tls.ts';
import { startNginx } from './nginx.ts';

const isThere = existsSync('/usr/sbin/nginx');
test.runIf(process.env.CI)('nginx is there', () => expect(isThere).toBe(true));

interface Seen {
  readonly method: string | undefined;
  readonly fields: IncomingHttpHeaders;
  readonly body: string;
}

async function startApi() {
  const seen: Seen[] = [];
  const api = createServer((incoming, outgoing) => {
    let body = '';
    incoming
      .setEncoding('utf8')
      .on('data', (part) => (body += part))
      .on('end', () => {
        seen.push({ method: incoming.method, fields: incoming.headers, body });
        outgoing.end('the API');
      });
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    api.closeAllConnections();
    api.close();
  });
  return { seen, port: (api.address() as AddressInfo).port };
}

const ledger = 'https://ledger.example';

async function start() {
  const server = await testServer({ network: chainNetwork, env: { COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1' } });
  onTestFinished(() => server.close());
  const folder = mkdtempSync(join(tmpdir(), 'countersign-nginx-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [port, api] = [await freePort(), await startApi()];
  const own = `127.0.0.1:${server.context.config.port}`;
  await startNginx(folder, 'api.conf', [
    ['listen 443', `listen 127.0.0.1:${port}`],
    ['server_name api.example', 'server_name localhost'],
    ['server node-1:8080', `server ${own}`],
    ['server api-1:9000', `server 127.0.0.1:${api.port}`],
    // A server of gRPC that is at hand.
    ['grpc_pass grpc://api', `grpc_pass grpc://${own}`],
    ['/realms/shop/', '/realms/dev/'],
    [`https%3A%2F%2Fapi.example&scope=loans%3Aread`, `${encodeURIComponent(ledger)}&scope=orders:read`],
    ['Host id.example', `Host localhost:${server.context.config.port}`],
  ]);
  const asked = (headers: readonly string[] = [], target = '/book', body?: string) =>
    new Promise<{ status: number | undefined; challenge: string | undefined; body: string }>((resolve, reject) => {
      const call = request(
        `https://localhost:${port}${target}`,
        {
          ...{ ca: testCertificate, method: body === undefined ? 'GET' : 'POST' },
          headers: [
            'host',
            'localhost',
            ...(body === undefined ? [] : ['content-length', `${body.length}`]),
            ...headers,
          ],
        },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (part) => (text += part));
          answer.on('end', () =>
            resolve({ status: answer.statusCode, challenge: answer.headers['www-authenticate'], body: text }),
          );
        },
      );
      call.on('error', reject).end(body);
    });
  await eventually(
    () =>
      asked().then(
        () => true,
        () => false,
      ),
    10_000,
  );
  return { server, port, asked, seen: api.seen };
}

const tokenOf = (server: TestServer, scope: string, resource = ledger) =>
  obtainToken(server.issuer(), 'orders', secret, [
    ['resource', resource],
    ['scope', scope],
  ]);
const bearer = (token: string) => ['authorization', `Bearer ${token}`];

test.skipIf(!isThere)(
  'nginx lets in what the check lets in, tells the API who calls, and nothing that the caller claims',
  async () => {
    const { server, asked, seen } = await start();
    const token = await tokenOf(server, 'orders:read orders:write');
    const claimed = [
      'X-Subject-Id',
      'evil',
      'x-subject-id',
      'evil',
      'X_Subject_Id',
      'evil',
      'X-Subject-Participant',
      'evil',
    ];
    const forwarded = ['X-Forwarded-Method', 'GET', 'X-Forwarded-Uri', '/evil', 'DPoP', 'evil'];
    const answer = await asked([...bearer(token), ...claimed, ...forwarded], '/book?audience=x&scope=', 'a body');
    expect(answer).toMatchObject({ status: 200, challenge: undefined, body: 'the API' });
    const [{ method, fields, body }] = seen as [Seen];
    expect([method, body, fields.authorization, fields.dpop]).toEqual(['POST', 'a body', undefined, undefined]);
    expect(fields).toMatchObject({
      'x-subject-kind': 'participant',
      'x-subject-client': 'orders',
      'x-subject-participant': 'p-orders',
      'x-subject-roles': 'LENDER',
      'x-subject-scope': 'orders:read orders:write',
    });
    expect(JSON.stringify(fields)).not.toContain('evil');
    // A subject without a participant: the field is removed, not left to the caller.
    await asked([...bearer(await clientToken(server)), ...claimed]);
    expect(seen[1]?.fields).toMatchObject({ 'x-subject-kind': 'client' });
    expect(seen[1]?.fields['x-subject-participant']).toBeUndefined();
    expect(JSON.stringify(seen[1])).not.toContain('evil');
  },
);

/** Of a client that belongs to no participant. */
async function clientToken(server: TestServer): Promise<string> {
  const response = await fetch(`${server.issuer()}/admin/clients`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Robot', scope: 'orders:read', audiences: [ledger] }),
  });
  const { clientId, clientSecret } = (await response.json()) as { clientId: string; clientSecret: string };
  return obtainToken(server.issuer(), clientId, clientSecret, [['resource', ledger]]);
}

test.skipIf(!isThere)(
  'nginx refuses every other request, with the challenge, and the API sees none of them',
  async () => {
    const { server, asked, seen } = await start();
    const dead = await tokenOf(server, 'orders:read');
    await post(`${server.issuer()}/protocol/openid-connect/revoke`, form({ token: dead }), basic('orders', secret));
    const invalid = { status: 401, challenge: 'Bearer realm="dev", error="invalid_token"' };
    expect(await asked()).toMatchObject({ status: 401, challenge: 'Bearer realm="dev"' });
    expect(await asked(bearer('x.y.z'))).toMatchObject(invalid);
    expect(await asked(bearer(dead))).toMatchObject(invalid);
    expect(await asked(bearer(await tokenOf(server, 'orders:read', 'loop').catch(() => 'x')))).toMatchObject(invalid);
    expect(await asked(bearer(await obtainToken(server.issuer('bank'), 'orders', secret)))).toMatchObject(invalid);
    expect(await asked(bearer(await tokenOf(server, 'orders:write')))).toMatchObject({
      status: 403,
      challenge: 'Bearer realm="dev", error="insufficient_scope", scope="orders:read"',
    });
    const good = await tokenOf(server, 'orders:read');
    // The check must not take this for a call of gRPC, whose refusals have the status 200.
    expect(await asked(['content-type', 'application/grpc-web'], '/book', 'x')).toMatchObject({ status: 401 });
    expect(await asked(['content-type', 'application/grpc-web'])).toMatchObject({ status: 401 });
    // Two tokens: nginx or the check refuses them.
    expect((await asked([...bearer(dead), ...bearer(good)])).status).toBeGreaterThanOrEqual(400);
    // The location of the check is not for callers: it is a path of the API like any other.
    expect((await asked(bearer(good), '/check/read')).status).toBe(404);
    expect(seen).toEqual([]);
  },
);

test.skipIf(!isThere)('nginx asks about calls of gRPC too', async () => {
  const { server, port } = await start();
  const secure = credentials.createSsl(Buffer.from(testCertificate));
  const channel = grpcClient(`localhost:${port}`, ['countersign/v1/wallet.proto'], secure);
  onTestFinished(() => channel.close());
  const call = (metadata: Record<string, string>) =>
    channel.call('countersign.v1.AuthService', 'GetChallenge', {}, { metadata });
  expect((await call({})).error).toMatchObject({ code: 16 });
  expect((await call({ authorization: `Bearer ${await tokenOf(server, 'orders:write')}` })).error).toMatchObject({
    code: 7,
  });
  const authorization = `Bearer ${await tokenOf(server, 'orders:read')}`;
  expect((await call({ authorization })).value).toMatchObject({ audience: server.issuer() });
});
