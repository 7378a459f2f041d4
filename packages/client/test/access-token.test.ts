import { createServer, type ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  createAccessTokenVerifier,
  createRegistry,
  createRemoteJwks,
  discover,
  fixedKeys,
  webCrypto,
} from '../src/index.ts';
import { realm, startIssuer, type TestIssuer, testClock } from './support/issuer.ts';

const discoveryPath = `${realm}/.well-known/openid-configuration`;
const certs = `${realm}/certs`;
let server: TestIssuer;
beforeEach(async () => {
  server = await startIssuer();
});
afterEach(() => server[Symbol.asyncDispose]());

function metadata(change: object = {}) {
  const { issuer } = server;
  return { body: { issuer, jwks_uri: `${issuer}/certs`, token_endpoint: `${issuer}/token`, ...change } };
}

test('a token of the issuer is a subject, and a warm verification makes no network call', async () => {
  const verifier = createAccessTokenVerifier({ issuer: server.issuer, audience: 'api' });
  const token = await server.sign();
  const [subject] = await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)));
  expect(subject).toMatchObject({
    kind: 'participant',
    realm: 'dev',
    id: 's-1',
    clientId: 'c-1',
    participantId: 'role-1',
  });
  await verifier.verify(await server.sign({ sub: 's-2' }));
  expect(server.seen).toEqual({ [discoveryPath]: 1, [certs]: 1 });
});

test.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('%s under WebCrypto', async (alg) => {
  await server.rotate('other', alg);
  const verifier = createAccessTokenVerifier({ issuer: server.issuer, crypto: webCrypto });
  expect(await verifier.verify(await server.sign({}, { typ: 'at+jwt' }))).toMatchObject({ id: 's-1' });
});

test('time and claims are looked at in every call', async () => {
  const clock = testClock();
  const verifier = createAccessTokenVerifier({ issuer: server.issuer, audience: 'api', now: clock.now });
  const token = await server.sign();
  await verifier.verify(token);
  clock.advance(604_000);
  await verifier.verify(token);
  clock.advance(2000);
  await expect(verifier.verify(token)).rejects.toMatchObject({ name: 'ProofError', code: 'jwt.expired' });
  const exp = Math.floor(clock.now() / 1000) + 600;
  await expect(verifier.verify(await server.sign({ aud: 'other', exp }))).rejects.toMatchObject({
    code: 'jwt.audience',
  });
  await expect(verifier.verify(await server.sign({ sub: '', exp }))).rejects.toMatchObject({ code: 'jwt.subject' });
  await expect(verifier.verify(await server.sign({ typ: 'ID', exp }))).rejects.toMatchObject({
    code: 'access_token.typ',
  });
  await expect(verifier.verify(await server.sign({ exp }, { typ: 'status+jwt' }))).rejects.toMatchObject({
    code: 'jwt.typ',
  });
});

test('a token that is bound to a key is refused: its proof is in the request', async () => {
  const verifier = createAccessTokenVerifier({ issuer: server.issuer, audience: 'api' });
  const verify = async (cnf: unknown) => verifier.verify(await server.sign({ cnf }));
  await expect(verify({ jkt: 'A'.repeat(43) })).rejects.toMatchObject({ code: 'access_token.bound' });
  // RFC 7800 §3.1: a confirmation that is not understood must not be ignored.
  for (const cnf of [{}, null, 'key', { jkt: '' }, { jkt: 7 }, { 'x5t#S256': 'a' }, { jkt: 'a', kid: 'b' }])
    await expect(verify(cnf), JSON.stringify(cnf)).rejects.toMatchObject({ code: 'access_token.claim' });
});

test('only the algorithms that were asked for', async () => {
  const verifier = createAccessTokenVerifier({ issuer: server.issuer, algorithms: ['RS256'] });
  await expect(verifier.verify(await server.sign())).rejects.toMatchObject({ code: 'jws.alg_not_allowed' });
});

test('keys that are given need no issuer', async () => {
  const verifier = createAccessTokenVerifier({ issuer: server.issuer, jwks: fixedKeys([]) });
  await expect(verifier.verify(await server.sign())).rejects.toMatchObject({ code: 'jws.kid_unknown' });
  expect(server.seen).toEqual({});
});

test('a new key is fetched when a token names it, but a flood of unknown names is not followed', async () => {
  const clock = testClock();
  const verifier = createAccessTokenVerifier({ issuer: server.issuer, now: clock.now });
  await verifier.verify(await server.sign());
  const flood = async () => {
    const tokens = await Promise.all(Array.from({ length: 50 }, (_, i) => server.sign({}, { kid: `unknown-${i}` })));
    const outcomes = await Promise.allSettled(tokens.map((token) => verifier.verify(token)));
    expect(outcomes.every((one) => one.status === 'rejected' && one.reason.code === 'jws.kid_unknown')).toBe(true);
  };
  await flood();
  expect(server.seen[certs]).toBe(1);
  clock.advance(10_000);
  await flood();
  await flood();
  expect(server.seen[certs]).toBe(2);
  await server.rotate('k-2');
  clock.advance(9999);
  await expect(verifier.verify(await server.sign())).rejects.toMatchObject({ code: 'jws.kid_unknown' });
  clock.advance(1);
  expect(await verifier.verify(await server.sign())).toMatchObject({ id: 's-1' });
  expect(server.seen[certs]).toBe(3);
});

test.each([
  ['max-age=60', 60_000],
  ['max-age=1', 10_000],
  ['no-store', 10_000],
  ['max-age=31536000', 86_400_000],
  ['', 300_000],
])('keys under Cache-Control "%s" are fresh for %i ms', async (cacheControl, age) => {
  server.routes[certs] = { body: { keys: server.keys }, headers: { 'cache-control': cacheControl } };
  const clock = testClock();
  const jwks = createRemoteJwks({ uri: `${server.issuer}/certs`, now: clock.now });
  await jwks.keys();
  clock.advance(age - 1);
  await jwks.keys();
  expect(server.seen[certs]).toBe(1);
  clock.advance(1);
  await jwks.keys();
  expect(server.seen[certs]).toBe(2);
});

test('while the issuer fails the last keys serve on, for a day, and it is not asked at every call', async () => {
  const clock = testClock();
  const jwks = createRemoteJwks({ uri: `${server.issuer}/certs`, now: clock.now });
  await jwks.keys();
  server.routes[certs] = { status: 503, body: 'down' };
  clock.advance(60_000);
  for (let i = 0; i < 20; i++) expect(await jwks.keys()).toHaveLength(1);
  expect(server.seen[certs]).toBe(2);
  clock.advance(10_000);
  expect(await jwks.keys()).toHaveLength(1);
  expect(server.seen[certs]).toBe(3);
  expect(await jwks.refresh()).toBe(false);
  clock.advance(86_400_000);
  await expect(jwks.keys()).rejects.toMatchObject({ name: 'ClientError', code: 'jwks.unavailable' });
});

test('a key that the issuer withdraws is gone', async () => {
  const clock = testClock();
  const verifier = createAccessTokenVerifier({ issuer: server.issuer, now: clock.now });
  const token = await server.sign();
  await verifier.verify(token);
  server.keys.length = 0;
  clock.advance(60_000);
  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'jws.kid_unknown' });
});

test('a clock that is set back does not freeze the keys', async () => {
  const clock = testClock();
  const jwks = createRemoteJwks({ uri: `${server.issuer}/certs`, now: clock.now });
  await jwks.keys();
  clock.advance(-3_600_000);
  await jwks.keys();
  expect(server.seen[certs]).toBe(2);
});

test('private, symmetric and broken entries of a key set are not there', async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const secret = { ...(await exportJWK(pair.privateKey)), kid: 'private' };
  const entries = [
    secret,
    { kty: 'oct', k: 'AQAB', kid: 'oct' },
    null,
    'key',
    { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
    ...server.keys,
  ];
  server.routes[certs] = { body: { keys: entries } };
  const keys = await createRemoteJwks({ uri: `${server.issuer}/certs` }).keys();
  expect(keys.map((key) => key.kid)).toEqual(['k-1']);
});

const elsewhere = (_request: unknown, response: ServerResponse) => {
  response.writeHead(302, { location: `${server.issuer}/other` }).end();
};
const hostileKeys: readonly [string, () => TestIssuer['routes'][string], string][] = [
  ['10 MB of keys', () => ({ body: { keys: [], pad: 'x'.repeat(10_000_000) } }), 'http.too_large'],
  ['a redirect', () => elsewhere, 'http.redirect'],
  ['an answer that never ends', () => (_request, response) => response.write('{"keys":['), 'http.timeout'],
  ['no answer', () => () => undefined, 'http.timeout'],
  ['a broken connection', () => (request) => request.socket.destroy(), 'http.unreachable'],
  ['garbage', () => ({ body: '<html>' }), 'http.json'],
  ['duplicate members', () => ({ body: '{"keys":[],"keys":[]}' }), 'http.json'],
  ['an array', () => ({ body: [] }), 'jwks.malformed'],
  ['keys that are no array', () => ({ body: { keys: {} } }), 'jwks.malformed'],
  ['a thousand keys', () => ({ body: { keys: new Array(1000).fill({}) } }), 'jwks.malformed'],
  ['a refusal', () => ({ status: 404 }), 'jwks.unavailable'],
];
test.each(hostileKeys)('%s instead of keys is a clear refusal', async (_name, route, code) => {
  server.routes[certs] = route();
  server.routes[`${realm}/other`] = { body: { keys: server.keys } };
  const clock = testClock();
  const verifier = createAccessTokenVerifier({
    issuer: server.issuer,
    timeoutMilliseconds: code === 'http.timeout' ? 300 : 20_000,
    now: clock.now,
  });
  const token = await server.sign();
  await expect(verifier.verify(token)).rejects.toMatchObject({ name: 'ClientError', code });
  await expect(verifier.verify(token)).rejects.toMatchObject({ code });
  expect(server.seen[certs]).toBe(1);
  server.routes[certs] = { body: { keys: server.keys } };
  clock.advance(1000);
  expect(await verifier.verify(token)).toMatchObject({ id: 's-1' });
});

const hostileDiscovery: readonly [string, () => TestIssuer['routes'][string], string][] = [
  ['another issuer', () => metadata({ issuer: `${server.issuer}/` }), 'discovery.issuer'],
  ['no issuer', () => metadata({ issuer: undefined }), 'discovery.issuer'],
  ['an array', () => ({ body: [server.issuer] }), 'discovery.malformed'],
  ['a refusal', () => ({ status: 500 }), 'discovery.unavailable'],
  ['garbage', () => ({ body: 'issuer' }), 'http.json'],
  ['100 KB', () => metadata({ pad: 'x'.repeat(100_000) }), 'http.too_large'],
  ['a redirect', () => elsewhere, 'http.redirect'],
  ['no jwks_uri', () => metadata({ jwks_uri: undefined }), 'discovery.endpoint'],
  ['keys in a list', () => metadata({ jwks_uri: [`${server.issuer}/certs`] }), 'discovery.endpoint'],
  ['keys over plain http', () => metadata({ jwks_uri: 'http://keys.example/certs' }), 'discovery.endpoint'],
  ['keys in a file', () => metadata({ jwks_uri: 'file:///etc/passwd' }), 'discovery.endpoint'],
  ['keys under a password', () => metadata({ jwks_uri: 'https://a:b@keys.example/certs' }), 'discovery.endpoint'],
  ['keys at no URL', () => metadata({ jwks_uri: '/certs' }), 'discovery.endpoint'],
];
test.each(hostileDiscovery)('discovery with %s is refused', async (_name, route, code) => {
  server.routes[discoveryPath] = route();
  const verifier = createAccessTokenVerifier({ issuer: server.issuer, timeoutMilliseconds: 300 });
  await expect(verifier.verify(await server.sign())).rejects.toMatchObject({ name: 'ClientError', code });
  expect(server.seen[certs]).toBeUndefined();
});

test('an issuer with a slash too much is refused with the word for it', async () => {
  server.routes[discoveryPath] = metadata({});
  await expect(discover(`${server.issuer}/`)).rejects.toThrow(/without the slash at its end/);
  const refused = { code: 'discovery.issuer_url', message: expect.stringContaining('without a slash') };
  const token = { token: async () => 'x' };
  expect(() => createRegistry({ issuer: `${server.issuer}/`, token })).toThrow(expect.objectContaining(refused));
});

test('a public issuer cannot send us to this machine', async () => {
  const issuer = 'https://issuer.example';
  const fetched: string[] = [];
  const fetch = async (url: string) => {
    fetched.push(url);
    return Response.json({ issuer, jwks_uri: 'http://127.0.0.1:9/certs' });
  };
  const verifier = createAccessTokenVerifier({ issuer, fetch });
  await expect(verifier.verify(await server.sign())).rejects.toMatchObject({ code: 'discovery.endpoint' });
  expect(fetched).toEqual(['https://issuer.example/.well-known/openid-configuration']);
});

test('a redirect that a browser hides is one', async () => {
  const hidden = { type: 'opaqueredirect', status: 0, headers: new Headers(), body: null } as Response;
  const discovered = discover('https://issuer.example', { fetch: async () => hidden });
  await expect(discovered).rejects.toMatchObject({ code: 'http.redirect' });
});

test.each([
  'http://issuer.example',
  'issuer',
  'ftp://issuer.example',
  'https://a:b@issuer.example',
  'https://issuer.example/?a',
  'https://issuer.example/#a',
  'http://127.0.0.1.example',
])('%s is no issuer', async (issuer) => {
  expect(() => createAccessTokenVerifier({ issuer })).toThrow('https URL');
  await expect(discover(issuer)).rejects.toMatchObject({ code: 'discovery.issuer_url' });
});

test('an issuer that nobody serves is unreachable', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => closed.once('listening', resolve));
  const { port } = closed.address() as { port: number };
  await new Promise((resolve) => closed.close(resolve));
  await expect(discover(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'http.unreachable' });
});
