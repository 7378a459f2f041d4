import { describe, expect, test } from 'vitest';
import { movedClock } from './support/clock.ts';
import { eachDatabase } from './support/databases.ts';
import { type Corporate, corporate, corporateNetwork, passwords, said } from './support/passwords.ts';

const value = (text: string) => ({ password: { value: text } });
const change = (from: string, to: string) => ({ oldPassword: { value: from }, password: { value: to } });
const alice = 'alice@acme.example';

eachDatabase('password profiles', (freshUrl) => {
  test('extend the identity profile of the same id', async () => {
    const { admin } = await corporate({ databaseUrl: await freshUrl(), withPassword: [] });
    const config = { configPerCredentialType: { ROOT: { minimumLength: 8, maximumLength: 50, complexity: 1 } } };
    expect(said(await admin('/passwords/profiles/nowhere/create', config))).toBe('404 IDENTITY_PROFILE_UNKNOWN');
    expect(said(await admin('/passwords/profiles/ip-bare/get'))).toBe('404 PASSWORD_PROFILE_UNKNOWN');
    expect(said(await admin('/passwords/profiles/ip-bare/update', config))).toBe('404 PASSWORD_PROFILE_UNKNOWN');
    const whole = {
      id: 'ip-bare',
      configPerCredentialType: {
        ROOT: {
          minimumLength: 8,
          maximumLength: 50,
          complexity: 1,
          expiryPeriodDays: 0,
          historySize: 0,
          secondFactor: 'optional',
        },
      },
    };
    expect(await admin('/passwords/profiles/ip-bare/create', config)).toMatchObject({ status: 200, body: whole });
    expect((await admin('/passwords/profiles/ip-bare/get')).body).toEqual(whole);
    expect(said(await admin('/passwords/profiles/ip-bare/create', config))).toBe(
      '409 PASSWORD_PROFILE_ALREADY_CREATED',
    );
    const user = { configPerCredentialType: { USER: {} } };
    const both = await admin('/realms/dev/passwords/profiles/ip-bare/update', user);
    expect(both.body).toMatchObject({
      configPerCredentialType: { ROOT: { minimumLength: 8 }, USER: { minimumLength: 15 } },
    });
    expect((await admin('/passwords/profiles/ip-bare/get')).body).toEqual(both.body);
  });

  test('created by two at once: one of them', async () => {
    const { admin } = await corporate({ databaseUrl: await freshUrl(), withPassword: [] });
    const config = { configPerCredentialType: { ROOT: {} } };
    const answers = await Promise.all([1, 2, 3].map(() => admin('/passwords/profiles/ip-bare/create', config)));
    expect(answers.map(said).sort()).toEqual([
      '200',
      '409 PASSWORD_PROFILE_ALREADY_CREATED',
      '409 PASSWORD_PROFILE_ALREADY_CREATED',
    ]);
  });

  test('are for administrators', async () => {
    const { call, session } = await corporate({ databaseUrl: await freshUrl() });
    const token = await session();
    for (const step of ['create', 'get', 'update']) {
      const path = `/passwords/profiles/ip-1/${step}`;
      expect(said(await call(path, undefined, {}))).toBe('401 TOKEN_MISSING');
      expect(said(await call(path, token, { configPerCredentialType: {} }))).toBe('403 CALLER_FORBIDDEN');
    }
  });

  test('are named to the ROOT of an identity', async () => {
    const { call, session, admin } = await corporate({
      databaseUrl: await freshUrl(),
      withPassword: ['cred-1', 'cred-2'],
    });
    const linked = { identityId: { type: 'corporates', id: 'corp-1' }, profileId: 'ip-1' };
    expect((await call('/passwords/identities/corp-1/get', await session())).body).toEqual(linked);
    expect((await admin('/passwords/identities/corp-1/get')).body).toEqual(linked);
    expect(said(await call('/passwords/identities/corp-1/get', await session('bob')))).toBe('403 CALLER_FORBIDDEN');
    expect(said(await call('/passwords/identities/corp-2/get', await session()))).toBe('404 IDENTITY_UNKNOWN');
    expect(said(await admin('/passwords/identities/nobody/get'))).toBe('404 IDENTITY_UNKNOWN');
    expect(said(await admin('/passwords/identities/corp-bare/get'))).toBe('404 PASSWORD_PROFILE_UNKNOWN');
  });
});

eachDatabase('passwords', (freshUrl) => {
  test('the first is made once, of a credential whose profile says how', async () => {
    const { admin } = await corporate({ databaseUrl: await freshUrl(), withPassword: [] });
    const made = await admin('/passwords/cred-1/create', {
      ...value(passwords.first),
      credentialType: 'ROOT',
      identityId: 'corp-1',
    });
    expect(made.body).toEqual({
      passwordInfo: {
        credentialId: 'cred-1',
        identityId: { type: 'corporates', id: 'corp-1' },
        version: 1,
        state: 'ACTIVE',
        createdTimestamp: expect.stringMatching(/^\d{13}$/),
        expiryDate: '0',
      },
    });
    expect(await admin('/passwords/cred-1/get')).toMatchObject({ status: 200, body: made.body });
    expect(said(await admin('/passwords/cred-1/create', value(passwords.second)))).toBe('409 PASSWORD_ALREADY_CREATED');
    expect(said(await admin('/passwords/nobody/create', value(passwords.first)))).toBe('404 CREDENTIAL_UNKNOWN');
    expect(said(await admin('/passwords/cred-bare/create', value(passwords.first)))).toBe('409 UNRESOLVED_IDENTITY');
    const elsewhere = { ...value(passwords.first), identityId: { type: 'corporates', id: 'corp-2' } };
    expect(said(await admin('/passwords/cred-2/create', elsewhere))).toBe('409 UNRESOLVED_IDENTITY');
    expect(said(await admin('/passwords/cred-2/create', { ...value(passwords.first), credentialType: 'ROOT' }))).toBe(
      '400 credentialType',
    );
    expect(said(await admin('/passwords/cred-2/get'))).toBe('404 PASSWORD_UNKNOWN');
  });

  test('of a type of which the profile says nothing', async () => {
    const network = corporateNetwork({ ROOT: {} });
    const { admin } = await corporate({ databaseUrl: await freshUrl(), network, withPassword: [] });
    expect(said(await admin('/passwords/cred-2/create', value(passwords.first)))).toBe(
      '409 PASSWORD_PROFILE_NOT_CONFIGURED_FOR_CREDENTIAL_TYPE',
    );
  });

  test('that are too short, too long, too simple, on a list, or name their holder', async () => {
    const network = corporateNetwork({
      ROOT: { minimumLength: 8, maximumLength: 40, complexity: 3 },
      USER: { minimumLength: 8 },
    });
    const { admin } = await corporate({ databaseUrl: await freshUrl(), network, withPassword: [] });
    const root = async (text: string) => said(await admin('/passwords/cred-1/create', value(text)));
    const user = async (text: string) => said(await admin('/passwords/cred-2/create', value(text)));
    expect(await root('aA1')).toBe('409 PASSWORD_TOO_SHORT');
    expect(await root(`aA1${'x'.repeat(38)}`)).toBe('409 PASSWORD_TOO_LONG');
    expect(await root(`aA1${'x'.repeat(500_000)}`)).toBe('409 PASSWORD_TOO_LONG');
    expect(await root('alllowercase letters')).toBe('409 PASSWORD_TOO_SIMPLE');
    expect(await user('password')).toBe('409 PASSWORD_COMPROMISED');
    expect(await user('AcmeTravel1')).toBe('409 PASSWORD_COMPROMISED');
    expect(await user('kittens in a wide basket')).toBe('200');
  });

  test('updated: the next version, and the one before can no longer log in', async () => {
    const { call, login, session } = await corporate({ databaseUrl: await freshUrl() });
    const [here, elsewhere] = [await session(), await session()];
    expect(said(await call('/passwords/cred-1/update', here, change(passwords.third, passwords.second)))).toBe(
      '409 PASSWORD_INCORRECT',
    );
    const updated = await call('/passwords/cred-1/update', here, change(passwords.first, passwords.second));
    expect(updated).toMatchObject({ status: 200, body: { passwordInfo: { version: 2 } } });
    for (const token of [here, elsewhere]) expect(said(await call('/auth/subject', token))).toBe('401 SESSION_INVALID');
    const token = String(updated.body.token);
    expect((await call('/auth/subject', token)).status).toBe(200);
    expect(said(await login(alice, passwords.first))).toBe('403 FAILED_LOGIN');
    expect((await login(alice, passwords.second)).status).toBe(200);
    const third = await call('/passwords/cred-1/update', token, change(passwords.first, passwords.third));
    expect(said(third)).toBe('409 PASSWORD_INCORRECT');
  });

  test('are not the present one again, nor one of those that the profile remembers', async () => {
    const network = corporateNetwork({ ROOT: { historySize: 2 } });
    const { call, session, server } = await corporate({ databaseUrl: await freshUrl(), network });
    let token = await session();
    const to = async (from: string, next: string) => {
      const answer = await call('/passwords/cred-1/update', token, change(from, next));
      if (answer.status === 200) token = String(answer.body.token);
      return said(answer);
    };
    expect(await to(passwords.first, passwords.first)).toBe('409 PASSWORD_REUSED');
    expect(await to(passwords.first, passwords.second)).toBe('200');
    expect(await to(passwords.second, passwords.first)).toBe('409 PASSWORD_REUSED');
    expect(await to(passwords.second, passwords.third)).toBe('200');
    expect(await to(passwords.third, passwords.second)).toBe('409 PASSWORD_REUSED');
    expect(await to(passwords.third, passwords.first)).toBe('200');
    const kept = await server.context.store.db
      .selectFrom('password')
      .select(['version', 'hash'])
      .orderBy('version')
      .execute();
    expect(kept.map(({ hash }) => hash !== null)).toEqual([false, false, true, true]);
  });

  test('updated by two at once: one of them wins', async () => {
    const { call, session, login } = await corporate({ databaseUrl: await freshUrl() });
    const [one, two] = [await session(), await session()];
    const answers = await Promise.all([
      call('/passwords/cred-1/update', one, change(passwords.first, passwords.second)),
      call('/passwords/cred-1/update', two, change(passwords.first, passwords.third)),
    ]);
    // The change ends the other session: the second call may come to that before it comes to its change.
    const [winner, loser] = answers.map(said).sort();
    expect(winner).toBe('200');
    expect(['409 WRITE_CONFLICT', '401 SESSION_INVALID']).toContain(loser);
    const won = answers[0]?.status === 200 ? passwords.second : passwords.third;
    expect((await login(alice, won)).status).toBe(200);
    expect(said(await login(alice, passwords.first))).toBe('403 FAILED_LOGIN');
  });

  test('updated without the old one, soon after a login only', async () => {
    const clock = movedClock();
    const { call, session, login } = await corporate({ databaseUrl: await freshUrl(), clock });
    const token = await session();
    for (let i = 0; i < 3; i++) {
      clock.advance(100_001);
      expect((await call('/auth/subject', token)).status).toBe(200);
    }
    expect(said(await call('/passwords/cred-1/authenticated_update', token, value(passwords.second)))).toBe(
      '403 SESSION_STALE',
    );
    const fresh = await session();
    const updated = await call('/passwords/cred-1/authenticated_update', fresh, value(passwords.second));
    expect(updated).toMatchObject({ status: 200, body: { passwordInfo: { version: 2 } } });
    expect(said(await call('/auth/subject', token))).toBe('401 SESSION_INVALID');
    expect((await login(alice, passwords.second)).status).toBe(200);
  });

  test('expired by a call says when: at the time of the call, or at the end of its period if that was before', async () => {
    const clock = movedClock();
    const network = corporateNetwork({ ROOT: { expiryPeriodDays: 10 }, USER: {} });
    const { admin } = await corporate({
      databaseUrl: await freshUrl(),
      clock,
      network,
      withPassword: ['cred-1', 'cred-2'],
    });
    const dates = async (id: string) => {
      const { state, createdTimestamp, expiryDate } = (await admin(`/passwords/${id}/get`)).body.passwordInfo as {
        state: string;
        createdTimestamp: string;
        expiryDate: string;
      };
      return { state, expiry: Number(expiryDate), created: Number(createdTimestamp) };
    };
    const [periodic, endless] = [await dates('cred-1'), await dates('cred-2')];
    expect(periodic.expiry).toBe(periodic.created + 10 * 86_400_000);
    expect(endless).toMatchObject({ state: 'ACTIVE', expiry: 0 });
    clock.advance(86_400_000);
    const before = clock.now();
    await admin('/passwords/cred-2/1/expire');
    const expired = await dates('cred-2');
    expect(expired.state).toBe('EXPIRED');
    expect(expired.expiry).toBeGreaterThanOrEqual(before);
    expect(expired.expiry).toBeLessThanOrEqual(clock.now());
    clock.advance(86_400_000);
    await admin('/passwords/cred-2/1/expire', { reason: 'COMPROMISED' });
    expect(await dates('cred-2'), 'a second call changes no time').toEqual(expired);
    clock.advance(20 * 86_400_000);
    await admin('/passwords/cred-1/1/expire');
    expect(await dates('cred-1')).toEqual({ ...periodic, state: 'EXPIRED' });
  });

  test('expired by version: idempotent, and never reviving the one before', async () => {
    const { call, session, login, admin } = await corporate({ databaseUrl: await freshUrl() });
    const updated = await call('/passwords/cred-1/update', await session(), change(passwords.first, passwords.second));
    const token = String(updated.body.token);
    expect((await call('/passwords/cred-1/1/expire', token)).status).toBe(204);
    expect((await call('/auth/subject', token)).status).toBe(200);
    expect((await call('/passwords/cred-1/2/expire', token)).status).toBe(204);
    expect(said(await call('/auth/subject', token))).toBe('401 SESSION_INVALID');
    expect((await admin('/passwords/cred-1/2/expire')).status).toBe(204);
    expect((await admin('/passwords/cred-1/get')).body).toMatchObject({
      passwordInfo: { version: 2, state: 'EXPIRED' },
    });
    expect(said(await login(alice, passwords.first))).toBe('403 FAILED_LOGIN');
    expect(said(await login(alice, passwords.second))).toBe('409 EXPIRED_PASSWORD');
    expect((await admin('/passwords/cred-1/2/expire', { reason: 'COMPROMISED' })).status).toBe(204);
    expect(said(await login(alice, passwords.second))).toBe('403 FAILED_LOGIN');
  });

  test.each([
    ['abc', '400 version'],
    ['1.0', '400 version'],
    ['%31%00', '400 version'],
    ['0', '404 PASSWORD_UNKNOWN'],
    ['-1', '404 PASSWORD_UNKNOWN'],
    ['2', '404 PASSWORD_UNKNOWN'],
    ['999999999999999', '404 PASSWORD_UNKNOWN'],
    ['9'.repeat(400), '400 version'],
  ])('of version %s cannot be expired', async (version, wanted) => {
    const { admin } = await corporate({ databaseUrl: await freshUrl() });
    expect(said(await admin(`/passwords/cred-1/${version}/expire`))).toBe(wanted);
  });

  test('of others do not exist', async () => {
    const { call, session } = await corporate({
      databaseUrl: await freshUrl(),
      withPassword: ['cred-1', 'cred-2', 'cred-3'],
    });
    const token = await session();
    for (const id of ['cred-2', 'cred-3', 'nobody', 'a%2Fb', '%00']) {
      const answers = [
        await call(`/passwords/${id}/get`, token),
        await call(`/passwords/${id}/update`, token, change(passwords.first, passwords.second)),
        await call(`/passwords/${id}/authenticated_update`, token, value(passwords.second)),
        await call(`/passwords/${id}/1/expire`, token),
      ];
      for (const answer of answers) expect(answer.status).toBe(404);
    }
    expect(said(await call('/passwords/cred-1/create', token, value(passwords.first)))).toBe('403 CALLER_FORBIDDEN');
  });

  test('never come out: no value, no hash, whoever asks', async () => {
    const { call, session, admin, server } = await corporate({ databaseUrl: await freshUrl() });
    const answers = [await admin('/passwords/cred-1/get'), await call('/passwords/cred-1/get', await session())];
    for (const { body } of answers)
      expect(Object.keys(body.passwordInfo as object)).toEqual([
        'credentialId',
        'identityId',
        'version',
        'state',
        'createdTimestamp',
        'expiryDate',
      ]);
    const events = JSON.stringify(await server.context.store.db.selectFrom('event').selectAll().execute());
    expect(events + server.logged.join('')).not.toMatch(/argon2|correct horse/);
  });
});

describe('the body of every password call is strict', () => {
  const texts: readonly (readonly [unknown, string])[] = [
    [{}, 'password'],
    [{ password: null }, 'password'],
    [{ password: 'plain' }, 'password'],
    [{ password: {} }, 'password.value'],
    [{ password: { value: null } }, 'password.value'],
    [{ password: { value: '' } }, 'password.value'],
    [{ password: { value: 7 } }, 'password.value'],
    [{ password: { value: 'a\u0000b' } }, 'password.value'],
    [{ password: { value: 'x', more: 1 } }, 'password'],
  ];
  const paths = ['create', 'authenticated_update'] as const;
  test.each(paths.flatMap((path) => texts.map((text) => [path, ...text] as const)))(
    '%s %j',
    async (path, body, name) => {
      const tested: Corporate = await corporate(path === 'create' ? { withPassword: [] } : {});
      const answer =
        path === 'create'
          ? await tested.admin('/passwords/cred-1/create', body)
          : await tested.call(`/passwords/cred-1/${path}`, await tested.session(), body);
      expect(said(answer)).toBe(`400 ${name}`);
    },
  );
});
