import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { ProviderService, WalletService } from '@countersign/client/rpc';
import { Wallet } from '@countersign/client/wallet';
import { describe, expect, test } from 'vitest';
import { eachDatabase } from './support/databases.ts';
import { grpcClient } from './support/rpc.ts';
import { devRealm, lock, startServer, watchedFetch } from './support/wallet-client.ts';

const packedMethods = ['countersign.v1.WalletService/*', 'countersign.v1.AuthService/AcquireToken'];
const plainly = (issuer: string, method: string, body = {}) =>
  fetch(`${issuer}/countersign.v1.${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

eachDatabase('a realm that takes methods only packed', (freshUrl) => {
  test('says so, to open calls of every protocol and in its configuration', async () => {
    const settings = { walletCreation: 'open', packedMethods };
    const server = await startServer({ ...devRealm(settings), databaseUrl: await freshUrl() });
    const issuer = server.issuer();
    const refused = await plainly(issuer, 'WalletService/GetWallet', { walletId: crypto.randomUUID() });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      code: 'failed_precondition',
      details: [{ debug: { reason: 'packed.required', domain: 'countersign' } }],
    });
    const grpc = grpcClient(`localhost:${server.context.config.port}`, ['countersign/v1/wallet.proto']);
    const answer = await grpc.call('countersign.v1.WalletService', 'CreateWallet', {});
    grpc.close();
    expect(answer.error).toMatchObject({ code: 9 });
    expect((await plainly(issuer, 'AuthService/GetChallenge')).status).toBe(200);
    const told = await plainly(issuer, 'ProviderService/GetConfiguration');
    expect(await told.json()).toMatchObject({ packedMethods });
    const discovered = await fetch(`${issuer}/.well-known/openid-configuration`);
    expect(await discovered.json()).toMatchObject({ packed_methods: packedMethods });
  });

  test('is called by the SDK as before: it packs by itself, and asks openly once', async () => {
    const settings = { walletCreation: 'open', packedMethods };
    const server = await startServer({ ...devRealm(settings), databaseUrl: await freshUrl() });
    const watched = watchedFetch();
    const options = { ...lock, fetch: watched.fetch };
    const wallet = await Wallet.create({ issuer: server.issuer(), ...options });
    expect(watched.paths()).toEqual(['GetChallenge', 'CreateWallet', 'GetConfiguration', 'Request']);
    expect((await wallet.describe()).id).toBe(wallet.id);
    const before = watched.asked.length;
    await wallet.describe();
    expect(watched.paths().slice(before)).toEqual(['Request']);
    const path = '/countersign.v1.WalletService/ListCapabilities';
    expect(await wallet.call(path, { walletId: wallet.id as string }, 'invocation')).toMatchObject({
      capabilities: [{ controller: wallet.did }],
    });
    const other = await Wallet.prepare({ issuer: server.issuer(), ...lock });
    const { capability } = await wallet.grant(other.did, { actions: ['read'], expires: Date.now() + 60_000 });
    expect((await (await Wallet.open(Wallet.accept(other, capability), lock)).describe()).id).toBe(wallet.id);
    await expect(wallet.revoke({ did: 'did:key:unknown' })).rejects.toMatchObject({ code: 'capability.unknown' });
  });

  test('is called by a generated client of Connect as before', async () => {
    const settings = { walletCreation: 'open', packedMethods, walletTokens: 'dpop' };
    const server = await startServer({ ...devRealm(settings), databaseUrl: await freshUrl() });
    const wallet = await Wallet.create({ issuer: server.issuer(), ...lock });
    const open = createConnectTransport({ baseUrl: wallet.issuer, httpVersion: '1.1' });
    expect((await createClient(ProviderService, open).getConfiguration({})).packedMethods).toEqual(packedMethods);
    for (const by of ['token', 'invocation'] as const) {
      const transport = createConnectTransport({
        baseUrl: wallet.issuer,
        httpVersion: '1.1',
        ...wallet.callOptions(by),
      });
      const client = createClient(WalletService, transport);
      expect((await client.getWallet({ walletId: wallet.id as string })).walletId).toBe(wallet.id);
    }
  });
});

describe('the setting packedMethods', () => {
  test.each([['GetWallet'], ['/countersign.v1.WalletService/GetWallet'], ['*'], ['a.b/*/c'], ['a/b\n']])(
    'refuses %j',
    async (name) => {
      const server = await startServer(devRealm({}));
      const settings = { accessTokenAlg: 'ES256', packedMethods: [name] };
      const answer = await fetch(`${server.url}/realms/dev/admin/network`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
        body: JSON.stringify({ realms: [{ name: 'dev', profile: 'ocen4', settings }] }),
      });
      expect(answer.status).toBe(422);
    },
  );
});
