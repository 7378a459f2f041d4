import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestServer, testServer } from './support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await testServer();
});
afterAll(() => server.close());

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';

/** Calls that read a body, of every kind of route. */
const calls: readonly (readonly [path: string, type: string, body: string])[] = [
  ['/realms/dev/protocol/openid-connect/token', form, 'grant_type=client_credentials'],
  ['/realms/dev/protocol/openid-connect/token/introspect', form, 'token=a'],
  ['/realms/dev/protocol/openid-connect/revoke', form, 'token=a'],
  ['/realms/dev/registry/applications', json, '{}'],
  ['/auth/login', json, '{"credentialCode":"a","password":"b"}'],
  ['/passwords/lost_password/start', json, '{"credentialCode":"a"}'],
];

async function post(path: string, type: string, body: string | Uint8Array<ArrayBuffer>, encoding: string) {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': type, 'content-encoding': encoding },
    body,
  });
  return { status: response.status, text: await response.text() };
}

test.each(calls)('%s refuses a body under a content coding, and names the field', async (path, type, body) => {
  for (const encoding of ['gzip', 'br', 'x', 'identity, gzip', 'GZIP']) {
    for (const bytes of [body, new Uint8Array(gzipSync(body))]) {
      const { status, text } = await post(path, type, bytes, encoding);
      expect([path, status]).toEqual([path, 415]);
      expect(text).toContain('Content-Encoding: send the body without a content coding.');
    }
  }
});

test.each(calls)('%s reads one under the coding that changes nothing', async (path, type, body) => {
  for (const encoding of ['identity', 'Identity', '', ' identity , identity'])
    expect((await post(path, type, body, encoding)).status).not.toBe(415);
});

test.each(calls)('%s reads UTF-8, and refuses a body that says that it is another text', async (path, type, body) => {
  const as = (charset: string) => post(path, `${type}; charset=${charset}`, body, 'identity');
  for (const charset of ['utf-16', '"UTF-16LE"', 'utf-7', 'IBM037', ''])
    expect([charset, (await as(charset)).status]).toEqual([charset, 415]);
  for (const charset of ['utf-8', '"UTF-8"', 'us-ascii', 'ISO-8859-1'])
    expect([charset, (await as(charset)).status]).not.toEqual([charset, 415]);
});
