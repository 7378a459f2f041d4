import { afterAll, beforeAll, expect, test } from 'vitest';
import { allRoutes } from '../src/server.ts';
import { type TestServer, testServer } from './support/server.ts';

/** What caches may keep, and why: it is public, or its reader asks again with the ETag. Everything else must not be kept. */
const registry = 'GET /realms/:realm/service';
const kept: readonly string[] = [
  'GET /openapi.json',
  'GET /',
  'GET /docs',
  'GET /docs.css',
  'GET /docs.js',
  'GET /realms/:realm/.well-known/openid-configuration',
  'GET /.well-known/oauth-authorization-server/realms/:realm',
  'GET /realms/:realm/protocol/openid-connect/certs',
  'GET /realms/:realm/receipts/certs',
  'GET /realms/:realm/dids/:id/did.json',
  'GET /realms/:realm/status',
  `${registry}/participant-roles/:id`,
  `${registry}/product-networks/:id/participants`,
  `${registry}/products/:id`,
  `${registry}/lender-network-filters/:id`,
  `${registry}/server-whitelisting-items/:id`,
  `${registry}/participant-roles/server-whitelisting-items/:id`,
];

let server: TestServer;
let authorization: string;
beforeAll(async () => {
  server = await testServer();
  authorization = `Bearer ${await server.adminToken()}`;
});
afterAll(() => server.close());

const routes = allRoutes(() => {
  throw new Error('not asked');
});

/** Streams stay open. */
const asked = routes.filter(({ path }) => !path.endsWith('/events') || path.includes('/admin/'));

test.each(asked.map(({ method, path }) => [method, path] as const))(
  'no cache keeps an answer of %s %s that is not public',
  async (method, path) => {
    const url = server.url + path.replace(':realm', 'dev').replace(/:[A-Za-z_]+/g, 'some');
    // A stranger everywhere; an administrator where nothing changes.
    const inits: readonly RequestInit[] =
      method === 'GET'
        ? [{ method }, { method, headers: { authorization } }]
        : [{ method, headers: { 'content-type': 'application/json' }, body: '{}' }];
    for (const init of inits) {
      const response = await fetch(url, init);
      await response.arrayBuffer();
      const mayBeKept = response.status < 400 && kept.includes(`${method} ${path}`);
      const said = response.headers.get('cache-control') ?? '';
      if (mayBeKept) expect(said).toMatch(/^(?:public|private), (?:max-age=[1-9]\d*|no-cache)$/);
      else expect([response.status, said]).toEqual([response.status, 'no-store']);
    }
  },
);

test('every route whose answers may be kept is a route', () => {
  const names = routes.map(({ method, path }) => `${method} ${path}`);
  expect(kept.filter((name) => !names.includes(name))).toEqual([]);
});

test('nor does a cache keep what is answered where there is no route, or to a remote procedure', async () => {
  const answers = await Promise.all([
    fetch(`${server.url}/nothing`),
    fetch(`${server.url}/healthz`, { method: 'DELETE' }),
    fetch(`${server.url}/countersign.v1.WalletService/GetWallet`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    }),
    fetch(`${server.url}/countersign.v1.WalletService/GetWallet`),
    fetch(`${server.url}/countersign.v1.Nothing/At.All`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc' },
    }),
  ]);
  expect(answers.map(({ headers }) => headers.get('cache-control'))).toEqual(answers.map(() => 'no-store'));
});
