/** From a session or an access token to a capability for a wallet whose device has delegated to the subject. */
import { describe, expect, test } from 'vitest';
import { type Doc, instant } from '../../proof/test/support/capability.ts';
import { system } from '../src/kernel/caller.ts';
import { write } from '../src/store/write.ts';
import { subjectDid } from '../src/subject/secrets/custody.ts';
import { endSession } from '../src/subject/session.ts';
import { suspendSubject } from '../src/subject/subject.ts';
import {
  type Asking,
  accessType,
  askExchange,
  chainNetwork,
  exchanged,
  openTestSession,
  refusedExchange,
  secret,
  sessionType,
} from './support/chain.ts';
import { eachDatabase } from './support/databases.ts';
import { basic, form, post, tokenUrl } from './support/oauth.ts';
import {
  type Device,
  dpopProof,
  grantTo,
  invokeOnce,
  json,
  newDevice,
  type OpenWallet,
  openWallet,
  tokenFor,
  type WalletServer,
  walletServer,
} from './support/wallet.ts';

const capabilityType = 'urn:countersign:params:oauth:token-type:capability';
type Parameters = Readonly<Record<string, string>>;

async function didOf(server: WalletServer, token: string) {
  const response = await fetch(`${server.issuer()}/wallets/subject-did`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as { subject: string; did: string };
}

/** The device lets the subject do this, as it would let another device. */
async function link(server: WalletServer, wallet: OpenWallet, did: string, members: Doc = {}) {
  const actions = { allowedAction: ['read', 'write'] };
  return grantTo(server, wallet, { members: { ...actions, ...members } }, { did } as Device);
}

const ask = (wallet: Pick<OpenWallet, 'id'>, token: string, more: Parameters = {}): Parameters => ({
  subject_token: token,
  subject_token_type: token.startsWith('css_') ? sessionType : accessType,
  requested_token_type: capabilityType,
  audience: `urn:countersign:wallet:${wallet.id}`,
  scope: 'wallet:read',
  ...more,
});

const proving = (server: WalletServer, key: Device, client?: string): Asking => ({
  headers: { dpop: dpopProof(key, { htu: tokenUrl(server) }) },
  ...(client === undefined ? {} : { client }),
});

const documentIn = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Doc;
const get = (server: WalletServer, { id }: OpenWallet, token: Record<string, string>) =>
  server.call('WalletService/GetWallet', { wallet_id: id }, token);

async function ownToken(server: WalletServer, client: string) {
  const response = await post(tokenUrl(server), form({ grant_type: 'client_credentials' }), basic(client, secret));
  return ((await response.json()) as { access_token: string }).access_token;
}

eachDatabase('a subject that a wallet has delegated to', (freshUrl) => {
  const start = async () => walletServer({ databaseUrl: await freshUrl(), network: chainNetwork });

  test('gets a capability by its session: less, for minutes, to the key that it proves; until the device takes it back', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const { token } = await openTestSession(server);
    const { subject, did } = await didOf(server, token);
    expect(subject).toBe('credential:cred-1');
    const linked = await link(server, wallet, did);
    const key = newDevice();
    const answer = await exchanged(server, ask(wallet, token), proving(server, key));
    expect(answer).toMatchObject({ issued_token_type: capabilityType, token_type: 'N_A', scope: 'wallet:read' });
    expect(answer.expires_in).toBeLessThanOrEqual(300);
    const zcap = documentIn(answer.access_token);
    // The log has the id of the request, whatever id of a chain the caller names.
    const { headers } = proving(server, key);
    const named = await askExchange(server, ask(wallet, token), { headers: { ...headers, 'x-callref': 'of-another' } });
    expect(named.status).toBe(200);
    const events = await server.context.store.db.selectFrom('event').selectAll().execute();
    expect(events.filter(({ request_id }) => request_id === 'of-another')).toEqual([]);
    expect(events.map(({ request_id }) => request_id)).toContain(named.headers.get('x-request-id'));
    expect(zcap).toMatchObject({
      controller: key.did,
      allowedAction: ['read'],
      parentCapability: linked.zcap.id,
      invocationTarget: wallet.zcap.invocationTarget,
    });
    const held = await tokenFor(server, key, zcap);
    expect(await get(server, wallet, held)).toMatchObject({ wallet_id: wallet.id });
    const grant = server.call('WalletService/GrantAccess', { wallet_id: wallet.id, zcap: json(zcap) }, held);
    await expect(grant).rejects.toMatchObject({ code: 7 });

    // As any other: listed, taken back, and with it what came of it.
    const first = await tokenFor(server, wallet.device, wallet.zcap);
    await server.call('WalletService/RevokeAccess', { wallet_id: wallet.id, did }, first);
    await expect(get(server, wallet, held)).rejects.toMatchObject({ code: 16 });
    expect(await refusedExchange(server, ask(wallet, token), proving(server, key))).toBe('400 invalid_target');
  });

  /** A capability from this session or token, what its holder has granted on, and their tokens. */
  async function derived(server: WalletServer, wallet: OpenWallet, token: string, client?: string) {
    const scope = { scope: 'wallet:read wallet:grant' };
    const [key, friend] = [newDevice(), newDevice()];
    const answer = await exchanged(server, ask(wallet, token, scope), proving(server, key, client));
    const held = { id: wallet.id, device: key, zcap: documentIn(answer.access_token) } as OpenWallet;
    const { zcap } = await grantTo(server, held, { members: { expires: held.zcap.expires } }, friend);
    const holders: readonly (readonly [Device, Doc])[] = [
      [key, held.zcap],
      [friend, zcap],
    ];
    const tokens = await Promise.all(holders.map(([device, one]) => tokenFor(server, device, one)));
    return { holders, tokens };
  }

  async function refusals(
    server: WalletServer,
    wallet: OpenWallet,
    { holders, tokens }: Awaited<ReturnType<typeof derived>>,
  ) {
    const tries = [
      ...tokens.map((one) => get(server, wallet, one)),
      ...holders.map(([device, zcap]) => tokenFor(server, device, zcap)),
      ...holders.map(([device, zcap]) => invokeOnce(server, wallet, device, zcap)),
    ];
    return (await Promise.allSettled(tries)).map((one) =>
      one.status === 'rejected' ? (one.reason as { code: number }).code : 'ok',
    );
  }

  test('loses it with its session, and so does whoever it was passed on to', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const { token, session } = await openTestSession(server);
    await link(server, wallet, (await didOf(server, token)).did, { allowedAction: ['read', 'grant'] });
    const made = await derived(server, wallet, token);
    expect(await refusals(server, wallet, made)).toEqual(Array(6).fill('ok'));
    await write(server.context, system, (tx) => endSession(tx, 'dev', session.id, 'logout'));
    expect(await refusals(server, wallet, made)).toEqual([16, 16, 7, 7, 7, 7]);
    // What the device itself has given stays: the next session gets another one.
    const next = await openTestSession(server);
    const again = await derived(server, wallet, next.token);
    await write(server.context, system, (tx) => suspendSubject(tx, 'dev', 'credential:cred-1'));
    expect(await refusals(server, wallet, again)).toEqual([16, 16, 7, 7, 7, 7]);
  });

  test('loses it as a client with its token, and with its membership', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const token = await ownToken(server, 'orders');
    await link(server, wallet, (await didOf(server, token)).did, { allowedAction: ['read', 'grant'] });
    const made = await derived(server, wallet, token, 'orders');
    expect(await refusals(server, wallet, made)).toEqual(Array(6).fill('ok'));
    const path = `${server.issuer()}/protocol/openid-connect/revoke`;
    expect((await post(path, form({ token }), basic('orders', secret))).status).toBe(200);
    expect(await refusals(server, wallet, made)).toEqual([16, 16, 7, 7, 7, 7]);
    const again = await derived(server, wallet, await ownToken(server, 'orders'), 'orders');
    const offboard = await fetch(`${server.issuer()}/registry/participants/p-orders/offboard`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await server.adminToken()}` },
    });
    expect(offboard.status).toBeLessThan(300);
    expect(await refusals(server, wallet, again)).toEqual([16, 16, 7, 7, 7, 7]);
  });

  test('ends no later than the delegation, or the session', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const { token } = await openTestSession(server);
    const { did } = await didOf(server, token);
    const end = Math.floor(Date.now() / 1000) * 1000 + 90_000;
    const expires = new Date(end).toISOString().replace('.000', '');
    await link(server, wallet, did, { expires });
    const answer = await exchanged(server, ask(wallet, token), proving(server, newDevice()));
    expect(Date.parse(String(documentIn(answer.access_token).expires))).toBe(end);
    expect(answer.expires_in).toBeLessThanOrEqual(90);
  });

  test('gets nothing that would outlive the session if that were not used again', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const { token } = await openTestSession(server);
    await link(server, wallet, (await didOf(server, token)).did);
    const changed = await fetch(`${server.issuer()}/admin/settings`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ settings: { sessionIdleSeconds: 30 } }),
    });
    expect(changed.status).toBe(200);
    const capability = await exchanged(server, ask(wallet, token), proving(server, newDevice()));
    const subject = await exchanged(server, { subject_token: token, subject_token_type: sessionType });
    for (const { expires_in } of [capability, subject]) expect(expires_in).toBeLessThanOrEqual(30);
  });

  test('gets one as a client, by its own token for the issuer alone', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const token = await ownToken(server, 'orders');
    await link(server, wallet, (await didOf(server, token)).did);
    const key = newDevice();
    const answer = await exchanged(server, ask(wallet, token), proving(server, key, 'orders'));
    const held = await tokenFor(server, key, documentIn(answer.access_token));
    expect(await get(server, wallet, held)).toMatchObject({ wallet_id: wallet.id });
    const refused = async (one: string, client?: string) =>
      refusedExchange(server, ask(wallet, one), proving(server, key, client));
    expect(await refused(token, 'ledger')).toBe('400 invalid_request');
    expect(await refused(token)).toBe('401 invalid_client');
    expect(await refused(await ownToken(server, 'ledger'), 'ledger')).toBe('400 invalid_target');
    const forLedger = form({ grant_type: 'client_credentials', resource: 'https://ledger.example' });
    const narrow = (await (await post(tokenUrl(server), forLedger, basic('orders', secret))).json()) as {
      access_token: string;
    };
    expect(await refused(narrow.access_token, 'orders')).toBe('400 invalid_request');
  });

  test('cannot fill the wallet: its device grants on, while the subject waits for what it has to end', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const { token } = await openTestSession(server);
    const { did } = await didOf(server, token);
    await link(server, wallet, did);
    const answers: number[] = [];
    for (let i = 0; i < 33; i++) {
      answers.push((await askExchange(server, ask(wallet, token), proving(server, newDevice()))).status);
    }
    expect(answers).toEqual([...Array(32).fill(200), 409]);
    expect((await grantTo(server, wallet)).id).toBe(wallet.id);
  });

  test('cannot fill the wallet by asking many times at the same moment either', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const { token } = await openTestSession(server);
    const { did } = await didOf(server, token);
    await link(server, wallet, did);
    const asked = Array.from({ length: 60 }, () =>
      askExchange(server, ask(wallet, token), proving(server, newDevice())).then(({ status }) => status),
    );
    expect((await Promise.all(asked)).filter((status) => status === 200)).toHaveLength(32);
  });

  test('gets it from another delegation where the one that ends last is full, or hangs on what has ended', async () => {
    const server = await start();
    const wallet = await openWallet(server);
    const { token } = await openTestSession(server);
    const { did } = await didOf(server, token);
    const parent = async () => {
      const answer = await exchanged(server, ask(wallet, token), proving(server, newDevice()));
      return documentIn(answer.access_token).parentCapability;
    };
    const until = (seconds: number) => ({ expires: instant(Math.floor(Date.now() / 1000) + seconds) });
    const short = await link(server, wallet, did, until(120));
    // By a client whom the device has let in, and whose token is then gone.
    const own = await ownToken(server, 'orders');
    await link(server, wallet, (await didOf(server, own)).did, { allowedAction: ['read', 'grant'] });
    const made = await derived(server, wallet, own, 'orders');
    const [[key, zcap] = []] = made.holders;
    const through = { id: wallet.id, device: key as Device, zcap: zcap as Doc };
    const fleeting = await link(server, through, did, { allowedAction: ['read'], expires: (zcap as Doc).expires });
    expect(await parent()).toBe(fleeting.zcap.id);
    const body = form({ token: own });
    await post(`${server.issuer()}/protocol/openid-connect/revoke`, body, basic('orders', secret));
    expect(await parent()).toBe(short.zcap.id);
    const long = await link(server, wallet, did, until(86_400));
    for (let i = 0; i < 32; i++) expect(await parent()).toBe(long.zcap.id);
    expect(await parent()).toBe(short.zcap.id);
  });

  test('gets nothing that no device has given, with nothing less than asked for', async () => {
    const server = await start();
    const [wallet, other] = [await openWallet(server), await openWallet(server)];
    const { token, session } = await openTestSession(server);
    const { did } = await didOf(server, token);
    await link(server, wallet, did);
    const key = newDevice();
    const refused = (parameters: Parameters, asking = proving(server, key)) =>
      refusedExchange(server, parameters, asking);
    const rows: readonly (readonly [Parameters, string])[] = [
      [ask(other, token), '400 invalid_target'],
      [ask({ id: '00000000-0000-4000-8000-000000000000' }, token), '400 invalid_target'],
      [ask(wallet, token, { audience: wallet.id }), '400 invalid_target'],
      [ask(wallet, token, { audience: `urn:countersign:wallet:${wallet.id}/x` }), '400 invalid_target'],
      [ask(wallet, token, { audience: 'urn:countersign:realm:dev' }), '400 invalid_target'],
      [ask(wallet, token, { resource: `urn:countersign:wallet:${other.id}` }), '400 invalid_target'],
      [ask(wallet, token, { scope: 'wallet:read wallet:grant' }), '400 invalid_target'],
      [ask(wallet, token, { scope: 'read' }), '400 invalid_scope'],
      [ask(wallet, 'css_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'), '400 invalid_request'],
      [ask(wallet, token, { requested_token_type: sessionType }), '400 invalid_request'],
    ];
    for (const [parameters, answer] of rows)
      expect([parameters, await refused(parameters)]).toEqual([parameters, answer]);
    const { scope: _, ...noScope } = ask(wallet, token);
    expect(await refused(noScope)).toBe('400 invalid_scope');
    expect(await refused(ask(wallet, token), {})).toBe('400 invalid_dpop_proof');
    const elsewhere = { headers: { dpop: dpopProof(key, { htu: server.issuer() }) } };
    expect(await refused(ask(wallet, token), elsewhere)).toBe('400 invalid_dpop_proof');
    const restricted = await openTestSession(server, { restriction: { to: 'update-password', version: 1 } });
    expect(await refused(ask(wallet, restricted.token))).toBe('400 invalid_request');
    const foreign = await openTestSession(server, {}, 'bank');
    expect(await refused(ask(wallet, foreign.token))).toBe('400 invalid_request');
    // The same words in another realm are another subject.
    expect(subjectDid(server.context, 'bank', 'credential:cred-1').did).not.toBe(did);
    expect((await askExchange(server, ask(wallet, token), proving(server, key))).status).toBe(200);
    await write(server.context, system, (tx) => endSession(tx, 'dev', session.id, 'force'));
    expect(await refused(ask(wallet, token))).toBe('400 invalid_request');
    const again = await openTestSession(server);
    await write(server.context, system, (tx) => suspendSubject(tx, 'dev', 'credential:cred-1'));
    expect(await refused(ask(wallet, again.token))).toBe('400 invalid_request');
  });
});

describe('the DID of a subject', () => {
  test('is told to the subject, and to nobody without a token', async () => {
    const server = await walletServer({ network: chainNetwork });
    const url = `${server.issuer()}/wallets/subject-did`;
    expect((await fetch(url)).status).toBe(401);
    const wrong = await fetch(url, { headers: { authorization: 'Bearer css_wrong' } });
    expect(wrong.status).toBe(401);
    const { token } = await openTestSession(server, {}, 'bank');
    const foreign = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    expect(foreign.status).toBe(403);
    const client = await didOf(server, await ownToken(server, 'orders'));
    expect(client).toEqual({ subject: expect.any(String), did: expect.stringMatching(/^did:key:z6Mk/) });
  });
});
