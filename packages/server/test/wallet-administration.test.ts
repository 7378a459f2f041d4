import { type OpenedWallet, Wallet } from '@countersign/client/wallet';
import { expect, onTestFinished, test } from 'vitest';
import { requireRealm } from '../src/subject/realm.ts';
import { issueStatus } from '../src/subject/tokens/status.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import type { TestServer } from './support/server.ts';
import { mailbox } from './support/smtp.ts';
import { codeIn } from './support/wallet.ts';
import { deviceOf, devRealm, lock, startServer } from './support/wallet-client.ts';

type Json = Record<string, unknown> & { items: Record<string, unknown>[] };

/** The administration of wallets at one node. */
function administrationOf(server: TestServer) {
  return async (path: string, method = 'GET', body?: object): Promise<{ status: number; body: Json }> => {
    const answer = await fetch(`${server.url}/realms/dev${path}`, {
      method,
      headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Json };
  };
}

const codeOf = (act: Promise<unknown>) =>
  act.then(
    () => 'good',
    ({ code }: { code: string }) => code,
  );

eachDatabase('administrators of wallets', (freshUrl) => {
  async function twoNodes() {
    const databaseUrl = await freshUrl();
    const one = await startServer({ ...devRealm({ walletCreation: 'open' }), databaseUrl });
    const env = { COUNTERSIGN_PORT: String(await freePort()), COUNTERSIGN_PUBLIC_URL: one.url };
    const two = await startServer({ ...devRealm({ walletCreation: 'open' }), databaseUrl, env });
    const there = (url: string) => url.replace(one.url, `http://localhost:${two.context.config.port}`);
    const onTwo = { ...lock, fetch: (url: string, init: RequestInit) => fetch(there(url), init) };
    return { one, two, onTwo };
  }

  /** Everything that a device can do, at both nodes: the refusals. */
  async function refusals(wallet: OpenedWallet, onTwo: typeof lock): Promise<readonly string[]> {
    const path = '/countersign.v1.WalletService/GetWallet';
    const request = { walletId: wallet.id as string };
    const tries = [lock, onTwo].map(async (options) => {
      const device = await Wallet.open(wallet.profile, options);
      return [
        await codeOf(device.token()),
        await codeOf(device.call(path, request, 'invocation')),
        await codeOf(device.service('https://orders.example').token()),
      ];
    });
    return (await Promise.all(tries)).flat();
  }

  test('suspend and reinstate one: within two seconds every node refuses its devices, its tokens and service tokens', async () => {
    const { one, two, onTwo } = await twoNodes();
    const wallet = await Wallet.create({ issuer: one.issuer(), ...lock });
    const guest = await deviceOf(wallet, ['read'], Date.now() + 3_600_000);
    const before = await Wallet.open(wallet.profile, onTwo);
    await before.describe();
    const token = await before.token();
    const admin = administrationOf(one);
    const path = `/admin/wallets/${wallet.id}`;
    expect((await admin(path)).body).toMatchObject({ status: 'ACTIVE', participant: 'individual', email: null });
    expect((await admin(`${path}/suspend`, 'POST')).body).toMatchObject({ id: wallet.id, status: 'SUSPENDED' });
    expect((await admin(`${path}/suspend`, 'POST')).body).toMatchObject({ status: 'SUSPENDED' });
    await eventually(async () => (await refusals(wallet, onTwo)).every((code) => code !== 'good'), 2_000);
    expect(await codeOf(before.describe())).not.toBe('good');
    const gone = ['wallet.denied', 'wallet.denied', expect.stringMatching(/^(oauth|exchange)\./)];
    expect(await refusals(wallet, onTwo)).toEqual([...gone, ...gone]);
    expect(await refusals(guest, onTwo)).toEqual([...gone, ...gone]);
    const feed = await issueStatus(two.context, await requireRealm(two.context, 'dev'), 0);
    expect(JSON.stringify(feed.claims)).toContain(`wallet:${wallet.id}`);
    expect((await admin(`${path}/reinstate`, 'POST')).body).toMatchObject({ status: 'ACTIVE' });
    await eventually(async () => (await refusals(wallet, onTwo)).every((code) => code === 'good'), 4_000);
    const old = await fetch(`${one.issuer()}/countersign.v1.WalletService/GetWallet`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ walletId: wallet.id }),
    });
    expect(old.status).toBe(401);
    expect((await guest.describe()).id).toBe(wallet.id);
  });

  test('delete one: its capabilities, tokens and service tokens end on every node, and nothing is left to find', async () => {
    const { one, onTwo } = await twoNodes();
    const wallet = await Wallet.create({ issuer: one.issuer(), ...lock });
    const device = await Wallet.open(wallet.profile, onTwo);
    await device.describe();
    const admin = administrationOf(one);
    const path = `/admin/wallets/${wallet.id}`;
    expect((await admin(path, 'DELETE')).status).toBe(204);
    await eventually(async () => (await refusals(wallet, onTwo)).every((code) => code !== 'good'), 2_000);
    expect(await codeOf(device.describe())).not.toBe('good');
    const gone = ['wallet.denied', 'wallet.denied', expect.stringMatching(/^(oauth|exchange)\./)];
    expect(await refusals(wallet, onTwo)).toEqual([...gone, ...gone]);
    for (const [suffix, method] of [
      ['', 'GET'],
      ['', 'DELETE'],
      ['/suspend', 'POST'],
      ['/capabilities', 'GET'],
    ] as const) {
      expect((await admin(path + suffix, method)).status, suffix).toBe(404);
    }
    expect((await admin(`/admin/wallets?did=${encodeURIComponent(wallet.did)}`)).body.items).toEqual([]);
    const { db } = one.context.store;
    expect(await db.selectFrom('wallet').selectAll().execute()).toEqual([]);
    const live = await db.selectFrom('capability').select('id').where('revoked_at', 'is', null).execute();
    expect(live).toEqual([]);
    const events = await db.selectFrom('event').select(['type', 'object']).execute();
    expect(events).toContainEqual({ type: 'wallet.deleted', object: `wallet:${wallet.id}` });
    // The same key may have another wallet.
    expect((await Wallet.create({ issuer: one.issuer(), ...lock })).id).not.toBe(wallet.id);
  });

  test('list and find wallets, and see and end their capabilities', async () => {
    const box = await mailbox();
    const env = { COUNTERSIGN_SMTP_URL: box.url };
    const server = await startServer({ ...devRealm({ walletCreation: 'open' }), databaseUrl: await freshUrl(), env });
    const admin = administrationOf(server);
    const made: OpenedWallet[] = [];
    for (let i = 0; i < 3; i++) made.push(await Wallet.create({ issuer: server.issuer(), ...lock }));
    const invite = { participant: 'PARTICIPANT_TYPE_ORGANIZATION', email: 'Ada@Example.org', description: 'Faber' };
    const { body: invited } = await admin('/countersign.v1.ProviderService/Invite', 'POST', invite);
    const ids = [...made.map(({ id }) => id), invited.walletId].sort();
    const first = (await admin('/admin/wallets?limit=2')).body;
    const rest = (await admin(`/admin/wallets?limit=2&after=${first.next}`)).body;
    expect([...first.items, ...rest.items].map(({ id }) => id)).toEqual(ids);
    expect(rest.next).toBeUndefined();
    const find = async (query: object) =>
      (await admin(`/admin/wallets?${new URLSearchParams(query as Record<string, string>)}`)).body.items;
    const waiting = { id: invited.walletId, status: 'WAITING', email: 'Ada@example.org', participant: 'organization' };
    expect(await find({ email: 'Ada@EXAMPLE.org' })).toMatchObject([waiting]);
    expect(await find({ email: 'nobody@example.org' })).toEqual([]);
    expect(await find({ email: "' or 1=1 --" })).toEqual([]);
    const [one, two] = made as [OpenedWallet, OpenedWallet];
    const guest = await deviceOf(one, ['read'], Date.now() + 3_600_000);
    expect(await find({ did: guest.did })).toMatchObject([{ id: one.id }]);
    expect(await find({ did: (await two.describe()).didDocument.id as string })).toMatchObject([{ id: two.id }]);
    expect(await find({ did: guest.did, email: 'Ada@example.org' })).toEqual([]);
    const path = `/admin/wallets/${one.id}/capabilities`;
    expect((await admin(path)).body.items).toHaveLength(2);
    await admin('/admin/capabilities/revoke', 'POST', { walletId: one.id, did: guest.did });
    expect((await admin(path)).body.items).toMatchObject([{ controller: one.did }]);
    const all = (await admin(`${path}?revoked=true`)).body.items;
    expect(all.find(({ controller }) => controller === guest.did)?.revokedAt).toBeDefined();
    for (const bad of ['?limit=0', '?limit=x', '?after=%00', '?revoked=maybe']) {
      expect((await admin(path + bad)).status, bad).toBe(400);
    }
    for (const bad of ['x', '..%2f..', '%00', crypto.randomUUID().toUpperCase()]) {
      expect((await admin(`/admin/wallets/${bad}`)).status, bad).toBeGreaterThanOrEqual(400);
      expect((await admin(`/admin/wallets/${bad}`)).status, bad).toBeLessThan(500);
    }
  });

  test('list, cancel and delete invitations, and a suspended wallet is not opened', async () => {
    const box = await mailbox();
    onTestFinished(() => box.close());
    const env = { COUNTERSIGN_SMTP_URL: box.url };
    const server = await startServer({ ...devRealm({}), databaseUrl: await freshUrl(), env });
    const admin = administrationOf(server);
    const invite = async (email: string) => {
      const wanted = { participant: 'PARTICIPANT_TYPE_INDIVIDUAL', email, description: 'Ada' };
      const { body } = await admin('/countersign.v1.ProviderService/Invite', 'POST', wanted);
      await eventually(() => box.received.at(-1)?.to.includes(email), 5_000);
      return { ...(body as unknown as { invitationId: string; walletId: string }), code: await codeIn(box) };
    };
    const list = async () => (await admin('/admin/wallet-invitations')).body.items;
    const open = (code: string) => codeOf(Wallet.create({ issuer: server.issuer(), code, ...lock }));
    const first = await invite('ada@example.org');
    expect(await list()).toMatchObject([{ id: first.invitationId, email: 'ada@example.org', status: 'SENT' }]);
    await admin(`/admin/wallets/${first.walletId}/suspend`, 'POST');
    expect(await open(first.code)).toBe('wallet.invitation');
    await admin(`/admin/wallets/${first.walletId}/reinstate`, 'POST');
    expect(await open(first.code)).toBe('good');
    expect((await admin(`/admin/wallet-invitations/${first.invitationId}/cancel`, 'POST')).status).toBe(409);
    expect((await admin(`/admin/wallet-invitations/${first.invitationId}`, 'DELETE')).status).toBe(204);
    expect((await admin(`/admin/wallets/${first.walletId}`)).body).toMatchObject({ status: 'ACTIVE' });
    const second = await invite('bob@example.org');
    expect((await admin(`/admin/wallet-invitations/${second.invitationId}/cancel`, 'POST')).status).toBe(204);
    expect(await list()).toMatchObject([{ status: 'CANCELLED' }]);
    expect(await open(second.code)).toBe('wallet.invitation');
    const third = await invite('eve@example.org');
    expect((await admin(`/admin/wallet-invitations/${third.invitationId}`, 'DELETE')).status).toBe(204);
    expect(await open(third.code)).toBe('wallet.invitation');
    expect((await admin(`/admin/wallets/${third.walletId}`)).status).toBe(404);
    expect((await admin(`/admin/wallet-invitations/${third.invitationId}`, 'DELETE')).status).toBe(404);
  });
});
