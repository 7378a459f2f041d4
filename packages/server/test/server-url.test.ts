import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serverUrl } from '../src/cli/server-url.ts';
import { loadConfig } from '../src/config.ts';
import { temporaryDir } from './support/context.ts';
import { administrator, run } from './support/serve.ts';
import { testServer } from './support/server.ts';

test.each([
  ['http://localhost:8080', 'http://localhost:8080'],
  ['http://localhost:8080/', 'http://localhost:8080'],
  ['https://ID.example//', 'https://id.example'],
  ['https://id.example:443/', 'https://id.example'],
])('the URL of a server %s is %s', (text, url) => {
  expect(serverUrl(text, '--url')).toBe(url);
});

const alone = /^--url: must be the URL of the server alone, without a path: --realm names the realm\.$/;
const bare = /^--url: must hold no name, password, query or fragment\.$/;
const plain = /^--url: must be https, because passwords and tokens go there \(http only on this machine\)\.$/;
const none = /^--url: must be the URL of a server, such as https:\/\/id\.example\.$/;
test.each([
  ['https://id.example/realms/dev', alone],
  ['https://id.example/auth/', alone],
  ['https://id.example/?a=b', bare],
  ['https://id.example/#a', bare],
  ['https://name:hunter2@id.example', bare],
  ['https://:hunter2@id.example', bare],
  ['http://id.example', plain],
  ['http://localhost.example:8080/', plain],
  ['id.example', none],
  ['localhost:8080', none],
  ['ftp://id.example', none],
  ['', none],
  [undefined, none],
  [7, none],
])('%j is no URL of a server, and the refusal quotes nothing of it', (text, said) => {
  expect(() => serverUrl(text, '--url')).toThrow(said);
});

test('a slash after the URL is taken in every place', async () => {
  const server = await testServer();
  const folder = temporaryDir();
  const profile = join(folder, 'profile.json');
  const { id: clientId, secret: clientSecret } = administrator;
  writeFileSync(profile, JSON.stringify({ url: `${server.url}/`, clientId, clientSecret }));
  const listed = await run(['realm', 'list', '--profile', profile], { COUNTERSIGN_DATA_DIR: folder });
  expect([listed.code, listed.stderr]).toEqual([0, '']);
  const passphrase = join(folder, 'passphrase');
  writeFileSync(passphrase, 'a passphrase for a test\n');
  const wallet = ['--url', `${server.url}/`, '--wallet', join(folder, 'w.json'), '--passphrase-file', passphrase];
  const prepared = await run(['wallet', 'prepare', ...wallet], { COUNTERSIGN_DATA_DIR: folder });
  expect([prepared.code, prepared.stderr]).toEqual([0, '']);
  await server.close();
  expect(loadConfig({ COUNTERSIGN_PUBLIC_URL: 'https://id.example/' }).config.publicUrl).toBe('https://id.example');
});

test('a redirect gets neither the password nor the token', async () => {
  const seen: string[] = [];
  const thief = createServer((request, response) => response.end(String(seen.push(String(request.url)))));
  const server = createServer((_request, response) => {
    const { port } = thief.address() as AddressInfo;
    response.writeHead(307, { location: `http://127.0.0.1:${port}/` }).end();
  });
  for (const one of [thief, server]) await once(one.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const folder = temporaryDir();
  writeFileSync(join(folder, 'password'), 'a password for a test\n');
  const login = ['login', 'alice', '--url', `http://127.0.0.1:${port}`, '--password-file', join(folder, 'password')];
  const { code, stderr } = await run(login, { COUNTERSIGN_DATA_DIR: folder });
  for (const one of [thief, server]) one.close();
  expect([code, seen]).toEqual([1, []]);
  expect(stderr).toContain(`http://127.0.0.1:${port} answers with a redirect, which is not followed`);
});

test('a profile that was named and is not there is an error, not another administrator', async () => {
  const folder = temporaryDir();
  const { code, stderr } = await run(['realm', 'list', '--profile', '/nope'], {
    COUNTERSIGN_DATA_DIR: folder,
    COUNTERSIGN_ADMIN_CLIENT_ID: administrator.id,
    COUNTERSIGN_ADMIN_CLIENT_SECRET: administrator.secret,
  });
  expect([code, stderr]).toEqual([1, 'countersign: --profile: /nope cannot be read.\n']);
});
