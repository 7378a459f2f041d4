import { describe, expect, test } from 'vitest';
import { stepCredential } from '../src/passwords/identity/credential.ts';
import { movedClock } from './support/clock.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { confirmedApp } from './support/factors.ts';
import { corporate, corporateNetwork, passwords, said } from './support/passwords.ts';
import { type Mailbox, mailbox } from './support/smtp.ts';

const alice = 'alice@acme.example';
const start = '/passwords/lost_password/start';
const resume = '/passwords/lost_password/resume';

/** The code of the newest mail about a lost password. */
async function codeIn({ received }: Mailbox, count = 1): Promise<string> {
  const codes = () => received.flatMap(({ raw }) => /csl_[A-Za-z0-9_-]{43}/.exec(raw)?.[0] ?? []);
  await eventually(() => codes().length >= count, 10_000);
  return codes().at(-1) as string;
}

async function withMail(freshUrl: () => Promise<string>, options: Parameters<typeof corporate>[0] = {}) {
  const box = await mailbox();
  const env = { COUNTERSIGN_SMTP_URL: box.url };
  const server = await corporate({ databaseUrl: await freshUrl(), env, ...options });
  const recover = (nonce: string, text: string, code = alice) =>
    server.call(resume, undefined, { email: code, nonce, newPassword: { value: text } });
  return { box, recover, ...server };
}

eachDatabase('a lost password', (freshUrl) => {
  test('is replaced by whoever reads the mail, once; every session ends', async () => {
    const { box, call, recover, session, login } = await withMail(freshUrl);
    const before = await session();
    expect((await call(start, undefined, { email: alice })).status).toBe(204);
    const code = await codeIn(box);
    expect(box.received[0]?.to).toEqual([alice]);
    const recovered = await recover(code, passwords.second);
    expect(recovered).toMatchObject({ status: 200, body: { passwordInfo: { version: 2, state: 'ACTIVE' } } });
    expect((await call('/auth/subject', String(recovered.body.token))).status).toBe(200);
    expect(said(await call('/auth/subject', before))).toBe('401 SESSION_INVALID');
    expect(said(await login(alice, passwords.first))).toBe('403 FAILED_LOGIN');
    expect((await login(alice, passwords.second)).status).toBe(200);
    expect(said(await recover(code, passwords.third))).toBe('409 INVALID_NONCE_OR_EMAIL');
    await eventually(() => box.received.some(({ raw }) => raw.includes('was changed')), 10_000);
  });

  test('makes strangers of the devices from before, and knows the one that it was replaced from', async () => {
    const { box, call, recover, login } = await withMail(freshUrl);
    const cookieOf = ({ headers }: { headers: Headers }) => (headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const before = { cookie: cookieOf(await login(alice, passwords.first)) };
    await call(start, undefined, { email: alice });
    for (let i = 0; i < 10; i++) await login(alice, passwords.third);
    const after = { cookie: cookieOf(await recover(await codeIn(box), passwords.second)) };
    expect((await login(alice, passwords.second)).status).toBe(429);
    expect((await login(alice, passwords.second, before)).status).toBe(429);
    expect((await login(alice, passwords.second, after)).status).toBe(200);
  });

  test('of a version that was expired as compromised too, which nothing else can replace', async () => {
    const { box, call, recover, admin, login } = await withMail(freshUrl);
    await admin('/passwords/cred-1/1/expire', { reason: 'COMPROMISED' });
    await call(start, undefined, { credentialCode: alice });
    expect((await recover(await codeIn(box), passwords.second)).status).toBe(200);
    expect((await login(alice, passwords.second)).status).toBe(200);
  });

  test('asked for again: each code works, and using one ends the others', async () => {
    const { box, call, recover } = await withMail(freshUrl);
    await call(start, undefined, { email: alice });
    const first = await codeIn(box);
    await call(start, undefined, { email: alice });
    const second = await codeIn(box, 2);
    expect((await recover(first, passwords.second)).status).toBe(200);
    expect(said(await recover(second, passwords.third))).toBe('409 INVALID_NONCE_OR_EMAIL');
  });

  const value = (text: string) => ({ password: { value: text } });
  type Ending = (made: Awaited<ReturnType<typeof withMail>>, token: string) => Promise<unknown>;
  const endings: Readonly<Record<string, Ending>> = {
    'an update': ({ call }, token) =>
      call('/passwords/cred-1/update', token, { ...value(passwords.third), oldPassword: { value: passwords.first } }),
    'an update without the old one': ({ call }, token) =>
      call('/passwords/cred-1/authenticated_update', token, value(passwords.third)),
    'an expiry': ({ admin }) => admin('/passwords/cred-1/1/expire'),
    'an expiry as compromised': ({ admin }) => admin('/passwords/cred-1/1/expire', { reason: 'COMPROMISED' }),
    'the end of all sessions': ({ call }, token) => call('/auth/sessions/terminate', token),
    'a first factor': async ({ call }, token) => confirmedApp(call, token, { now: Date.now }),
    'disabling and enabling': async ({ admin }) => {
      for (const step of ['disable', 'enable']) await admin(`/realms/dev/admin/credentials/cred-1/${step}`);
    },
  };

  test.each(Object.entries(endings))('%s ends every code that was sent before', async (_name, end) => {
    const made = await withMail(freshUrl);
    const { box, call, recover, session } = made;
    await call(start, undefined, { email: alice });
    const code = await codeIn(box);
    await end(made, await session());
    expect(said(await recover(code, passwords.second))).toBe('409 INVALID_NONCE_OR_EMAIL');
    await call(start, undefined, { email: alice });
    expect((await recover(await codeIn(box, 2), passwords.second)).status).toBe(200);
  });

  test('what changes no secret ends no code: a login, a logout, another version', async () => {
    const { box, call, admin, recover, session } = await withMail(freshUrl);
    await call('/passwords/cred-1/authenticated_update', await session(), value(passwords.second));
    await call(start, undefined, { email: alice });
    const code = await codeIn(box);
    await call('/auth/logout', await session(alice, passwords.second));
    await admin('/passwords/cred-1/1/expire', { reason: 'COMPROMISED' });
    expect((await recover(code, passwords.third)).status).toBe(200);
  });

  test('a password that the rules refuse leaves the code as good as it was', async () => {
    const { box, call, recover } = await withMail(freshUrl);
    await call(start, undefined, { email: alice });
    const code = await codeIn(box);
    expect(said(await recover(code, 'short'))).toBe('409 PASSWORD_TOO_SHORT');
    expect(said(await recover(code, passwords.first))).toBe('409 PASSWORD_REUSED');
    expect((await recover(code, passwords.second)).status).toBe(200);
  });

  test('the same code presented by many at once works for one', async () => {
    const { box, call, recover } = await withMail(freshUrl);
    await call(start, undefined, { email: alice });
    const code = await codeIn(box);
    const answers = await Promise.all([1, 2, 3, 4].map((i) => recover(code, `${passwords.second} ${i}`)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers) {
      if (answer.status !== 200) expect(said(answer)).toMatch(/^409 (INVALID_NONCE_OR_EMAIL|WRITE_CONFLICT)$/);
    }
  });

  test('an unknown, disabled or addressless credential, or one without a password: the same answer, and no mail', async () => {
    const { box, call, server } = await withMail(freshUrl, { withPassword: ['cred-1', 'cred-2', 'cred-3'] });
    await stepCredential(server.context, 'dev', 'cred-3', 'disable', { actor: 'test', requestId: 'test' });
    for (const email of ['nobody@acme.example', 'bob', 'carol@globex.example', 'peter@initech.example']) {
      const answer = await call(start, undefined, { email });
      expect([answer.status, answer.body]).toEqual([204, {}]);
    }
    // The last one is sent: what came before it would have been.
    await call(start, undefined, { email: alice });
    await codeIn(box);
    expect(box.received.map(({ to }) => to)).toEqual([[alice]]);
  });

  test('a code is for one credential of one realm, for half an hour', async () => {
    const clock = movedClock();
    const { box, call, recover } = await withMail(freshUrl, { clock, withPassword: ['cred-1', 'cred-3'] });
    await call(start, undefined, { email: alice });
    const code = await codeIn(box);
    const refused = '409 INVALID_NONCE_OR_EMAIL';
    expect(said(await recover(code, passwords.second, 'carol@globex.example'))).toBe(refused);
    expect(said(await recover(code, passwords.second, 'nobody@acme.example'))).toBe(refused);
    expect(said(await recover(`${code.slice(0, -2)}AA`, passwords.second))).toBe(refused);
    const elsewhere = { email: alice, nonce: code, newPassword: { value: passwords.second }, programmeId: 'bank' };
    expect(said(await call(resume, undefined, elsewhere))).toBe(refused);
    clock.advance(30 * 60_000 + 1);
    expect(said(await recover(code, passwords.second))).toBe(refused);
  });

  test('guesses are throttled by source, and hit nobody', async () => {
    const { recover } = await withMail(freshUrl);
    const answers: string[] = [];
    for (let i = 0; i < 25; i++)
      answers.push(said(await recover(`csl_${String(i).padStart(43, 'A')}`, passwords.second)));
    expect(new Set(answers.slice(0, 20))).toEqual(new Set(['409 INVALID_NONCE_OR_EMAIL']));
    expect(new Set(answers.slice(20))).toEqual(new Set(['429 ATTEMPT_THROTTLED']));
  });

  test('no code and no password reaches the log or the events', async () => {
    const { box, call, recover, server } = await withMail(freshUrl);
    await call(start, undefined, { email: alice });
    const code = await codeIn(box);
    await recover(code, passwords.second);
    const events = JSON.stringify(await server.context.store.db.selectFrom('event').selectAll().execute());
    const codes = JSON.stringify(await server.context.store.db.selectFrom('one_time_code').selectAll().execute());
    for (const kept of [events, codes, server.logged.join('')]) {
      expect(kept).not.toContain(code.slice(4));
      expect(kept).not.toContain(passwords.second);
    }
    expect(events).toContain('password.recovered');
  });
});

describe('validate', () => {
  const config = { ROOT: { minimumLength: 8, maximumLength: 40, complexity: 2 } };
  const wanted = (text: string, change: object = {}) => ({
    identityProfileId: 'ip-1',
    credentialType: 'ROOT',
    password: { value: text },
    ...change,
  });
  test.each([
    [wanted('kittens in 1 wide basket'), '204'],
    [wanted('short1'), '409 PASSWORD_TOO_SHORT'],
    [wanted('x1'.repeat(30)), '409 PASSWORD_TOO_LONG'],
    [wanted('onlylowercase'), '409 PASSWORD_TOO_SIMPLE'],
    [wanted('password1'), '409 PASSWORD_COMPROMISED'],
    [wanted('kittens in 1 wide basket', { identityProfileId: 'ip-bare' }), '409 UNRESOLVED_IDENTITY'],
    [wanted('kittens in 1 wide basket', { identityProfileId: 'nowhere' }), '409 UNRESOLVED_IDENTITY'],
    [
      wanted('kittens in 1 wide basket', { credentialType: 'USER' }),
      '409 PASSWORD_PROFILE_NOT_CONFIGURED_FOR_CREDENTIAL_TYPE',
    ],
    [wanted('kittens in 1 wide basket', { credentialType: 'ADMIN' }), '400 credentialType'],
    [wanted('kittens in 1 wide basket', { programmeId: 'nowhere' }), '400 programmeId'],
    [wanted(''), '400 password.value'],
  ])('%j: %s', async (body, answer) => {
    const { call } = await corporate({ network: corporateNetwork(config), withPassword: [] });
    expect(said(await call('/passwords/validate', undefined, body))).toBe(answer);
  });
});

describe('the calls for a lost password are strict', () => {
  test.each([
    [start, {}, '400 email'],
    [start, { email: alice, credentialCode: alice }, '400 email'],
    [start, { email: '' }, '400 email'],
    [start, { email: 'a\u0000' }, '400 email'],
    [start, { email: 'a'.repeat(300) }, '400 email'],
    [start, { email: alice, more: 1 }, '400'],
    [resume, { email: alice, newPassword: { value: passwords.second } }, '400 nonce'],
    [resume, { email: alice, nonce: 'x'.repeat(300), newPassword: { value: passwords.second } }, '400 nonce'],
    [resume, { email: alice, nonce: 'x', newPassword: passwords.second }, '400 newPassword'],
    [resume, { email: alice, nonce: 'x', newPassword: { value: passwords.second } }, '409 INVALID_NONCE_OR_EMAIL'],
  ])('%s %j', async (path, body, answer) => {
    const { call } = await corporate({ withPassword: [] });
    expect(said(await call(path, undefined, body))).toBe(answer);
  });
});
