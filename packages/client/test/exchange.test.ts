import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createExchange, createService, type Exchange } from '../src/index.ts';
import { realm, startIssuer, type TestIssuer, testClock } from './support/issuer.ts';

const path = `${realm}/token`;
const transaction = 'urn:ietf:params:oauth:token-type:txn_token';
const access = 'urn:ietf:params:oauth:token-type:access_token';
const good = { access_token: 'next', token_type: 'N_A', issued_token_type: transaction, expires_in: 60 };
let server: TestIssuer;
let clock: ReturnType<typeof testClock>;
let exchange: Exchange;
beforeEach(async () => {
  server = await startIssuer();
  clock = testClock();
  exchange = createExchange({ issuer: server.issuer, clientId: 'c:1', clientSecret: 'a secret&', now: clock.now });
  server.routes[path] = { body: good };
});
afterEach(() => server[Symbol.asyncDispose]());

const signed = () => server.sign({}, { typ: 'txntoken+jwt' });

test('says what it exchanges, by the token itself', async () => {
  const forms: URLSearchParams[] = [];
  let authorization: string | undefined;
  server.routes[path] = (request, response, body) => {
    const form = new URLSearchParams(body);
    forms.push(form);
    authorization = request.headers.authorization;
    const isAccess = form.get('requested_token_type') === access;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(isAccess ? { ...good, token_type: 'Bearer', issued_token_type: access } : good));
  };
  const token = await signed();
  expect(await exchange(token, 'https://next.example')).toBe('next');
  await exchange(await server.sign(), 'https://next.example');
  await exchange('css_a-session', 'https://next.example');
  await exchange('no token at all', 'https://next.example');
  expect(Object.fromEntries(forms[0] ?? [])).toEqual({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: transaction,
    requested_token_type: transaction,
    audience: 'https://next.example',
  });
  expect(forms.map((form) => [form.get('subject_token_type'), form.get('requested_token_type')])).toEqual([
    [transaction, transaction],
    [access, access],
    ['urn:countersign:params:oauth:token-type:session', transaction],
    [access, access],
  ]);
  expect(Buffer.from(authorization?.split(' ')[1] ?? '', 'base64').toString()).toBe('c%3A1:a+secret%26');
});

test('a burst is one request, and its answer serves for as long as it lives', async () => {
  const token = await signed();
  await Promise.all(Array.from({ length: 100 }, () => exchange(token, 'a')));
  clock.advance(59_999);
  await exchange(token, 'a');
  expect(server.seen[path]).toBe(1);
  clock.advance(1);
  await exchange(token, 'a');
  await exchange(token, 'b');
  expect(server.seen[path]).toBe(3);
});

test('an audience never gets the answer that another one got', async () => {
  server.routes[path] = (_request, response, body) => {
    const audience = new URLSearchParams(body).get('audience');
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ ...good, access_token: `for-${audience}` }));
  };
  const token = await signed();
  const both = await Promise.all([exchange(token, 'a'), exchange(token, 'b')]);
  expect([...both, await exchange(token, 'a')]).toEqual(['for-a', 'for-b', 'for-a']);
});

test.each([
  ['a refusal', { status: 400, body: { error: 'invalid_target' } }, 'oauth.invalid_target'],
  ['a malformed request', { status: 400, body: { error: 'invalid_request' } }, 'oauth.invalid_request'],
  [
    'a type of token that is not exchanged',
    {
      status: 400,
      body: { error: 'invalid_request', error_description: 'This type of token cannot be exchanged here.' },
    },
    'oauth.invalid_request',
  ],
  ['a realm that is not there', { status: 404, body: { error: 'invalid_request' } }, 'oauth.invalid_request'],
  ['a refusal that is no code', { status: 400, body: { error: '<script>' } }, 'oauth.unknown'],
  ['a failure', { status: 503, body: 'down' }, 'oauth.unknown'],
  ['another type than was asked for', { body: { ...good, issued_token_type: access } }, 'token.malformed'],
  ['no type', { body: { ...good, issued_token_type: undefined } }, 'token.malformed'],
  ['an access token in the place of a subject', { body: { ...good, token_type: 'Bearer' } }, 'token.malformed'],
  ['no token', { body: { ...good, access_token: undefined } }, 'token.malformed'],
  ['a token with a line break', { body: { ...good, access_token: 'a\r\nx: y' } }, 'token.malformed'],
  ['a life that is a string', { body: { ...good, expires_in: '60' } }, 'token.malformed'],
])('%s is an error, and is not kept', async (_name, answer, code) => {
  const token = await signed();
  server.routes[path] = answer;
  await expect(exchange(token, 'a')).rejects.toMatchObject({ name: 'ClientError', code });
  server.routes[path] = { body: good };
  expect(await exchange(token, 'a')).toBe('next');
});

test('a token that has ended meanwhile is refused as that of the caller, and is not kept', async () => {
  const token = await signed();
  server.routes[path] = {
    status: 400,
    body: { error: 'invalid_request', error_description: 'The subject token cannot be exchanged.' },
  };
  await expect(exchange(token, 'a')).rejects.toMatchObject({
    name: 'MessageProblem',
    status: 401,
    code: 'token.ended',
  });
  server.routes[path] = { body: good };
  expect(await exchange(token, 'a')).toBe('next');
});

test('what was given for a token is not given again after the end of that token', async () => {
  server.routes[path] = { body: { ...good, expires_in: 600 } };
  const exp = Math.floor(clock.now() / 1000) + 20;
  const token = await server.sign({ exp }, { typ: 'txntoken+jwt' });
  await exchange(token, 'a');
  clock.advance(exp * 1000 - 1 - clock.now());
  await exchange(token, 'a');
  expect(server.seen[path]).toBe(1);
  clock.advance(1);
  await exchange(token, 'a');
  expect(server.seen[path]).toBe(2);
});

test('a clock that was set back makes nothing live for longer', async () => {
  const token = await signed();
  await exchange(token, 'a');
  clock.advance(-3_600_000);
  await exchange(token, 'a');
  expect(server.seen[path]).toBe(2);
});

describe('with a status feed', () => {
  const parent = { jti: 'parent', sub: 's-1', gen: 1 };
  const derived = { jti: 'derived', sub: 's-1', gen: 1, aud: 'next', ancestors: [{ kind: 'token', id: 'parent' }] };
  let next: object;
  let exchanges: number;
  let key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
  let seq: number;
  beforeEach(async () => {
    const pair = await generateKeyPair('ES256');
    key = pair.privateKey;
    server.keys.push({ ...(await exportJWK(pair.publicKey)), kid: 'status', alg: 'ES256', use: 'sig' });
    [exchanges, seq] = [0, 1];
    next = derived;
    server.routes[path] = async (_request, response, body) => {
      const isExchange = new URLSearchParams(body).has('subject_token');
      if (isExchange) exchanges++;
      const members = { token_type: 'Bearer', issued_token_type: access, expires_in: 600 };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...members, access_token: await server.sign(isExchange ? { ...next } : {}) }));
    };
    exchange = serviceAt().exchange;
  });

  function serviceAt() {
    const own = { issuer: server.issuer, clientId: 'c', clientSecret: 's', audience: 'api' };
    const status = { pollSeconds: 3600 };
    const service = createService({ ...own, accept: ['participant'], now: clock.now, status });
    onTestFinished(() => service.close());
    return service;
  }

  async function say(...revoked: readonly object[]) {
    const iat = Math.floor(clock.now() / 1000);
    const all = revoked.map((one) => ({ ...one, seq, exp: iat + 3600 }));
    const claims = { iss: server.issuer, iat, exp: iat + 30, incarnation: 'i', seq, after: 0, revoked: all };
    const header = { alg: 'ES256', typ: 'status+jwt', kid: 'status' };
    const body = await new SignJWT(claims).setProtectedHeader(header).sign(key);
    for (let after = 0; after <= seq; after++) server.routes[`${realm}/status?after=${after}`] = { body };
    seq++;
  }

  /** The feed has to be asked again. */
  const later = () => clock.advance(61_000);

  test.each([
    ['the token that was exchanged', { kind: 'token', id: 'parent' }],
    ['the token that was given', { kind: 'token', id: 'derived' }],
    ['the subject', { kind: 'subject', id: 's-1', generation: 1 }],
  ])('what was given is not given again once the feed says that %s has ended', async (_name, entry) => {
    const token = await server.sign(parent);
    await say();
    await exchange(token, 'next');
    later();
    await say({ kind: 'token', id: 'another' });
    await exchange(token, 'next');
    expect(exchanges).toBe(1);
    later();
    await say(entry);
    await exchange(token, 'next');
    expect(exchanges).toBe(2);
  });

  test('while it is silent the issuer is asked', async () => {
    const token = await server.sign(parent);
    await say();
    await exchange(token, 'next');
    await exchange(token, 'next');
    expect(exchanges).toBe(1);
    later();
    await Promise.all(Array.from({ length: 50 }, () => exchange(token, 'next')));
    expect(exchanges).toBe(2);
  });

  test('a token that does not say what it was made from is not kept', async () => {
    next = { ...derived, ancestors: 'parent' };
    const token = await server.sign(parent);
    await say();
    await exchange(token, 'next');
    await exchange(token, 'next');
    expect(exchanges).toBe(2);
  });
});
