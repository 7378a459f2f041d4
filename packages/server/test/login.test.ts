import { describe, expect, test } from 'vitest';
import { stepCredential } from '../src/passwords/identity/credential.ts';
import { movedClock } from './support/clock.ts';
import { eachDatabase } from './support/databases.ts';
import { corporate, corporateNetwork, passwords, said } from './support/passwords.ts';

const day = 86_400_000;

eachDatabase('login', (freshUrl) => {
  test('opens a session: token, programme, credential, identity, seconds', async () => {
    const { login, call } = await corporate({ databaseUrl: await freshUrl() });
    const answer = await login('alice@acme.example', passwords.first);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      token: expect.stringMatching(/^css_[A-Za-z0-9_-]{43}$/),
      programmeId: 'dev',
      credential: { type: 'ROOT', id: 'cred-1' },
      identity: { type: 'corporates', id: 'corp-1' },
      expiresIn: 300,
    });
    expect((await call('/auth/subject', String(answer.body.token))).status).toBe(200);
  });

  test('works on a server that remembers nothing yet', async () => {
    const { login, call, server } = await corporate({ databaseUrl: await freshUrl() });
    server.context.cache.invalidateAll();
    const { body } = await login('alice@acme.example', passwords.first);
    server.context.cache.invalidateAll();
    const change = { oldPassword: { value: passwords.first }, password: { value: passwords.second } };
    expect((await call('/passwords/cred-1/update', String(body.token), change)).status).toBe(200);
  });

  test('takes the password as an object too, and the realm by path, header or body', async () => {
    const { call } = await corporate({ databaseUrl: await freshUrl() });
    const body = { credentialCode: 'alice@acme.example', password: { value: passwords.first } };
    expect((await call('/auth/login', undefined, body)).status).toBe(200);
    expect((await call('/realms/dev/auth/login', undefined, body)).status).toBe(200);
    expect((await call('/auth/login', undefined, { ...body, programmeId: 'dev' })).status).toBe(200);
    expect((await call('/auth/login', undefined, body, { 'x-programmekey': 'acme|dev' })).status).toBe(200);
    expect(said(await call('/auth/login', undefined, { ...body, programmeId: 'bank' }))).toBe('403 FAILED_LOGIN');
    expect(said(await call('/auth/login', undefined, { ...body, programmeId: 'nowhere' }))).toBe('400 programmeId');
    const disagreeing = await call(
      '/auth/login',
      undefined,
      { ...body, programmeId: 'bank' },
      { 'x-programmekey': 'a|dev' },
    );
    expect(said(disagreeing)).toBe('400 programmeId');
  });

  test('unknown, wrong, never created, disabled and compromised are one answer', async () => {
    const { login, admin, server } = await corporate({
      databaseUrl: await freshUrl(),
      withPassword: ['cred-1', 'cred-2', 'cred-3'],
    });
    await stepCredential(server.context, 'dev', 'cred-2', 'disable', { actor: 'test', requestId: 'test' });
    await admin('/passwords/cred-3/1/expire', { reason: 'COMPROMISED' });
    const answers = [
      await login('nobody@acme.example', passwords.first),
      await login('alice@acme.example', passwords.second),
      await login('peter@initech.example', passwords.first),
      await login('bob', passwords.first),
      await login('carol@globex.example', passwords.first),
    ];
    for (const answer of answers) {
      expect(said(answer)).toBe('403 FAILED_LOGIN');
      expect({ ...answer.body, requestId: '' }).toEqual({ ...answers[0]?.body, requestId: '' });
    }
  });

  test('with a password that has expired gives a token that can only update it, once', async () => {
    const clock = movedClock();
    const network = corporateNetwork({ ROOT: { expiryPeriodDays: 30 } });
    const { login, call } = await corporate({ databaseUrl: await freshUrl(), network, clock });
    clock.advance(30 * day + 1);
    expect(said(await login('alice@acme.example', passwords.second))).toBe('403 FAILED_LOGIN');
    const refused = await login('alice@acme.example', passwords.first);
    expect(said(refused)).toBe('409 EXPIRED_PASSWORD');
    const restricted = String(refused.body.token);
    expect(refused.body.expiresIn).toBe(300);
    for (const path of ['/auth/subject', '/passwords/cred-1/get', '/passwords/cred-1/1/expire']) {
      expect(said(await call(path, restricted))).toBe('403 SESSION_RESTRICTED');
    }
    const without = { password: { value: passwords.second } };
    expect(said(await call('/passwords/cred-1/authenticated_update', restricted, without))).toBe(
      '403 SESSION_RESTRICTED',
    );
    const change = { oldPassword: { value: passwords.first }, password: { value: passwords.second } };
    expect(said(await call('/passwords/cred-2/update', restricted, change))).toBe('404 CREDENTIAL_UNKNOWN');
    const updated = await call('/passwords/cred-1/update', restricted, change);
    expect(updated).toMatchObject({ status: 200, body: { passwordInfo: { version: 2, state: 'ACTIVE' } } });
    expect((await call('/auth/subject', String(updated.body.token))).status).toBe(200);
    expect(said(await call('/passwords/cred-1/update', restricted, change))).toBe('401 SESSION_INVALID');
    expect((await login('alice@acme.example', passwords.second)).status).toBe(200);
  });

  test('the token for an expired password lives for five minutes', async () => {
    const clock = movedClock();
    const { login, call, admin } = await corporate({ databaseUrl: await freshUrl(), clock });
    await admin('/passwords/cred-1/1/expire');
    const { body } = await login('alice@acme.example', passwords.first);
    clock.advance(300_001);
    const change = { oldPassword: { value: passwords.first }, password: { value: passwords.second } };
    expect(said(await call('/passwords/cred-1/update', String(body.token), change))).toBe('401 SESSION_INVALID');
  });

  test('is written down: who, from where; and never what was typed', async () => {
    const { login, server } = await corporate({ databaseUrl: await freshUrl() });
    await login('alice@acme.example', passwords.first);
    await login('alice@acme.example', passwords.second);
    const events = await server.context.store.db.selectFrom('event').selectAll().execute();
    expect(events.find(({ type }) => type === 'login.succeeded')).toMatchObject({
      object: 'credential:cred-1',
      after: expect.stringContaining('127.0.0.1'),
    });
    for (const secret of Object.values(passwords)) {
      expect(JSON.stringify(events)).not.toContain(secret);
      expect(server.logged.join('')).not.toContain(secret);
    }
  });
});

describe('a login that is malformed is refused by the name of the field', () => {
  const good = { credentialCode: 'alice@acme.example', password: passwords.first };
  test.each([
    [{ ...good, credentialCode: undefined }, '400 credentialCode'],
    [{ ...good, credentialCode: null }, '400 credentialCode'],
    [{ ...good, credentialCode: '' }, '400 credentialCode'],
    [{ ...good, credentialCode: 7 }, '400 credentialCode'],
    [{ ...good, credentialCode: 'a\u0000b' }, '400 credentialCode'],
    [{ ...good, credentialCode: 'a'.repeat(1_000_000) }, '400 credentialCode'],
    [{ ...good, password: undefined }, '400 password'],
    [{ ...good, password: null }, '400 password'],
    [{ ...good, password: '' }, '400 password'],
    [{ ...good, password: 7 }, '400 password'],
    [{ ...good, password: { value: '' } }, '400 password'],
    [{ ...good, password: { value: null } }, '400 password'],
    [{ ...good, password: 'a\u0000b' }, '400 password'],
    [{ ...good, programmeId: 7 }, '400 programmeId'],
    [{ ...good, programmeId: '' }, '400 programmeId'],
    [{ ...good, more: 1 }, '400 '],
    [[], '400 '],
    ['null', '400 '],
    ['{"credentialCode":"a","credentialCode":"b","password":"c"}', '400 credentialCode'],
    ['{"credentialCode":"\\ud800","password":"c"}', '400 credentialCode'],
    ['{"credentialCode":"a","password":"\\ud800"}', '400 password'],
    ['{', '400 '],
    ['', '400 '],
  ])('%j', async (body, wanted) => {
    const { call } = await corporate({ withPassword: [] });
    expect(said(await call('/auth/login', undefined, body))).toBe(wanted.trim());
  });

  test('a password of a megabyte takes no time and is no password', async () => {
    const { login } = await corporate({ withPassword: [] });
    expect(said(await login('alice@acme.example', 'a'.repeat(1_000_000)))).toBe('403 FAILED_LOGIN');
  });

  test('another media type, another method, a body that is too large', async () => {
    const { call, server } = await corporate({ withPassword: [] });
    expect((await call('/auth/login', undefined, '{}', { 'content-type': 'text/plain' })).status).toBe(415);
    const get = await fetch(`${server.url}/auth/login`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await call('/auth/login', undefined, `"${'a'.repeat(1_048_577)}"`)).status).toBe(413);
  });
});
