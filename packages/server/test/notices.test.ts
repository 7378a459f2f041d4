import { expect, test } from 'vitest';
import { openLetter } from '../src/mail/outbox.ts';
import { confirmTotp, enrolTotp } from '../src/passwords/factor/totp-factor.ts';
import { logIn } from '../src/passwords/login.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { authenticateSession } from '../src/subject/session.ts';
import { logOut } from '../src/subject/session-administration.ts';
import { forgetOldUses } from '../src/subject/tokens/replay.ts';
import { proxied } from './support/applicant.ts';
import { movedClock } from './support/clock.ts';
import { tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { authenticatorApp, confirmedApp } from './support/factors.ts';
import { met } from './support/met.ts';
import { type Corporate, corporate, corporateNetwork, passwords, said } from './support/passwords.ts';
import { from as fromSource } from './support/source.ts';

const alice = 'alice@acme.example';
const value = (text: string) => ({ value: text });

/** Every mail so far: its purpose, its recipient, its text. */
async function mails({ server }: Corporate) {
  const rows = await server.context.store.db.selectFrom('mail').selectAll().orderBy('id').execute();
  return rows.map(({ realm, id, purpose, sealed }) => {
    const { to, subject, text } = openLetter(server.context.vault, realm, id, String(sealed));
    return { purpose, to, subject, text };
  });
}

const told = async (made: Corporate) => (await mails(made)).map(({ purpose, to }) => `${purpose} ${to}`);

eachDatabase('the owner of a credential is told', (freshUrl) => {
  /** Nobody takes the mails, so that their texts stay. */
  const env = { ...proxied, COUNTERSIGN_SMTP_URL: 'smtp://127.0.0.1:1' };
  const clock = movedClock();
  const open = async () => corporate({ databaseUrl: await freshUrl(), clock, env });
  const from = (address: string, agent = 'browser') => ({ 'x-forwarded-for': address, 'user-agent': agent });

  test('of a login from a new device, and of no other', async () => {
    const made = await open();
    const { login } = made;
    for (const password of [passwords.second, passwords.third]) await login(alice, password, from('203.0.113.7'));
    await login('nobody@acme.example', passwords.first, from('203.0.113.7'));
    expect(await told(made)).toEqual([]);
    const first = await login(alice, passwords.first, from('203.0.113.7', 'Visit https://evil.example'));
    expect(await told(made)).toEqual([`new-device ${alice}`]);
    const [mail] = await mails(made);
    expect(mail?.text).toContain('203.0.113.7');
    expect(mail?.text).not.toContain('evil');
    const cookie = String(first.headers.get('set-cookie')).split(';')[0] as string;
    // With its cookie from anywhere; without one from the same network with the same program.
    expect(said(await login(alice, passwords.first, { ...from('198.51.100.1'), cookie }))).toBe('200');
    expect(said(await login(alice, passwords.first, from('203.0.113.7', 'Visit https://evil.example')))).toBe('200');
    expect(await told(made)).toHaveLength(1);
    await login(alice, passwords.first, from('203.0.113.7', 'another'));
    await login(alice, passwords.first, from('198.51.100.1', 'another'));
    expect(await told(made)).toHaveLength(3);
    clock.advance(30 * 86_400_000 + 60_001);
    await forgetOldUses(made.server.context);
    expect(said(await login(alice, passwords.first, from('203.0.113.7', 'another')))).toBe('200');
    expect(await made.server.context.store.db.selectFrom('mail').select('id').execute()).toHaveLength(4);
  });

  test('of a login from a new device after one that failed in the database', async () => {
    const made = await open();
    const { context } = made.server;
    const realm = await requireRealm(context, 'dev');
    const attempt = { code: alice, password: passwords.first, source: fromSource('192.0.2.5'), agent: 'browser' };
    const broken = await met(context, 6, () => Promise.reject(new Error('the database is gone')));
    await expect(logIn(broken, realm, attempt, tester)).rejects.toThrow('gone');
    expect(await told(made)).toEqual([]);
    await logIn(context, realm, attempt, tester);
    await logIn(context, realm, attempt, tester);
    expect(await told(made)).toEqual([`new-device ${alice}`]);
  });

  test('of a right password whose second factor is still to come', async () => {
    const made = await open();
    const { call, session, login } = made;
    await confirmedApp(call, await session(), clock);
    const before = (await told(made)).length;
    expect(said(await login(alice, passwords.first, from('192.0.2.9')))).toBe('409 SECOND_FACTOR_REQUIRED');
    expect((await told(made)).slice(before)).toEqual([`new-device ${alice}`]);
  });

  test('five times an hour at most of one thing, whatever the thief of a password does', async () => {
    const made = await open();
    for (let i = 0; i < 12; i++) await made.login(alice, passwords.first, from(`192.0.2.${i}`, `agent ${i}`));
    expect(await told(made)).toHaveLength(5);
    // What else happens is told all the same.
    const token = String((await made.login(alice, passwords.first)).body.token);
    const change = { oldPassword: value(passwords.first), password: value(passwords.second) };
    expect(said(await made.call('/passwords/cred-1/update', token, change))).toBe('200');
    expect((await told(made)).at(-1)).toBe(`password-changed ${alice}`);
  });

  test('of a changed code and a changed address, at the address from before and the new one', async () => {
    const made = await open();
    const change = async (body: object) => {
      const before = (await told(made)).length;
      const response = await fetch(`${made.server.url}/realms/dev/admin/credentials/cred-1`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${await made.server.adminToken()}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(200);
      return (await told(made)).slice(before).sort();
    };
    expect(await change({ code: alice })).toEqual([]);
    expect(await change({ email: 'home@alice.example' })).toEqual([
      `credential-changed ${alice}`,
      'credential-changed home@alice.example',
    ]);
    expect(await change({ code: 'alice' })).toEqual(['credential-changed home@alice.example']);
    expect(await change({ email: null })).toEqual(['credential-changed home@alice.example']);
    expect(await change({ email: 'work@alice.example' })).toEqual(['credential-changed work@alice.example']);
    const texts = (await mails(made)).map(({ text }) => text);
    for (const text of texts) expect(text).not.toMatch(/home@|work@|[a-z]+@acme/);
    expect(texts[2]).toContain('under another name');
    expect(texts[0]).toContain('another address');
  });

  test('of a change by a network file too, and a device of the code before is an unknown one', async () => {
    const made = await open();
    const first = await made.login(alice, passwords.first, from('203.0.113.7'));
    const cookie = String(first.headers.get('set-cookie')).split(';')[0] as string;
    const rename = (code: string) => {
      const [dev] = corporateNetwork().realms;
      const credentials = [{ id: 'cred-1', identityId: 'corp-1', type: 'ROOT', code, emailVerified: true }];
      return applyNetwork(made.server.context, { realms: [{ ...dev, credentials }] }, tester);
    };
    await rename('ally@acme.example');
    expect((await told(made)).slice(1).sort()).toEqual([
      `credential-changed ${alice}`,
      'credential-changed ally@acme.example',
    ]);
    await rename(alice);
    const count = (await told(made)).length;
    await made.login(alice, passwords.first, { ...from('192.0.2.77'), cookie });
    expect((await told(made)).slice(count)).toEqual([`new-device ${alice}`]);
    // A file that changes nothing tells nothing.
    await rename(alice);
    expect(await told(made)).toHaveLength(count + 1);
  });

  test('of a password that was changed, recovered, or expired', async () => {
    const made = await open();
    const { call, session, admin } = made;
    const change = { oldPassword: value(passwords.first), password: value(passwords.second) };
    await call('/passwords/cred-1/update', await session(), change);
    await admin('/passwords/cred-1/2/expire', {});
    await admin('/passwords/cred-1/2/expire', {});
    await admin('/passwords/cred-1/2/expire', { reason: 'COMPROMISED' });
    // Of a version that no longer counts there is nothing to tell.
    await admin('/passwords/cred-1/1/expire', { reason: 'COMPROMISED' });
    const all = await mails(made);
    expect(all.map(({ purpose }) => purpose)).toEqual([
      'new-device',
      'password-changed',
      'password-expired',
      'password-expired',
    ]);
    expect(all[2]?.text).toContain('next login asks for a new one');
    expect(all[3]?.text).toContain('"lost password"');
  });

  test('of every change of second factors, never in words that a thief chose', async () => {
    const made = await open();
    const { call, session, admin } = made;
    const enrolled = await call('/auth/factors/totp/enrol', await session(), { name: 'Call 0900 1234 now' });
    expect(said(enrolled)).toBe('200');
    const { factorId, token, recoveryCodes } = await confirmedApp(call, await session(), clock);
    expect(said(await call('/auth/factors/recovery/verify', token, { code: recoveryCodes[0] }))).toBe('200');
    expect(said(await admin(`/auth/factors/${factorId}/remove`, { credentialId: 'cred-1' }))).toBe('204');
    const all = (await mails(made)).filter(({ purpose }) => purpose === 'factor-changed');
    expect(all.map(({ subject }) => subject)).toEqual([
      'A second factor was added for dev',
      'A recovery code was used for dev',
      'A second factor was removed for dev',
    ]);
    expect(all[0]?.text).toContain('authenticator app');
    for (const { text } of all) expect(text).not.toContain('0900');
  });

  test('of a factor that was removed after many other changes of factors', async () => {
    const made = await open();
    const { call, session } = made;
    const { factorId, token } = await confirmedApp(call, await session(), clock);
    for (let i = 0; i < 6; i++) expect(said(await call('/auth/factors/recovery/renew', token))).toBe('200');
    expect(said(await call(`/auth/factors/${factorId}/remove`, token, {}))).toBe('200');
    const subjects = (await mails(made)).map(({ subject }) => subject);
    expect(subjects.filter((subject) => subject === 'New recovery codes were made for dev')).toHaveLength(5);
    expect(subjects).toContain('A second factor was removed for dev');
  });

  test('of a change after five that were broken off: only what is told counts as told', async () => {
    const { server, session } = await open();
    const { context } = server;
    const realm = await requireRealm(context, 'dev');
    const presenting = async () => {
      const held = await authenticateSession(context, await session());
      return { realm, session: held, source: fromSource('192.0.2.1'), agent: undefined, caller: tester };
    };
    const ended = await presenting();
    const { secret } = await enrolTotp(context, ended, 'App');
    await logOut(context, ended.session, tester);
    const code = () => authenticatorApp(secret, clock).code();
    // The requests of a session that its holder ended while they were under way.
    for (let i = 0; i < 6; i++) {
      await expect(confirmTotp(context, ended, code())).rejects.toMatchObject({ code: 'session.invalid' });
    }
    await confirmTotp(context, await presenting(), code());
    const rows = await context.store.db.selectFrom('mail').select('purpose').execute();
    expect(rows.filter(({ purpose }) => purpose === 'factor-changed')).toHaveLength(1);
  });

  test('who has no address gets none, and logs in all the same', async () => {
    const made = await corporate({ databaseUrl: await freshUrl(), env, withPassword: ['cred-2'] });
    expect(said(await made.login('bob', passwords.first, from('192.0.2.1')))).toBe('200');
    expect(await told(made)).toEqual([]);
    expect(await made.server.context.store.db.selectFrom('used_once').selectAll().execute()).toEqual([]);
  });
});
