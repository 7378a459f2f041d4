import { expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { system } from '../src/kernel/caller.ts';
import { openLetter } from '../src/mail/outbox.ts';
import { stepCredential } from '../src/passwords/identity/credential.ts';
import { changeCredential } from '../src/passwords/identity/credential-change.ts';
import { stepIdentity } from '../src/passwords/identity/identity.ts';
import { type Delivery, findInvite, inviteCredential, isInviteToken, useInvite } from '../src/passwords/invite.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { write } from '../src/store/write.ts';
import { forgetOldOneTimeCodes } from '../src/subject/secrets/one-time-code.ts';
import { manualClock } from './support/clock.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { caller, eventsOf } from './support/network.ts';

const credentials = [
  { id: 'cred-1', identityId: 'corp-1', type: 'ROOT', code: 'alice@acme.example' },
  { id: 'cred-2', identityId: 'corp-1', type: 'USER', code: 'bob' },
  { id: 'cred-3', identityId: 'corp-1', type: 'USER', code: 'carol', email: 'carol@acme.example' },
];
const network = {
  realms: [
    {
      name: 'dev',
      settings: { accessTokenAlg: 'ES256' },
      identityProfiles: [{ id: 'ip-1', name: 'Corporates' }],
      identities: [{ id: 'corp-1', profileId: 'ip-1', name: 'Acme Travel' }],
      credentials,
    },
    { name: 'bank', settings: { accessTokenAlg: 'ES256' } },
  ],
};

async function open(databaseUrl: string, clock = manualClock()): Promise<Context> {
  const context = await openContext(databaseUrl, { clock });
  await applyNetwork(context, network, caller);
  return context;
}

const invite = (context: Context, id: string, delivery: Delivery = 'show') =>
  inviteCredential(context, 'dev', id, delivery, caller);
const use = (context: Context, id: string, token: string) =>
  write(context, system, (tx) => useInvite(context, tx, 'dev', id, token));

eachDatabase('an invitation', (freshUrl) => {
  test('is a token of 256 bits that is nowhere but with its holder', async () => {
    const context = await open(await freshUrl());
    const { token = '', until } = await invite(context, 'cred-1');
    expect(token).toMatch(/^csi_[A-Za-z0-9_-]{43}$/);
    expect(isInviteToken(token)).toBe(true);
    expect(until).toBe(context.clock.now() + 7 * 86_400_000);
    const rows = await context.store.db.selectFrom('one_time_code').selectAll().execute();
    expect(rows).toMatchObject([{ realm: 'dev', purpose: 'password-invite', owner: 'cred-1', expires_at: until }]);
    expect(JSON.stringify(rows) + JSON.stringify(await eventsOf(context))).not.toContain(token.slice(4));
    expect(await findInvite(context, 'dev', token)).toBe('cred-1');
  });

  test('works once, for its credential, in its realm', async () => {
    const context = await open(await freshUrl());
    const { token = '' } = await invite(context, 'cred-1');
    expect(await findInvite(context, 'bank', token)).toBeUndefined();
    expect(await use(context, 'cred-2', token)).toBe(false);
    const uses = await Promise.all(Array.from({ length: 5 }, () => use(context, 'cred-1', token)));
    expect(uses.filter(Boolean).length).toBe(1);
    expect(await findInvite(context, 'dev', token)).toBeUndefined();
  });

  test('is as good as before when what it was presented for fails', async () => {
    const context = await open(await freshUrl());
    const { token = '' } = await invite(context, 'cred-1');
    const failing = write(context, system, async (tx) => {
      expect(await useInvite(context, tx, 'dev', 'cred-1', token)).toBe(true);
      throw new Error('no password');
    });
    await expect(failing).rejects.toThrow('no password');
    expect(await use(context, 'cred-1', token)).toBe(true);
  });

  test('ends after a week', async () => {
    const clock = manualClock();
    const context = await open(await freshUrl(), clock);
    const { token = '' } = await invite(context, 'cred-1');
    clock.advance(7 * 86_400_000 - 1);
    expect(await findInvite(context, 'dev', token)).toBe('cred-1');
    clock.advance(1);
    expect(await findInvite(context, 'dev', token)).toBeUndefined();
    expect(await use(context, 'cred-1', token)).toBe(false);
    clock.advance(1);
    await forgetOldOneTimeCodes(context);
    expect(await context.store.db.selectFrom('one_time_code').selectAll().execute()).toEqual([]);
  });

  const worthless: readonly [string, (context: Context) => Promise<unknown>][] = [
    ['a newer one is made', (context) => invite(context, 'cred-1')],
    ['the credential is disabled', (context) => stepCredential(context, 'dev', 'cred-1', 'disable', caller)],
    ['the identity is disabled', (context) => stepIdentity(context, 'dev', 'corp-1', 'disable', caller)],
    ['mail goes elsewhere', (context) => changeCredential(context, 'dev', 'cred-1', { email: 'a@b.example' }, caller)],
    [
      'a network file sends mail elsewhere',
      (context) => {
        const changed = { ...credentials[0], email: 'alice@new.example' };
        return applyNetwork(context, { realms: [{ name: 'dev', credentials: [changed] }] }, caller);
      },
    ],
  ];
  test.each(worthless)('is worth nothing once %s, and stays so', async (_, happens) => {
    const context = await open(await freshUrl());
    const { token = '' } = await invite(context, 'cred-1');
    await happens(context);
    expect(await findInvite(context, 'dev', token)).toBeUndefined();
    await stepCredential(context, 'dev', 'cred-1', 'enable', caller);
    await stepIdentity(context, 'dev', 'corp-1', 'enable', caller);
    expect(await findInvite(context, 'dev', token)).toBeUndefined();
    expect(await use(context, 'cred-1', token)).toBe(false);
  });

  test('of two that are made at once one is good', async () => {
    const context = await open(await freshUrl());
    const made = await Promise.all(Array.from({ length: 4 }, () => invite(context, 'cred-1')));
    const found = await Promise.all(made.map(({ token = '' }) => findInvite(context, 'dev', token)));
    expect(found.filter((id) => id === 'cred-1').length).toBe(1);
  });

  test.each([
    ['cred-1', 'alice@acme.example'],
    ['cred-3', 'carol@acme.example'],
  ])('of %s goes by mail to %s, and to nobody else', async (id, address) => {
    const context = await open(await freshUrl());
    expect((await invite(context, id, 'mail')).token).toBeUndefined();
    const mail = await context.store.db.selectFrom('mail').selectAll().executeTakeFirstOrThrow();
    const { to, text } = openLetter(context.vault, mail.realm, mail.id, mail.sealed ?? '');
    expect(to).toBe(address);
    const [token = ''] = /csi_[A-Za-z0-9_-]{43}/.exec(text) ?? [];
    expect(await findInvite(context, 'dev', token)).toBe(id);
    const [event] = (await eventsOf(context)).filter(({ type }) => type === 'credential.invited');
    expect(event?.object).toBe(`credential:${id}`);
    expect(event?.text).not.toContain(token.slice(4));
  });

  test('is refused where it could not arrive, or could not be used', async () => {
    const context = await open(await freshUrl());
    await expect(invite(context, 'cred-2', 'mail')).rejects.toMatchObject({ code: 'credential.no_address' });
    const version = { realm: 'dev', credential_id: 'cred-3', version: 1, hash: null, created_at: 0 };
    const unexpired = { expires_at: null, expired_at: null, compromised_at: null };
    await context.store.db
      .insertInto('password')
      .values({ ...version, ...unexpired })
      .execute();
    await expect(invite(context, 'cred-3')).rejects.toMatchObject({ code: 'password.already_created' });
    await stepIdentity(context, 'dev', 'corp-1', 'disable', caller);
    await expect(invite(context, 'cred-1')).rejects.toMatchObject({ code: 'credential.disabled' });
    await expect(invite(context, 'cred-9')).rejects.toMatchObject({ code: 'credential.unknown' });
    await expect(inviteCredential(context, 'bank', 'cred-1', 'show', caller)).rejects.toMatchObject({
      code: 'credential.unknown',
    });
    expect(await context.store.db.selectFrom('one_time_code').selectAll().execute()).toEqual([]);
  });

  test.each([
    '',
    'csi_',
    `csi_${'a'.repeat(44)}`,
    `css_${'a'.repeat(43)}`,
    `csi_${'é'.repeat(43)}`,
    'a'.repeat(1_000_000),
  ])('is not «%.20s»', async (token) => {
    const context = await open(await freshUrl());
    expect(await findInvite(context, 'dev', token)).toBeUndefined();
    expect(await use(context, 'cred-1', token)).toBe(false);
  });
});
