import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import { systemRandom } from '../src/kernel/random.ts';
import { openStore } from '../src/store/open.ts';
import { dumpOpening, dumpSealing, dumpStore, loadStore } from '../src/subject/dump.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { reseal } from '../src/subject/secrets/vault.ts';
import { issueStatus } from '../src/subject/tokens/status.ts';
import { resealWalletKeys } from '../src/wallets/realm-did.ts';
import { cuttable } from './support/cuttable.ts';
import { bothDatabases, type DatabaseKind, eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { mailbox } from './support/smtp.ts';
import {
  base64url,
  callInvocation,
  codeIn,
  delegation,
  grantTo,
  json,
  newDevice,
  openWallet,
  tokenFor,
  tokenRequest,
  type WalletServer,
  walletServer,
} from './support/wallet.ts';

/** TEST KEYS, the first the one that `testServer` uses. */
const masterKey = Buffer.from('dGVzdC1vbmx5LW1hc3Rlci1rZXktZm9yLWNvdW50ZXI', 'base64url');
const otherKey = Buffer.alloc(32, 7);

const getWallet = (server: WalletServer, id: string, metadata: Record<string, string>) =>
  server.call('WalletService/GetWallet', { wallet_id: id }, metadata);

eachDatabase('two nodes', (freshUrl, kind) => {
  async function twoNodes(): Promise<readonly [WalletServer, WalletServer]> {
    const databaseUrl = await freshUrl();
    const one = await walletServer({ databaseUrl });
    // It says the same of itself, and is reached at an address of its own.
    const env = { COUNTERSIGN_PORT: String(await freePort()), COUNTERSIGN_PUBLIC_URL: one.url };
    return [one, await walletServer({ databaseUrl, env })];
  }

  if (kind === 'postgres')
    test('say that they cannot look, and not that a capability is good no more, while the database is away', async () => {
      const databaseUrl = await freshUrl();
      const one = await walletServer({ databaseUrl });
      const { id, device, zcap } = await openWallet(one);
      const wire = await cuttable(databaseUrl);
      onTestFinished(() => wire.close());
      const env = { COUNTERSIGN_PORT: String(await freePort()), COUNTERSIGN_PUBLIC_URL: one.url };
      const two = await walletServer({ databaseUrl: wire.url, env });
      const request = tokenRequest(device, zcap, await two.challenge());
      const acquire = () => two.call('AuthService/AcquireToken', { invocation: json(request) });
      await wire.cut();
      await expect(acquire()).rejects.toMatchObject({ code: 14 });
      await wire.restore();
      await eventually(() => acquire().catch(() => undefined), 10_000);
      expect(await getWallet(two, id, await tokenFor(two, device, zcap))).toMatchObject({ wallet_id: id });
    });

  test('take a nonce once between them, at the same moment', async () => {
    const [one, two] = await twoNodes();
    const { id, device, zcap } = await openWallet(one);
    for (let round = 0; round < 5; round++) {
      const challenge = await one.challenge();
      const invocation = json(tokenRequest(device, zcap, challenge));
      const acquire = (server: WalletServer) => server.call('AuthService/AcquireToken', { invocation });
      expect(await outcomes([acquire(one), acquire(two), acquire(one), acquire(two)])).toEqual(['7', '7', '7', 'good']);
      const message = Buffer.concat([Buffer.from([0x0a, id.length]), Buffer.from(id)]);
      const bound = { procedure: '/countersign.v1.WalletService/GetWallet', message, audience: one.issuer() };
      const metadata = { 'capability-invocation': base64url(callInvocation(device, zcap, bound)) };
      expect(await outcomes([one, two, one, two].map((server) => getWallet(server, id, metadata)))).toEqual([
        ...['7', '7', '7'],
        'good',
      ]);
    }
  });

  test('both stop the subtree of a revoked link within two seconds, and nothing else', async () => {
    const [one, two] = await twoNodes();
    const first = await openWallet(one);
    const granting = { members: { allowedAction: ['read', 'grant'] } };
    const middle = await grantTo(one, first, granting);
    const left = await grantTo(one, middle, granting);
    const leaf = await grantTo(one, left);
    const other = await grantTo(one, first, granting);
    const otherLeaf = await grantTo(one, other);
    const all = [first, middle, left, leaf, other, otherLeaf];
    const tokens = await Promise.all(all.map(({ device, zcap }) => tokenFor(two, device, zcap)));
    const alive = async () => {
      const answers = tokens.map((token) =>
        getWallet(two, first.id, token).then(
          () => true,
          () => false,
        ),
      );
      return Promise.all(answers);
    };
    expect(await alive()).toEqual([true, true, true, true, true, true]);
    const what = { wallet_id: first.id, capability_id: middle.zcap.id as string };
    await one.call('WalletService/RevokeAccess', what, await tokenFor(one, first.device, first.zcap));
    await eventually(async () => String(await alive()) === 'true,false,false,false,true,true', 2_000);
    for (const { device, zcap } of [middle, left, leaf]) {
      await expect(tokenFor(two, device, zcap)).rejects.toMatchObject({ code: 7 });
    }
    await tokenFor(two, otherLeaf.device, otherLeaf.zcap);
    // Whoever verifies offline hears of it by the status feed.
    const { claims } = await issueStatus(one.context, await requireRealm(one.context, 'dev'), 0);
    const revoked = claims.revoked.filter(({ kind }) => kind === 'capability');
    expect(revoked.map(({ id }) => id).sort()).toEqual([middle, left, leaf].map(({ zcap }) => zcap.id).sort());
  });

  test('register nothing below what was taken back, which would stay where nobody could take it back', async () => {
    const [one, two] = await twoNodes();
    const first = await openWallet(one);
    const own = await tokenFor(one, first.device, first.zcap);
    const granting = { members: { allowedAction: ['read', 'grant'] } };
    const left: unknown[] = [];
    for (let round = 0; round < 4; round++) {
      const middle = await grantTo(one, first, granting);
      const token = await tokenFor(two, middle.device, middle.zcap);
      const grant = () => {
        const zcap = json(delegation(middle.zcap, middle.device, newDevice()));
        return two.call('WalletService/GrantAccess', { wallet_id: first.id, zcap }, token);
      };
      const revoke = () => one.call('WalletService/RevokeAccess', { wallet_id: first.id, did: middle.device.did }, own);
      // Before, at the same moment, and before the other node has heard of it.
      await grant();
      await Promise.allSettled([grant(), revoke(), grant()]);
      expect(await outcomes([grant(), grant()])).not.toContain('good');
      const listed = await one.call('WalletService/ListCapabilities', { wallet_id: first.id }, own);
      left.push((listed.capabilities as unknown as unknown[]).length);
    }
    expect(left).toEqual([1, 1, 1, 1]);
  });

  test('make one wallet for one invitation, and one for one device without', async () => {
    const box = await mailbox();
    const databaseUrl = await freshUrl();
    const one = await walletServer({ databaseUrl, env: { COUNTERSIGN_SMTP_URL: box.url } });
    const env = { COUNTERSIGN_PORT: String(await freePort()), COUNTERSIGN_PUBLIC_URL: one.url };
    const two = await walletServer({ databaseUrl, env });
    const invitation = { participant: 2, description: 'Faber', email: 'a@faber.example' };
    await one.call('ProviderService/Invite', invitation, await one.administrator());
    const securityCode = await codeIn(box);
    const invited = [one, two, one, two].map((server) => openWallet(server, { securityCode }));
    expect(await outcomes(invited)).toEqual(['7', '7', '7', 'good']);
    const device = newDevice();
    const open = [one, two, one].map((server) => openWallet(server, {}, device));
    expect(await outcomes(open)).toEqual(['6', '6', 'good']);
  });
});

async function outcomes(calls: readonly Promise<unknown>[]): Promise<readonly string[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((one) => (one.status === 'fulfilled' ? 'good' : String(one.reason.code))).sort();
}

const moves: readonly (readonly [DatabaseKind, DatabaseKind])[] = [
  ['sqlite', 'postgres'],
  ['postgres', 'sqlite'],
];

bothDatabases('a move', (fresh) => {
  test.each(moves)('from %s to %s under another master key leaves every wallet working', async (from, to) => {
    const box = await mailbox();
    const smtp = { COUNTERSIGN_SMTP_URL: box.url };
    const port = String(await freePort());
    const first = await walletServer({ databaseUrl: await fresh[from](), env: { ...smtp, COUNTERSIGN_PORT: port } });
    const opened = await openWallet(first);
    const granted = await grantTo(first, opened);
    const invitation = { participant: 2, description: 'Faber', email: 'a@faber.example' };
    await first.call('ProviderService/Invite', invitation, await first.administrator());
    const securityCode = await codeIn(box);
    const known = await first.call('ProviderService/GetConfiguration', {});
    const lines: string[] = [];
    await dumpStore(first.context.store, dumpSealing(masterKey, systemRandom), async (line) => void lines.push(line));
    await first.close();

    const databaseUrl = await fresh[to]();
    const store = await openStore(databaseUrl, systemClock, createLog('silent'));
    await loadStore(
      store,
      dumpOpening(masterKey),
      (async function* () {
        yield* lines;
      })(),
    );
    await reseal(store, masterKey, otherKey, [resealWalletKeys, async () => 0]);
    await store.close();
    const env = { COUNTERSIGN_PORT: port, COUNTERSIGN_MASTER_KEY: otherKey.toString('base64url') };
    const second = await walletServer({ databaseUrl, env });
    for (const { device, zcap, id } of [opened, granted]) {
      expect(await getWallet(second, id, await tokenFor(second, device, zcap))).toMatchObject({ wallet_id: id });
    }
    // The owner's keys moved too: what was invited then is signed for now.
    const organization = await openWallet(second, { securityCode });
    await tokenFor(second, organization.device, organization.zcap);
    expect(await second.call('ProviderService/GetConfiguration', {})).toEqual(known);
  });
});
