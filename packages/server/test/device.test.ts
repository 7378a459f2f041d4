import { expect, test } from 'vitest';
import { lastingCookie, presentedCookie } from '../src/http/cookie.ts';
import { deviceCookieName, recogniseDevice, rememberDevice } from '../src/passwords/device.ts';
import { changeCredential } from '../src/passwords/identity/credential-change.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { manualClock } from './support/clock.ts';
import { openContext, temporaryDir, tester } from './support/context.ts';
import { corporateNetwork } from './support/corporate.ts';
import { eachDatabase, type FreshUrl } from './support/databases.ts';
import { corporate, passwords, said } from './support/passwords.ts';

const year = 365 * 86_400_000;
const alice = 'alice@acme.example';
const bob = 'bob@acme.example';

async function device(freshUrl: FreshUrl) {
  const clock = manualClock();
  const context = await openContext(await freshUrl(), { clock });
  await applyNetwork(context, corporateNetwork, tester);
  const remember = (code = alice, before?: string, realm = 'dev') => rememberDevice(context, realm, code, before);
  const known = async (value: string | undefined, code = alice, realm = 'dev') =>
    (await recogniseDevice(context, realm, code, value)) !== undefined;
  return { clock, context, remember, known };
}

eachDatabase('a device', (freshUrl) => {
  test('is known to the credential that logged in there, however its code is written', async () => {
    const { remember, known } = await device(freshUrl);
    const cookie = remember();
    expect(await known(cookie)).toBe(true);
    expect(await known(cookie, ' ALICE@acme.example')).toBe(true);
    expect(cookie).toMatch(/^[A-Za-z0-9_-]{22}\.[0-9a-z]+\.[A-Za-z0-9_-]{43}$/);
  });

  test('is a stranger to any other credential, in any other realm, and to codes that are none', async () => {
    const { remember, known } = await device(freshUrl);
    const cookie = remember();
    expect(await known(cookie, bob)).toBe(false);
    expect(await known(cookie, alice, 'bank')).toBe(false);
    expect(await known(remember('nobody@acme.example'), 'nobody@acme.example')).toBe(false);
  });

  test('is a stranger with any letter changed, with parts of two, and with anything that is none of ours', async () => {
    const { clock, remember, known } = await device(freshUrl);
    const cookie = remember();
    for (let at = 0; at < cookie.length; at++) {
      const other = cookie[at] === 'a' ? 'b' : 'a';
      expect(await known(cookie.slice(0, at) + other + cookie.slice(at + 1)), `letter ${at}`).toBe(false);
      expect(await known(cookie.slice(0, at))).toBe(false);
    }
    clock.advance(1_000);
    const [one, two] = [cookie.split('.'), remember().split('.')];
    for (const mixed of [
      [one[0], two[1], two[2]],
      [one[0], one[1], two[2]],
      [two[0], one[1], one[2]],
    ]) {
      expect(await known(mixed.join('.'))).toBe(false);
    }
    const nonsense = [
      undefined,
      '',
      '.',
      '..',
      '~',
      '~'.repeat(100_000),
      `${cookie}=`,
      ` ${cookie}`,
      'a'.repeat(100_000),
    ];
    for (const value of [...nonsense, '\0', '\ud800', '{}', '__proto__.00000000.x']) {
      expect(await known(value)).toBe(false);
    }
  });

  test('may be that of eight credentials: the last ones', async () => {
    const { remember, known } = await device(freshUrl);
    let cookie = remember(bob);
    cookie = remember(alice, cookie);
    expect([await known(cookie), await known(cookie, bob)]).toEqual([true, true]);
    cookie = remember(bob, cookie);
    expect(cookie.split('~')).toHaveLength(2);
    for (let i = 0; i < 6; i++) cookie = remember(`user-${i}`, cookie);
    expect([await known(cookie), await known(cookie, bob)]).toEqual([true, true]);
    cookie = remember('user-6', cookie);
    expect([await known(cookie), await known(cookie, bob)]).toEqual([false, true]);
    expect(cookie.split('~')).toHaveLength(8);
    expect(cookie.length).toBeLessThan(640);
  });

  test('stays the same device at its next login, and is forgotten after a year without one', async () => {
    const { clock, context, remember, known } = await device(freshUrl);
    const first = remember();
    clock.advance(year - 1);
    expect(await known(first)).toBe(true);
    const next = remember(alice, first);
    expect(await recogniseDevice(context, 'dev', alice, next)).toEqual({ id: first.split('.')[0] });
    clock.advance(1);
    expect([await known(first), await known(next)]).toEqual([false, true]);
  });

  test('is a stranger when the credential is called by another code, also to whoever gets the old one', async () => {
    const { clock, context, remember, known } = await device(freshUrl);
    const cookie = remember();
    clock.advance(1);
    await changeCredential(context, 'dev', 'dev-root', { code: 'alice@new.example' }, tester);
    expect(await known(cookie, 'alice@new.example')).toBe(false);
    expect(await known(cookie)).toBe(false);
    await changeCredential(context, 'dev', 'dev-user', { code: alice }, tester);
    expect(await known(cookie)).toBe(false);
  });

  test('is known after a login and an update; not after an incomplete login, nor when the password was made known', async () => {
    const { login, call, admin } = await corporate({ databaseUrl: await freshUrl() });
    const cookieOf = ({ headers }: { headers: Headers }) => headers.get('set-cookie') ?? undefined;
    expect(cookieOf(await login(alice, passwords.second))).toBeUndefined();
    const first = await login(alice, passwords.first);
    const set = cookieOf(first) ?? '';
    expect(set).toMatch(/^countersign-device=[^;]+; Path=\/; Max-Age=31536000; HttpOnly; SameSite=Lax$/);
    const cookie = set.split(';')[0] ?? '';
    const use = { cookie: `other=1; ${cookie}; last=2` };
    for (let i = 0; i < 11; i++) await login(alice, passwords.third);
    const change = { oldPassword: { value: passwords.first }, password: { value: passwords.second } };
    const updated = await call('/passwords/cred-1/update', String(first.body.token), change, use);
    expect(updated.status).toBe(200);
    expect(cookieOf(updated)).toMatch(/^countersign-device=/);
    expect((await login(alice, passwords.second, use)).status).toBe(200);
    expect((await login(alice, passwords.second, { cookie: `${cookie}x` })).status).toBe(429);
    await admin('/passwords/cred-1/2/expire');
    const expired = await login(alice, passwords.second, use);
    expect([said(expired), cookieOf(expired)]).toEqual(['409 EXPIRED_PASSWORD', undefined]);
    await admin('/passwords/cred-1/2/expire', { reason: 'COMPROMISED' });
    expect((await login(alice, passwords.second, use)).status).toBe(429);
  });
});

test('the cookie is for this very host and for https, where that is spoken', async () => {
  const env = { COUNTERSIGN_PUBLIC_URL: 'https://id.example' };
  const context = await openContext(`sqlite:${temporaryDir()}/countersign.db`, {}, env);
  const name = deviceCookieName(context);
  expect(lastingCookie(name, 'x', 60)).toBe(
    '__Host-countersign-device=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure',
  );
});

test('a cookie is found by its whole name, the first of several, unless it is longer than any of ours', () => {
  const found = (cookie: string) => presentedCookie({ headers: new Headers({ cookie }) }, 'device');
  expect(found('device=a.b~c')).toBe('a.b~c');
  expect(found('x-device=1;device = 2 ;device=3')).toBe('2');
  expect(found('devices=1; DEVICE=2; device')).toBeUndefined();
  expect(found(`device=${'a'.repeat(4_097)}`)).toBeUndefined();
  expect(presentedCookie({ headers: new Headers() }, 'device')).toBeUndefined();
});
