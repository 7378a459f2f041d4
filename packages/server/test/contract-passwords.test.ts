import { afterAll, describe, expect, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { write } from '../src/store/write.ts';
import { issueOneTimeCode } from '../src/subject/secrets/one-time-code.ts';
import { info, loggedIn, login, type Row, ref, refused, rows, token, whole } from './support/contract-rows.ts';
import { corporateNetwork, passwords } from './support/passwords.ts';
import { type TestServer, testServer } from './support/server.ts';

/** Section 5 of the contracts, row by row, at both places: what callers of three generations send, and what they get. */

describe.each(['', '/realms/dev'])('section 5 of the contracts at %j', async (prefix) => {
  const server = await testServer({ network: corporateNetwork() });
  afterAll(() => server.close());
  const admin = await server.adminToken();
  const made = await send('/passwords/cred-1/create', `Bearer ${admin}`, whole(passwords.first));
  const session = String((await json(await send('/auth/login', undefined, login))).token);

  async function send(path: string, authorization: string | undefined, body?: unknown): Promise<Response> {
    return fetch(server.url + prefix + path, {
      method: 'POST',
      headers: {
        'x-callref': ref,
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined ? {} : { 'content-type': 'application/json;charset=UTF-8' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async function holds({ path, as, body, status, answer }: Row): Promise<Record<string, unknown>> {
    const response = await send(path, as?.replace(/\bA$/, admin).replace(/\bS$/, session), body);
    const said = await json(response);
    expect([path, response.status, said]).toEqual([path, status, answer ?? said]);
    expect(response.headers.get('x-callref')).toBe(ref);
    expect(response.headers.get('www-authenticate')).toEqual(
      status === 401 ? expect.stringMatching(/^Bearer realm="/) : null,
    );
    if (status === 204) expect([said, response.headers.get('content-type')]).toEqual([{}, null]);
    return said;
  }

  test('the first password', async () => {
    expect([made.status, await json(made)]).toEqual([200, info(1)]);
  });

  test.each(rows.map((row) => [row.path, row.as ?? 'anyone', row.status, row] as const))(
    '%s as %s: %s',
    async (_path, _as, _status, row) => {
      await holds(row);
    },
  );

  test('ends a session by logout and by force, and takes an expired password for one update', async () => {
    const other = await opened();
    await holds({ path: '/auth/logout', as: other, status: 204 });
    await holds({ path: '/auth/logout', as: other, status: 401, answer: refused('SESSION_INVALID') });
    const forced = await opened();
    const { sessions } = await holds({ path: '/auth/sessions/get', as: forced, status: 200 });
    const own = (sessions as { id: string; current: boolean }[]).find(({ current }) => current);
    await holds({ path: `/auth/sessions/${own?.id}/terminate`, as: 'Bearer A', status: 204 });
    await holds({ path: '/auth/subject', as: forced, status: 401, answer: refused('SESSION_INVALID') });
    await holds({ path: '/passwords/cred-1/1/expire', as: 'S', status: 204 });
    await holds({ path: '/passwords/cred-1/1/expire', as: 'Bearer A', status: 204 });
    const expired = await holds({ path: '/auth/login', body: login, status: 409 });
    expect(expired).toMatchObject({ code: 'EXPIRED_PASSWORD', errorCode: 'EXPIRED_PASSWORD', token, expiresIn: 300 });
    const restricted = String(expired.token);
    await holds({ path: '/auth/subject', as: restricted, status: 403, answer: refused('SESSION_RESTRICTED') });
    const body = { oldPassword: { value: passwords.first }, ...whole(passwords.second) };
    const updated = { ...info(2), token };
    const { token: next } = await holds({
      path: '/passwords/cred-1/update',
      as: restricted,
      body,
      status: 200,
      answer: updated,
    });
    await holds({
      path: '/passwords/cred-1/update',
      as: restricted,
      body,
      status: 401,
      answer: refused('SESSION_INVALID'),
    });
    const third = { ...info(3), token };
    await holds({
      path: '/passwords/cred-1/authenticated_update',
      as: String(next),
      body: whole(passwords.third),
      status: 200,
      answer: third,
    });
    await holds({ path: '/passwords/cred-1/3/expire', as: 'Bearer A', body: { reason: 'COMPROMISED' }, status: 204 });
    await holds({
      path: '/auth/login',
      body: { ...login, password: passwords.third },
      status: 403,
      answer: refused('FAILED_LOGIN'),
    });
    await holds({ path: '/passwords/cred-1/get', as: 'Bearer A', status: 200, answer: info(3, 'EXPIRED') });
  });

  test('takes a code by mail once, where nothing else helps', async () => {
    const { context } = server;
    const { code: nonce } = await write(context, system, (tx) =>
      issueOneTimeCode(context, tx, 'dev', 'lost-password', 'cred-1', 60_000),
    );
    const body = { email: 'alice@acme.example', nonce, newPassword: { value: 'a fourth one, never used' } };
    await holds({ path: '/passwords/lost_password/resume', body, status: 200, answer: { ...info(4), token } });
    await holds({
      path: '/passwords/lost_password/resume',
      body,
      status: 409,
      answer: refused('INVALID_NONCE_OR_EMAIL'),
    });
  });

  async function opened(): Promise<string> {
    return String((await holds({ path: '/auth/login', body: login, status: 200, answer: loggedIn })).token);
  }
});

describe('what belongs to another realm', async () => {
  const server: TestServer = await testServer({ network: corporateNetwork() });
  afterAll(() => server.close());

  test('is not there for an administrator of one, nor its sessions; a token of one is refused in the other', async () => {
    const admin = `Bearer ${await server.adminToken()}`;
    const send = (path: string, authorization: string | undefined, body: unknown = {}) =>
      fetch(server.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
        body: JSON.stringify(body),
      });
    await send('/realms/dev/passwords/cred-1/create', admin, whole(passwords.first));
    const session = String((await json(await send('/realms/dev/auth/login', undefined, login))).token);
    const { sessions } = await json(await send('/auth/sessions/get', session));
    const [{ id }] = sessions as [{ id: string }];
    const statusOf = async (path: string, by: string, body?: unknown) => (await send(path, by, body)).status;
    expect(await statusOf(`/realms/bank/auth/sessions/${id}/terminate`, admin)).toBe(404);
    expect(await statusOf('/realms/bank/passwords/cred-1/get', admin)).toBe(404);
    expect(await statusOf('/realms/bank/auth/subject', session)).toBe(403);
    expect(await statusOf('/realms/nowhere/auth/subject', session)).toBe(400);
    expect(await statusOf('/realms/bank/auth/login', 'x', login)).toBe(403);
    expect(await statusOf('/realms/dev/auth/subject', session)).toBe(200);
  });
});

async function json(response: Response): Promise<Record<string, unknown>> {
  const body = await response.text();
  return body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
}
