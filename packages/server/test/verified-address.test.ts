import { expect, test } from 'vitest';
import { openLetter } from '../src/mail/outbox.ts';
import { sendRecoveryCode } from '../src/passwords/lost-password.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { exportNetwork } from '../src/registry/network-file/export.ts';
import { movedClock } from './support/clock.ts';
import { tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { confirmedApp } from './support/factors.ts';
import { type Corporate, corporate, passwords, said } from './support/passwords.ts';

const alice = 'alice@acme.example';
const mailbox = 'b.jones@mail.example';
const resume = '/passwords/lost_password/resume';
const base = '/realms/dev/admin/credentials';

/** Nothing takes the mails, so that their texts stay. */
const env = { COUNTERSIGN_SMTP_URL: 'smtp://127.0.0.1:1' };

async function mails({ server }: Corporate) {
  const rows = await server.context.store.db.selectFrom('mail').selectAll().orderBy('id').execute();
  return rows.map(({ realm, id, purpose, sealed }) => ({
    purpose,
    ...openLetter(server.context.vault, realm, id, String(sealed)),
  }));
}

const told = async (made: Corporate) => (await mails(made)).map(({ purpose, to }) => `${purpose} ${to}`);

async function codeIn(made: Corporate, prefix: string): Promise<string> {
  const shape = new RegExp(`${prefix}_[A-Za-z0-9_-]{43}`);
  return (await mails(made)).flatMap(({ text }) => shape.exec(text)?.[0] ?? []).at(-1) ?? '';
}

/** The start of a lost password, with its work after the answer. */
const lose = ({ server }: Corporate, name: Parameters<typeof sendRecoveryCode>[2]) =>
  sendRecoveryCode(server.context, 'dev', name, tester);

const recover = ({ call }: Corporate, name: object, nonce: string, text: string = passwords.second) =>
  call(resume, undefined, { ...name, nonce, newPassword: { value: text } });

async function administer({ server }: Corporate, method: string, path: string, body?: object) {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const patch = (made: Corporate, id: string, body: object) => administer(made, 'PATCH', `${base}/${id}`, body);
const isVerified = async (made: Corporate, id: string) =>
  (await administer(made, 'GET', `${base}/${id}`)).body.emailVerified;

eachDatabase('an address for mail', (freshUrl) => {
  const open = async (options: Parameters<typeof corporate>[0] = {}) =>
    corporate({ databaseUrl: await freshUrl(), env, withPassword: ['cred-1', 'cred-2'], ...options });
  /** `bob` with an address that nobody has verified yet. */
  const withUnverified = async (options: Parameters<typeof corporate>[0] = {}) => {
    const made = await open(options);
    await patch(made, 'cred-2', { email: mailbox });
    await made.server.context.store.db.deleteFrom('mail').execute();
    return made;
  };

  test('counts for nothing until its holder has shown a code that was mailed to it', async () => {
    const made = await withUnverified();
    const { call, session } = made;
    const token = await session('bob');
    await call('/passwords/cred-2/authenticated_update', token, { password: { value: passwords.third } });
    await lose(made, { email: mailbox });
    await lose(made, { credentialCode: 'bob' });
    expect((await mails(made)).filter(({ to }) => to !== null)).toEqual([]);
    const fresh = await session('bob', passwords.third);
    expect((await call('/auth/email/get', fresh)).body).toEqual({ email: mailbox, verified: false });
    expect(said(await call('/auth/email/start', fresh))).toBe('204');
    const verificationCode = await codeIn(made, 'cse');
    expect(said(await call('/auth/email/verify', fresh, { verificationCode }))).toBe('204');
    expect((await call('/auth/email/get', fresh)).body).toEqual({ email: mailbox, verified: true });
    expect(said(await call('/auth/email/verify', fresh, { verificationCode }))).toBe('409 VERIFICATION_CODE_INVALID');
    await lose(made, { email: mailbox });
    expect((await told(made)).at(-1)).toBe(`lost-password ${mailbox}`);
    await call('/auth/email/start', fresh);
    expect((await told(made)).at(-1), 'nothing is sent to a verified one').toBe(`lost-password ${mailbox}`);
    const events = await made.server.context.store.db.selectFrom('event').selectAll().execute();
    expect(events.filter(({ type }) => type === 'credential.email_verified').map(({ after }) => after)).toEqual([
      '{"by":"code"}',
    ]);
    expect(JSON.stringify(events) + made.server.logged.join('')).not.toContain(verificationCode.slice(4));
  });

  test.each([
    ['mail', true],
    ['show', false],
  ])('is proved by an invitation that went by %s: %s', async (deliver, verified) => {
    const made = await open();
    const wanted = { id: 'new', identityId: 'corp-1', type: 'USER', code: 'erin@acme.example' };
    expect((await made.admin(base, wanted)).body).toMatchObject({ emailVerified: false });
    const { body } = await made.admin(`${base}/new/invite`, { deliver });
    const token = String(body.token ?? (await codeIn(made, 'csi')));
    expect(await isVerified(made, 'new')).toBe(false);
    const set = await made.call('/passwords/new/create', token, { password: { value: passwords.first } });
    expect(said(set)).toBe('200');
    expect(await isVerified(made, 'new')).toBe(verified);
  });

  test.each<[string, (made: Corporate, code: string, token: string) => Promise<unknown>, string]>([
    ['a wrong code', async () => {}, '409 VERIFICATION_CODE_INVALID'],
    ['a newer code', ({ admin }) => admin(`${base}/cred-2/verify-email`), '409 VERIFICATION_CODE_INVALID'],
    ['another address', (made) => patch(made, 'cred-2', { email: 'x@mail.example' }), '409 VERIFICATION_CODE_INVALID'],
    ['an ended session', ({ call }, _, token) => call('/auth/logout', token), '401 SESSION_INVALID'],
    ['a disabled credential', ({ admin }) => admin(`${base}/cred-2/disable`), '401 SESSION_INVALID'],
  ])('is not verified after %s', async (name, happens, answer) => {
    const made = await withUnverified();
    const token = await made.session('bob');
    await made.call('/auth/email/start', token);
    const sent = await codeIn(made, 'cse');
    await happens(made, sent, token);
    const verificationCode = name === 'a wrong code' ? `${sent.slice(0, -2)}AA` : sent;
    expect(said(await made.call('/auth/email/verify', token, { verificationCode }))).toBe(answer);
    expect(await isVerified(made, 'cred-2')).toBe(false);
  });

  test('is verified by its own holder only, in a full session, within a day', async () => {
    const clock = movedClock();
    const made = await withUnverified({ clock });
    const { admin, call, session, login } = made;
    await admin(`${base}/cred-2/verify-email`);
    const verificationCode = await codeIn(made, 'cse');
    const refused = '409 VERIFICATION_CODE_INVALID';
    expect(said(await call('/auth/email/verify', undefined, { verificationCode }))).toBe('401 TOKEN_MISSING');
    expect(said(await call('/auth/email/verify', await session(), { verificationCode }))).toBe(refused);
    expect(said(await recover(made, { email: mailbox }, verificationCode))).toBe('409 INVALID_NONCE_OR_EMAIL');
    const set = await call('/passwords/cred-2/create', verificationCode, { password: { value: passwords.second } });
    expect(set.status).toBe(401);
    await admin('/passwords/cred-2/1/expire');
    const restricted = String((await login('bob', passwords.first)).body.token);
    expect(said(await call('/auth/email/verify', restricted, { verificationCode }))).toBe('403 SESSION_RESTRICTED');
    expect(said(await call('/auth/email/start', restricted))).toBe('403 SESSION_RESTRICTED');
    expect(said(await call('/auth/email/verify', await session(), { verificationCode: 7 }))).toBe(
      '400 verificationCode',
    );
    clock.advance(86_400_001);
    const update = { oldPassword: { value: passwords.first }, password: { value: passwords.second } };
    const again = String((await login('bob', passwords.first)).body.token);
    const full = String((await call('/passwords/cred-2/update', again, update)).body.token);
    expect(said(await call('/auth/email/verify', full, { verificationCode }))).toBe(refused);
    expect(await isVerified(made, 'cred-2')).toBe(false);
  });

  test('gets five codes an hour from its holder', async () => {
    const made = await withUnverified();
    const token = await made.session('bob');
    const answers: string[] = [];
    for (let i = 0; i < 6; i++) answers.push(said(await made.call('/auth/email/start', token)));
    expect(answers).toEqual([...Array(5).fill('204'), '429 ATTEMPT_THROTTLED']);
    expect(said(await made.call('/auth/email/start', await made.session()))).toBe('204');
  });

  test('is declared right, or wrong, by an administrator and by no ROOT', async () => {
    const made = await withUnverified();
    const { admin, call, session } = made;
    expect((await patch(made, 'cred-2', { emailVerified: true })).body).toMatchObject({ emailVerified: true });
    await lose(made, { email: mailbox });
    expect(await told(made)).toEqual([`lost-password ${mailbox}`]);
    expect((await patch(made, 'cred-2', { emailVerified: false })).body).toMatchObject({ emailVerified: false });
    const none = { id: 'none', identityId: 'corp-1', type: 'USER', code: 'none', emailVerified: true };
    expect(await administer(made, 'POST', base, none)).toMatchObject({
      status: 400,
      body: { pointer: '/emailVerified' },
    });
    expect((await patch(made, 'cred-2', { email: null, emailVerified: true })).status).toBe(400);
    expect((await patch(made, 'cred-2', { emailVerified: 'yes' })).status).toBe(400);
    const byRoot = { type: 'USER', code: 'erin@acme.example', emailVerified: true };
    expect((await call('/identities/corp-1/credentials/_/create', await session(), byRoot)).status).toBe(400);
    expect((await admin(`${base}/cred-9/verify-email`)).status).toBe(404);
  });

  test('that changes is told at both addresses, and must be verified again, also when it changes back', async () => {
    const made = await open();
    await patch(made, 'cred-1', { email: 'alice@new.example' });
    expect((await told(made)).sort()).toEqual([`credential-changed ${alice}`, 'credential-changed alice@new.example']);
    expect(await isVerified(made, 'cred-1')).toBe(false);
    await patch(made, 'cred-1', { email: null });
    expect(await isVerified(made, 'cred-1')).toBe(false);
    await patch(made, 'cred-1', { code: 'ally@acme.example', emailVerified: true });
    expect(await isVerified(made, 'cred-1')).toBe(true);
    await patch(made, 'cred-1', { email: 'ally@acme.example' });
    expect(await isVerified(made, 'cred-1'), 'it is the same address').toBe(true);
  });

  test('that is verified stands for its credential at a lost password, with capitals or without', async () => {
    const made = await withUnverified();
    await patch(made, 'cred-2', { emailVerified: true });
    await lose(made, { email: mailbox.toUpperCase() });
    expect(await told(made)).toEqual([`lost-password ${mailbox}`]);
    const nonce = await codeIn(made, 'csl');
    expect(said(await recover(made, { email: 'other@mail.example' }, nonce))).toBe('409 INVALID_NONCE_OR_EMAIL');
    expect(said(await recover(made, { credentialCode: mailbox }, nonce))).toBe('409 INVALID_NONCE_OR_EMAIL');
    expect(said(await recover(made, { email: mailbox.toUpperCase() }, nonce))).toBe('200');
  });

  test('of several credentials gets one mail with their names, and no code until one is named', async () => {
    const made = await open({ withPassword: ['cred-1', 'cred-2', 'cred-3'] });
    await patch(made, 'cred-2', { email: alice, emailVerified: true });
    await made.server.context.store.db.deleteFrom('mail').execute();
    await lose(made, { email: alice });
    const [mail, ...more] = await mails(made);
    expect([mail?.purpose, mail?.to, more]).toEqual(['lost-password-shared', alice, []]);
    expect(mail?.text).toContain(`\n  ${alice}\n  bob\n`);
    expect(mail?.text).not.toContain('csl_');
    for (const credentialCode of ['bob', alice]) {
      await lose(made, { credentialCode });
      expect(said(await recover(made, { credentialCode }, await codeIn(made, 'csl'))), credentialCode).toBe('200');
    }
  });

  test('is not taken away by a credential that has it as its code', async () => {
    const made = await withUnverified();
    await patch(made, 'cred-2', { emailVerified: true });
    const wanted = { id: 'mallory', identityId: 'corp-2', type: 'USER', code: mailbox, email: 'm@evil.example' };
    await made.admin(base, { ...wanted, emailVerified: true });
    await made.admin('/passwords/mallory/create', { password: { value: passwords.third } });
    await lose(made, { email: mailbox });
    expect(await told(made)).toEqual([`lost-password ${mailbox}`]);
    expect(said(await recover(made, { email: mailbox }, await codeIn(made, 'csl')))).toBe('200');
    expect((await made.login(mailbox, passwords.third)).status, 'nor is its own password changed').toBe(200);
  });

  test('that is not verified gets no reset, which an administrator can still show', async () => {
    const made = await withUnverified();
    const reset = (deliver: string) => made.admin(`${base}/cred-2/reset-password`, { deliver });
    expect(said(await reset('mail'))).toBe('409 credential.unverified_address');
    expect((await reset('show')).status).toBe(201);
    expect(await told(made)).toEqual([]);
  });

  test('is declared by a network file too, which takes nothing back, and stands in the export', async () => {
    const made = await withUnverified();
    const { context } = made.server;
    const apply = (change: object) => {
      const credential = { id: 'cred-2', identityId: 'corp-1', type: 'USER', code: 'bob', email: mailbox, ...change };
      return applyNetwork(context, { realms: [{ name: 'dev', credentials: [credential] }] }, tester);
    };
    const token = await made.session('bob');
    await apply({ emailVerified: true });
    expect(await isVerified(made, 'cred-2')).toBe(true);
    expect((await made.call('/auth/email/get', token)).status, 'it ends no session').toBe(200);
    await apply({});
    expect(await isVerified(made, 'cred-2')).toBe(true);
    const { realms } = (await exportNetwork(context)) as { realms: { name: string; credentials: { id: string }[] }[] };
    const exported = realms.find(({ name }) => name === 'dev')?.credentials.find(({ id }) => id === 'cred-2');
    expect(exported).toMatchObject({ emailVerified: true });
    await apply({ email: 'bob@new.example' });
    await apply({});
    expect(await isVerified(made, 'cred-2')).toBe(false);
    await expect(apply({ email: null, emailVerified: true })).rejects.toMatchObject({
      code: 'network.invalid',
      message: expect.stringContaining('/realms/0/credentials/0/emailVerified'),
    });
    await expect(apply({ emailVerified: false })).rejects.toMatchObject({ code: 'network.invalid' });
  });

  test('is out of reach of a second factor that is still to come', async () => {
    const made = await withUnverified();
    await confirmedApp(made.call, await made.session('bob'), { now: Date.now });
    const { body } = await made.login('bob', passwords.first);
    expect(said(await made.call('/auth/email/start', String(body.token)))).toBe('403 SESSION_RESTRICTED');
  });
});
