import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { allRoutes } from '../src/server.ts';
import { attempts } from '../src/subject/attempt.ts';
import { masterKey } from './support/context.ts';
import { cuttable } from './support/cuttable.ts';
import { eventually } from './support/eventually.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { administrator, obtainToken, type TestServer, testServer } from './support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await testServer({
    env: { COUNTERSIGN_CORS_ORIGINS: 'https://app.example', COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8' },
  });
});
afterAll(() => server.close());

const requestId = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const get = (path: string, init?: RequestInit) => fetch(server.url + path, init);
const tokenPath = '/realms/dev/protocol/openid-connect/token';

describe('what an operator’s tools ask', () => {
  test.each(['/healthz', '/readyz'])('%s says that all is well', async (path) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok' });
  });

  test('/metrics counts the answers by route and status, and names no secret', async () => {
    await get('/healthz?secret=s3cret');
    await get('/nobody-there-1');
    await get('/nobody-there-2', { method: 'DELETE' });
    await get('/healthz', { method: 'DELETE' });
    await get('/realms/nobody-there/.well-known/openid-configuration');
    const response = await get('/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const text = await response.text();
    expect(text).toMatch(/countersign_http_requests_total\{method="GET",route="\/healthz",status="200"\} [1-9]/);
    expect(text).toMatch(/countersign_http_requests_total\{method="any",route="none",status="404"\} 2$/m);
    expect(text).toMatch(/countersign_http_requests_total\{method="any",route="none",status="405"\} 1$/m);
    expect(text).toMatch(/countersign_cache_entries \d/);
    expect(text).toMatch(/process_resident_memory_bytes \d/);
    // The pattern of a route, never the path that was asked for: strangers must not make series.
    expect(text).not.toContain('nobody-there');
    expect(text).not.toContain('s3cret');
  });

  test('/docs names every route, and no other host', async () => {
    const response = await get('/docs');
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    const page = await response.text();
    for (const { path } of described()) expect(page).toContain(path.replace(/:([A-Za-z_]+)/g, '{$1}'));
    const urls = page.match(/(?:https?:)?\/\/[a-z0-9[][^\s"'<)]*/gi) ?? [];
    expect(urls.filter((url) => !url.startsWith(server.url))).toEqual([]);
    expect(page.match(/<script.*?<\/script>|<style|style=| on[a-z]+=/g)).toEqual([
      '<script src="/docs.js" defer></script>',
    ]);
  });
});

/** Every route but those that describe the others. */
const described = () =>
  allRoutes(() => {
    throw new Error('not asked');
  }).filter(({ path }) => !/^\/(openapi\.json|docs.*)?$/.test(path));

describe('/openapi.json', () => {
  interface Operation {
    readonly operationId: string;
    readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
    readonly responses: Readonly<Record<string, unknown>>;
    readonly security: readonly Readonly<Record<string, unknown>>[];
  }
  interface Description {
    readonly openapi: string;
    readonly info: { readonly title: string; readonly version: string };
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    readonly components: { readonly securitySchemes: object };
  }
  const description = async () => (await (await get('/openapi.json')).json()) as Description;

  test('is OpenAPI 3.1 and has every route, each with its parameters and answers', async () => {
    const { openapi, info, paths, components } = await description();
    expect(openapi).toMatch(/^3\.1\.\d+$/);
    expect(info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    const ids: string[] = [];
    for (const route of described()) {
      const operation = paths[route.path.replace(/:([A-Za-z_]+)/g, '{$1}')]?.[route.method.toLowerCase()];
      expect(operation, `${route.method} ${route.path}`).toBeDefined();
      const { operationId, parameters, responses, security } = operation as Operation;
      ids.push(operationId);
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => name)).toEqual(
        [...route.path.matchAll(/:([A-Za-z_]+)/g)].map(([, name]) => name),
      );
      expect(inPath.every(({ required }) => required)).toBe(true);
      expect(Object.keys(responses)).toContain('default');
      expect(Object.keys(responses).length).toBeGreaterThan(1);
      for (const scheme of security.flatMap(Object.keys)) expect(components.securitySchemes).toHaveProperty(scheme);
    }
    expect(new Set(ids).size).toBe(ids.length);
    const operations = Object.values(paths).flatMap(Object.keys);
    expect(operations).toHaveLength(ids.length);
  });

  test('holds no reference that leads nowhere', async () => {
    const document = await description();
    const refs: string[] = [];
    JSON.stringify(document, (key, value) => {
      if (key === '$ref') refs.push(value);
      return value;
    });
    expect(refs.length).toBeGreaterThan(0);
    for (const ref of refs) {
      expect(ref).toMatch(/^#\//);
      const found = ref
        .slice(2)
        .split('/')
        .reduce<unknown>(
          (at, step) => (at as Record<string, unknown> | undefined)?.[step.replaceAll('~1', '/').replaceAll('~0', '~')],
          document,
        );
      expect(found, ref).toBeDefined();
    }
  });
});

describe('every answer', () => {
  test.each([
    ['GET', '/healthz', 200],
    ['HEAD', '/healthz', 200],
    ['GET', '/', 200],
    ['GET', '//', 404],
    ['GET', '/healthz/', 404],
    ['GET', '/realms/dev/nothing', 404],
    ['GET', '/%00', 404],
    ['GET', '/realms/%2e%2e/status', 404],
    ['POST', '/healthz', 405],
    ['GET', tokenPath, 405],
    ['POST', tokenPath, 415],
    ['DELETE', '/realms/dev/admin/clients', 405],
    ['GET', '/realms/dev/admin/clients', 401],
  ])('%s %s is %i with a request id of its own', async (method, path, status) => {
    const response = await get(path, { method });
    expect(response.status).toBe(status);
    const id = response.headers.get('x-request-id');
    expect(id).toMatch(requestId);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    if (status >= 400 && response.headers.get('content-type') === 'application/problem+json') {
      expect(await response.json()).toMatchObject({ status, requestId: id });
    }
    expect((await get(path, { method })).headers.get('x-request-id')).not.toBe(id);
  });

  test('to a method that is not there names those that are (RFC 9110 §15.5.6)', async () => {
    expect((await get('/healthz', { method: 'PUT' })).headers.get('allow')).toBe('GET, HEAD');
    expect((await get(tokenPath)).headers.get('allow')).toBe('POST');
    const allowed = (await get('/realms/dev/admin/clients', { method: 'DELETE' })).headers.get('allow');
    expect(allowed?.split(', ').sort()).toEqual(['GET', 'HEAD', 'POST']);
  });

  test('to HEAD has the headers of GET and no body (RFC 9110 §9.3.2)', async () => {
    for (const path of ['/healthz', '/openapi.json', '/realms/dev/.well-known/openid-configuration', '/nothing']) {
      const [head, full] = [await get(path, { method: 'HEAD' }), await get(path)];
      expect(head.status).toBe(full.status);
      expect(head.headers.get('content-type')).toBe(full.headers.get('content-type'));
      expect(await head.text()).toBe('');
      expect((await full.text()).length).toBeGreaterThan(10);
    }
  });
});

describe('cross-origin requests', () => {
  test('are allowed from the configured origins, by name', async () => {
    const response = await get('/healthz', { headers: { origin: 'https://app.example' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    const exposed = response.headers.get('access-control-expose-headers')?.toLowerCase().split(',');
    for (const name of ['x-request-id', 'etag', 'www-authenticate', 'retry-after', 'x-callref']) {
      expect(exposed).toContain(name);
    }
    expect(response.headers.get('vary')?.toLowerCase()).toContain('origin');
  });

  test('are asked for first, and that answer carries a request id too', async () => {
    const response = await get(tokenPath, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(response.headers.get('access-control-allow-methods')).toContain('POST');
    expect(response.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization');
    expect(response.headers.get('x-request-id')).toMatch(requestId);
  });

  test.each([
    'https://evil.example',
    'https://app.example.evil.example',
    'http://app.example',
    'null',
    'https://APP.example',
  ])('are not allowed from %s', async (origin) => {
    const response = await get('/healthz', { headers: { origin } });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('are not allowed at all when no origin is configured', async () => {
    const closed = await testServer();
    onTestFinished(() => closed.close());
    const response = await fetch(`${closed.url}/healthz`, { headers: { origin: 'https://app.example' } });
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });
});

describe('the source of a request', () => {
  async function sourceOf(at: TestServer, forwarded?: string): Promise<string | undefined> {
    attempts(at.context).drain();
    await fetch(`${at.url}${tokenPath}`, {
      method: 'POST',
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'nobody', client_secret: 'x' }),
    });
    return attempts(at.context).drain()[0]?.source;
  }

  test.each([
    [undefined, '127.0.0.1'],
    ['192.0.2.1', '192.0.2.1'],
    // What the caller wrote itself stands before what the proxies added.
    ['198.51.100.9, 192.0.2.1', '192.0.2.1'],
    ['198.51.100.9, 192.0.2.1, 10.1.2.3', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    // A caller inside of the trusted range is not its proxy.
    ['10.1.2.3', '10.1.2.3'],
    ['10.9.9.9, 10.1.2.3', '10.9.9.9'],
    ['198.51.100.7:41000', '198.51.100.7'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[::ffff:6.6.6.6]:443', '6.6.6.6'],
    ['::ffff:6.6.6.6', '6.6.6.6'],
    ['::FFFF:0606:0606', '6.6.6.6'],
    ['0:0:0:0:0:ffff:6.6.6.6', '6.6.6.6'],
    ['192.0.2.1, ::ffff:10.1.2.3', '192.0.2.1'],
    ['2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['192.0.2.1, , ,', '192.0.2.1'],
    [`192.0.2.1${','.repeat(8_000)}`, '192.0.2.1'],
    ['not an address', '127.0.0.1'],
    ['192.0.2.1, not an address', '127.0.0.1'],
    ['192.0.2.1, not an address, 10.1.2.3', '10.1.2.3'],
    ['192.0.2.1, unknown', '127.0.0.1'],
    ['_hidden', '127.0.0.1'],
    ['192.0.2.1:', '127.0.0.1'],
    ['192.0.2.1:x', '127.0.0.1'],
    ['[192.0.2.1]:80', '127.0.0.1'],
    ['[2001:db8::1', '127.0.0.1'],
    ['[[::1]]', '127.0.0.1'],
    ['010.1.1.1', '127.0.0.1'],
    ['1'.repeat(8_000), '127.0.0.1'],
    [',', '127.0.0.1'],
    ['', '127.0.0.1'],
  ])('X-Forwarded-For: %s from a trusted proxy means %s', async (forwarded, source) => {
    expect(await sourceOf(server, forwarded)).toBe(source);
  });

  test('has one budget of failures however its address is spelled, and spends no budget of others', async () => {
    const fail = (forwarded: string) =>
      fetch(`${server.url}${tokenPath}`, {
        method: 'POST',
        headers: { 'x-forwarded-for': forwarded },
        body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'spelled', client_secret: 'x' }),
      });
    const spellings = ['::ffff:6.6.6.6', '::ffff:0606:0606', '0:0:0:0:0:ffff:6.6.6.6', '6.6.6.6', '6.6.6.6:4100'];
    for (let i = 0; i < 30; i++) expect((await fail(spellings[i % 5] as string)).status).toBe(401);
    for (const spelling of spellings) expect((await fail(spelling)).status).toBe(429);
    expect((await fail('::ffff:9.9.9.9')).status).toBe(401);
    for (let i = 0; i < 30; i++) await fail(`2001:db8:0:7::${i}`);
    expect((await fail('2001:db8:0:7:9::')).status).toBe(429);
    expect((await fail('2001:db8:0:8::')).status).toBe(401);
  });

  test('is the peer when no proxy is trusted, whatever the header says', async () => {
    const direct = await testServer();
    onTestFinished(() => direct.close());
    expect(await sourceOf(direct, '192.0.2.1')).toBe('127.0.0.1');
  });
});

test('over https the browser is told to stay there', async () => {
  const https = await testServer({ env: { COUNTERSIGN_PUBLIC_URL: 'https://id.example' } });
  onTestFinished(() => https.close());
  const response = await fetch(`http://127.0.0.1:${https.context.config.port}/healthz`);
  expect(response.headers.get('strict-transport-security')).toBe('max-age=63072000');
  expect((await get('/healthz')).headers.get('strict-transport-security')).toBeNull();
});

test('a stopping server finishes what is in flight and takes nothing new', async () => {
  const stopping = await testServer();
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: administrator.id,
    client_secret: administrator.secret,
  }).toString();
  const inFlight = request(`${stopping.url}/realms/system/protocol/openid-connect/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length },
  });
  const answered = new Promise<number | undefined>((resolve, reject) => {
    inFlight.on('response', (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    inFlight.on('error', reject);
  });
  await new Promise((resolve) => inFlight.write(body.slice(0, 10), resolve));
  // The request has arrived once another one, sent later, has been answered.
  await fetch(`${stopping.url}/healthz`);
  const stopped = stopping.close();
  await eventually(
    () =>
      fetch(`${stopping.url}/healthz`).then(
        () => false,
        () => true,
      ),
    5_000,
  );
  inFlight.end(body.slice(10));
  expect(await answered).toBe(200);
  await stopped;
});

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')(
  'a server that is cut off from its PostgreSQL',
  () => {
    let postgres: PostgresServer;
    beforeAll(async () => {
      const started = await startPostgres();
      if (started === undefined) throw new Error('There are no PostgreSQL binaries in node_modules.');
      postgres = started;
    });
    afterAll(() => postgres.stop());

    test.each(['cut', 'swallow'] as const)(
      '(%s) is not ready, refuses tokens within seconds, and recovers',
      async (how) => {
        const wire = await cuttable(postgres.url);
        const node = await testServer({ databaseUrl: wire.url, env: { COUNTERSIGN_MASTER_KEY: masterKey } });
        onTestFinished(async () => {
          await wire.restore();
          await node.close();
          await wire.close();
        });
        const token = () =>
          obtainToken(node.issuer('system'), administrator.id, administrator.secret).then(
            () => 200,
            (e) => Number(/no token: (\d+)/.exec(String(e))?.[1]),
          );
        const ready = async () => (await fetch(`${node.url}/readyz`)).status;
        const alive = async () => (await fetch(`${node.url}/healthz`)).status;
        expect([await token(), await ready()]).toEqual([200, 200]);
        await wire[how]();
        // 5 s without the change log, and what a poll of half a second and a busy machine add.
        await eventually(async () => (await token()) === 503, 7_000);
        expect(await ready()).toBe(503);
        expect(await alive()).toBe(200);
        const refusal = await fetch(`${node.issuer('system')}/protocol/openid-connect/certs`);
        expect(refusal.status).toBe(503);
        expect(refusal.headers.get('retry-after')).toBe('1');
        expect(await refusal.text()).not.toMatch(/ECONN|postgres|5432/i);
        await wire.restore();
        await eventually(async () => (await ready()) === 200, 30_000);
        expect(await token()).toBe(200);
      },
      60_000,
    );
  },
);
