/** Capabilities at the token endpoint (RFC 8693): what a wallet's device gets for services, and what they pass on. */
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { requireRealm } from '../src/subject/realm.ts';
import { issueDocument } from '../src/subject/tokens/token.ts';
import {
  type Asking,
  accessType,
  askExchange,
  chainNetwork,
  exchanged,
  refusedExchange,
  secret,
} from './support/chain.ts';
import { eachDatabase } from './support/databases.ts';
import { basic, errorOf, form, post, tokenUrl } from './support/oauth.ts';
import { grpcClient } from './support/rpc.ts';
import { testServer } from './support/server.ts';
import {
  base64url,
  type Change,
  callInvocation,
  delegation,
  dpopProof,
  grantTo,
  json,
  newDevice,
  type OpenWallet,
  openWallet,
  tokenRequest,
  type WalletServer,
  walletServer,
  withCalls,
} from './support/wallet.ts';
import {
  checkExchanges,
  invoking,
  ledger,
  orders,
  type Parameters,
  passingOn,
  revoke,
  walletType,
} from './support/wallet-exchange.ts';

const archive = 'https://archive.example';

async function tokenFor(server: WalletServer, wallet: OpenWallet, asked: Parameters = { audience: orders }) {
  return (await exchanged(server, await invoking(server, wallet, asked))).access_token;
}

async function introspect(server: WalletServer, token: string, client: string) {
  const answer = await post(`${tokenUrl(server)}/introspect`, form({ token }), basic(client, secret));
  return (await answer.json()) as Record<string, unknown>;
}

eachDatabase('the exchange of an invocation', (freshUrl) => {
  const start = async (network: object = chainNetwork) => walletServer({ databaseUrl: await freshUrl(), network });

  test('gives a token for one service, of the actions that were asked for, that names the chain', async () => {
    const server = await start();
    const first = await openWallet(server);
    const second = await grantTo(server, first, { members: { allowedAction: ['read', 'write'] } });
    const asked = { resource: orders, scope: 'wallet:read wallet:grant' };
    const answer = await exchanged(server, await invoking(server, second, asked));
    expect(answer).toMatchObject({
      issued_token_type: accessType,
      token_type: 'Bearer',
      expires_in: 300,
      // What the chain does not allow is not in it.
      scope: 'wallet:read',
    });
    expect(decodeProtectedHeader(answer.access_token).typ).toBe('wallet+jwt');
    const claims = decodeJwt(answer.access_token);
    expect(claims).toMatchObject({
      iss: server.issuer(),
      aud: orders,
      sub: `wallet:${second.id}`,
      wallet: second.id,
      device: second.device.did,
      actions: ['read'],
      scope: 'wallet:read',
      capability: second.zcap.id,
      chain: [first.zcap.id, second.zcap.id],
    });
    expect(claims.cnf).toBeUndefined();
    expect(claims.azp ?? claims.client_id ?? claims.participantId).toBeUndefined();
    expect(await introspect(server, answer.access_token, 'orders')).toEqual({
      ...claims,
      active: true,
      token_type: 'Bearer',
    });
    expect(await introspect(server, answer.access_token, 'ledger')).toEqual({ active: false });
  });

  test('ends with the earliest of the chain, and at once when any link is revoked', async () => {
    const server = await start();
    const first = await openWallet(server);
    const end = new Date(Math.floor(Date.now() / 1000) * 1000 + 120_000);
    const expires = end.toISOString().replace('.000', '');
    const second = await grantTo(server, first, { members: { allowedAction: ['read', 'grant'], expires } });
    const third = await grantTo(server, second, { members: { expires } });
    const token = await tokenFor(server, third);
    expect(decodeJwt(token).exp).toBe(end.getTime() / 1000);
    expect(await introspect(server, token, 'orders')).toMatchObject({ active: true });
    await revoke(server, second);
    expect(await introspect(server, token, 'orders')).toEqual({ active: false });
    expect(await refusedExchange(server, passingOn(token, ledger), { client: 'orders' })).toBe('400 invalid_request');
    const asked = await invoking(server, third, { audience: orders });
    expect(await refusedExchange(server, asked)).toBe('400 invalid_request');
  });

  test('is bound to the key of a DPoP proof for the token endpoint', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const key = newDevice();
    const ask = async (htu: string) => {
      const headers = { dpop: dpopProof(key, { htu }) };
      return askExchange(server, await invoking(server, wallet, { audience: orders }), { headers });
    };
    const answer = (await (await ask(tokenUrl(server))).json()) as { access_token: string; token_type: string };
    expect(answer.token_type).toBe('DPoP');
    const { cnf } = decodeJwt(answer.access_token);
    expect(cnf).toEqual({ jkt: expect.stringMatching(/^[\w-]{43}$/) });
    expect(await errorOf(await ask(server.issuer()))).toBe('400 invalid_dpop_proof');
    // Passed on, it stays bound.
    const passed = await exchanged(server, passingOn(answer.access_token, ledger), { client: 'orders' });
    expect(passed.token_type).toBe('DPoP');
    expect(decodeJwt(passed.access_token).cnf).toEqual(cnf);
    expect(await introspect(server, passed.access_token, 'ledger')).toMatchObject({ active: true, token_type: 'DPoP' });
  });

  test('a realm that wants bound tokens gives no others', async () => {
    const server = await start({ realms: [{ ...chainNetwork.realms[0], settings: { walletTokens: 'dpop' } }] });
    const wallet = await openWallet(server);
    const asked = await invoking(server, wallet, { audience: orders });
    expect(await refusedExchange(server, asked)).toBe('400 invalid_dpop_proof');
    const headers = { dpop: dpopProof(newDevice(), { htu: tokenUrl(server) }) };
    const bound = await exchanged(server, asked, { headers });
    expect(bound.token_type).toBe('DPoP');
    // Nor does it take one from before.
    const { cnf: _, ...claims } = decodeJwt(bound.access_token);
    const unbound = await issueDocument(server.context, 'dev', 'token', 'wallet+jwt', claims);
    const passed = async (token: string) =>
      (await askExchange(server, passingOn(token, ledger), { client: 'orders' })).status;
    expect([await passed(bound.access_token), await passed(unbound)]).toEqual([200, 400]);
  });

  test('passed on by a service that it is for: to who is on its list, narrower, no longer, with who did it', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const token = await tokenFor(server, wallet, { audience: orders, scope: 'wallet:read wallet:write' });
    const asked = passingOn(token, ledger, { scope: 'wallet:read' });
    const passed = await exchanged(server, asked, { client: 'orders' });
    expect(passed).toMatchObject({ issued_token_type: walletType, token_type: 'Bearer', scope: 'wallet:read' });
    const [before, after] = [decodeJwt(token), decodeJwt(passed.access_token)];
    for (const claim of ['iss', 'sub', 'exp', 'gen', 'wallet', 'device', 'capability', 'chain']) {
      expect([claim, after[claim]]).toEqual([claim, before[claim]]);
    }
    expect(after).toMatchObject({ aud: ledger, actions: ['read'], act: { client_id: 'orders' } });
    expect(after.jti).not.toBe(before.jti);
    const again = passingOn(passed.access_token, archive);
    const refused = async (parameters: Parameters, client: string) => refusedExchange(server, parameters, { client });
    expect(await refused({ ...again, scope: 'wallet:read wallet:write' }, 'ledger')).toBe('400 invalid_scope');
    expect(await refused(passingOn(token, 'https://stranger.example'), 'orders')).toBe('400 invalid_target');
    expect(await refused(passingOn(token, server.issuer()), 'orders')).toBe('400 invalid_target');
    expect(await refused(passingOn(token, archive), 'ledger')).toBe('400 invalid_request');
    expect(await refusedExchange(server, passingOn(token, ledger))).toBe('401 invalid_client');
    expect((await exchanged(server, again, { client: 'ledger' })).scope).toBe('wallet:read');
  });

  test('what opens the wallet opens no service, and the other way round', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const { id, device, zcap } = wallet;
    const get = (token: string) =>
      server.call('WalletService/GetWallet', { wallet_id: id }, { authorization: `Bearer ${token}` });
    await expect(get(await tokenFor(server, wallet))).rejects.toMatchObject({ code: 16 });
    const own = await server.call('AuthService/AcquireToken', {
      invocation: json(tokenRequest(device, zcap, await server.challenge())),
    });
    const token = String(own.wallet_token);
    expect(await get(token)).toMatchObject({ wallet_id: id });
    expect(await refusedExchange(server, passingOn(token, ledger), { client: 'orders' })).toBe('400 invalid_request');
    expect(await introspect(server, token, 'orders')).toEqual({ active: false });
    const forService = tokenRequest(device, zcap, await server.challenge(), { members: { resource: orders } });
    await expect(server.call('AuthService/AcquireToken', { invocation: json(forService) })).rejects.toMatchObject({
      code: 7,
    });
    // Nor is it an access token, or one of a credential.
    for (const type of [accessType, 'urn:ietf:params:oauth:token-type:txn_token']) {
      const asked = { ...passingOn(await tokenFor(server, wallet), ledger), subject_token_type: type };
      expect(await refusedExchange(server, asked, { client: 'orders' })).toBe('400 invalid_request');
    }
    const status = await fetch(`${server.issuer()}/status`, {
      headers: { authorization: `Bearer ${await tokenFor(server, wallet)}` },
    });
    expect(status.status).toBe(401);
  });

  test('never widens: over random chains, whatever is asked for', async () => {
    const server = await start();
    const answers = await checkExchanges(server, await openWallet(server), 12);
    expect(answers.granted).toBeGreaterThan(0);
  });
});

describe('refused at the token endpoint', () => {
  let server: WalletServer;
  let wallet: OpenWallet;
  let refused: () => string;
  const good = { audience: orders };
  type Row = readonly [
    name: string,
    make: () => Promise<Parameters>,
    answer: string,
    reason?: string | undefined,
    asking?: Asking,
  ];

  const changed = (change: Change, asked: Parameters = good) => invoking(server, wallet, asked, change);
  const sending = async (more: Parameters) => ({ ...(await changed({})), ...more });
  const invalid = '400 invalid_request';

  const rows: readonly Row[] = [
    ['no service', () => changed({ members: { resource: orders } }, {}), invalid],
    ['two services', () => sending({ resource: ledger }), '400 invalid_target'],
    ['the issuer as service', () => changed({}, { audience: server.issuer() }), '400 invalid_target'],
    ['a service that is no name', () => changed({}, { audience: 'a b' }), '400 invalid_target'],
    ['another service than was signed', () => sending({ audience: ledger }), invalid, 'invocation.resource'],
    ['no service that was signed', () => changed({ members: { resource: undefined } }), invalid, 'invocation.resource'],
    ['more than was signed', () => sending({ scope: 'wallet:read' }), invalid, 'invocation.scope'],
    [
      'all, where one action was signed',
      () => changed({ members: { scope: 'wallet:read' } }),
      invalid,
      'invocation.scope',
    ],
    ['a scope of a client', () => changed({}, { ...good, scope: 'orders:read' }), '400 invalid_scope'],
    ['an action that is none', () => changed({}, { ...good, scope: 'wallet:own' }), '400 invalid_scope'],
    ['an action by its bare name', () => changed({}, { ...good, scope: 'read' }), '400 invalid_scope'],
    ['an action twice', () => changed({}, { ...good, scope: 'wallet:read wallet:read' }), '400 invalid_scope'],
    ['an empty scope', () => changed({}, { ...good, scope: ' ' }), '400 invalid_scope'],
    ['the scope of administration', () => changed({}, { ...good, scope: 'countersign:admin' }), '400 invalid_scope'],
    ['no base64url', () => sending({ subject_token: '{"a":1}' }), invalid, 'is not base64url'],
    ['padding that is none', () => sending({ subject_token: 'AAAA====' }), invalid, 'is not base64url'],
    ['no JSON', () => sending({ subject_token: 'AAAA' }), invalid, 'invocation.document'],
    [
      'another audience',
      () => changed({ members: { audience: 'https://evil.example' } }),
      invalid,
      'invocation.audience',
    ],
    ['a nonce of its own', () => changed({ members: { nonce: 'n-1' } }), invalid, 'no challenge of ours'],
    ['a changed document', () => changed({ proof: { proofValue: `z${'1'.repeat(86)}` } }), invalid],
    ['an action that the chain lacks', () => changed({ proof: { capabilityAction: 'own' } }), invalid],
    [
      'the invocation of a call',
      async () => {
        const call = {
          procedure: '/countersign.v1.WalletService/GetWallet',
          message: json({}),
          audience: server.issuer(),
        };
        const document = callInvocation(wallet.device, wallet.zcap, call, { members: { resource: orders } });
        return sending({ subject_token: base64url(document) });
      },
      invalid,
      'invocation.type',
    ],
    [
      'a thief, with the capability of somebody else',
      () => invoking(server, { ...wallet, device: newDevice() }, good),
      invalid,
      'invocation.',
    ],
    [
      'a chain that was never registered',
      async () => {
        const device = newDevice();
        return invoking(server, { ...wallet, device, zcap: delegation(wallet.zcap, wallet.device, device) }, good);
      },
      invalid,
      'not registered',
    ],
    ['another type of token than is given', () => sending({ requested_token_type: walletType }), invalid],
    ['an actor', () => sending({ actor_token: 'a' }), invalid],
    [
      'a wrong client beside it',
      () => changed({}),
      '401 invalid_client',
      undefined,
      { headers: basic('orders', 'no') },
    ],
    ['as a wallet token', () => sending({ subject_token_type: walletType }), invalid, undefined, { client: 'orders' }],
    ['two DPoP proofs', () => changed({}), '400 invalid_dpop_proof', undefined, { headers: { dpop: 'a.b.c, d.e.f' } }],
  ];

  beforeAll(async () => {
    const opened = await testServer({ network: chainNetwork });
    const grpc = grpcClient(`localhost:${opened.context.config.port}`, ['countersign/v1/wallet.proto']);
    server = withCalls(opened, grpc);
    wallet = await openWallet(server);
    refused = () => server.logged.slice(-3).join('\n');
    return async () => {
      grpc.close();
      await opened.close();
    };
  });

  for (const [name, make, answer, reason, asking = {}] of rows) {
    test(name, async () => {
      expect(await refusedExchange(server, await make(), asking)).toBe(answer);
      if (reason !== undefined) expect(refused()).toContain(reason);
    });
  }

  test('padding without end: what anybody may send costs no more than other refusals', async () => {
    const asked = await sending({ subject_token: `${'='.repeat(98_000)}x` });
    const started = process.cpuUsage();
    expect(await refusedExchange(server, asked)).toBe(invalid);
    expect(refused()).toContain('is not base64url');
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(1_000);
  });

  test('an invocation twice; what the table starts from is good', async () => {
    const asked = await changed({});
    expect((await exchanged(server, asked)).scope).toBe('wallet:read wallet:write wallet:grant wallet:invite');
    expect(await refusedExchange(server, asked)).toBe(invalid);
    expect(refused()).toContain('used before');
  });

  test('at the exchange of a wallet token: what only looks like one', async () => {
    const token = await tokenFor(server, wallet);
    const realm = await requireRealm(server.context, 'dev');
    const claims = decodeJwt(token);
    const forged = (typ: string, change: object) =>
      issueDocument(server.context, realm.name, 'token', typ, { ...claims, ...change });
    const tokens = [
      await forged('JWT', {}),
      await forged('wallet+jwt', { exp: (claims.iat as number) + 301 }),
      await forged('wallet+jwt', { scope: 'wallet:read countersign:admin' }),
      await forged('wallet+jwt', { sub: 'p-orders' }),
      await forged('wallet+jwt', { chain: [] }),
      await forged('wallet+jwt', { capability: 'urn:uuid:other' }),
      await forged('wallet+jwt', { cnf: {} }),
      await forged('wallet+jwt', { gen: 0 }),
      await forged('wallet+jwt', { act: { sub: 'p-orders', gen: 9 } }),
      `${token.slice(0, -4)}AAAA`,
    ];
    for (const one of tokens) {
      expect(await refusedExchange(server, passingOn(one, ledger), { client: 'orders' })).toBe(invalid);
    }
    expect((await exchanged(server, passingOn(token, ledger), { client: 'orders' })).token_type).toBe('Bearer');
  });
});
