import { describe, expect, onTestFinished, test } from 'vitest';
import { refusal } from '../src/http/render.ts';
import { Problem, problemCodes, rendering, toProblem } from '../src/kernel/problem.ts';
import { isDuplicate, isStoreFault, noConnection, storeProblem } from '../src/store/fault.ts';
import { testServer } from './support/server.ts';

const call = { requestId: 'request-1', request: new Request('http://localhost/'), params: { realm: 'dev' } };
/** RFC 6749 §5.2: "Values for the 'error_description' parameter MUST NOT include characters outside the set …". */
const descriptionCharacters = /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/;
const gossip = 'select * from client where secret = "s3cret"';

test('the table has its rows', () => {
  expect(problemCodes.length).toBeGreaterThan(30);
  expect(problemCodes).toContain('internal');
  expect(problemCodes).toContain('store.unavailable');
});

describe.each(problemCodes)('%s', (code) => {
  const problem = new Problem(code, { reason: gossip });
  const { status, text, oauth, oauthStatus, grpc } = rendering(problem);

  test('renders as a problem document (RFC 9457)', async () => {
    const response = refusal(problem, { refusals: 'problem', security: 'bearer' }, call);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toEqual({
      type: `urn:countersign:problem:${code}`,
      title: text,
      status,
      code,
      requestId: 'request-1',
    });
  });

  test('renders as an OAuth error (RFC 6749 §5.2)', async () => {
    const response = refusal(problem, { refusals: 'oauth', security: 'client' }, call);
    expect(response.status).toBe(oauthStatus);
    const body = (await response.json()) as { error: string; error_description: string };
    expect(Object.keys(body).sort()).toEqual(['error', 'error_description']);
    expect(body.error).toBe(oauth);
    expect(body.error_description).toMatch(descriptionCharacters);
  });

  test('challenges a caller who is not authenticated, or whose token allows too little, and no other (RFC 9110 §11.6.1, RFC 6750 §3)', () => {
    for (const [refusals, of] of [
      ['problem', status],
      ['oauth', oauthStatus],
    ] as const) {
      const basic = refusal(problem, { refusals, security: 'client' }, call).headers.get('www-authenticate');
      const bearer = refusal(problem, { refusals, security: 'bearer' }, call).headers.get('www-authenticate');
      expect(basic).toBe(of === 401 ? 'Basic realm="dev", charset="UTF-8"' : null);
      if (code.startsWith('dpop.') && of === 401) {
        expect(bearer).toBe('DPoP realm="dev", error="invalid_dpop_proof", algs="RS256 PS256 ES256 Ed25519 EdDSA"');
      } else if (of === 401) expect(bearer).toMatch(/^Bearer realm="dev"(, error="[a-z_]+")?$/);
      else if (code.startsWith('token.insufficient_'))
        expect(bearer).toBe('Bearer realm="dev", error="insufficient_scope"');
      else expect(bearer).toBeNull();
    }
  });

  test('has an HTTP status, a gRPC status and a sentence', () => {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(grpc).toBeGreaterThanOrEqual(1);
    expect(grpc).toBeLessThanOrEqual(16);
    expect(text).toMatch(/^[A-Z].*\.$/);
  });

  test('never tells its cause', async () => {
    for (const refusals of ['problem', 'oauth'] as const) {
      const text = await refusal(problem, { refusals, security: 'none' }, call).text();
      expect(text).not.toContain('s3cret');
      expect(text).not.toContain('select');
    }
  });
});

const ours = problemCodes.filter((code) => rendering(new Problem(code)).status >= 500);

test.each(ours)('%s, a fault of ours, hides even the detail that a rule gave', async (code) => {
  for (const refusals of ['problem', 'oauth'] as const) {
    const response = refusal(new Problem(code, { detail: gossip }), { refusals, security: 'none' }, call);
    expect(await response.text()).not.toContain('s3cret');
  }
});

test('what is thrown and is no Problem becomes `internal`', async () => {
  for (const thrown of [new Error(gossip), gossip, null, undefined, { code: 'token.invalid' }]) {
    const problem = toProblem(thrown);
    expect(problem.code).toBe('internal');
    expect(await refusal(problem, { refusals: 'problem', security: 'none' }, call).text()).not.toContain('s3cret');
  }
});

test('a detail goes to the caller as it is, in OAuth without the characters that its description must not have', async () => {
  const problem = new Problem('request.invalid', {
    detail: 'scope "a\\b" of ünïcode\r\nSet-Cookie: x',
    pointer: '/scope',
  });
  const native = (await refusal(problem, { refusals: 'problem', security: 'none' }, call).json()) as object;
  expect(native).toMatchObject({ detail: problem.message, pointer: '/scope' });
  const oauth = await refusal(problem, { refusals: 'oauth', security: 'none' }, call).json();
  expect((oauth as { error_description: string }).error_description).toBe('scope ?a?b? of ?n?code??Set-Cookie: x');
});

test('seconds to wait become Retry-After', () => {
  const problem = new Problem('attempt.throttled', { retryAfter: 17 });
  const response = refusal(problem, { refusals: 'oauth', security: 'client' }, call);
  expect(response.headers.get('retry-after')).toBe('17');
});

test('a realm of the path cannot break out of the challenge', () => {
  const hostile = { ...call, params: { realm: 'x", error="none\r\nSet-Cookie: a=b' } };
  const response = refusal(new Problem('token.invalid'), { refusals: 'problem', security: 'bearer' }, hostile);
  expect(response.headers.get('www-authenticate')).toBe('Bearer realm="xerrornoneet-ookieab", error="invalid_token"');
});

test.each([
  ['a refused connection', { code: 'ECONNREFUSED' }],
  ['a database that shuts down', { code: '57P01' }],
  ['a statement that took too long', { code: '57014' }],
  ['too many connections', { code: '53300' }],
  ['a standby', { code: '25006' }],
  ['a transaction that took too long', { code: '25P04' }],
  ['a lock that somebody else holds', { code: '55P03' }],
  ['an account that is refused', { code: '28P01' }],
  ['a database that was dropped', { code: '3D000' }],
  ['a busy SQLite', { errcode: 5 }],
  ['a full disk (extended code)', { errcode: 13 }],
  ['an I/O error with its extended code', { errcode: 10 | (12 << 8) }],
])('%s is a store that cannot answer now: 503', (_, members) => {
  const thrown = Object.assign(new Error('x'), members);
  expect(isStoreFault(thrown)).toBe(true);
  expect(storeProblem(thrown)).toMatchObject({ code: 'store.unavailable', retryAfter: 1, cause: thrown });
});

test.each([
  ['a socket file that is not there', { code: 'ENOENT' }],
  ['a certificate that has run out', { code: 'CERT_HAS_EXPIRED' }],
  ['a server without TLS', {}],
])('%s is one where there was no connection for it', (_, members) => {
  const thrown = Object.assign(new Error('x'), members);
  expect(isStoreFault(thrown)).toBe(false);
  expect(isStoreFault(noConnection(thrown))).toBe(true);
});

test.each([
  ['a syntax error', { code: '42601' }],
  ['a unique violation', { code: '23505' }],
  ['a constraint of SQLite', { errcode: 2067 }],
  ['a fault of ours', {}],
])('%s is not', (_, members) => {
  const thrown = Object.assign(new Error('x'), members);
  expect(isStoreFault(thrown)).toBe(false);
  expect(storeProblem(thrown)).toBe(thrown);
});

test('a duplicate is recognised on both databases', () => {
  for (const members of [{ code: '23505' }, { errcode: 1555 }, { errcode: 2067 }])
    expect(isDuplicate(members)).toBe(true);
  for (const members of [{ code: '23503' }, { errcode: 19 }, null, undefined]) expect(isDuplicate(members)).toBe(false);
});

test('a member name as long as a body fills neither the answer nor the log', async () => {
  const server = await testServer();
  onTestFinished(() => server.close());
  const name = 'name'.repeat(100_000);
  for (const path of [
    '/realms/dev/protocol/openid-connect/token',
    '/auth/login',
    '/realms/dev/registry/applications',
  ]) {
    const body = `{"${name}":"1","${name}":"2"}`;
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(server.url + path, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
    expect((await response.text()).length).toBeLessThan(4_000);
  }
  expect(server.logged.filter((line) => line.length > 4_000)).toEqual([]);
});
