/** Tokens of wallets at services: the SDK against a real server, behind every adapter. */
import { createHash } from 'node:crypto';
import { createService, type Service, type ServiceOptions } from '@countersign/client';
import { createWallet } from '@countersign/client/wallet';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { chainNetwork, exchanged, openTestSession, secret, subjectToken } from './support/chain.ts';
import { adapters, startGuarded } from './support/guarded.ts';
import { basic, form, post, tokenUrl, until } from './support/oauth.ts';
import { grpcClient } from './support/rpc.ts';
import { type TestServer, testServer } from './support/server.ts';
import {
  base64url,
  type Device,
  dpopProof,
  grantTo,
  newDevice,
  type OpenWallet,
  openWallet,
  tokenFor as ownTokenFor,
  tokenRequest,
  type WalletServer,
  withCalls,
} from './support/wallet.ts';
import { lock } from './support/wallet-client.ts';

const orders = 'https://orders.example';
const publicUrl = 'https://public.example/api';
let server: WalletServer;
let opened: TestServer;
let wallet: OpenWallet;
let closeGrpc: () => void;

beforeAll(async () => {
  opened = await testServer({ network: chainNetwork });
  const grpc = grpcClient(`localhost:${opened.context.config.port}`, ['countersign/v1/wallet.proto']);
  closeGrpc = () => grpc.close();
  server = withCalls(opened, grpc);
  wallet = await openWallet(server);
});
afterAll(async () => {
  closeGrpc();
  await opened.close();
});

function serviceOf(id: string, options: Partial<ServiceOptions> = {}): Service {
  const service = createService({
    issuer: server.issuer(),
    clientId: id,
    clientSecret: secret,
    audience: `https://${id}.example`,
    accept: ['wallet'],
    status: { pollSeconds: 1 },
    ...options,
  });
  onTestFinished(() => service.close());
  return service;
}

async function tokenFor({ device, zcap }: OpenWallet, key?: Device, audience = orders): Promise<string> {
  const document = tokenRequest(device, zcap, await server.challenge(), { members: { resource: audience } });
  const asked = {
    subject_token: base64url(document),
    subject_token_type: 'urn:countersign:params:oauth:token-type:capability-invocation',
    audience,
  };
  const headers = key === undefined ? {} : { dpop: dpopProof(key, { htu: tokenUrl(server) }) };
  return (await exchanged(server, asked, { headers })).access_token;
}

const athOf = (token: string) => createHash('sha256').update(token).digest('base64url');
const codeOf = (refusal: unknown) => (refusal as { code?: string }).code;
const bearing = (token: string) => ({ authorization: `Bearer ${token}` });

describe.each(adapters)('behind %s', (adapter) => {
  test('a wallet is let in by its token, and by a bound one with a proof for this very request', async () => {
    const guarded = await startGuarded(adapter, serviceOf('orders'), { publicUrl });
    onTestFinished(() => guarded[Symbol.asyncDispose]());
    const ask = async (headers: Record<string, string>) => {
      const response = await fetch(`${guarded.url}/plain`, { headers });
      const challenge = response.headers.get('www-authenticate');
      return { status: response.status, challenge, ...((await response.json()) as Record<string, unknown>) };
    };
    const plain = await tokenFor(wallet);
    expect(await ask(bearing(plain))).toMatchObject({ status: 200, kind: 'wallet', id: `wallet:${wallet.id}` });
    const key = newDevice();
    const bound = await tokenFor(wallet, key);
    const claims = { htm: 'GET', htu: `${publicUrl}/plain`, ath: athOf(bound) };
    const shown = (proof: string) => ask({ authorization: `DPoP ${bound}`, dpop: proof });
    const good = dpopProof(key, claims);
    expect(await shown(good)).toMatchObject({ status: 200, kind: 'wallet' });
    const refusals: readonly (readonly [string, string])[] = [
      [good, 'dpop.replayed'],
      [dpopProof(key, { ...claims, htm: 'POST' }), 'dpop.htm'],
      [dpopProof(key, { ...claims, htu: `${guarded.url}/plain` }), 'dpop.htu'],
      [dpopProof(key, { ...claims, htu: `${publicUrl}/strong` }), 'dpop.htu'],
      [dpopProof(key, { ...claims, ath: athOf(plain) }), 'dpop.ath'],
      [dpopProof(key, { htm: 'GET', htu: claims.htu }), 'dpop.ath'],
      [dpopProof(key, { ...claims, iat: Math.floor(Date.now() / 1000) - 120 }), 'dpop.iat'],
      [dpopProof(newDevice(), claims), 'dpop.key'],
      ['a.b.c', 'dpop.malformed'],
    ];
    for (const [proof, code] of refusals) {
      expect(await shown(proof)).toMatchObject({
        status: 401,
        code,
        challenge: expect.stringContaining('DPoP error="invalid_dpop_proof"'),
      });
    }
    expect(await ask({ authorization: `DPoP ${bound}` })).toMatchObject({ status: 401, code: 'dpop.missing' });
    expect(await ask(bearing(bound))).toMatchObject({ status: 401, code: 'token.scheme' });
    expect(await ask({ ...bearing(bound), dpop: dpopProof(key, claims) })).toMatchObject({ code: 'token.scheme' });
    expect(await ask({ authorization: `DPoP ${plain}`, dpop: good })).toMatchObject({ code: 'token.scheme' });
    expect(guarded.reached()).toBe(2);
  });
});

test('a proof for one path is not good for another that leads there, because frameworks route paths as they are written', async () => {
  const service = serviceOf('orders');
  const key = newDevice();
  const bound = await tokenFor(wallet, key);
  const codeAt = (path: string) => {
    const dpop = dpopProof(key, { htm: 'GET', htu: `${publicUrl}/plain`, ath: athOf(bound) });
    const request = { method: 'GET', target: publicUrl + path };
    const asking = service.authenticate({ authorization: `DPoP ${bound}`, dpop }, {}, request);
    return asking.then(() => 'let in', codeOf);
  };
  for (const path of ['/plain', '/plain?a=/../b', '/%70lain']) expect(await codeAt(path), path).toBe('let in');
  for (const path of ['/admin/../plain', '/admin/%2E%2e/plain', '/./plain', '/admin\\..\\plain', '\\plain'])
    expect(await codeAt(path), path).toBe('dpop.htu');
});

test('without an address of its own a service takes no bound token', async () => {
  const guarded = await startGuarded('node', serviceOf('orders'));
  onTestFinished(() => guarded[Symbol.asyncDispose]());
  const key = newDevice();
  const bound = await tokenFor(wallet, key);
  const proof = dpopProof(key, { htm: 'GET', htu: `${guarded.url}/plain`, ath: athOf(bound) });
  const headers = { authorization: `DPoP ${bound}`, dpop: proof };
  expect((await fetch(`${guarded.url}/plain`, { headers })).status).toBe(500);
  expect(guarded.refusals).toEqual(['dpop.public_url']);
});

test('one result for all kinds; a kind that is not named is not let in', async () => {
  const all = serviceOf('orders', { accept: ['wallet', 'credential', 'participant'] });
  const [token, session] = [await tokenFor(wallet), (await openTestSession(server)).token];
  const { subject } = await all.authenticate(bearing(token));
  expect(subject).toMatchObject({
    kind: 'wallet',
    id: `wallet:${wallet.id}`,
    walletId: wallet.id,
    device: wallet.device.did,
    actions: ['read', 'write', 'grant', 'invite'],
    scopes: ['wallet:read', 'wallet:write', 'wallet:grant', 'wallet:invite'],
    capabilities: [wallet.zcap.id],
    audience: [orders],
    roles: ['individual'],
    actors: [],
  });
  expect((await all.authenticate(bearing(await subjectToken(server, session, orders)))).subject.kind).toBe(
    'credential',
  );
  const refused = (service: Service, presented: string, rules = {}) =>
    service.authenticate(bearing(presented), rules).then(() => 'good', codeOf);
  expect(await refused(serviceOf('orders', { accept: ['credential'] }), token)).toBe('jwt.typ');
  expect(await refused(serviceOf('orders', { accept: ['participant'] }), token)).toBe('jwt.typ');
  expect(await refused(all, token, { accept: ['credential'] })).toBe('token.kind');
  // Who has not logged in has not logged in strongly.
  expect(await refused(all, token, { acr: 'aal1' })).toBe('login.weak');
  expect(await refused(serviceOf('ledger'), token)).toBe('jwt.audience');
});

test('what opens the wallet itself lets nobody in, where the issuer is an audience too', async () => {
  const service = serviceOf('orders', { audience: [orders, server.issuer()] });
  const { authorization } = await ownTokenFor(server, wallet.device, wallet.zcap);
  const refusal = await service.authenticate({ authorization: authorization as string }).catch(codeOf);
  expect(refusal).toBe('jwt.audience');
  expect(() => serviceOf('orders', { audience: server.issuer() })).toThrow(
    expect.objectContaining({ code: 'verifier.audience' }),
  );
});

test('the service passes it on, and a revoked capability ends it everywhere within ten seconds', async () => {
  const [first, second] = [serviceOf('orders'), serviceOf('ledger')];
  const middle = await grantTo(server, wallet, { members: { allowedAction: ['read', 'grant'] } });
  const tail = await grantTo(server, middle);
  const [token, stays] = [await tokenFor(tail), await tokenFor(wallet)];
  const caller = await first.authenticate(bearing(token));
  const passed = await first.exchange(caller.token, 'https://ledger.example');
  const { subject } = await second.authenticate(bearing(passed));
  expect(subject).toMatchObject({ kind: 'wallet', actions: ['read'], actors: [{ clientId: 'orders' }] });
  const owner = await ownTokenFor(server, wallet.device, wallet.zcap);
  await server.call('WalletService/RevokeAccess', { wallet_id: wallet.id, capability_id: middle.zcap.id }, owner);
  for (const [service, presented] of [
    [first, token],
    [second, passed],
  ] as const) {
    const asked = () => service.authenticate(bearing(presented)).then(() => 'good', codeOf);
    expect(await until(asked, (answer) => answer !== 'good', 10_000)).toBe('capability.revoked');
  }
  expect((await first.authenticate(bearing(stays))).subject.kind).toBe('wallet');
});

test('a participant is still one, and its token goes under Bearer alone', async () => {
  const body = form({ grant_type: 'client_credentials', resource: 'https://ledger.example' });
  const answer = await post(tokenUrl(server), body, basic('orders', secret));
  const token = ((await answer.json()) as { access_token: string }).access_token;
  const service = serviceOf('ledger', { accept: ['participant', 'wallet'] });
  expect((await service.authenticate(bearing(token))).subject.kind).toBe('participant');
  const refusal = await service.authenticate({ authorization: `DPoP ${token}` }).catch(codeOf);
  expect(refusal).toBe('token.scheme');
});

describe('the SDK of a wallet', () => {
  test.each(['bearer', 'dpop'] as const)('shows it to a service by %s, for what was asked for', async (tokens) => {
    const own = await createWallet({ issuer: server.issuer(), ...lock, tokens });
    const access = own.service(orders, { actions: ['read'] });
    const url = 'https://public.example/api/things?page=2';
    const request = { method: 'PUT', target: url };
    const service = serviceOf('orders');
    const [first, second] = [await access.authorize('PUT', url), await access.authorize('PUT', new URL(url))];
    expect(first.authorization).toBe(second.authorization);
    for (const fields of [first, second]) {
      const { subject } = await service.authenticate(fields, {}, request);
      expect(subject).toMatchObject({ walletId: own.id, device: own.did, scopes: ['wallet:read'] });
    }
    expect('dpop' in first).toBe(tokens === 'dpop');
    const other = await own.service('https://ledger.example').authorize('PUT', url);
    expect(await service.authenticate(other, {}, request).catch(codeOf)).toBe('jwt.audience');
  });
});
