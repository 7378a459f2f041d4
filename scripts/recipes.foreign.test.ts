/** The APIs of docs/recipes in Python and Go, as the pages have them, with Debian's libraries, against a real server. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { issueDocument } from '../packages/server/src/subject/tokens/token.ts';
import { chainNetwork, openTestSession, secret, subjectToken } from '../packages/server/test/support/chain.ts';
import { eventually } from '../packages/server/test/support/eventually.ts';
import { freePort } from '../packages/server/test/support/free-port.ts';
import { basic, form, post } from '../packages/server/test/support/oauth.ts';
import { obtainToken, type TestServer, testServer } from '../packages/server/test/support/server.ts';

const library = '/usr/share/gocode/src/github.com/golang-jwt/jwt';
const lacks = {
  python: !succeeds('/usr/bin/python3', '-c', 'import jwt, cryptography'),
  go: !existsSync(library) || !succeeds('/usr/bin/go', 'version'),
};
test.runIf(process.env.CI)('PyJWT, Go and golang-jwt are there', () => {
  expect(lacks).toEqual({ python: false, go: false });
});

function succeeds(program: string, ...given: readonly string[]): boolean {
  try {
    execFileSync(program, given, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The only program of a page. */
function programOf(page: string, language: string): string {
  const text = readFileSync(new URL(`../docs/recipes/${page}.md`, import.meta.url), 'utf8');
  const [found, ...more] = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))];
  if (found === undefined || more.length > 0) throw new Error(`${page}.md has not one program`);
  return found[1] as string;
}

const room = mkdtempSync(join(tmpdir(), 'countersign-recipes-'));
afterAll(() => rmSync(room, { recursive: true, force: true }));

/** Makes each program, and says how it is started: the command and its arguments. */
const starts = {
  async python() {
    const file = join(room, 'api.py');
    writeFileSync(file, programOf('python', 'python'));
    return ['/usr/bin/python3', [file]] as const;
  },
  async go() {
    const folder = join(room, 'go');
    mkdirSync(folder);
    // Debian has the library for the time before modules.
    const own = join(folder, 'jwt');
    cpSync(library, own, { recursive: true, dereference: true });
    writeFileSync(join(own, 'go.mod'), 'module github.com/golang-jwt/jwt/v4\n\ngo 1.16\n');
    const app = join(folder, 'app');
    mkdirSync(app);
    writeFileSync(join(app, 'main.go'), programOf('go', 'go'));
    const need = 'require github.com/golang-jwt/jwt/v4 v4.4.3\n\nreplace github.com/golang-jwt/jwt/v4 => ../jwt\n';
    writeFileSync(join(app, 'go.mod'), `module example/loans\n\ngo 1.19\n\n${need}`);
    const env = { ...process.env, GOPROXY: 'off', GOFLAGS: '-mod=mod', GOCACHE: join(folder, 'cache'), HOME: folder };
    await promisify(execFile)('/usr/bin/go', ['vet', '.'], { cwd: app, env });
    await promisify(execFile)('/usr/bin/go', ['build', '-o', 'loans', '.'], { cwd: app, env });
    return [join(app, 'loans'), []] as const;
  },
} as const;

const audience = 'https://ledger.example';
const network = {
  realms: chainNetwork.realms.map((realm) => ({
    ...realm,
    participants: realm.participants.map(({ client, ...one }) => ({
      ...one,
      client: client.id === 'orders' ? { ...client, scope: 'loans:read loans:write' } : client,
    })),
  })),
};

let server: TestServer;
beforeAll(async () => {
  server = await testServer({ network });
});
afterAll(() => server.close());

const tokenOf = (scope: string, resource = audience) =>
  obtainToken(server.issuer(), 'orders', secret, [
    ['resource', resource],
    ['scope', scope],
  ]);
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** By name: none of them is good here. */
async function badTokens(): Promise<Readonly<Record<string, string>>> {
  const good = await tokenOf('loans:read');
  const [header = '', payload = '', signature = ''] = good.split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString());
  const now = Math.floor(Date.now() / 1000);
  const issued = (changes: object, typ = 'JWT', by: 'token' | 'status' = 'token') =>
    issueDocument(server.context, 'dev', by, typ, { ...claimsOf(good), jti: randomUUID(), ...changes });
  const byPublicKey = `${encoded({ alg: 'HS256', typ: 'JWT', kid })}.${payload}`;
  const certs = await (await fetch(`${server.issuer()}/protocol/openid-connect/certs`)).text();
  const revoked = await tokenOf('loans:read');
  await post(`${server.issuer()}/protocol/openid-connect/revoke`, form({ token: revoked }), basic('orders', secret));
  return {
    'no token': 'x.y.z',
    'an empty one': '',
    'a changed signature': `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
    'changed claims': `${header}.${encoded({ ...claimsOf(good), scope: 'loans:read loans:write' })}.${signature}`,
    'no algorithm': `${encoded({ alg: 'none', typ: 'JWT', kid })}.${payload}.`,
    'a public key as secret': `${byPublicKey}.${createHmac('sha256', certs).update(byPublicKey).digest('base64url')}`,
    'an unknown key': `${encoded({ alg: 'ES256', typ: 'JWT', kid: 'unknown' })}.${payload}.${signature}`,
    'another realm': await obtainToken(server.issuer('bank'), 'orders', secret),
    'another audience': await issued({ aud: 'https://orders.example' }),
    'no audience': await issued({ aud: undefined }),
    'an expired one': await issued({ iat: now - 900, nbf: now - 900, exp: now - 300 }),
    'no expiry': await issued({ exp: undefined }),
    'one of the future': await issued({ nbf: now + 300, exp: now + 900 }),
    'another issuer': await issued({ iss: server.issuer('bank') }),
    'another document of the realm': await issued({}, 'status+jwt', 'status'),
    'a document of another purpose': await issued({ typ: 'ID' }),
    'the signed subject of a person': await subjectToken(server, (await openTestSession(server)).token, audience),
    'a revoked one': revoked,
    'one that is bound to a key': await issued({ cnf: { jkt: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' } }),
  };
}

describe.each(['python', 'go'] as const)('the API in %s', (language) => {
  let start: readonly [program: string, given: readonly string[]];
  beforeAll(async () => {
    if (!lacks[language]) start = await starts[language]();
  }, 180_000);

  test.skipIf(lacks[language])('lets in good tokens, and no others', async () => {
    const [program, given] = start;
    const port = await freePort();
    const own = { ISSUER: server.issuer(), AUDIENCE: audience, CLIENT_ID: 'ledger', CLIENT_SECRET: secret };
    const env = { PATH: process.env.PATH, ...own, PORT: String(port) };
    const child = spawn(program, given, { env, stdio: 'ignore' });
    onTestFinished(() => void child.kill());
    const url = `http://127.0.0.1:${port}/loans`;
    const asked = async (authorization?: string) => {
      const response = await fetch(url, { headers: authorization === undefined ? {} : { authorization } });
      return [response.status, response.headers.get('www-authenticate'), await response.text()] as const;
    };
    const answers = () =>
      asked().then(
        () => true,
        () => false,
      );
    await eventually(answers, 20_000);

    const [status, challenge, body] = await asked(`Bearer ${await tokenOf('loans:read')}`);
    expect([status, challenge]).toEqual([200, null]);
    expect(JSON.parse(body)).toEqual({ for: 'orders', roles: ['LENDER'] });
    expect((await asked()).slice(0, 2)).toEqual([401, 'Bearer']);
    expect((await asked(`Basic ${Buffer.from('a:b').toString('base64')}`)).slice(0, 2)).toEqual([401, 'Bearer']);
    for (const [name, token] of Object.entries(await badTokens())) {
      const refused = (await asked(`Bearer ${token}`)).slice(0, 2);
      // fetch removes the space after a scheme without a token.
      expect(refused, name).toEqual([
        401,
        token === '' ? expect.stringMatching(/^Bearer/) : 'Bearer error="invalid_token"',
      ]);
    }
    expect((await asked(`Bearer ${await tokenOf('loans:write')}`)).slice(0, 2)).toEqual([
      ...[403, 'Bearer error="insufficient_scope", scope="loans:read"'],
    ]);
  });

  test.skipIf(lacks[language])('lets in no token while the realm cannot be asked', async () => {
    const [program, given] = start;
    const port = await freePort();
    const nowhere = `http://127.0.0.1:${await freePort()}/realms/dev`;
    const own = { ISSUER: nowhere, AUDIENCE: audience, CLIENT_ID: 'ledger', CLIENT_SECRET: secret };
    const child = spawn(program, given, {
      env: { PATH: process.env.PATH, ...own, PORT: String(port) },
      stdio: 'ignore',
    });
    onTestFinished(() => void child.kill());
    const headers = { authorization: `Bearer ${await tokenOf('loans:read')}` };
    const ask = () => fetch(`http://127.0.0.1:${port}/loans`, { headers }).catch(() => undefined);
    expect((await eventually(ask, 20_000)).status).toBe(503);
  });
});
