import { expect, test } from 'vitest';
import { openLetter } from '../src/mail/outbox.ts';
import { movedClock } from './support/clock.ts';
import { eachDatabase } from './support/databases.ts';
import { confirmedApp } from './support/factors.ts';
import { type Corporate, corporate, corporateNetwork, passwords, said } from './support/passwords.ts';

const alice = 'alice@acme.example';
const bob = 'bob@acme.example';
const resume = '/passwords/lost_password/resume';
const byAdministrator = (id: string) => `/realms/dev/admin/credentials/${id}/reset-password`;
const byRoot = (id: string) => `/identities/corp-1/credentials/${id}/reset_password`;

/** Nothing takes the mails, so that their texts stay. */
const env = { COUNTERSIGN_SMTP_URL: 'smtp://127.0.0.1:1' };

/** As everywhere, but the USER has an address. */
function network() {
  const { realms } = corporateNetwork();
  return { realms: realms.map((realm) => ({ ...realm, credentials: realm.credentials.map(withAddress) })) };
}
const withAddress = (credential: { id: string; code: string }) =>
  credential.id === 'cred-2' ? { ...credential, code: bob, emailVerified: true } : credential;

async function mails({ server }: Corporate) {
  const rows = await server.context.store.db.selectFrom('mail').selectAll().orderBy('id').execute();
  return rows.map(({ realm, id, purpose, sealed }) => ({
    purpose,
    ...openLetter(server.context.vault, realm, id, String(sealed)),
  }));
}

const codeIn = (text = '') => /csr_[A-Za-z0-9_-]{43}/.exec(text)?.[0] ?? '';

eachDatabase('a password that is reset by an administrator', (freshUrl) => {
  const open = async (options: Parameters<typeof corporate>[0] = {}) => {
    const made = await corporate({
      databaseUrl: await freshUrl(),
      env,
      network: network(),
      withPassword: ['cred-1', 'cred-2'],
      ...options,
    });
    const recover = (nonce: string, text: string, credentialCode = bob) =>
      made.call(resume, undefined, { credentialCode, nonce, newPassword: { value: text } });
    const shown = async (id = 'cred-2') =>
      String((await made.admin(byAdministrator(id), { deliver: 'show' })).body.token);
    return { ...made, recover, shown };
  };

  test('is set by its holder with the code of the mail; sessions, other codes and known devices end', async () => {
    const made = await open();
    const { admin, call, login, recover, session } = made;
    const token = await session(bob);
    const device = String((await login(bob, passwords.first)).headers.get('set-cookie')).split(';')[0] ?? '';
    const started = await admin(byAdministrator('cred-2'));
    expect(started).toMatchObject({ status: 201, body: { credentialId: 'cred-2' } });
    expect(started.body).not.toHaveProperty('token');
    const { to, text } = (await mails(made)).find(({ purpose }) => purpose === 'password-reset') ?? {};
    expect(to).toBe(bob);
    expect(text).toContain(`\n  ${bob}\n`);
    // Nothing has happened yet to its holder.
    expect((await call('/auth/factors/get', token)).status).toBe(200);
    expect((await login(bob, passwords.first)).status).toBe(200);
    expect(said(await recover(codeIn(text), passwords.second))).toBe('200');
    expect(said(await call('/auth/factors/get', token))).toBe('401 SESSION_INVALID');
    expect(said(await login(bob, passwords.first))).toBe('403 FAILED_LOGIN');
    expect(said(await recover(codeIn(text), passwords.third))).toBe('409 INVALID_NONCE_OR_EMAIL');
    for (let i = 0; i < 10; i++) await login(bob, passwords.third);
    expect((await login(bob, passwords.second, { cookie: device })).status).toBe(429);
  });

  test('still needs the second factor', async () => {
    const { call, session, recover, shown } = await open();
    await confirmedApp(call, await session(bob), { now: Date.now });
    const { body } = await recover(await shown(), passwords.second);
    expect(body).toMatchObject({ restriction: 'second-factor' });
    expect(said(await call('/auth/subject', String(body.token)))).toBe('403 SESSION_RESTRICTED');
  });

  test('has a code that is shown once to an administrator who asks for it, and its owner is told', async () => {
    const made = await open();
    const code = await made.shown();
    expect(code).toBe(codeIn(code));
    const sent = await mails(made);
    expect(sent.map(({ purpose, to }) => [purpose, to])).toEqual([['password-reset-shown', bob]]);
    const { store } = made.server.context;
    const rows = await store.db.selectFrom('one_time_code').selectAll().execute();
    const events = await store.db.selectFrom('event').selectAll().execute();
    const kept = JSON.stringify([rows, events, sent]) + made.server.logged.join('');
    expect(kept).not.toContain(code.slice(4));
    expect(events.filter(({ type }) => type === 'password.reset_started').map(({ object }) => object)).toEqual([
      'credential:cred-2',
    ]);
    expect((await made.recover(code, passwords.second)).status).toBe(200);
  });

  test('is never chosen by the administrator', async () => {
    const { admin, login } = await open();
    const answer = await admin(byAdministrator('cred-2'), { password: { value: passwords.third } });
    expect(answer.status).toBe(400);
    expect((await login(bob, passwords.first)).status).toBe(200);
  });

  test.each<[string, (made: Awaited<ReturnType<typeof open>>) => Promise<unknown>]>([
    ['a newer reset', ({ shown }) => shown()],
    ['an expiry', ({ admin }) => admin('/passwords/cred-2/1/expire')],
    ['the end of all sessions', ({ admin }) => admin('/auth/sessions/terminate', { credentialId: 'cred-2' })],
    ['another address', ({ server }) => patch(server, 'cred-2', { email: 'bob@new.example' })],
    [
      'an update',
      async ({ call, session }) =>
        call('/passwords/cred-2/authenticated_update', await session(bob), { password: { value: passwords.third } }),
    ],
    [
      'disabling and enabling',
      async ({ admin }) => {
        for (const step of ['disable', 'enable']) await admin(`/realms/dev/admin/credentials/cred-2/${step}`);
      },
    ],
  ])('has a code that %s ends', async (_name, end) => {
    const made = await open();
    const code = await made.shown();
    await end(made);
    expect(said(await made.recover(code, passwords.second))).toBe('409 INVALID_NONCE_OR_EMAIL');
    expect((await made.recover(await made.shown(), passwords.second)).status).toBe(200);
  });

  test('has a code of one credential and one realm, for a day', async () => {
    const clock = movedClock();
    const { recover, shown, call } = await open({ clock });
    const code = await shown();
    const refused = '409 INVALID_NONCE_OR_EMAIL';
    expect(said(await recover(code, passwords.second, alice))).toBe(refused);
    const elsewhere = { credentialCode: bob, nonce: code, newPassword: { value: passwords.second } };
    expect(said(await call(resume, undefined, { ...elsewhere, programmeId: 'bank' }))).toBe(refused);
    expect(said(await recover(code.replace('csr_', 'csl_'), passwords.second))).toBe(refused);
    const asInvitation = await call('/passwords/cred-2/create', code, { password: { value: passwords.second } });
    expect(asInvitation.status).toBe(401);
    clock.advance(86_400_000 + 1);
    expect(said(await recover(code, passwords.second))).toBe(refused);
  });

  test('is refused where there is nothing to reset, nowhere to send the code, or a credential that cannot log in', async () => {
    const { admin } = await open({ network: corporateNetwork() });
    const refused = async (id: string, body?: object) => said(await admin(byAdministrator(id), body));
    expect(await refused('cred-3')).toBe('404 password.unknown');
    expect(await refused('cred-2')).toBe('409 credential.no_address');
    expect(await refused('cred-9')).toBe('404 credential.unknown');
    expect(await refused('cred-2', { deliver: 'fax' })).toMatch(/^400/);
    await admin('/realms/dev/admin/credentials/cred-1/disable');
    expect(await refused('cred-1')).toBe('409 credential.disabled');
  });

  test('is reset by the ROOT of its identity by mail only, five times in an hour', async () => {
    const made = await open();
    const { call, session } = made;
    const root = await session();
    expect((await call(byRoot('cred-2'), root, { deliver: 'show' })).status).toBe(400);
    const answers: string[] = [];
    for (let i = 0; i < 6; i++) answers.push(said(await call(byRoot('cred-2'), root)));
    expect(answers).toEqual([...Array(5).fill('204'), '429 ATTEMPT_THROTTLED']);
    const text = (await mails(made)).findLast(({ purpose }) => purpose === 'password-reset')?.text;
    expect((await made.recover(codeIn(text), passwords.second)).status).toBe(200);
  });

  test('is out of reach for a USER, and for a ROOT who reaches for itself or another identity', async () => {
    const made = await open();
    const { call, session } = made;
    const root = await session();
    expect(said(await call(byRoot('cred-1'), root))).toBe('403 CALLER_FORBIDDEN');
    expect(said(await call(byRoot('cred-3'), root))).toBe('404 CREDENTIAL_UNKNOWN');
    expect(said(await call('/identities/corp-2/credentials/cred-3/reset_password', root))).toBe('404 IDENTITY_UNKNOWN');
    expect(said(await call(byRoot('cred-2'), await session(bob)))).toBe('403 CALLER_FORBIDDEN');
    expect((await mails(made)).filter(({ purpose }) => purpose === 'password-reset')).toEqual([]);
  });

  test('has one code that works for one of those who present it at once', async () => {
    const { recover, shown } = await open();
    const code = await shown();
    const answers = await Promise.all([1, 2, 3, 4].map((i) => recover(code, `${passwords.second} ${i}`)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });
});

async function patch({ url, adminToken }: Corporate['server'], id: string, body: object): Promise<unknown> {
  return fetch(`${url}/realms/dev/admin/credentials/${id}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${await adminToken()}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}
