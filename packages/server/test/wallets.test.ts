import { expect, onTestFinished, test } from 'vitest';
import type { Doc } from '../../proof/test/support/capability.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { type GrpcClient, grpcClient } from './support/rpc.ts';
import { type TestServer, type TestServerOptions, testServer } from './support/server.ts';
import { type Mailbox, mailbox } from './support/smtp.ts';
import {
  base64url,
  type Challenge,
  callInvocation,
  createRequest,
  json,
  newDevice,
  tokenRequest,
  walletCalls,
} from './support/wallet.ts';

export async function walletServer(options: TestServerOptions): Promise<TestServer & { readonly grpc: GrpcClient }> {
  const server = await testServer(options);
  const grpc = grpcClient(server.url.replace('http://', ''), ['countersign/v1/wallet.proto']);
  onTestFinished(async () => {
    grpc.close();
    await server.close();
  });
  return { ...server, grpc };
}

/** As `curl --json` does it. */
async function post(server: TestServer, path: string, body: object | string, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

async function codeIn(box: Mailbox): Promise<string> {
  const mail = await eventually(() => box.received[0], 5_000);
  return /csw_[A-Za-z0-9_-]{43}/.exec(mail.raw)?.[0] ?? '';
}

eachDatabase('the document', (freshUrl) => {
  test('over gRPC: an organization is invited, registers a device, gets a token, calls', async () => {
    const box = await mailbox();
    const server = await walletServer({ databaseUrl: await freshUrl(), env: { COUNTERSIGN_SMTP_URL: box.url } });
    const { call, challenge } = walletCalls(server.grpc);

    // Onboarding: create wallet → is organization? register DID → assign role → send e-mail invitation.
    const administrator = { authorization: `Bearer ${await server.adminToken()}` };
    const invitation = await call(
      'ProviderService',
      'Invite',
      { participant: 'PARTICIPANT_TYPE_ORGANIZATION', description: 'Faber', email: 'admin@faber.example' },
      administrator,
    );
    expect(invitation).toMatchObject({ status: 'INVITATION_STATUS_SENT', wallet_id: expect.any(String) });
    const code = await codeIn(box);
    expect(box.received[0]).toMatchObject({ to: ['admin@faber.example'] });

    // New registration: DIDKey.generate(), DIDKey.sign(), WalletService.CreateWallet().
    const device = newDevice();
    const request = createRequest(device, await challenge(), { securityCode: code });
    const created = await call('WalletService', 'CreateWallet', { signed_request: json(request) });
    const walletId = created.wallet_id;
    expect(created).toMatchObject({
      wallet_id: invitation.wallet_id,
      capability: `urn:countersign:wallet:${walletId}`,
      invoker: device.kid,
    });
    const zcap = JSON.parse(Buffer.from(created.zcap as string).toString()) as Doc;
    expect(zcap).toMatchObject({ controller: device.did, invocationTarget: `urn:countersign:wallet:${walletId}` });

    // Existing registration: the invocation of the capability is worth a token.
    const invocation = tokenRequest(device, zcap, await challenge());
    const issued = await call('AuthService', 'AcquireToken', { invocation: json(invocation) });
    expect(issued).toMatchObject({
      token_type: 'Bearer',
      expires_in: 300,
      actions: ['read', 'write', 'grant', 'invite'],
    });

    // API calls: the token as metadata of the call.
    const token = { authorization: `Bearer ${issued.wallet_token}` };
    const wallet = await call('WalletService', 'GetWallet', { wallet_id: walletId }, token);
    expect(wallet).toMatchObject({
      wallet_id: walletId,
      participant: 'PARTICIPANT_TYPE_ORGANIZATION',
      description: 'Faber',
      roles: ['organization'],
    });
    const state = { invitation_id: invitation.invitation_id };
    expect(await call('ProviderService', 'GetInvitation', state, administrator)).toMatchObject({
      status: 'INVITATION_STATUS_COMPLETED',
      wallet_id: walletId,
    });
  });

  test('over HTTP and JSON: a person registers a device, gets a token, calls by it and by an invocation', async () => {
    const server = await walletServer({ databaseUrl: await freshUrl() });
    const at = '/realms/dev/countersign.v1.';
    const challenge = async () =>
      (await post(server, `${at}AuthService/GetChallenge`, {})).body as unknown as Challenge;

    const device = newDevice();
    const signedRequest = json(createRequest(device, await challenge())).toString('base64');
    const created = await post(server, `${at}WalletService/CreateWallet`, { signedRequest, description: 'Alice' });
    expect(created).toMatchObject({ status: 200, body: { invoker: device.kid } });
    const { walletId, didDocument } = created.body;
    expect(didDocument).toMatchObject({ id: expect.stringMatching(/^did:peer:4z/) });
    const zcap = JSON.parse(Buffer.from(created.body.zcap as string, 'base64').toString()) as Doc;

    const invocation = json(tokenRequest(device, zcap, await challenge())).toString('base64');
    const issued = await post(server, `${at}AuthService/AcquireToken`, { invocation, actions: ['read'] });
    expect(issued).toMatchObject({ status: 200, body: { tokenType: 'Bearer', actions: ['read'] } });
    const bearer = { authorization: `Bearer ${issued.body.walletToken}` };
    const read = await post(server, `${at}WalletService/GetWallet`, { walletId }, bearer);
    expect(read).toMatchObject({ status: 200, body: { walletId, description: 'Alice', roles: ['individual'] } });

    const body = JSON.stringify({ walletId });
    const bound = callInvocation(device, zcap, {
      procedure: '/countersign.v1.WalletService/GetWallet',
      message: Buffer.from(body),
      audience: server.issuer(),
    });
    const headers = { 'capability-invocation': base64url(bound) };
    expect(await post(server, `${at}WalletService/GetWallet`, body, headers)).toEqual(read);
    expect(await post(server, `${at}WalletService/GetWallet`, body, headers)).toMatchObject({
      status: 403,
      body: { code: 'permission_denied' },
    });
  });
});
