/** Roles of wallets: in tokens, changed by an administrator, and the names that an administrator gives. */
import { createService } from '@countersign/client';
import { decodeJwt } from 'jose';
import { expect, onTestFinished, test } from 'vitest';
import { requireRealm } from '../src/subject/realm.ts';
import { issueStatus } from '../src/subject/tokens/status.ts';
import { chainNetwork, exchanged, secret } from './support/chain.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { basic, form, post, until } from './support/oauth.ts';
import { obtainToken } from './support/server.ts';
import { mailbox } from './support/smtp.ts';
import {
  base64url,
  codeIn,
  delegation,
  grantTo,
  invokeOnce,
  json,
  newDevice,
  type OpenWallet,
  openWallet,
  tokenFor,
  tokenRequest,
  type WalletServer,
  walletServer,
} from './support/wallet.ts';

const orders = 'https://orders.example';
const claimsOf = ({ authorization = '' }: Record<string, string>) => decodeJwt(authorization.split(' ')[1] as string);

async function change(server: WalletServer, id: string, body: unknown, realm = 'dev') {
  const response = await fetch(`${server.url}/realms/${realm}/admin/wallets/${encodeURIComponent(id)}`, {
    method: 'PATCH',
    headers: { ...(await server.administrator()), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function serviceToken(server: WalletServer, { device, zcap }: OpenWallet): Promise<string> {
  const document = tokenRequest(device, zcap, await server.challenge(), { members: { resource: orders } });
  const asked = {
    subject_token: base64url(document),
    subject_token_type: 'urn:countersign:params:oauth:token-type:capability-invocation',
    audience: orders,
  };
  return (await exchanged(server, asked)).access_token;
}

const reads = (server: WalletServer, id: string, token: Record<string, string>) =>
  server.call('WalletService/GetWallet', { wallet_id: id }, token).then(
    () => true,
    () => false,
  );
const events = (server: WalletServer, type: string) =>
  server.context.store.db.selectFrom('event').selectAll().where('type', '=', type).execute();
const resolve = (server: WalletServer, name: string, metadata: Record<string, string>) =>
  server.call('WalletService/ResolveName', { name }, metadata);

eachDatabase('of a wallet', (freshUrl) => {
  const start = async (env: Record<string, string> = {}) =>
    walletServer({ databaseUrl: await freshUrl(), network: chainNetwork, env });

  async function twoNodes(): Promise<readonly [WalletServer, WalletServer]> {
    const databaseUrl = await freshUrl();
    const one = await walletServer({ databaseUrl, network: chainNetwork });
    const env = { COUNTERSIGN_PORT: String(await freePort()), COUNTERSIGN_PUBLIC_URL: one.url };
    return [one, await walletServer({ databaseUrl, env })];
  }

  test('the roles of its invitation stand in its tokens for the realm and for a service', async () => {
    const box = await mailbox();
    const server = await start({ COUNTERSIGN_SMTP_URL: box.url });
    const invitation = { participant: 2, email: 'a@faber.example', roles: ['buyer', 'issuer:eu', 'buyer'] };
    await server.call('ProviderService/Invite', invitation, await server.administrator());
    const wallet = await openWallet(server, { securityCode: await codeIn(box) });
    const roles = ['organization', 'buyer', 'issuer:eu'];
    const token = await tokenFor(server, wallet.device, wallet.zcap);
    expect(claimsOf(token).roles).toEqual(roles);
    expect(await server.call('WalletService/GetWallet', { wallet_id: wallet.id }, token)).toMatchObject({ roles });
    const shown = await serviceToken(server, wallet);
    const answer = await post(
      `${server.issuer()}/protocol/openid-connect/token/introspect`,
      form({ token: shown }),
      basic('orders', secret),
    );
    expect(await answer.json()).toMatchObject({ active: true, roles });
    const service = createService({
      issuer: server.issuer(),
      clientId: 'orders',
      clientSecret: secret,
      audience: orders,
      accept: ['wallet'],
    });
    onTestFinished(() => service.close());
    const caller = await service.authenticate({ authorization: `Bearer ${shown}` });
    expect(caller.subject).toMatchObject({ kind: 'wallet', roles });
    // Passed on, it says the same.
    expect(decodeJwt(await service.exchange(caller.token, 'https://ledger.example')).roles).toEqual(roles);
  });

  test('changed roles end its tokens within two seconds at every node, and none of its capabilities', async () => {
    const [one, two] = await twoNodes();
    const first = await openWallet(one);
    const guest = await grantTo(one, first);
    const other = await openWallet(one);
    const [own, granted, foreign] = await Promise.all(
      [first, guest, other].map(({ device, zcap }) => tokenFor(two, device, zcap)),
    );
    const alive = () =>
      Promise.all([
        reads(two, first.id, own ?? {}),
        reads(two, first.id, granted ?? {}),
        reads(two, other.id, foreign ?? {}),
      ]);
    expect(await alive()).toEqual([true, true, true]);
    const service = createService({
      issuer: one.issuer(),
      clientId: 'orders',
      clientSecret: secret,
      audience: orders,
      accept: ['wallet'],
      status: { pollSeconds: 1 },
    });
    onTestFinished(() => service.close());
    const headers = { authorization: `Bearer ${await serviceToken(one, first)}` };
    await service.authenticate(headers);
    for (const roles of [['buyer', 'seller'], ['buyer'], []]) {
      const token = await tokenFor(two, first.device, first.zcap);
      const answer = await change(one, first.id, { roles });
      expect(answer).toEqual({ status: 200, body: { id: first.id, roles: ['individual', ...roles], name: null } });
      expect(
        await until(
          () => reads(two, first.id, token),
          (good) => !good,
          2_000,
        ),
      ).toBe(false);
      // At the other node too, and at once: a token of the present generation has the present roles.
      const next = await tokenFor(two, first.device, first.zcap);
      expect(claimsOf(next).roles).toEqual(['individual', ...roles]);
      expect([await reads(one, first.id, next), await reads(two, first.id, next)]).toEqual([true, true]);
    }
    expect(await alive()).toEqual([false, false, true]);
    await tokenFor(two, guest.device, guest.zcap);
    await invokeOnce(two, first, guest.device, guest.zcap);
    const refused = () =>
      service.authenticate(headers).then(
        () => 'good',
        (refusal: { code?: string }) => refusal.code,
      );
    expect(await until(refused, (code) => code !== 'good', 10_000)).toBe('token.subject_revoked');
    const { claims } = await issueStatus(one.context, await requireRealm(one.context, 'dev'), 0);
    expect(claims.revoked.filter(({ kind }) => kind === 'capability')).toEqual([]);
    expect(await events(one, 'wallet.roles_changed')).toHaveLength(3);
    expect(JSON.stringify(await events(one, 'wallet.roles_changed'))).toContain('seller');
  });

  test('a token that is taken while the roles change has the roles of its generation', async () => {
    const [one, two] = await twoNodes();
    const { id, device, zcap } = await openWallet(one);
    const rolesOf = new Map<unknown, string>();
    for (let round = 0; round < 6; round++) {
      const taken = [one, two, two].map((server) => tokenFor(server, device, zcap));
      await change(one, id, { roles: [`round-${round}`] });
      for (const token of [...(await Promise.all(taken)), await tokenFor(two, device, zcap)]) {
        const { gen, roles } = claimsOf(token);
        expect(rolesOf.get(gen) ?? String(roles)).toBe(String(roles));
        rolesOf.set(gen, String(roles));
      }
    }
    expect(rolesOf.get(7)).toBe('individual,round-5');
  });

  test('the same roles in another order are no change: its tokens live on, and there is no event', async () => {
    const server = await start();
    const { id, device, zcap } = await openWallet(server);
    await change(server, id, { roles: ['buyer', 'seller'] });
    const token = await tokenFor(server, device, zcap);
    expect((await change(server, id, { roles: ['seller', 'individual', 'buyer', 'seller'] })).status).toBe(200);
    expect(await reads(server, id, token)).toBe(true);
    expect(await events(server, 'wallet.roles_changed')).toHaveLength(1);
  });

  test('its name is found by every token of the realm, in every spelling, and is only another word for its id', async () => {
    const [one, two] = await twoNodes();
    const { id, device, zcap } = await openWallet(one);
    const urn = 'urn:countersign:wallet-name:alice';
    expect((await change(one, id, { name: 'Ａlice' })).body).toEqual({ id, roles: ['individual'], name: urn });
    const stranger = await openWallet(one);
    const token = await tokenFor(two, stranger.device, stranger.zcap);
    const client = { authorization: `Bearer ${await obtainToken(one.issuer(), 'orders', secret)}` };
    const target = `urn:countersign:wallet:${id}`;
    for (const name of ['alice', 'ALICE', 'Ａlice', urn, `${urn.slice(0, -1)}%65`]) {
      expect(await resolve(two, name, token)).toEqual({ wallet_id: id, target });
      expect(await resolve(one, name, client)).toEqual({ wallet_id: id, target });
    }
    const own = await tokenFor(two, device, zcap);
    expect(await one.call('WalletService/GetWallet', { wallet_id: id }, own)).toMatchObject({ name: urn });
    expect(JSON.stringify(claimsOf(own))).not.toContain('alice');
    expect(await reads(two, id, own)).toBe(true);
    for (const metadata of [{}, { authorization: 'Bearer a.b.c' }, { authorization: `DPoP ${client.authorization}` }])
      await expect(resolve(one, 'alice', metadata as Record<string, string>)).rejects.toMatchObject({ code: 16 });
    await expect(resolve(one, 'alice', await one.administrator())).rejects.toMatchObject({ code: 16 });
    await expect(resolve(one, 'bob', token)).rejects.toMatchObject({ code: 5 });
    for (const name of [
      '',
      ' ',
      'al ice',
      'x'.repeat(65),
      'x'.repeat(100_000),
      `${urn}%`,
      'a\u200db',
      id,
      'a/b',
      '%61',
    ])
      await expect(resolve(one, name, token)).rejects.toMatchObject({ code: 3 });
  });

  test('its name is no target of a capability, an invocation or a call', async () => {
    const server = await start();
    const { id, device, zcap } = await openWallet(server);
    await change(server, id, { name: 'alice' });
    const name = 'urn:countersign:wallet-name:alice';
    const token = await tokenFor(server, device, zcap);
    await expect(server.call('WalletService/GetWallet', { wallet_id: name }, token)).rejects.toMatchObject({ code: 3 });
    await expect(server.call('WalletService/GetWallet', { wallet_id: 'alice' }, token)).rejects.toMatchObject({
      code: 3,
    });
    const granted = json(delegation(zcap, device, newDevice(), { members: { invocationTarget: name } }));
    const grant = server.call('WalletService/GrantAccess', { wallet_id: id, zcap: granted }, token);
    await expect(grant).rejects.toMatchObject({ code: 3 });
    const acquire = async (changed: object, proof: object) => {
      const invocation = json(
        tokenRequest(device, { ...zcap, ...changed }, await server.challenge(), { proof: { ...proof } }),
      );
      return server.call('AuthService/AcquireToken', { invocation });
    };
    await expect(acquire({}, { invocationTarget: name })).rejects.toMatchObject({ code: 7 });
    await expect(acquire({ invocationTarget: name }, { invocationTarget: name })).rejects.toMatchObject({ code: 7 });
    const rooted = { parentCapability: `urn:zcap:root:${encodeURIComponent(name)}`, invocationTarget: name };
    await expect(acquire(rooted, { invocationTarget: name })).rejects.toMatchObject({ code: 7 });
  });

  test('its name is never that of another wallet, also when it is removed or asked for twice at once', async () => {
    const [one, two] = await twoNodes();
    const [alice, bob] = [await openWallet(one), await openWallet(one)];
    const stranger = await openWallet(one);
    const token = await tokenFor(one, stranger.device, stranger.zcap);
    const given = await Promise.all([change(one, alice.id, { name: 'shop' }), change(two, bob.id, { name: 'SHOP' })]);
    expect(given.map(({ status }) => status).sort()).toEqual([200, 409]);
    const [owner, loser] = given[0]?.status === 200 ? [alice, bob] : [bob, alice];
    const shopOf = (wallet: OpenWallet, name: string | null) => change(one, wallet.id, { name });
    expect((await shopOf(owner, 'market')).status).toBe(200);
    await expect(resolve(one, 'shop', token)).rejects.toMatchObject({ code: 5 });
    expect((await shopOf(loser, 'shop')).body).toMatchObject({ code: 'wallet.name_taken' });
    expect((await shopOf(owner, null)).body).toMatchObject({ name: null });
    expect((await shopOf(loser, 'market')).status).toBe(409);
    // A refused change changes nothing, and a name can come back to its wallet.
    expect((await change(one, loser.id, { roles: ['buyer'], name: 'market' })).status).toBe(409);
    expect((await shopOf(loser, null)).body).toMatchObject({ roles: ['individual'], name: null });
    expect((await shopOf(owner, 'shop')).status).toBe(200);
    expect(await resolve(two, 'shop', token)).toMatchObject({ wallet_id: owner.id });
    const deleted = await fetch(`${one.url}/realms/dev/admin/wallets/${owner.id}`, {
      method: 'DELETE',
      headers: await one.administrator(),
    });
    expect(deleted.status).toBe(204);
    await expect(resolve(one, 'shop', token)).rejects.toMatchObject({ code: 5 });
    expect((await shopOf(loser, 'shop')).status).toBe(409);
  });

  test('a change takes an administrator, a known wallet, and values of the right type', async () => {
    const server = await start();
    const { id, device, zcap } = await openWallet(server);
    const { authorization = '' } = await tokenFor(server, device, zcap);
    const attempt = (token: string | undefined) =>
      fetch(`${server.url}/realms/dev/admin/wallets/${id}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: token }) },
        body: '{"roles":["admin"]}',
      });
    const client = await obtainToken(server.issuer(), 'orders', secret);
    for (const token of [undefined, authorization]) expect((await attempt(token)).status).toBe(401);
    expect((await attempt(`Bearer ${client}`)).status).toBe(403);
    const bad: readonly unknown[] = [
      ...[[], null, 'roles', { role: ['x'] }, { roles: 'buyer' }, { roles: [1] }, { roles: [''] }],
      ...[{ roles: ['a b'] }, { roles: ['a\n'] }, { roles: ['é'] }, { roles: ['a'.repeat(65)] }, { roles: null }],
      ...[{ roles: Array.from({ length: 17 }, (_, i) => `r${i}`) }, { name: 1 }, { name: '' }, { name: 'a b' }],
      ...[
        { name: 'a'.repeat(65) },
        { name: 'a\u202eb' },
        { name: 'ﬁ\u0000' },
        { name: '<b>' },
        { name: '.a' },
        { name: id },
      ],
      ...[{ name: 'aא' }, { name: 'urn:countersign:wallet-name:%ff' }, { name: `urn:countersign:wallet:${id}` }],
    ];
    for (const body of bad) {
      const answer = await change(server, id, body);
      expect([JSON.stringify(body), answer.status, answer.body.code]).toEqual([
        JSON.stringify(body),
        400,
        'request.invalid',
      ]);
    }
    const unknown = '00000000-0000-4000-8000-000000000000';
    expect((await change(server, unknown, { roles: ['x'] })).body).toMatchObject({
      code: 'wallet.unknown',
      status: 404,
    });
    expect((await change(server, 'alice', { roles: ['x'] })).status).toBe(404);
    expect((await change(server, id, { roles: ['x'] }, 'system')).status).toBe(404);
    const hindi = await change(server, id, { name: 'आशा' });
    expect(hindi.body.name).toBe(`urn:countersign:wallet-name:${encodeURIComponent('आशा')}`);
    await eventually(
      async () => (await resolve(server, hindi.body.name as string, { authorization })).wallet_id === id,
      2_000,
    );
  });
});
