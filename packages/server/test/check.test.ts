/** `GET /realms/{realm}/check`: what reverse proxies ask before they let a request in. */

import { createHash, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { beforeAll, expect, test } from 'vitest';
import { issueDocument } from '../src/subject/tokens/token.ts';
import { proxied } from './support/applicant.ts';
import { chainNetwork, exchanged, openTestSession, secret, subjectToken } from './support/chain.ts';
import { eachDatabase } from './support/databases.ts';
import { basic, form, post, tokenUrl } from './support/oauth.ts';
import { obtainToken } from './support/server.ts';
import { dpopProof, newDevice, openWallet, type WalletServer, walletServer } from './support/wallet.ts';
import { invoking } from './support/wallet-exchange.ts';

const ledger = 'https://ledger.example';
const orders = 'https://orders.example';

type Fields = Readonly<Record<string, string>>;
const bearer = (token: string): Fields => ({ authorization: `Bearer ${token}` });
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

function check(server: WalletServer, query: string, headers: Fields = {}, method = 'GET', realm = 'dev') {
  return fetch(`${server.issuer(realm)}/check?${query}`, { method, headers });
}

/** Status and code. */
async function verdict(...asked: Parameters<typeof check>): Promise<string> {
  const response = await check(...asked);
  const text = await response.text();
  return `${response.status} ${text === '' ? '' : (JSON.parse(text) as { code: string }).code}`.trim();
}

eachDatabase('the check for proxies', (freshUrl) => {
  let url: string;
  beforeAll(async () => {
    url = await freshUrl();
  });
  const start = () => walletServer({ databaseUrl: url, network: chainNetwork, env: proxied });
  const tokenOf = (server: WalletServer, scope = 'orders:read orders:write') =>
    obtainToken(server.issuer(), 'orders', secret, [
      ['resource', ledger],
      ['scope', scope],
    ]);
  const forLedger = `audience=${encodeURIComponent(ledger)}`;

  test('says yes to a good token, and who it is, in fields that are always there', async () => {
    const server = await start();
    const token = await tokenOf(server);
    const response = await check(server, `${forLedger}&scope=orders:read%20orders:write&role=LENDER`, bearer(token));
    expect([response.status, await response.text()]).toEqual([204, '']);
    expect(Object.fromEntries([...response.headers].filter(([name]) => name.startsWith('x-subject')))).toEqual({
      'x-subject-id': claimsOf(token).sub,
      'x-subject-kind': 'participant',
      'x-subject-client': 'orders',
      'x-subject-participant': 'p-orders',
      'x-subject-roles': 'LENDER',
      'x-subject-scope': 'orders:read orders:write',
    });
    expect(response.headers.get('cache-control')).toBe('no-store');
    const admin = await server.adminToken();
    const system = await check(server, `audience=${server.issuer('system')}`, bearer(admin), 'GET', 'system');
    expect([system.status, system.headers.get('x-subject-kind')]).toEqual([204, 'client']);
    expect([system.headers.get('x-subject-participant'), system.headers.get('x-subject-roles')]).toEqual(['', '']);
  });

  test('refuses tokens that are missing, broken, foreign, expired, revoked, or for another audience', async () => {
    const server = await start();
    const token = await tokenOf(server);
    const now = Math.floor(Date.now() / 1000);
    const issued = (changes: object, kind: 'token' | 'status' = 'token') =>
      issueDocument(server.context, 'dev', kind, 'JWT', { ...claimsOf(token), jti: randomUUID(), ...changes });
    const dead = await tokenOf(server);
    await post(`${server.issuer()}/protocol/openid-connect/revoke`, form({ token: dead }), basic('orders', secret));
    const invalid = '401 token.invalid';
    for (const [name, headers, expected] of [
      ['none', {}, '401 token.missing'],
      ['a session', bearer(`css_${'A'.repeat(43)}`), invalid],
      ['another scheme', basic('orders', secret), invalid],
      ['a changed signature', bearer(`${token.slice(0, -6)}AAAAAA`), invalid],
      ['another realm', bearer(await obtainToken(server.issuer('bank'), 'orders', secret)), invalid],
      ['a token of the administrator', bearer(await server.adminToken()), invalid],
      ['an expired one', bearer(await issued({ iat: now - 900, nbf: now - 900, exp: now - 300 })), invalid],
      ['a revoked one', bearer(dead), invalid],
      ['one by the key of the feed', bearer(await issued({}, 'status')), invalid],
      ['the scheme of bound tokens', { authorization: `DPoP ${token}` }, invalid],
      ['another audience', bearer(await issued({ aud: [orders, server.issuer()] })), '401 token.audience'],
      ['no audience', bearer(await issued({ aud: undefined })), '401 token.audience'],
      ['two tokens', { authorization: `Bearer ${token}, Bearer ${token}` }, invalid],
      ['a huge one', bearer('a'.repeat(12_000)), invalid],
    ] as const) {
      expect(await verdict(server, forLedger, headers), name).toBe(expected);
    }
    const refused = await check(server, forLedger, bearer(dead));
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="dev", error="invalid_token"');
    expect([...refused.headers.keys()].filter((name) => name.startsWith('x-subject'))).toEqual([]);
    expect(await verdict(server, forLedger, bearer(token), 'GET', 'nowhere')).toBe('404 realm.unknown');
    // The second is a fault of the request, before anything is read of it.
    expect(await twice(server, 'authorization', [`Bearer ${dead}`, `Bearer ${token}`])).toBe(400);
  });

  test('keeps out a good token that allows too little, and says what it takes', async () => {
    const server = await start();
    const token = bearer(await tokenOf(server, 'orders:read'));
    const response = await check(server, `${forLedger}&scope=orders:read+orders:write`, token);
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer realm="dev", error="insufficient_scope", scope="orders:read orders:write"',
    ]);
    expect(await verdict(server, `${forLedger}&role=LOAN_AGENT+ADMIN`, token)).toBe('403 token.insufficient_role');
    expect(await verdict(server, `${forLedger}&role=LOAN_AGENT+LENDER`, token)).toBe('204');
    expect(await verdict(server, `${forLedger}&accept=client`, token)).toBe('401 token.invalid');
  });

  test('refuses a query that could let in more than was meant', async () => {
    const server = await start();
    const token = bearer(await tokenOf(server));
    const malformed = '400 request.invalid';
    for (const [query, expected] of [
      ['', malformed],
      ['audience=', malformed],
      ['scope=orders:read', malformed],
      [`${forLedger}&audience=${orders}`, '400 request.repeated_parameter'],
      [`${forLedger}&scope=orders:read&scope=orders:write`, '400 request.repeated_parameter'],
      [`${forLedger}&scope=`, malformed],
      [`${forLedger}&scope=a++b`, malformed],
      [`${forLedger}&scope=a%22%0d%0ax-evil:1`, malformed],
      [`${forLedger}&scopes=orders:read`, malformed],
      [`${forLedger}&role=`, malformed],
      [`${forLedger}&accept=everything`, malformed],
      [`${forLedger}&status=302`, malformed],
      [`${forLedger}&__proto__=x`, malformed],
      [`audience=${'a'.repeat(3_000)}`, malformed],
      [`audience=${encodeURIComponent('https://LEDGER.example:443/')}`, '204'],
      [`${forLedger}&status=200`, '200'],
      // What a proxy appends is its caller's.
      [`${forLedger}&accept=client&target=/x?a=1&accept=participant`, '401 token.invalid'],
      [`${forLedger}&status=200&target=/x?audience=y&scope=z&scope=z`, '200'],
    ] as const) {
      expect(await verdict(server, query, token), query).toBe(expected);
    }
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect(await verdict(server, forLedger, token, method), method).toBe('204');
      expect(await verdict(server, forLedger, {}, method), method).toBe('401 token.missing');
    }
    expect((await check(server, forLedger, token, 'HEAD')).status).toBe(204);
    // A proxy sends the media type of the original request too. A refusal of gRPC would be a 200.
    for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc-web+json']) {
      for (const method of ['GET', 'POST']) {
        expect(await verdict(server, forLedger, { 'content-type': type }, method), type).toBe('401 token.missing');
      }
    }
  });

  test('knows people and wallets only where they are accepted, and never by a token for the issuer', async () => {
    const server = await start();
    const session = (await openTestSession(server)).token;
    const person = await subjectToken(server, session, orders);
    const forOrders = `audience=${encodeURIComponent(orders)}`;
    expect(await verdict(server, forOrders, bearer(person))).toBe('401 token.invalid');
    expect(await verdict(server, `${forOrders}&accept=credential+wallet`, bearer(person))).toBe('204');
    const own = await subjectToken(server, session);
    const forIssuer = `audience=${encodeURIComponent(server.issuer())}&accept=credential`;
    expect(await verdict(server, forIssuer, bearer(own))).toBe('401 token.audience');
  });

  test('answers no preflight: its 2xx would let a request without a token in', async () => {
    const env = { ...proxied, COUNTERSIGN_CORS_ORIGINS: 'https://page.example' };
    const server = await walletServer({ databaseUrl: await freshUrl(), network: chainNetwork, env });
    const preflight = { origin: 'https://page.example', 'access-control-request-method': 'GET' };
    expect(await verdict(server, forLedger, preflight, 'OPTIONS')).toBe('405 request.method');
    expect(await verdict(server, forLedger, {}, 'OPTIONS')).toBe('405 request.method');
    expect((await fetch(tokenUrl(server), { method: 'OPTIONS', headers: preflight })).status).toBe(204);
  });

  /** A bound token, and what a proxy sends with it. */
  async function boundAt(server: WalletServer) {
    const wallet = await openWallet(server);
    const key = newDevice();
    const headers = { dpop: dpopProof(key, { htu: tokenUrl(server) }) };
    const asked = await invoking(server, wallet, { audience: orders });
    const { access_token: token } = await exchanged(server, asked, { headers });
    const ath = createHash('sha256').update(token).digest('base64url');
    const proved = (claims: object = {}, by = key): Fields => ({
      authorization: `DPoP ${token}`,
      dpop: dpopProof(by, { htm: 'PUT', htu: 'https://orders.example/book', ath, ...claims }),
      ...{ 'x-forwarded-method': 'PUT', 'x-forwarded-proto': 'https' },
      ...{ 'x-forwarded-host': 'orders.example', 'x-forwarded-uri': '/book?page=2' },
    });
    return { token, proved };
  }
  const forWallets = `audience=${encodeURIComponent(orders)}&accept=wallet&scope=wallet:read`;

  test('takes no bound token from a peer that is no trusted proxy, whatever it says', async () => {
    const env = { COUNTERSIGN_TRUSTED_PROXIES: '192.0.2.1' };
    const server = await walletServer({ databaseUrl: await freshUrl(), network: chainNetwork, env });
    const { proved } = await boundAt(server);
    expect(await verdict(server, forWallets, proved())).toBe('401 token.invalid');
    expect(server.logged.join()).toContain('no trusted proxy has named the original request');
  });

  test('takes a bound token only with a proof for the request that a trusted proxy names, once', async () => {
    const server = await start();
    const { token, proved } = await boundAt(server);
    const query = forWallets;
    const good = proved();
    const { 'x-forwarded-method': _, ...unnamed } = proved();
    expect(await verdict(server, query, bearer(token))).toBe('401 token.invalid');
    expect(await verdict(server, query, unnamed)).toBe('401 token.invalid');
    expect(await verdict(server, query, { ...good, dpop: '' })).toBe('401 dpop.missing');
    expect(await verdict(server, query, proved({ htm: 'GET' }))).toBe('401 dpop.invalid');
    expect(await verdict(server, query, proved({ htu: 'https://orders.example/other' }))).toBe('401 dpop.invalid');
    expect(await verdict(server, query, proved({ ath: undefined }))).toBe('401 dpop.invalid');
    expect(await verdict(server, query, proved({}, newDevice()))).toBe('401 dpop.invalid');
    expect(await verdict(server, query, { ...proved(), 'x-forwarded-host': 'evil.example' })).toBe('401 dpop.invalid');
    // The proxy may route these to `/book`, and pass them on as they are.
    for (const uri of ['/drafts/../book', '/drafts/%2e%2E/book', '/./book', '/drafts\\..\\..\\book', '/book#/drafts'])
      expect(await verdict(server, query, { ...proved(), 'x-forwarded-uri': uri }), uri).toMatch(/^401 /);
    expect(await verdict(server, query, good)).toBe('204');
    expect(await verdict(server, query, good)).toBe('401 dpop.invalid');
  });
});

/** Status of a check in which a field occurs twice, which fetch would not send. */
function twice(server: WalletServer, name: string, values: readonly string[]): Promise<number | undefined> {
  const path = `/realms/dev/check?audience=${encodeURIComponent(ledger)}`;
  return new Promise((resolve, reject) => {
    const { port } = new URL(server.url);
    const headers = ['host', `localhost:${port}`, ...values.flatMap((value) => [name, value])];
    const call = request({ host: '127.0.0.1', port, path, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    call.on('error', reject).end();
  });
}
