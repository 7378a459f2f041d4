import { fromBinary } from '@bufbuild/protobuf';
import { cryptoPort } from '@countersign/client/node-crypto';
import {
  AcquireTokenRequestSchema,
  AcquireTokenResponseSchema,
  CreateWalletRequestSchema,
  CreateWalletResponseSchema,
  GetWalletRequestSchema,
  WalletSchema,
} from '@countersign/client/rpc';
import type { CallAuthorization } from '@countersign/proof/didcomm';
import { expect, test } from 'vitest';
import { eachDatabase } from './support/databases.ts';
import { bytesOf, type Configuration, packing as packingBy } from './support/packed-calls.ts';
import { textOf } from './support/rpc.ts';
import {
  base64url,
  callInvocation,
  createRequest,
  type Device,
  dpopProof,
  json,
  newDevice,
  openWallet,
  tokenFor,
  tokenRequest,
  type WalletServer,
  walletServer,
} from './support/wallet.ts';

const at = '/countersign.v1.';
const seconds = () => Math.floor(Date.now() / 1000);

/** A device that packs its calls, and sends them over gRPC. */
async function packing(server: WalletServer, device: Device) {
  const response = await fetch(`${server.issuer()}${at}ProviderService/GetConfiguration`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  const told = (await response.json()) as Configuration;
  const { pack, read } = await packingBy(device, told);

  async function send(packed: string): Promise<string> {
    const { message } = await server.call('SecureService/Request', { message: Buffer.from(packed) });
    return Buffer.from(message as string).toString();
  }

  async function call(method: string, message: Uint8Array, authorization?: CallAuthorization) {
    const { id, packed } = await pack(method, message, authorization);
    return read(id, method, await send(packed));
  }
  return { call, pack, send, ...told };
}

eachDatabase('a packed call', (freshUrl) => {
  test('is the same call: new registration, existing registration, API calls by token and by invocation', async () => {
    const server = await walletServer({ databaseUrl: await freshUrl() });
    const device = newDevice();
    const { call, audience } = await packing(server, device);
    expect(audience).toBe(server.issuer());

    const signedRequest = json(createRequest(device, await server.challenge()));
    const created = await call(
      `${at}WalletService/CreateWallet`,
      bytesOf(CreateWalletRequestSchema, { signedRequest }),
    );
    if (created.status !== 0 || !('message' in created)) throw new Error(JSON.stringify(created));
    const { walletId, zcap } = fromBinary(CreateWalletResponseSchema, created.message);
    const capability = JSON.parse(Buffer.from(zcap).toString());

    const invocation = json(tokenRequest(device, capability, await server.challenge()));
    const acquire = { invocation, dpopProof: dpopProof(device, { htu: `${server.url}${at}AuthService/AcquireToken` }) };
    const issued = await call(`${at}AuthService/AcquireToken`, bytesOf(AcquireTokenRequestSchema, acquire));
    if (issued.status !== 0 || !('message' in issued)) throw new Error(JSON.stringify(issued));
    const { walletToken: token, tokenType } = fromBinary(AcquireTokenResponseSchema, issued.message);
    expect(tokenType).toBe('DPoP');

    const method = `${at}WalletService/GetWallet`;
    const message = bytesOf(GetWalletRequestSchema, { walletId });
    const ath = Buffer.from(cryptoPort.sha256(Buffer.from(token))).toString('base64url');
    const dpop = dpopProof(device, { htu: server.url + method, ath });
    const bound = { procedure: method, message, audience };
    for (const authorization of [
      { token, dpop },
      { invocation: base64url(callInvocation(device, capability, bound)) },
    ]) {
      const answer = await call(method, message, authorization);
      if (answer.status !== 0 || !('message' in answer)) throw new Error(JSON.stringify(answer));
      expect(fromBinary(WalletSchema, answer.message)).toMatchObject({ walletId });
    }
  });

  test('is refused to the sender alone when the sender is not who proves itself in it', async () => {
    const server = await walletServer({ databaseUrl: await freshUrl() });
    const { id: walletId, device, zcap } = await openWallet(server);
    const { authorization } = await tokenFor(server, device, zcap);
    const token = authorization?.slice('Bearer '.length) as string;
    const thief = await packing(server, newDevice());
    const method = `${at}WalletService/GetWallet`;
    const message = bytesOf(GetWalletRequestSchema, { walletId });
    const denied = { status: 7, reason: 'WALLET_DENIED' };
    expect(await thief.call(method, message, { token })).toMatchObject(denied);
    const invocation = base64url(
      callInvocation(device, zcap, { procedure: method, message, audience: thief.audience }),
    );
    expect(await thief.call(method, message, { invocation })).toMatchObject(denied);
    const request = json(tokenRequest(device, zcap, await server.challenge()));
    const acquire = bytesOf(AcquireTokenRequestSchema, { invocation: request });
    expect(await thief.call(`${at}AuthService/AcquireToken`, acquire)).toMatchObject(denied);
    const signedRequest = json(createRequest(newDevice(), await server.challenge()));
    const create = bytesOf(CreateWalletRequestSchema, { signedRequest });
    expect(await thief.call(`${at}WalletService/CreateWallet`, create)).toMatchObject(denied);
    // The thief has used nothing up.
    const issued = await server.call('AuthService/AcquireToken', { invocation: request });
    expect(issued.wallet_token).toBeTruthy();

    const owner = await packing(server, device);
    expect(await owner.call(method, message)).toMatchObject({ status: 16, reason: 'TOKEN_MISSING' });
    expect(await owner.call(method, Buffer.from('??'), { token })).toMatchObject({ status: 3 });
    expect(await owner.call(`${at}WalletService/Nothing`, message, { token })).toMatchObject({ status: 12 });
  });

  test('that cannot be opened, or came before, is refused in the open for one reason', async () => {
    const server = await walletServer({ databaseUrl: await freshUrl() });
    const { pack, send } = await packing(server, newDevice());
    const challenge = `${at}AuthService/GetChallenge`;
    const { packed } = await pack(challenge, new Uint8Array());
    await send(packed);
    const refused = { code: 3, details: textOf('packed.refused') };
    const late = await pack(challenge, new Uint8Array(), undefined, {
      createdTime: seconds() - 600,
      expiresTime: seconds() - 300,
    });
    const envelope = JSON.parse(packed) as { ciphertext: string };
    const other = envelope.ciphertext.startsWith('A') ? 'B' : 'A';
    const altered = JSON.stringify({ ...envelope, ciphertext: other + envelope.ciphertext.slice(1) });
    for (const message of [packed, late.packed, altered, '{}', 'not JSON', '', `[${'['.repeat(10_000)}`]) {
      await expect(send(message)).rejects.toMatchObject(refused);
    }
    const reasons = server.logged.flatMap((line) => (line.includes('packed.refused') ? [JSON.parse(line).cause] : []));
    expect(new Set(reasons).size).toBeGreaterThanOrEqual(5);
  });
});
