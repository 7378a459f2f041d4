import { join } from 'node:path';
import { createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, createConnectTransport as createNodeTransport } from '@connectrpc/connect-node';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { WalletService } from '@countersign/client/rpc';
import { type By, type OpenedWallet, Wallet } from '@countersign/client/wallet';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { describe, expect, onTestFinished, test } from 'vitest';
import { protoFolder } from './support/rpc.ts';
import { deviceOf, devRealm, lock, startServer } from './support/wallet-client.ts';

const ways: readonly By[] = ['token', 'invocation'];

const transports: Readonly<Record<string, (wallet: OpenedWallet, by: By) => Transport>> = {
  'Connect with JSON': ({ issuer, callOptions }, by) => createConnectTransport({ baseUrl: issuer, ...callOptions(by) }),
  'Connect with protobuf': ({ issuer, callOptions }, by) =>
    createConnectTransport({ baseUrl: issuer, useBinaryFormat: true, ...callOptions(by) }),
  'gRPC-Web': ({ issuer, callOptions }, by) => createGrpcWebTransport({ baseUrl: issuer, ...callOptions(by) }),
  'Connect of Node': ({ issuer, callOptions }, by) =>
    createNodeTransport({ baseUrl: issuer, httpVersion: '1.1', ...callOptions(by) }),
  gRPC: ({ issuer, callOptions }, by) => createGrpcTransport({ baseUrl: issuer, ...callOptions(by) }),
};

/** The generated client that somebody has who calls over grpc-js. */
function grpcJsClient(url: string) {
  const definition = loadSync(join(protoFolder, 'countersign/v1/wallet.proto'), { includeDirs: [protoFolder] });
  const { countersign } = grpc.loadPackageDefinition(definition) as unknown as {
    countersign: { v1: { WalletService: new (address: string, credentials: grpc.ChannelCredentials) => grpc.Client } };
  };
  const client = new countersign.v1.WalletService(url.replace('http://', ''), grpc.credentials.createInsecure());
  onTestFinished(() => client.close());
  return (method: string, request: object, options: object) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const call = (client as unknown as Record<string, (...args: unknown[]) => void>)[method];
      call?.call(client, request, options, (error: Error | null, answer: Record<string, unknown>) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
}

describe.each(['bearer', 'dpop'] as const)('in a realm of %s tokens', (walletTokens) => {
  test('every Connect transport carries a wallet, by token and by invocation', async () => {
    const server = await startServer(devRealm({ walletTokens, walletCreation: 'open' }));
    const wallet = await Wallet.create({ issuer: server.issuer(), ...lock });
    const walletId = wallet.id as string;
    for (const [name, transport] of Object.entries(transports)) {
      for (const by of ways) {
        const client = createClient(WalletService, transport(wallet, by));
        for (let call = 0; call < 2; call++) {
          expect(await client.getWallet({ walletId }), `${name} by ${by}`).toMatchObject({ walletId });
        }
      }
    }
  });

  test('so does a client of grpc-js, in whichever realm the wallet is', async () => {
    const server = await startServer({
      network: {
        realms: ['dev', 'other'].map((name) => {
          return { name, profile: 'ocen4', settings: { walletTokens, walletCreation: 'open' } };
        }),
      },
    });
    const call = grpcJsClient(server.url);
    const wallet = await Wallet.create({ issuer: server.issuer('other'), ...lock });
    for (const by of ways) {
      const options = wallet.grpcCallOptions(grpc, by);
      expect(await call('GetWallet', { walletId: wallet.id }, options), by).toMatchObject({ walletId: wallet.id });
    }
  });
});

test('over grpc-js, what keeps a wallet from proving itself ends the call, and so does the refusal of the realm', async () => {
  const server = await startServer();
  const call = grpcJsClient(server.url);
  const wallet = await Wallet.create({ issuer: server.issuer(), ...lock });
  const second = await deviceOf(wallet, ['read'], Date.now() + 60_000);
  const late = await Wallet.open(second.profile, { ...lock, now: () => Date.now() + 61_000 });
  for (const by of ways) {
    await expect(call('GetWallet', { walletId: wallet.id }, late.grpcCallOptions(grpc, by))).rejects.toMatchObject({
      code: grpc.status.UNAUTHENTICATED,
      details: expect.stringContaining('ended at'),
    });
  }
  const none = call('RevokeAccess', { walletId: wallet.id, did: wallet.did }, second.grpcCallOptions(grpc));
  await expect(none).rejects.toMatchObject({ code: grpc.status.NOT_FOUND });
});
