import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WalletService } from '@countersign/client/rpc';
import { Wallet, type WalletProfile } from '@countersign/client/wallet';
import { walletFile } from '@countersign/client/wallet-file';
import { describe, expect, test } from 'vitest';
import { manualClock } from './support/clock.ts';
import { mailbox } from './support/smtp.ts';
import { codeIn } from './support/wallet.ts';
import { deviceOf, devRealm, lock, startServer, watchedFetch } from './support/wallet-client.ts';

const hour = 3_600_000;
const expires = Date.now() + hour;

test('a wallet is created, kept in a file, opened again, and passed on to a second device and a third', async () => {
  const server = await startServer();
  const file = walletFile(join(mkdtempSync(join(tmpdir(), 'countersign-wallet-')), 'keys', 'wallet.json'));
  const created = await Wallet.create({ issuer: server.issuer(), description: 'Ada', save: file.save, ...lock });
  const profile = (await file.load()) as WalletProfile;
  expect(profile).toEqual(created.profile);
  const wallet = await Wallet.open(profile, lock);
  expect(await wallet.describe()).toMatchObject({ id: created.id, participant: 'individual', description: 'Ada' });
  const second = await deviceOf(wallet, ['read', 'grant'], expires);
  const third = await deviceOf(second, ['read'], expires);
  expect(await third.describe()).toMatchObject({ id: wallet.id });
  expect((await wallet.list()).map(({ controller, actions }) => [controller, actions])).toEqual(
    expect.arrayContaining([
      [second.did, ['read', 'grant']],
      [third.did, ['read']],
    ]),
  );
  const more = third.grant(second.did, { actions: ['read', 'write'], expires });
  await expect(more).rejects.toMatchObject({ code: 'capability.actions_exceed' });
  const later = second.grant(third.did, { actions: ['read'], expires: expires + hour });
  await expect(later).rejects.toMatchObject({ code: 'capability.expires_exceeds' });
});

test('what was revoked says so clearly, and takes along what descends from it', async () => {
  const server = await startServer();
  const wallet = await Wallet.create({ issuer: server.issuer(), ...lock });
  const second = await deviceOf(wallet, ['read', 'grant'], expires);
  const third = await deviceOf(second, ['read'], expires);
  await third.describe();
  const ids = await wallet.revoke({ did: second.did });
  expect(ids).toHaveLength(2);
  // Its token dies with it, and no other one is to be had.
  const refusal = expect.stringContaining('its capability was revoked');
  const dead = { name: 'ClientError', code: 'token.invalid', message: refusal };
  await expect(third.describe()).rejects.toMatchObject(dead);
  const reopened = await Wallet.open(third.profile, lock);
  await expect(reopened.token()).rejects.toMatchObject({
    name: 'ClientError',
    code: 'wallet.denied',
    message: refusal,
  });
  expect((await wallet.list()).map(({ controller }) => controller)).toEqual([wallet.did]);
  const all = await wallet.list({ revoked: true });
  expect(
    all
      .filter(({ revoked }) => revoked !== undefined)
      .map(({ id }) => id)
      .sort(),
  ).toEqual([...ids].sort());
  await expect(wallet.revoke({ did: second.did.replace(/.$/, 'x') })).rejects.toMatchObject({
    code: 'capability.unknown',
  });
});

describe('tokens', () => {
  test('are acquired once for many callers, and again before their end', async () => {
    const clock = manualClock();
    // The store keeps the time of the machine: a leap of it would be an outage.
    const server = await startServer({ clock: { ...clock, elapsed: () => performance.now() } });
    const { profile } = await Wallet.create({ issuer: server.issuer(), ...lock, now: clock.now });
    const { fetch, paths } = watchedFetch();
    const wallet = await Wallet.open(profile, { ...lock, fetch, now: clock.now, random: () => 0 });
    expect(paths()).toEqual([]);
    const first = await Promise.all([wallet.token(), wallet.token(), wallet.token()]);
    expect(new Set(first).size).toBe(1);
    expect(paths()).toEqual(['GetChallenge', 'AcquireToken']);
    clock.advance(269_000);
    expect(await wallet.token()).toBe(first[0]);
    clock.advance(2_000);
    await expect(wallet.token()).resolves.not.toBe(first[0]);
    expect(paths()).toHaveLength(4);
  });

  test('are bearer tokens until the realm asks for a proof of the key, and then are bound to it', async () => {
    const server = await startServer(devRealm({ walletTokens: 'dpop', walletCreation: 'open' }));
    const { fetch, asked, paths } = watchedFetch();
    const wallet = await Wallet.create({ issuer: server.issuer(), ...lock, fetch });
    expect(await wallet.describe()).toMatchObject({ id: wallet.id });
    expect(paths().slice(2)).toEqual(['GetChallenge', 'AcquireToken', 'GetChallenge', 'AcquireToken', 'GetWallet']);
    expect(asked.at(-1)?.headers.get('authorization')).toMatch(/^DPoP /);
    await wallet.describe();
    const [one, two] = asked.slice(-2).map(({ headers }) => headers.get('dpop'));
    expect(one).not.toBe(two);
    // Whoever wants a bearer token gets to know why there is none.
    const stubborn = await Wallet.open(wallet.profile, { ...lock, tokens: 'bearer' });
    await expect(stubborn.token()).rejects.toMatchObject({ code: 'dpop.missing' });
  });

  test('that are bound where nobody asks for it are taken too', async () => {
    const server = await startServer();
    const { profile } = await Wallet.create({ issuer: server.issuer(), ...lock });
    const wallet = await Wallet.open(profile, { ...lock, tokens: 'dpop' });
    expect(await wallet.describe()).toMatchObject({ id: wallet.id });
    const { dpop } = await wallet.authorize('/countersign.v1.WalletService/GetWallet');
    expect(dpop).toBeDefined();
  });

  test('are not asked for with a capability that has ended', async () => {
    const server = await startServer();
    const wallet = await Wallet.create({ issuer: server.issuer(), ...lock });
    const second = await deviceOf(wallet, ['read'], Date.now() + 60_000);
    const { fetch, paths } = watchedFetch();
    const late = await Wallet.open(second.profile, { ...lock, fetch, now: () => Date.now() + 61_000 });
    for (const call of [late.token(), late.call('/countersign.v1.WalletService/GetWallet', {}, 'invocation')]) {
      await expect(call).rejects.toMatchObject({ code: 'capability.expired' });
    }
    expect(paths()).toEqual([]);
  });

  test('that the realm does not take any more are replaced once', async () => {
    const server = await startServer();
    const { profile } = await Wallet.create({ issuer: server.issuer(), ...lock });
    let time = Date.now();
    let refusals = 0;
    const fetchRefusing = async (url: string, init: RequestInit) => {
      if (!url.endsWith('GetWallet') || refusals++ > 0) return fetch(url, init);
      return fetch(url, { ...init, headers: { ...(init.headers as object), authorization: 'Bearer a.b.c' } });
    };
    const wallet = await Wallet.open(profile, { ...lock, fetch: fetchRefusing, now: () => time });
    await wallet.token();
    time += 2_000;
    expect(await wallet.describe()).toMatchObject({ id: wallet.id });
    expect(refusals).toBe(2);
  });
});

test('a call by an invocation of its own is good once, for its bytes', async () => {
  const server = await startServer();
  const { profile } = await Wallet.create({ issuer: server.issuer(), ...lock });
  const { fetch: watched, asked, paths } = watchedFetch();
  const wallet = await Wallet.open(profile, { ...lock, fetch: watched });
  const path = '/countersign.v1.WalletService/GetWallet';
  const request = { walletId: wallet.id as string };
  expect(await wallet.call(path, request, 'invocation')).toMatchObject(request);
  expect(paths()).toEqual(['GetWallet']);
  const [sent] = asked;
  const again = (body: string) =>
    fetch(server.url + (sent?.path as string), { method: 'POST', headers: sent?.headers as Headers, body });
  expect((await again(sent?.body as string)).status).toBe(403);
  const fields = await wallet.invoke(path, Buffer.from(JSON.stringify(request)));
  const other = await fetch(`${wallet.issuer}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...fields },
    body: JSON.stringify({ walletId: `urn:countersign:wallet:${wallet.id}` }),
  });
  expect(other.status).toBe(403);
});

test('an invited organization opens its wallet with the code that was mailed; a device that may invite invites', async () => {
  const box = await mailbox();
  const { network } = devRealm({ walletCreation: 'invited' });
  const server = await startServer({ network, env: { COUNTERSIGN_SMTP_URL: box.url } });
  const issuer = server.issuer();
  const uninvited = Wallet.create({ issuer, ...lock });
  await expect(uninvited).rejects.toMatchObject({ code: 'wallet.uninvited' });

  const waiting = await Wallet.prepare({ issuer, ...lock });
  const allowed = await fetch(`${issuer}/admin/capabilities`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await server.adminToken()}` },
    body: JSON.stringify({ controller: waiting.did, expires: new Date(expires).toISOString() }),
  });
  const { capability } = (await allowed.json()) as { capability: never };
  const inviter = await Wallet.open(Wallet.accept(waiting, capability), lock);
  expect(inviter.id).toBeUndefined();
  await expect(inviter.token()).rejects.toMatchObject({ code: 'wallet.no_wallet_capability' });
  const invited = await inviter.invite({ participant: 'organization', email: 'a@faber.example', description: 'Faber' });
  const code = await codeIn(box);

  const saved: WalletProfile[] = [];
  const save = (profile: WalletProfile) => void saved.push(profile);
  const mistyped = Wallet.create({ issuer, code: 'csw_of-somebody-else', save, ...lock });
  await expect(mistyped).rejects.toMatchObject({ code: 'wallet.invitation' });
  // The key of the attempt that failed is kept, and serves for the next.
  const [profile] = saved as [WalletProfile];
  const elsewhere = Wallet.create({ issuer: server.issuer('other'), code, profile, ...lock });
  await expect(elsewhere).rejects.toMatchObject({ code: 'profile.issuer', message: expect.stringContaining(issuer) });
  const wallet = await Wallet.create({ issuer, code, profile, ...lock });
  expect(wallet).toMatchObject({ id: invited.walletId, did: profile.did });
  const twice = Wallet.create({ issuer, profile: wallet.profile, ...lock });
  await expect(twice).rejects.toMatchObject({ code: 'wallet.exists' });
  expect(await wallet.describe()).toMatchObject({ participant: 'organization', description: 'Faber' });
  await expect(wallet.invite({ participant: 'individual', email: 'b@faber.example' })).rejects.toMatchObject({
    code: 'wallet.no_realm_capability',
  });
});

test('packed calls go through by token and by invocation; their refusals come back packed', async () => {
  const server = await startServer();
  const wallet = await Wallet.create({ issuer: server.issuer(), ...lock });
  const { getWallet, listCapabilities } = WalletService.method;
  const walletId = wallet.id as string;
  expect(await wallet.pack(getWallet, { walletId })).toMatchObject({ walletId });
  const { capabilities } = await wallet.pack(listCapabilities, { walletId }, 'invocation');
  expect(capabilities).toHaveLength(1);
  const strange = wallet.pack(getWallet, { walletId: 'none' });
  await expect(strange).rejects.toMatchObject({ name: 'ClientError', code: 'request.invalid' });
  const foreign = wallet.pack(getWallet, { walletId: walletId.replace(/.{4}$/, 'ffff') });
  await expect(foreign).rejects.toMatchObject({ code: 'wallet.denied' });
});

describe.each(['bearer', 'dpop'] as const)('for a service, in a realm of %s tokens,', (walletTokens) => {
  test('a token is exchanged for an invocation that names the service, and held', async () => {
    const server = await startServer(devRealm({ walletTokens, walletCreation: 'open' }));
    const { fetch, asked } = watchedFetch();
    const wallet = await Wallet.create({ issuer: server.issuer(), ...lock, fetch });
    const orders = wallet.service('https://orders.example', { actions: ['read'] });
    const token = await orders.token();
    expect(claimsOf(token)).toMatchObject({ aud: 'https://orders.example', actions: ['read'], device: wallet.did });
    const before = asked.length;
    const { authorization, dpop } = await orders.authorize('GET', 'https://orders.example/orders?page=2');
    expect(asked).toHaveLength(before);
    expect(authorization).toBe(`${walletTokens === 'dpop' ? 'DPoP' : 'Bearer'} ${token}`);
    expect(dpop === undefined).toBe(walletTokens === 'bearer');
    if (dpop !== undefined) {
      expect(claimsOf(dpop)).toMatchObject({ htm: 'GET', htu: 'https://orders.example/orders' });
    }
    const more = await deviceOf(wallet, ['read'], expires);
    await expect(more.service('https://orders.example', { actions: ['write'] }).token()).rejects.toMatchObject({
      name: 'ClientError',
      code: expect.stringMatching(/^oauth\./),
    });
    await expect(wallet.service(wallet.issuer).token()).rejects.toMatchObject({ code: 'oauth.invalid_target' });
  });
});

function claimsOf(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split('.')[1] as string, 'base64url').toString());
}

test('nothing is signed for whoever speaks for another realm', async () => {
  const server = await startServer();
  const other = server.issuer().replace('localhost', '127.0.0.1');
  const { fetch, paths } = watchedFetch();
  await expect(Wallet.create({ issuer: other, ...lock, fetch })).rejects.toMatchObject({ code: 'challenge.audience' });
  expect(paths()).toEqual(['GetChallenge']);
});
