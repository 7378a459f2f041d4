import { base32nopad } from '@scure/base';
import { describe, expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { system } from '../src/kernel/caller.ts';
import { unknownSource } from '../src/kernel/source.ts';
import { resealFactors } from '../src/passwords/factor/factor.ts';
import { renewRecovery, verifyRecovery } from '../src/passwords/factor/recovery-factor.ts';
import { enrolTotp } from '../src/passwords/factor/totp-factor.ts';
import { write } from '../src/store/write.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { issueOneTimeCode } from '../src/subject/secrets/one-time-code.ts';
import { hotp } from '../src/subject/secrets/totp.ts';
import { reseal } from '../src/subject/secrets/vault.ts';
import { authenticateSession } from '../src/subject/session.ts';
import { logOut, terminateSessionsOf } from '../src/subject/session-administration.ts';
import { movedClock } from './support/clock.ts';
import { masterKey, openContext, tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { authenticatorApp, confirmedApp, subjectOf } from './support/factors.ts';
import { met } from './support/met.ts';
import { corporate, corporateAt, corporateNetwork, passwords, said } from './support/passwords.ts';
import { testServer } from './support/server.ts';
import { weakened } from './support/weakened.ts';

const alice = 'alice@acme.example';
const minute = 60_000;

eachDatabase('second factors', (freshUrl) => {
  async function setUp(network = corporateNetwork(), withPassword = ['cred-1', 'cred-2']) {
    const clock = movedClock();
    const made = await corporate({ databaseUrl: await freshUrl(), network, clock, withPassword });
    const events = async () => made.server.context.store.db.selectFrom('event').selectAll().execute();
    return { ...made, clock, events, restricted: () => restrictedToken(made.login) };
  }

  async function restrictedToken(login: Awaited<ReturnType<typeof corporate>>['login']): Promise<string> {
    const refused = await login(alice, passwords.first);
    expect(said(refused)).toBe('409 SECOND_FACTOR_REQUIRED');
    return String(refused.body.token);
  }

  const presenting = async (context: Context, token: string) => ({
    realm: await requireRealm(context, 'dev'),
    session: await authenticateSession(context, token),
    source: unknownSource,
    agent: undefined,
    caller: tester,
  });

  test('an authenticator app is enrolled, confirmed, and asked for at the next login', async () => {
    const { call, session, login, clock } = await setUp();
    const first = await session();
    const enrolled = await call('/auth/factors/totp/enrol', first, { name: 'My phone' });
    expect(enrolled).toMatchObject({
      status: 200,
      body: {
        factorId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
        uri: expect.stringContaining('otpauth://totp/dev:alice%40acme.example?secret='),
      },
    });
    expect(enrolled.headers.get('cache-control')).toBe('no-store');
    expect((await login(alice, passwords.first)).status).toBe(200);
    expect((await call('/auth/factors/get', first)).body).toEqual({ factors: [] });
    const app = authenticatorApp(String(enrolled.body.secret), clock);
    const confirmed = await call('/auth/factors/totp/confirm', first, { code: app.code() });
    expect(confirmed).toMatchObject({
      status: 200,
      body: { factor: { kind: 'totp', name: 'My phone' }, token: expect.stringMatching(/^css_/) },
    });
    const codes = confirmed.body.recoveryCodes as string[];
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(said(await call('/auth/subject', first))).toBe('401 SESSION_INVALID');
    expect(await subjectOf(call, String(confirmed.body.token))).toMatchObject({
      acr: 'aal2',
      amr: ['pwd', 'otp', 'mfa'],
    });
    clock.advance(minute);
    const refused = await login(alice, passwords.first);
    expect(said(refused)).toBe('409 SECOND_FACTOR_REQUIRED');
    expect(refused.body.factors).toEqual(['recovery', 'totp']);
    const token = String(refused.body.token);
    for (const path of ['/auth/subject', '/auth/factors/get', '/auth/factors/totp/enrol'])
      expect(said(await call(path, token, {}))).toBe('403 SESSION_RESTRICTED');
    const verified = await call('/realms/dev/auth/factors/totp/verify', token, { code: app.code() });
    expect(verified).toMatchObject({
      status: 200,
      body: {
        programmeId: 'dev',
        credential: { type: 'ROOT', id: 'cred-1' },
        identity: { type: 'corporates', id: 'corp-1' },
        expiresIn: 300,
      },
    });
    expect(verified.headers.get('set-cookie')).toContain('countersign-device=');
    expect(await subjectOf(call, String(verified.body.token))).toMatchObject({
      acr: 'aal2',
      amr: ['pwd', 'otp', 'mfa'],
    });
    expect(said(await call('/auth/factors/totp/verify', token, { code: app.code() }))).toBe('401 SESSION_INVALID');
  });

  test('a session steps up: a new token, the same end, and the one before is dead', async () => {
    const { call, session, clock, server } = await setUp();
    const { app, token: before } = await confirmedApp(call, await session(), clock);
    clock.advance(4 * minute);
    const again = await call('/auth/factors/totp/verify', before, { code: app.code() });
    expect(again.status).toBe(200);
    expect(said(await call('/auth/subject', before))).toBe('401 SESSION_INVALID');
    const claims = await subjectOf(call, String(again.body.token));
    expect(claims).toMatchObject({ acr: 'aal2', amr: ['pwd', 'otp', 'mfa'] });
    expect(Math.abs(Number(claims.auth_time) - clock.now() / 1000)).toBeLessThan(5);
    const rows = await server.context.store.db.selectFrom('session').selectAll().orderBy('created_at').execute();
    expect(rows.at(-1)?.ends_at).toBe(rows[0]?.ends_at);
  });

  test('a code counts once, whoever presents it at the same moment', async () => {
    const { call, session, clock, restricted } = await setUp();
    const { app } = await confirmedApp(call, await session(), clock);
    clock.advance(minute);
    const tokens = [await restricted(), await restricted(), await restricted(), await restricted()];
    const code = app.code();
    const answers = await Promise.all(tokens.map((token) => call('/auth/factors/totp/verify', token, { code })));
    expect(answers.map(said).sort()).toEqual(['200', ...Array(3).fill('409 FACTOR_INCORRECT')]);
    expect(said(await call('/auth/factors/totp/verify', await restricted(), { code }))).toBe('409 FACTOR_INCORRECT');
  });

  test('one session shows a factor once, however many right codes come with it', async () => {
    const { call, session, clock, restricted } = await setUp();
    const { app, recoveryCodes } = await confirmedApp(call, await session(), clock);
    clock.advance(minute);
    const token = await restricted();
    const answers = await Promise.all([
      call('/auth/factors/totp/verify', token, { code: app.code() }),
      call('/auth/factors/recovery/verify', token, { code: recoveryCodes[0] }),
    ]);
    expect(answers.map(said).sort()).toEqual(['200', '401 SESSION_INVALID']);
  });

  test('the code that confirmed an app does not open a session too', async () => {
    const { call, session, clock, restricted } = await setUp();
    const { app } = await confirmedApp(call, await session(), clock);
    expect(said(await call('/auth/factors/totp/verify', await restricted(), { code: app.code() }))).toBe(
      '409 FACTOR_INCORRECT',
    );
  });

  test('a recovery code works once, in place of what was lost', async () => {
    const { call, session, clock, restricted, events } = await setUp();
    const { recoveryCodes } = await confirmedApp(call, await session(), clock);
    const [code = '', other = ''] = recoveryCodes;
    const tokens = [await restricted(), await restricted()];
    const answers = await Promise.all(
      tokens.map((token) => call('/auth/factors/recovery/verify', token, { code: code.toLowerCase() })),
    );
    expect(answers.map(said).sort()).toEqual(['200', '409 FACTOR_INCORRECT']);
    const opened = answers.find(({ status }) => status === 200);
    const { factors } = (await call('/auth/factors/get', String(opened?.body.token))).body as { factors: object[] };
    expect(factors).toContainEqual(expect.objectContaining({ kind: 'recovery', remaining: 9 }));
    expect((await call('/auth/factors/recovery/verify', await restricted(), { code: other })).status).toBe(200);
    expect(JSON.stringify(await events())).toContain('factor.recovery_used');
  });

  test('recovery codes that are renewed by two at once go to one of them', async () => {
    const { call, session, clock, restricted, server } = await setUp();
    const { token } = await confirmedApp(call, await session(), clock);
    const { context } = server;
    const by = await presenting(context, token);
    let renewed: readonly string[] = [];
    // It has read the codes.
    const late = await met(context, 1, async () => {
      renewed = await renewRecovery(context, by);
    });
    await expect(renewRecovery(late, by)).rejects.toMatchObject({ code: 'write.conflict' });
    const { status } = await call('/auth/factors/recovery/verify', await restricted(), { code: renewed[0] });
    expect(status).toBe(200);
  });

  test('recovery codes that are renewed while an old one is shown are the new ones', async () => {
    const { call, session, clock, restricted, server } = await setUp();
    const { token, recoveryCodes } = await confirmedApp(call, await session(), clock);
    const { context } = server;
    const [strong, shown] = [await presenting(context, token), await presenting(context, await restricted())];
    let renewed: readonly string[] = [];
    // It has read the credential and its codes.
    const late = await met(context, 2, async () => {
      renewed = await renewRecovery(context, strong);
    });
    await expect(verifyRecovery(late, shown, recoveryCodes[0] as string)).rejects.toMatchObject({
      code: 'factor.incorrect',
    });
    const verify = async (code: string | undefined) =>
      call('/auth/factors/recovery/verify', await restricted(), { code });
    expect(said(await verify(recoveryCodes[1]))).toBe('409 FACTOR_INCORRECT');
    expect((await verify(renewed[0])).status).toBe(200);
  });

  test.each(['logout', 'the end of all sessions'])(
    'recovery codes stay as they are, and nothing is enrolled, where %s meets the session that asks',
    async (what) => {
      const { call, session, clock, restricted, server } = await setUp();
      const { token, recoveryCodes } = await confirmedApp(call, await session(), clock);
      const { context } = server;
      const by = await presenting(context, token);
      const end = () =>
        what === 'logout' ? logOut(context, by.session, tester) : terminateSessionsOf(context, 'dev', 'cred-1', tester);
      const ended = { code: 'session.invalid' };
      await expect(renewRecovery(await met(context, 1, end), by)).rejects.toMatchObject(ended);
      await expect(enrolTotp(context, by, 'Another')).rejects.toMatchObject(ended);
      const shown = { code: recoveryCodes[0] };
      expect((await call('/auth/factors/recovery/verify', await restricted(), shown)).status).toBe(200);
    },
  );

  test('recovery codes are renewed by who has just shown a factor, and the old ones are worth nothing', async () => {
    const { call, session, clock, restricted, server } = await setUp();
    const { app, token, recoveryCodes } = await confirmedApp(call, await session(), clock);
    const weak = await weakened(server, token);
    expect(said(await call('/auth/factors/recovery/renew', weak))).toBe('403 SESSION_WEAK');
    const renewed = await call('/auth/factors/recovery/renew', token);
    expect(renewed.status).toBe(200);
    expect(said(await call('/auth/factors/recovery/verify', await restricted(), { code: recoveryCodes[0] }))).toBe(
      '409 FACTOR_INCORRECT',
    );
    const [fresh] = renewed.body.recoveryCodes as string[];
    expect((await call('/auth/factors/recovery/verify', await restricted(), { code: fresh })).status).toBe(200);
    clock.advance(5 * minute + 1);
    expect(said(await call('/auth/factors/recovery/renew', token))).toBe('401 SESSION_INVALID');
    const again = await call('/auth/factors/totp/verify', await restricted(), { code: app.code() });
    expect((await call('/auth/factors/recovery/renew', String(again.body.token))).status).toBe(200);
  });

  test('guesses are counted across sessions: ten in a quarter of an hour, and the recovery codes still work', async () => {
    const { call, session, clock, restricted, events, server } = await setUp();
    const { app, recoveryCodes } = await confirmedApp(call, await session(), clock);
    clock.advance(minute);
    const guess = async (token: string) => call('/auth/factors/totp/verify', token, { code: app.wrong() });
    const tokens = await Promise.all(Array.from({ length: 4 }, restricted));
    const answers = await Promise.all(Array.from({ length: 16 }, (_, index) => guess(tokens[index % 4] as string)));
    expect(answers.map(said).filter((text) => text === '409 FACTOR_INCORRECT').length).toBeLessThanOrEqual(10);
    const spent = await guess(tokens[0] as string);
    expect(said(spent)).toBe('429 ATTEMPT_THROTTLED');
    expect(Number(spent.headers.get('retry-after'))).toBeLessThanOrEqual(900);
    const right = { code: app.code() };
    expect(said(await call('/auth/factors/totp/verify', tokens[0], right))).toBe('429 ATTEMPT_THROTTLED');
    const recovered = await call('/auth/factors/recovery/verify', tokens[1], { code: recoveryCodes[0] });
    expect(recovered.status).toBe(200);
    clock.advance(15 * minute + 1);
    expect((await call('/auth/factors/totp/verify', await restricted(), { code: app.code() })).status).toBe(200);
    const locked = (await events()).filter(({ type }) => type === 'factor.locked');
    expect(locked).toEqual([expect.objectContaining({ object: 'credential:cred-1' })]);
    const mails = await server.context.store.db.selectFrom('mail').select('purpose').execute();
    expect(mails).toContainEqual({ purpose: 'factor-changed' });
  });

  test('who knows the password cannot keep its owner from the recovery codes', async () => {
    const { call, session, clock, restricted } = await setUp();
    const { recoveryCodes } = await confirmedApp(call, await session(), clock);
    const token = await restricted();
    for (let guess = 0; guess < 40; guess++) {
      const wrong = { code: `0000-0000-0000-00${String(guess).padStart(2, '0')}` };
      expect(said(await call('/auth/factors/recovery/verify', token, wrong))).toBe('409 FACTOR_INCORRECT');
    }
    expect((await call('/auth/factors/recovery/verify', token, { code: recoveryCodes[0] })).status).toBe(200);
  });

  test('nodes that share a database take a code once, and count guesses together', async () => {
    const databaseUrl = await freshUrl();
    const clock = movedClock();
    const one = await corporate({ databaseUrl, clock });
    const two = await corporate({ databaseUrl, clock, network: { realms: [] }, withPassword: [] });
    const { app } = await confirmedApp(one.call, await one.session(), clock);
    clock.advance(minute);
    const open = async () => [await restrictedToken(one.login), await restrictedToken(two.login)] as const;
    const verify = async (tokens: readonly [string, string], code: string) =>
      Promise.all([one, two].map(({ call }, node) => call('/auth/factors/totp/verify', tokens[node], { code })));
    const once = await verify(await open(), app.code());
    expect(once.map(said).sort()).toEqual(['200', '409 FACTOR_INCORRECT']);
    const tokens = await open();
    const tried: string[] = [];
    for (let round = 0; round < 6; round++) tried.push(...(await verify(tokens, app.wrong())).map(said));
    expect(tried.filter((text) => text === '409 FACTOR_INCORRECT').length).toBeLessThanOrEqual(9);
    expect(tried).toContain('429 ATTEMPT_THROTTLED');
  });

  test('a password that was recovered by mail does not stand in for the factor', async () => {
    const { call, session, clock, server } = await setUp();
    const { app } = await confirmedApp(call, await session(), clock);
    const { context } = server;
    const { code: nonce } = await write(context, system, (tx) =>
      issueOneTimeCode(context, tx, 'dev', 'lost-password', 'cred-1', minute),
    );
    clock.advance(31_000);
    const recovery = { email: alice, nonce, newPassword: { value: passwords.second } };
    const resumed = await call('/passwords/lost_password/resume', undefined, recovery);
    expect(resumed).toMatchObject({ status: 200, body: { restriction: 'second-factor' } });
    expect(said(await call('/auth/subject', String(resumed.body.token)))).toBe('403 SESSION_RESTRICTED');
    const verified = await call('/auth/factors/totp/verify', String(resumed.body.token), { code: app.code() });
    expect(await subjectOf(call, String(verified.body.token))).toMatchObject({ acr: 'aal2', amr: ['otp', 'mfa'] });
  });

  test('thirty in a day, until it is over or an administrator unlocks the credential', async () => {
    const { call, session, clock, restricted, admin } = await setUp();
    const { app } = await confirmedApp(call, await session(), clock);
    for (let quarter = 0; quarter < 3; quarter++) {
      clock.advance(15 * minute + 1);
      const token = await restricted();
      for (let guess = 0; guess < 10; guess++) {
        expect(said(await call('/auth/factors/totp/verify', token, { code: app.wrong() }))).toBe(
          '409 FACTOR_INCORRECT',
        );
      }
    }
    clock.advance(15 * minute + 1);
    const spent = await call('/auth/factors/totp/verify', await restricted(), { code: app.code() });
    expect(said(spent)).toBe('429 ATTEMPT_THROTTLED');
    expect(Number(spent.headers.get('retry-after'))).toBeGreaterThan(80_000);
    expect((await admin('/realms/dev/admin/credentials/cred-1/unlock')).status).toBeLessThan(300);
    expect((await call('/auth/factors/totp/verify', await restricted(), { code: app.code() })).status).toBe(200);
  });

  test('what is right costs nothing', async () => {
    const { call, session, clock, restricted } = await setUp();
    const { app } = await confirmedApp(call, await session(), clock);
    for (let login = 0; login < 12; login++) {
      clock.advance(31_000);
      expect((await call('/auth/factors/totp/verify', await restricted(), { code: app.code() })).status).toBe(200);
    }
  });

  test('the second factor comes first, then the password that has expired', async () => {
    const { call, session, clock, restricted, admin } = await setUp();
    const { app } = await confirmedApp(call, await session(), clock);
    await admin('/passwords/cred-1/1/expire');
    clock.advance(minute);
    const refused = await call('/auth/factors/totp/verify', await restricted(), { code: app.code() });
    expect(said(refused)).toBe('409 EXPIRED_PASSWORD');
    const change = { oldPassword: { value: passwords.first }, password: { value: passwords.second } };
    const updated = await call('/passwords/cred-1/update', String(refused.body.token), change);
    expect(updated.status).toBe(200);
    expect(updated.body).not.toHaveProperty('restriction');
    expect(await subjectOf(call, String(updated.body.token))).toMatchObject({ acr: 'aal2' });
  });

  test('a password that is known does not stand in for a second factor that was shown long ago', async () => {
    const { call, session, clock } = await setUp();
    const { token, factorId } = await confirmedApp(call, await session(), clock);
    clock.advance(4 * minute);
    await call('/auth/subject', token);
    clock.advance(2 * minute);
    const change = { oldPassword: { value: passwords.first }, password: { value: passwords.second } };
    const updated = await call('/passwords/cred-1/update', token, change);
    expect(updated.status).toBe(200);
    const removed = await call(`/auth/factors/${factorId}/remove`, String(updated.body.token));
    expect(said(removed)).toBe('403 SESSION_STALE');
  });

  test('a profile that requires a factor gives a session that can only enrol one, and then a full one', async () => {
    const { call, login, clock } = await setUp(corporateNetwork({ ROOT: { secondFactor: 'required' } }), ['cred-1']);
    const refused = await login(alice, passwords.first);
    expect(said(refused)).toBe('409 SECOND_FACTOR_ENROLMENT_REQUIRED');
    const token = String(refused.body.token);
    const rival = String((await login(alice, passwords.first)).body.token);
    expect(said(await call('/auth/subject', token))).toBe('403 SESSION_RESTRICTED');
    expect(said(await call('/auth/factors/totp/verify', token, { code: '123456' }))).toBe('403 SESSION_RESTRICTED');
    const { token: full } = await confirmedApp(call, token, clock);
    expect(await subjectOf(call, full)).toMatchObject({ acr: 'aal2', amr: ['pwd', 'otp', 'mfa'] });
    // The other one was opened before there was a factor: it has ended.
    expect(said(await call('/auth/factors/totp/enrol', rival, {}))).toBe('401 SESSION_INVALID');
    expect(said(await login(alice, passwords.first))).toBe('409 SECOND_FACTOR_REQUIRED');
  });

  test('a profile that newly requires a factor asks at the next login or change of the password, and leaves open sessions', async () => {
    const { call, admin, session, login } = await setUp();
    const open = await session();
    const rules = { configPerCredentialType: { ROOT: { secondFactor: 'required' } } };
    expect((await admin('/passwords/profiles/ip-1/update', rules)).status).toBe(200);
    expect(await subjectOf(call, open)).toMatchObject({ acr: 'aal1' });
    expect(said(await login(alice, passwords.first))).toBe('409 SECOND_FACTOR_ENROLMENT_REQUIRED');
    const change = { oldPassword: { value: passwords.first }, password: { value: passwords.second } };
    const changed = await call('/passwords/cred-1/update', open, change);
    expect(said(await call('/auth/subject', String(changed.body.token)))).toBe('403 SESSION_RESTRICTED');
    expect(said(await call('/auth/subject', open))).toBe('401 SESSION_INVALID');
  });

  test('enrolling needs a recent login, and with a factor there is one that was just shown', async () => {
    const { call, session, clock, server } = await setUp();
    const [stale, weak] = [await session(), await session()];
    clock.advance(4 * minute);
    await call('/auth/subject', stale);
    clock.advance(minute + 1);
    expect(said(await call('/auth/factors/totp/enrol', stale, {}))).toBe('403 SESSION_STALE');
    expect(said(await call('/auth/factors/totp/confirm', stale, { code: '123456' }))).toBe('403 SESSION_STALE');
    expect(said(await call('/auth/factors/totp/enrol', weak, {}))).toBe('401 SESSION_INVALID');
    const { token } = await confirmedApp(call, await session(), clock);
    expect(said(await call('/auth/factors/totp/enrol', await weakened(server, token), {}))).toBe('403 SESSION_WEAK');
    expect((await call('/auth/factors/totp/enrol', token, {})).status).toBe(200);
  });

  test('another app takes the place of the one before, without other recovery codes, and ends other sessions', async () => {
    const { call, session, clock, restricted } = await setUp();
    const { app, token } = await confirmedApp(call, await session(), clock);
    clock.advance(31_000);
    const other = String(
      (await call('/auth/factors/totp/verify', await restricted(), { code: app.code() })).body.token,
    );
    const next = await confirmedApp(call, token, clock);
    expect(next.recoveryCodes).toEqual([]);
    expect(said(await call('/auth/subject', other))).toBe('401 SESSION_INVALID');
    expect((await call('/auth/subject', next.token)).status).toBe(200);
    clock.advance(31_000);
    expect(said(await call('/auth/factors/totp/verify', await restricted(), { code: app.code() }))).toBe(
      '409 FACTOR_INCORRECT',
    );
    const verified = await call('/auth/factors/totp/verify', await restricted(), { code: next.app.code() });
    expect(verified.status).toBe(200);
  });

  test('an enrolment waits a quarter of an hour, and a newer one takes its place', async () => {
    const { call, session, clock } = await setUp();
    const token = await session();
    const old = await call('/auth/factors/totp/enrol', token, {});
    const recent = await call('/auth/factors/totp/enrol', token, {});
    const [lost, app] = [old, recent].map(({ body }) => authenticatorApp(String(body.secret), clock));
    expect(said(await call('/auth/factors/totp/confirm', token, { code: lost?.code() }))).toBe('409 FACTOR_INCORRECT');
    clock.advance(15 * minute);
    const later = await session();
    expect(said(await call('/auth/factors/totp/confirm', later, { code: app?.code() }))).toBe('404 FACTOR_UNKNOWN');
  });

  test('two who confirm at the same moment make one factor and one set of recovery codes', async () => {
    const { call, session, clock, server } = await setUp();
    const [one, two] = [await session(), await session()];
    const { body } = await call('/auth/factors/totp/enrol', one, {});
    const code = authenticatorApp(String(body.secret), clock).code();
    const answers = await Promise.all([one, two].map((token) => call('/auth/factors/totp/confirm', token, { code })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const rows = await server.context.store.db.selectFrom('factor').select('kind').orderBy('kind').execute();
    expect(rows.map(({ kind }) => kind)).toEqual(['recovery', 'totp']);
  });

  test('taking one away needs a factor shown just now, ends every session, and takes the recovery codes along', async () => {
    const { call, session, login, clock, restricted, server } = await setUp();
    const { app, token, factorId } = await confirmedApp(call, await session(), clock);
    const weak = await weakened(server, token);
    expect(said(await call(`/auth/factors/${factorId}/remove`, weak))).toBe('403 SESSION_WEAK');
    expect(said(await call('/auth/factors/nothing/remove', token))).toBe('404 FACTOR_UNKNOWN');
    clock.advance(4 * minute);
    await call('/auth/subject', token);
    clock.advance(minute + 1);
    expect(said(await call(`/auth/factors/${factorId}/remove`, token))).toBe('403 SESSION_STALE');
    const fresh = await call('/auth/factors/totp/verify', await restricted(), { code: app.code() });
    const removed = await call(`/auth/factors/${factorId}/remove`, String(fresh.body.token));
    expect(removed.status).toBe(200);
    for (const dead of [weak, token, String(fresh.body.token)])
      expect(said(await call('/auth/subject', dead))).toBe('401 SESSION_INVALID');
    const gone = await call('/auth/factors/get', String(removed.body.token));
    expect(gone).toMatchObject({ status: 200, body: { factors: [] } });
    expect((await login(alice, passwords.first)).status).toBe(200);
  });

  test('the first one ends every session that has not shown it, and none that is there changes the password without it', async () => {
    const { call, session, clock, server } = await setUp();
    const before = await session();
    const { token } = await confirmedApp(call, await session(), clock);
    const path = '/passwords/cred-1/authenticated_update';
    const wanted = { password: { value: passwords.second } };
    expect(said(await call(path, before, wanted))).toBe('401 SESSION_INVALID');
    expect(said(await call(path, await weakened(server, token), wanted))).toBe('403 SESSION_WEAK');
    expect((await call(path, token, wanted)).status).toBe(200);
  });

  test('a session is no stronger than what it has shown of the factors that are left', async () => {
    const { call, session, clock, server } = await setUp();
    const { token, factorId } = await confirmedApp(call, await session(), clock);
    const alone = await call(`/auth/factors/${factorId}/remove`, token);
    expect(await subjectOf(call, String(alone.body.token))).toMatchObject({ acr: 'aal1', amr: ['pwd'] });

    const again = await confirmedApp(call, String(alone.body.token), clock);
    const passkey = { state: JSON.stringify({ credentialId: 'TEST' }), sealed: null, version: 0 };
    const times = { created_at: 1, confirmed_at: 1, used_at: null };
    const row = { realm: 'dev', credential_id: 'cred-1', id: 'key', kind: 'passkey', name: 'Key' } as const;
    await server.context.store.db
      .insertInto('factor')
      .values({ ...row, ...passkey, ...times })
      .execute();
    // What it has shown goes; what is left it has not shown.
    const restricted = await call(`/auth/factors/${again.factorId}/remove`, again.token);
    expect(restricted).toMatchObject({ status: 200, body: { restriction: 'second-factor' } });
  });

  test('a session that has shown a recovery code has shown none of the factors that are left', async () => {
    const { call, session, clock, restricted, server } = await setUp();
    const { recoveryCodes } = await confirmedApp(call, await session(), clock);
    const state = JSON.stringify({ credentialId: 'TEST' });
    const row = { realm: 'dev', credential_id: 'cred-1', id: 'key', kind: 'passkey', name: 'Key', state } as const;
    const more = { sealed: null, version: 0, created_at: 1, confirmed_at: 1, used_at: null };
    await server.context.store.db
      .insertInto('factor')
      .values({ ...row, ...more })
      .execute();
    const shown = await call('/auth/factors/recovery/verify', await restricted(), { code: recoveryCodes[0] });
    expect(await subjectOf(call, String(shown.body.token))).toMatchObject({ acr: 'aal2', amr: ['pwd', 'mfa'] });
    // One code opens the account in place of the lost passkey, and does not take the app away too.
    const left = await call('/auth/factors/key/remove', String(shown.body.token));
    expect(left).toMatchObject({ status: 200, body: { restriction: 'second-factor' } });
  });

  test('the absolute limit stays where a session goes on through a restricted one', async () => {
    const { call, session, clock, server } = await setUp();
    const { token, factorId, recoveryCodes } = await confirmedApp(call, await session(), clock);
    const passkey = { state: JSON.stringify({ credentialId: 'TEST' }), sealed: null, version: 0 };
    const times = { created_at: 1, confirmed_at: 1, used_at: null };
    const row = { realm: 'dev', credential_id: 'cred-1', id: 'key', kind: 'passkey', name: 'Key' } as const;
    const { db } = server.context.store;
    await db
      .insertInto('factor')
      .values({ ...row, ...passkey, ...times })
      .execute();
    clock.advance(4 * minute);
    const left = await call(`/auth/factors/${factorId}/remove`, token);
    expect(left.body).toMatchObject({ restriction: 'second-factor' });
    const code = recoveryCodes[0];
    const whole = await call('/auth/factors/recovery/verify', String(left.body.token), { code });
    expect(whole.status).toBe(200);
    const current = await call('/auth/sessions/get', String(whole.body.token));
    const [{ expiryTimestamp = '' } = {}] = current.body.sessions as { expiryTimestamp: string }[];
    const [login] = await db.selectFrom('session').selectAll().orderBy('created_at').execute();
    expect(Number(expiryTimestamp)).toBe(login?.ends_at);
  });

  test('an administrator takes away what was lost, of any credential of the realm, and every session ends', async () => {
    const { call, session, login, clock, admin } = await setUp();
    const { token, factorId } = await confirmedApp(call, await session(), clock);
    const path = `/auth/factors/${factorId}/remove`;
    expect(said(await admin('/auth/factors/get'))).toBe('400 credentialId');
    expect(said(await admin(path))).toBe('400 credentialId');
    expect(said(await admin(path, { credentialId: 'cred-2' }))).toBe('404 FACTOR_UNKNOWN');
    expect(said(await admin(path, { credentialId: 'nobody' }))).toBe('404 CREDENTIAL_UNKNOWN');
    expect(said(await admin(`/realms/bank${path}`, { credentialId: 'cred-1' }))).toBe('404 FACTOR_UNKNOWN');
    const listed = await admin('/auth/factors/get', { credentialId: 'cred-1' });
    expect(listed.body.factors).toContainEqual(expect.objectContaining({ id: factorId, kind: 'totp' }));
    expect((await admin(path, { credentialId: 'cred-1' })).status).toBe(204);
    expect(said(await call('/auth/subject', token))).toBe('401 SESSION_INVALID');
    expect((await login(alice, passwords.first)).status).toBe(200);
    expect(said(await admin('/auth/factors/totp/enrol'))).toBe('401 SESSION_INVALID');
  });

  test('nobody has anything to do with the factors of another credential or realm', async () => {
    const { call, session, clock } = await setUp();
    const { app, factorId } = await confirmedApp(call, await session(), clock);
    const bob = await session('bob');
    const own = await confirmedApp(call, bob, clock);
    expect(said(await call('/auth/factors/get', own.token, { credentialId: 'cred-1' }))).toBe('404 CREDENTIAL_UNKNOWN');
    expect(said(await call(`/auth/factors/${factorId}/remove`, own.token))).toBe('404 FACTOR_UNKNOWN');
    expect(said(await call(`/auth/factors/${factorId}/remove`, own.token, { credentialId: 'cred-1' }))).toBe(
      '404 CREDENTIAL_UNKNOWN',
    );
    clock.advance(31_000);
    expect(said(await call('/auth/factors/totp/verify', own.token, { code: app.code() }))).toBe('409 FACTOR_INCORRECT');
    expect(said(await call('/realms/bank/auth/factors/get', own.token))).toBe('403 TOKEN_OTHER_REALM');
  });

  test('a step at whose moment every session ends opens none', async () => {
    const { call, session, clock, restricted, admin } = await setUp();
    const { app, recoveryCodes } = await confirmedApp(call, await session(), clock);
    for (let round = 0; round < 4; round++) {
      clock.advance(31_000);
      const token = await restricted();
      const code = round % 2 === 0 ? app.code() : recoveryCodes[round];
      const path = `/auth/factors/${round % 2 === 0 ? 'totp' : 'recovery'}/verify`;
      const [verified, ended] = await Promise.all([
        call(path, token, { code }),
        admin('/auth/sessions/terminate', { credentialId: 'cred-1' }),
      ]);
      expect(ended.status).toBe(204);
      if (verified.status !== 200) expect(said(verified)).toMatch(/SESSION_INVALID|FAILED_LOGIN/);
      else expect(said(await call('/auth/subject', String(verified.body.token)))).toBe('401 SESSION_INVALID');
    }
  });

  test('is written down and told to the owner, without a secret', async () => {
    const { call, session, clock, restricted, events, server } = await setUp();
    const { app, secret, recoveryCodes } = await confirmedApp(call, await session(), clock);
    clock.advance(31_000);
    const code = app.code();
    const { body } = await call('/auth/factors/totp/verify', await restricted(), { code });
    const { factors } = (await call('/auth/factors/get', String(body.token))).body as { factors: { id: string }[] };
    await call(`/auth/factors/${factors[0]?.id}/remove`, String(body.token));
    const types = (await events()).map(({ type }) => type).filter((type) => type.startsWith('factor.'));
    expect(types.sort()).toEqual(['factor.confirmed', 'factor.enrolled', 'factor.removed', 'factor.used']);
    const rows = await server.context.store.db.selectFrom('factor').selectAll().execute();
    const written = JSON.stringify([await events(), rows, server.logged]);
    for (const hidden of [secret, code, recoveryCodes[0] as string]) expect(written).not.toContain(hidden);
    const mails = await server.context.store.db.selectFrom('mail').select('purpose').execute();
    expect(mails.filter(({ purpose }) => purpose === 'factor-changed')).toHaveLength(2);
  });

  test('a secret is sealed in its place, and sealed again under another master key', async () => {
    const url = await freshUrl();
    const server = await testServer({ databaseUrl: url, network: corporateNetwork() });
    const { call, session, admin } = corporateAt(server);
    await admin('/passwords/cred-1/create', { password: { value: passwords.first } });
    const { secret } = await confirmedApp(call, await session(), server.context.clock);
    const { store } = server.context;
    const [row] = await store.db.selectFrom('factor').selectAll().where('kind', '=', 'totp').execute();
    const bound = `factor\0dev\0cred-1\0${row?.id}`;
    expect(() => server.context.vault.open(String(row?.sealed), bound.replace('cred-1', 'cred-2'))).toThrow();
    await server.close();
    const other = Buffer.alloc(32, 7);
    const before = await openContext(url);
    const key = Buffer.from(masterKey, 'base64url');
    await reseal(before.store, key, other, [resealFactors]);
    const after = await openContext(url, {}, { COUNTERSIGN_MASTER_KEY: other.toString('base64url') });
    const [again] = await after.store.db.selectFrom('factor').selectAll().where('kind', '=', 'totp').execute();
    expect(after.vault.open(String(again?.sealed), bound)).toBe(secret);
  });
});

describe('a hostile call on factors', () => {
  const refusals = [
    ['/auth/factors/totp/verify', {}, '400 code'],
    ['/auth/factors/totp/verify', { code: null }, '400 code'],
    ['/auth/factors/totp/verify', { code: 123456 }, '400 code'],
    ['/auth/factors/totp/verify', { code: '' }, '400 code'],
    ['/auth/factors/totp/verify', { code: 'a\u0000b' }, '400 code'],
    ['/auth/factors/totp/verify', '{"code":"\\ud800"}', '400 code'],
    ['/auth/factors/totp/verify', { code: '1'.repeat(1_000_000) }, '400 code'],
    ['/auth/factors/totp/verify', { code: '123456', more: 1 }, '400'],
    ['/auth/factors/totp/verify', { code: '123456' }, '404 FACTOR_UNKNOWN'],
    ['/auth/factors/recovery/verify', { code: '123456' }, '404 FACTOR_UNKNOWN'],
    ['/auth/factors/recovery/verify', [], '400'],
    ['/auth/factors/recovery/renew', {}, '403 SESSION_WEAK'],
    ['/auth/factors/recovery/renew', { code: 1 }, '403 SESSION_WEAK'],
    ['/auth/factors/totp/confirm', { code: '123456' }, '404 FACTOR_UNKNOWN'],
    ['/auth/factors/totp/confirm', {}, '400 code'],
    ['/auth/factors/totp/enrol', { name: '' }, '400 name'],
    ['/auth/factors/totp/enrol', { name: 'a'.repeat(65) }, '400 name'],
    ['/auth/factors/totp/enrol', { name: 'a\nb' }, '400 name'],
    ['/auth/factors/totp/enrol', { name: 7 }, '400 name'],
    ['/auth/factors/get', { credentialId: 7 }, '400 credentialId'],
    ['/auth/factors/get', { credentialId: 'a\u0000' }, '400 credentialId'],
    [`/auth/factors/${'a'.repeat(256)}/remove`, {}, '404 REQUEST_NOT_FOUND'],
    ['/auth/factors/x%00/remove', {}, '404 REQUEST_NOT_FOUND'],
    ['/auth/factors/x/remove', {}, '403 SESSION_WEAK'],
  ] as const;

  test('is refused by the name of the field', async () => {
    const { call, session } = await corporate();
    const token = await session();
    const answers: (readonly [string, unknown, string])[] = [];
    for (const [path, body] of refusals) answers.push([path, body, said(await call(path, token, body))]);
    expect(answers).toEqual(refusals);
  });

  test('codes that are none are no codes, and nothing worse', async () => {
    const { call, session, server } = await corporate();
    const { token } = await confirmedApp(call, await session(), server.context.clock);
    for (const code of ['12345', '1234567', '-12345', '12 34', '١٢٣٤٥٦', '0x1234', '1e5', 'code']) {
      expect(said(await call('/auth/factors/totp/verify', token, { code }))).toBe('409 FACTOR_INCORRECT');
    }
    for (const code of ['0000-0000-0000-0000', 'I'.repeat(16), 'U'.repeat(16), '☃']) {
      expect(said(await call('/auth/factors/recovery/verify', token, { code }))).toBe('409 FACTOR_INCORRECT');
    }
  });

  test('without a token, with none of ours, and with that of an administrator', async () => {
    const { call, admin } = await corporate();
    const code = { code: '123456' };
    expect(said(await call('/auth/factors/totp/verify', undefined, code))).toBe('401 TOKEN_MISSING');
    expect(said(await call('/auth/factors/totp/verify', `css_${'A'.repeat(43)}`, code))).toBe('401 SESSION_INVALID');
    expect(said(await admin('/auth/factors/totp/verify', code))).toBe('401 SESSION_INVALID');
    expect(said(await admin('/auth/factors/recovery/renew'))).toBe('401 SESSION_INVALID');
  });
});

test('the app of the tests is one: RFC 6238', () => {
  expect(hotp(base32nopad.decode('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'), 1)).toBe('287082');
});
