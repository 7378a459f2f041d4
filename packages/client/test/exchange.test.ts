import { afterEach, beforeEach, expect, test } from 'vitest';
import { createExchange, type Exchange } from '../src/index.ts';
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
  server.routes[path] = { status: 400, body: { error: 'invalid_request' } };
  await expect(exchange(token, 'a')).rejects.toMatchObject({
    name: 'MessageProblem',
    status: 401,
    code: 'token.ended',
  });
  server.routes[path] = { body: good };
  expect(await exchange(token, 'a')).toBe('next');
});
