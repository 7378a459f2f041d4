import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClientError, createTokenSource, type TokenSourceOptions } from '../src/index.ts';
import { type Answer, realm, startIssuer, type TestIssuer, testClock } from './support/issuer.ts';

const path = `${realm}/token`;
const clientSecret = 'lender secret+/=&\u00e9:%';
let server: TestIssuer;
let received: { headers: IncomingMessage['headers']; form: URLSearchParams }[];
let answer: object;
beforeEach(async () => {
  server = await startIssuer();
  received = [];
  answer = { access_token: 'token-1', token_type: 'Bearer', expires_in: 600 };
  server.routes[path] = (request, response, body) => {
    received.push({ headers: request.headers, form: new URLSearchParams(body) });
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  };
});
afterEach(() => server[Symbol.asyncDispose]());

function source(options: Partial<TokenSourceOptions> = {}) {
  return createTokenSource({
    issuer: server.issuer,
    clientId: 'client:1 \u00fc',
    clientSecret,
    random: () => 0,
    ...options,
  });
}

test('asks with Basic, both halves form-encoded, and a form', async () => {
  const resource = ['https://a.example', 'https://b.example'];
  expect(await source({ scope: 'a b', resource }).token()).toBe('token-1');
  const [request] = received;
  const [scheme, credentials] = (request?.headers.authorization ?? '').split(' ');
  expect(scheme).toBe('Basic');
  const [id, secret, ...more] = Buffer.from(credentials ?? '', 'base64')
    .toString('utf8')
    .split(':');
  const formDecode = (text?: string) => new URLSearchParams(`v=${text}`).get('v');
  expect([formDecode(id), formDecode(secret), more]).toEqual(['client:1 \u00fc', clientSecret, []]);
  expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded');
  expect([...(request?.form ?? [])]).toEqual([
    ['grant_type', 'client_credentials'],
    ['scope', 'a b'],
    ['resource', 'https://a.example'],
    ['resource', 'https://b.example'],
  ]);
});

test('a burst makes one request, and the token is kept', async () => {
  const tokens = source();
  expect(new Set(await Promise.all(Array.from({ length: 50 }, () => tokens.token())))).toEqual(new Set(['token-1']));
  await tokens.token();
  expect(server.seen).toMatchObject({ [path]: 1, [`${realm}/.well-known/openid-configuration`]: 1 });
});

test.each([
  [600, 0, 570_000],
  [600, 1, 555_000],
  [100, 0, 90_000],
  [100, 1, 85_000],
])('of a life of %i s with chance %d, %i ms are used', async (expiresIn, chance, usable) => {
  answer = { access_token: 'token-1', token_type: 'bearer', expires_in: expiresIn };
  const clock = testClock();
  const tokens = source({ now: clock.now, random: () => chance });
  await tokens.token();
  clock.advance(usable - 1);
  await tokens.token();
  expect(received).toHaveLength(1);
  answer = { access_token: 'token-2', token_type: 'bearer', expires_in: expiresIn };
  clock.advance(1);
  expect(await tokens.token()).toBe('token-2');
});

test('a token of unstated life is used once, and a clock that is set back keeps nothing', async () => {
  const clock = testClock();
  const tokens = source({ now: clock.now });
  await tokens.token();
  clock.advance(-1);
  await tokens.token();
  expect(received).toHaveLength(2);
  answer = { access_token: 'token-1', token_type: 'Bearer' };
  const once = source();
  await once.token();
  await once.token();
  expect(received).toHaveLength(4);
});

/** The error and all that hangs on it, as a log might print it. */
function everything(error: unknown): string {
  return error instanceof Error ? `${error.stack} ${JSON.stringify(error)} ${everything(error.cause)}` : String(error);
}

const echo = { error: 'invalid_client', error_description: `no ${clientSecret}` };
const refusals: readonly [string, Answer, string][] = [
  ['invalid_client', { status: 401, body: echo }, 'oauth.invalid_client'],
  ['invalid_scope', { status: 400, body: { error: 'invalid_scope' } }, 'oauth.invalid_scope'],
  ['an error that is no code', { status: 400, body: { error: clientSecret } }, 'oauth.unknown'],
  ['a refusal as HTML', { status: 502, body: '<html>Bad Gateway</html>' }, 'oauth.unknown'],
  ['HTML instead of a token', { body: '<html></html>' }, 'http.json'],
  ['an array', { body: ['token'] }, 'token.malformed'],
  ['no token', { body: { token_type: 'Bearer', expires_in: 1 } }, 'token.malformed'],
  ['a token with a line break', { body: { access_token: 'a\r\nb', token_type: 'Bearer' } }, 'token.malformed'],
  ['an endless token', { body: { access_token: 'a'.repeat(20_000), token_type: 'Bearer' } }, 'token.malformed'],
  ['no type', { body: { access_token: 'a' } }, 'token.malformed'],
  ['a DPoP token', { body: { access_token: 'a', token_type: 'DPoP' } }, 'token.malformed'],
  ['a life as text', { body: { access_token: 'a', token_type: 'Bearer', expires_in: '600' } }, 'token.malformed'],
  ['a negative life', { body: { access_token: 'a', token_type: 'Bearer', expires_in: -1 } }, 'token.malformed'],
  ['a redirect', { status: 307, headers: { location: '/elsewhere' } }, 'http.redirect'],
  ['a megabyte', { body: 'x'.repeat(1_000_000) }, 'http.too_large'],
  ['silence', () => undefined, 'http.timeout'],
  ['a hang-up', (request) => request.socket.destroy(), 'http.unreachable'],
];
test.each(refusals)('%s is refused, without the secret', async (_name, route, code) => {
  const good = server.routes[path] as Answer;
  server.routes[path] = route;
  const tokens = source({ timeoutMilliseconds: 300 });
  const error: unknown = await tokens.token().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ClientError);
  expect(error).toMatchObject({ code });
  const basic = `${new URLSearchParams({ a: clientSecret })}`.slice(2);
  for (const secret of [clientSecret, basic, 'Basic ']) expect(everything(error)).not.toContain(secret);
  server.routes[path] = good;
  expect(await tokens.token()).toBe('token-1');
});

test('the secret goes to no endpoint over plain http', async () => {
  const { issuer } = server;
  server.routes[`${realm}/.well-known/openid-configuration`] = {
    body: { issuer, token_endpoint: 'http://issuer.example/token' },
  };
  await expect(source().token()).rejects.toMatchObject({ code: 'discovery.endpoint' });
});
