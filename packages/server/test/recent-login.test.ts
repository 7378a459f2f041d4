import { expect, test } from 'vitest';
import { movedClock } from './support/clock.ts';
import { eachDatabase } from './support/databases.ts';
import { corporate, passwords, said } from './support/passwords.ts';

/** What a stolen token of a ROOT must not be enough for; and what it answers within five minutes of the login. */
const guarded: readonly (readonly [path: string, body: object, answer: string])[] = [
  ['/auth/sessions/get', {}, '200'],
  ['/auth/sessions/{other}/terminate', {}, '204'],
  ['/passwords/cred-1/2/expire', {}, '404 PASSWORD_UNKNOWN'],
  ['/passwords/cred-1/2/expire', { reason: 'COMPROMISED' }, '404 PASSWORD_UNKNOWN'],
  ['/identities/corp-1/credentials/_/create', { type: 'USER', code: 'mallory' }, '200 mallory'],
  ['/identities/corp-1/credentials/cred-2/disable', {}, '204'],
  ['/identities/corp-1/credentials/cred-2/enable', {}, '204'],
  ['/identities/corp-1/credentials/cred-2/invite', {}, '409 CREDENTIAL_NO_ADDRESS'],
  ['/identities/corp-1/credentials/cred-2/reset_password', {}, '404 PASSWORD_UNKNOWN'],
  ['/auth/factors/totp/enrol', {}, '200'],
  ['/auth/factors/passkey/enrol/start', {}, '200'],
  ['/auth/sessions/terminate', {}, '204'],
];

eachDatabase('five minutes after the login', (freshUrl) => {
  test.each(guarded)('%s %j is refused until its holder logs in again', async (path, body, answer) => {
    const clock = movedClock();
    const { session, call } = await corporate({ databaseUrl: await freshUrl(), clock });
    const [mine, other] = [await session(), await session()];
    const { body: listed } = await call('/auth/sessions/get', mine, {});
    const ids = (listed.sessions as { id: string; current: boolean }[]).filter(({ current }) => !current);
    const target = path.replace('{other}', ids[0]?.id ?? '');
    clock.advance(4 * 60_000);
    for (const token of [mine, other]) expect(said(await call('/auth/factors/get', token))).toBe('200');
    clock.advance(61_000);
    expect(said(await call(target, mine, body))).toBe('403 SESSION_STALE');
    // The other one was not ended, and can still be used.
    expect(said(await call('/auth/factors/get', other))).toBe('200');
    const fresh = await session('alice@acme.example', passwords.first);
    expect(said(await call(target, fresh, body))).toBe(answer);
  });

  test('a session still ends itself, by logout and by its id, and an administrator any', async () => {
    const clock = movedClock();
    const { session, call, admin } = await corporate({ databaseUrl: await freshUrl(), clock });
    const [one, two, three] = [await session(), await session(), await session()];
    const { body } = await call('/auth/sessions/get', two, {});
    const all = body.sessions as { id: string; current: boolean }[];
    const own = all.find(({ current }) => current)?.id;
    clock.advance(4 * 60_000);
    for (const token of [one, two, three]) expect(said(await call('/auth/factors/get', token))).toBe('200');
    clock.advance(61_000);
    expect(said(await call('/auth/logout', one))).toBe('204');
    expect(said(await call(`/auth/sessions/${own}/terminate`, two))).toBe('204');
    for (const token of [one, two]) expect(said(await call('/auth/factors/get', token))).toBe('401 SESSION_INVALID');
    expect(said(await admin('/auth/sessions/terminate', { credentialId: 'cred-1' }))).toBe('204');
    expect(said(await call('/auth/factors/get', three))).toBe('401 SESSION_INVALID');
  });
});
