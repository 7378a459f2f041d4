/** The pages that a server shows to everyone: `/` and `/docs`. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { docsPage, operationsOf } from '../src/http/pages/docs-page.ts';
import { frontPage } from '../src/http/pages/front-page.ts';
import { allRoutes } from '../src/server.ts';
import { type TestServer, testServer } from './support/server.ts';

const contact = { name: '<img src=x onerror=alert(1)>', email: "a'b@x.example", url: 'https://x.example/?a=1&b=2' };
let server: TestServer;
beforeAll(async () => {
  const hidden = { name: 'secret-bank', profile: 'strict', settings: { accessTokenAlg: 'ES256' } };
  const dev = { name: 'dev', profile: 'ocen4', settings: { accessTokenAlg: 'ES256', contact } };
  server = await testServer({ network: { realms: [dev, hidden] } });
});
afterAll(() => server?.close());

const pages = ['/', '/docs', '/docs?q=token'];
const textOf = async (path: string) => (await fetch(server.url + path)).text();

/** One request with the exact fields, of which fetch would change some. */
function raw(path: string, ...fields: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (part) => (answer += part));
    socket.on('end', () => resolve(answer)).on('error', reject);
    socket.end([`GET ${path} HTTP/1.1`, ...fields, 'Connection: close', '', ''].join('\r\n'));
  });
}

describe('the page at /', () => {
  test('says what the server is, and leads to the API, discovery, public keys and the administrators', async () => {
    const page = await textOf('/');
    const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, target]) => target);
    const issuer = server.issuer();
    expect(links).toEqual(
      expect.arrayContaining([
        '/docs',
        '/openapi.json',
        `${issuer}/.well-known/openid-configuration`,
        `${issuer}/protocol/openid-connect/certs`,
      ]),
    );
    expect(page).toContain('Contact of the administrators');
    for (const target of links.filter((one) => one?.startsWith('/') || one?.startsWith(server.url)))
      expect([target, (await fetch(new URL(target as string, server.url))).status]).toEqual([target, 200]);
  });

  test('names no realm but the default one', async () => {
    for (const path of pages) {
      const page = await textOf(path);
      expect(page).not.toContain('secret-bank');
      expect(page).not.toContain('realms/system');
    }
  });

  test('needs no realm: it is there also while the database is away', () => {
    expect(frontPage(undefined)).toContain('href="/docs"');
  });
});

describe('all pages', () => {
  test.each(pages)('%s may run nothing inline, load nothing from elsewhere, and stand in no frame', async (path) => {
    const { headers, status } = await fetch(server.url + path);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('public, max-age=300');
    expect(headers.get('set-cookie')).toBeNull();
    const policy = headers.get('content-security-policy') ?? '';
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
      expect(policy).toContain(part);
    expect(policy).not.toContain('unsafe');
    const page = await textOf(path);
    expect(page).not.toMatch(/<style|\sstyle=|\son[a-z]+=["']|javascript:/);
    expect(page.match(/<script[^>]*>[^<]/)).toBeNull();
  });

  test('show what an administrator wrote as text, never as markup', async () => {
    for (const path of pages) {
      const page = await textOf(path);
      expect(page).not.toContain('<img');
      expect(page).toContain('&#60;img src=x onerror=alert(1)&#62;');
      expect(page).toContain('href="https://x.example/?a=1&#38;b=2"');
    }
    const issuer = 'https://x.example/realms/"><script>alert(1)</script>';
    expect(frontPage({ issuer, contact: undefined })).not.toContain('<script>');
  });

  test('show what a stranger looks for as text, and refuse a long one', async () => {
    const page = await textOf(`/docs?q=${encodeURIComponent('"><script>alert(1)</script>')}`);
    expect(page).not.toContain('<script>');
    expect(page).toContain('0 of ');
    expect((await fetch(`${server.url}/docs?q=${'a'.repeat(201)}`)).status).toBe(400);
  });

  test.each(pages)('%s is the same under every Host, so that no cache keeps another one', async (path) => {
    const own = await raw(path, `Host: ${new URL(server.url).host}`);
    const other = await raw(
      path,
      'Host: evil.example',
      'X-Forwarded-Host: evil.example',
      'Forwarded: host=evil.example',
    );
    const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n'));
    expect(bodyOf(other)).toBe(bodyOf(own));
    expect(other).not.toContain('evil');
    expect(await raw(path, 'Host: "><script>')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('HEAD has the head alone, and another method is 405', async () => {
    const head = await fetch(`${server.url}/`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const other = await fetch(`${server.url}/`, { method: 'POST' });
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('/docs', () => {
  const routes = allRoutes(() => {
    throw new Error('not asked');
  });

  test('hides, without JavaScript, what has not every word of the search', async () => {
    const page = await textOf('/docs?q=Lost+PASSWORD');
    const [, count, all] = /(\d+) of (\d+) operations/.exec(page) ?? [];
    const hidden = page.match(/<details [^>]* hidden>/g) ?? [];
    expect(Number(count)).toBeGreaterThan(0);
    expect(hidden).toHaveLength(Number(all) - Number(count));
    expect(page).toMatch(/<details id="startLostPassword"(?![^>]* hidden)/);
    expect(page).toMatch(/<details id="getCertificate"[^>]* hidden/);
  });

  test('lets its script call the server only where that is for development', async () => {
    const { headers } = await fetch(`${server.url}/docs`);
    expect(headers.get('content-security-policy')).toContain("connect-src 'self'");
    expect(await textOf('/docs')).toContain('data-realm="dev"');
    const view = { publicUrl: 'https://id.example', realm: undefined, search: '', tryRealm: undefined };
    expect(docsPage(operationsOf(routes), view)).not.toContain('data-realm');
    const env = { COUNTERSIGN_PUBLIC_URL: 'https://id.example', COUNTERSIGN_DEFAULT_REALM: 'prod' };
    const network = { realms: [{ name: 'prod', profile: 'ocen4', settings: { accessTokenAlg: 'ES256' } }] };
    const production = await testServer({ env, network });
    const local = `http://127.0.0.1:${production.context.config.port}`;
    const answer = await fetch(`${local}/docs`).finally(() => production.close());
    expect(answer.headers.get('content-security-policy')).not.toContain('connect-src');
  });

  test('is small', async () => {
    const { gzipSync } = await import('node:zlib');
    expect(gzipSync(await textOf('/docs')).length).toBeLessThan(40_000);
  });
});
