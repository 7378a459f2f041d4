/** All that is made from one participant, one session and one wallet, in a realm of its own, and whether a node still takes it. */
import { createService, MessageProblem, type Service } from '@countersign/client';
import { onTestFinished } from 'vitest';
import type { Doc } from '../../../proof/test/support/capability.ts';
import { accessType, exchangeGrant, secret, sessionType, transactionType } from './chain.ts';
import { eventually } from './eventually.ts';
import { type Answer, type Sent, send } from './fresh-connection.ts';
import { basic, form } from './oauth.ts';
import { passwords } from './passwords.ts';
import type { Mailbox } from './smtp.ts';
import { base64url, createRequest, type Device, delegation, dpopProof, newDevice, tokenRequest } from './wallet.ts';
import { walletType } from './wallet-exchange.ts';

export interface Cluster {
  /** What it says of itself. */
  readonly url: string;
  /** Where its nodes are reached, as often as each is asked, by a new connection each time. */
  readonly nodes: readonly string[];
  readonly mails: Mailbox;
  readonly admin: string;
}

const [ledger, archive] = ['https://ledger.example', 'https://archive.example'];

/** `orders` calls `ledger`, which calls `archive`; `ada` logs in. */
export function familyRealm(name: string, key: object) {
  const service = (id: string, audiences: readonly string[], keys: readonly object[] = []) => ({
    ...{ id: `p-${id}`, role: 'LENDER', status: 'APPROVED', baseUrl: `https://${id}.example` },
    client: { id, secret, audiences },
    keys,
  });
  return {
    ...{ name, profile: 'ocen4', settings: { accessTokenAlg: 'ES256', walletCreation: 'open' } },
    participants: [service('orders', [ledger], [key]), service('ledger', [archive]), service('archive', [])],
    identityProfiles: [{ id: 'ip', name: 'Corporates' }],
    passwordProfiles: [{ id: 'ip', configPerCredentialType: { ROOT: {} } }],
    identities: [{ id: 'corp', profileId: 'ip', name: 'Globex' }],
    credentials: [{ id: 'ada', identityId: 'corp', type: 'ROOT', code: `ada@${name}.example` }],
  };
}

export type Verdict = 'alive' | 'refused' | 'mixed';

export interface Child {
  /** At this node. */
  verdict(node: string): Promise<Verdict>;
  /** For those that verify offline: why not, or undefined. */
  readonly offline?: () => Promise<string | undefined>;
}

export interface Family {
  readonly realm: string;
  readonly children: Readonly<Record<string, Child>>;
  readonly session: string;
  readonly own: string;
  readonly order: string;
  readonly did: string;
  readonly walletId: string;
  readonly code: string;
  /** In the realm, at the first node. */
  ask(path: string, sent?: Sent): Promise<Answer>;
  /** As the administrator of `system`. */
  administer(path: string, body?: unknown, method?: string): Promise<Answer>;
  /** As a device of the wallet. */
  byDevice(method: string, body: object): Promise<Answer>;
}

/** Makes every child of every edge. `session` may stand in for a plain login. */
export async function makeFamily(
  cluster: Cluster,
  realm: string,
  prepare: (ask: Family['ask'], session: string) => Promise<string> = async (_ask, session) => session,
): Promise<Family> {
  const issuer = `${cluster.url}/realms/${realm}`;
  const [first = ''] = cluster.nodes;
  // Each realm its own budgets.
  const source = `10.7.${Buffer.from(realm).reduce((sum, byte) => (sum * 31 + byte) % 65_000, 7) >> 8}.${realm.length}`;
  const at = (node: string, path: string, { headers, ...sent }: Sent = {}) =>
    send(`${node}/realms/${realm}${path}`, { ...sent, headers: { 'x-forwarded-for': source, ...headers } });
  const ask: Family['ask'] = (path, sent) => at(first, path, sent);
  const administer: Family['administer'] = (path, body, method = 'POST') =>
    ask(path, {
      method,
      body: method === 'GET' ? undefined : (body ?? {}),
      headers: { authorization: `Bearer ${cluster.admin}` },
    });
  const bearing = (token: string): Sent => ({ headers: { authorization: `Bearer ${token}` } });
  const ok = async (answering: Promise<Answer>) => {
    const answer = await answering;
    if (answer.status !== 200) throw new Error(`${realm}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };

  const tokens = '/protocol/openid-connect/token';
  const oauth = (node: string, parameters: Readonly<Record<string, string>>, client?: string, headers = {}) =>
    at(node, tokens, { body: form(parameters), headers: { ...(client ? basic(client, secret) : {}), ...headers } });
  const exchange = (node: string, token: string, type: string, audience: string, client?: string, more = {}) =>
    oauth(
      node,
      { grant_type: exchangeGrant, subject_token: token, subject_token_type: type, audience, ...more },
      client,
    );
  const exchanged = async (...asked: Parameters<typeof exchange>) =>
    (await ok(exchange(...asked))).access_token as string;
  const bought = async (more: Readonly<Record<string, string>> = {}) =>
    (await ok(oauth(first, { grant_type: 'client_credentials', ...more }, 'orders'))).access_token as string;

  const rpc = (node: string, method: string, body: object, headers = {}) =>
    at(node, `/countersign.v1.${method}`, { body, headers });
  const bytes = (document: unknown) => Buffer.from(JSON.stringify(document)).toString('base64');
  const challenge = (node: string) => ok(rpc(node, 'AuthService/GetChallenge', {}));
  const acquire = async (node: string, device: Device, zcap: Doc) =>
    rpc(node, 'AuthService/AcquireToken', { invocation: bytes(tokenRequest(device, zcap, await challenge(node))) });
  const acquired = async (device: Device, zcap: Doc) => (await ok(acquire(first, device, zcap))).walletToken as string;

  const service = (id: string, audience: string): Service => {
    const made = createService({
      ...{ issuer, clientId: id, clientSecret: secret, audience },
      accept: ['participant', 'credential', 'wallet'],
    });
    onTestFinished(() => made.close());
    return made;
  };
  const services = { [ledger]: service('ledger', ledger), [archive]: service('archive', archive) };
  const offline = (audience: string, token: string) => async () => {
    const asked = services[audience]?.authenticate({ authorization: `Bearer ${token}` });
    return asked?.then(
      () => undefined,
      (error) => (error instanceof MessageProblem ? error.code : String(error)),
    );
  };

  const both = (one: boolean, other: boolean): Verdict => (one !== other ? 'mixed' : one ? 'alive' : 'refused');
  const status = (wanted: number, refused: number, { status, body }: Answer): Verdict => {
    if (status === wanted) return 'alive';
    if (status === refused) return 'refused';
    throw new Error(`${realm}: ${status} ${JSON.stringify(body)}`);
  };
  const introspected = async (node: string, token: string, client: string) =>
    (await ok(at(node, `${tokens}/introspect`, { body: form({ token }), headers: basic(client, secret) }))).active;
  /** For `ledger`, which exchanges it on. */
  const passable = (token: string, type: string): Child => ({
    async verdict(node) {
      const { status } = await exchange(node, token, type, archive, 'ledger');
      if (![200, 400, 401].includes(status)) throw new Error(`${realm}: exchange ${status}`);
      return both(await introspected(node, token, 'ledger'), status === 200);
    },
    offline: offline(ledger, token),
  });
  const last = (token: string): Child => ({
    verdict: async (node) => ((await introspected(node, token, 'archive')) ? 'alive' : 'refused'),
    offline: offline(archive, token),
  });
  const usable = (device: Device, zcap: Doc): Child => ({
    verdict: async (node) => status(200, 403, await acquire(node, device, zcap)),
  });

  // A wallet, whose device lets both subjects in.
  const device = newDevice();
  const opened = createRequest(device, await challenge(first));
  const { walletId, zcap } = await ok(rpc(first, 'WalletService/CreateWallet', { signedRequest: bytes(opened) }));
  const root = JSON.parse(Buffer.from(zcap, 'base64').toString()) as Doc;
  const byDevice: Family['byDevice'] = async (method, body) =>
    rpc(first, method, { walletId, ...body }, { authorization: `Bearer ${await acquired(device, root)}` });
  const letIn = async (token: string) => {
    const { did } = await ok(ask('/wallets/subject-did', { method: 'GET', ...bearing(token) }));
    const passed = delegation(root, device, { did }, { members: { allowedAction: ['read', 'grant'] } });
    await ok(byDevice('WalletService/GrantAccess', { zcap: bytes(passed) }));
    return did as string;
  };
  const wallet = `urn:countersign:wallet:${walletId}`;
  const getWallet = (token: string): Child => ({
    verdict: async (node) =>
      status(200, 401, await rpc(node, 'WalletService/GetWallet', { walletId }, bearing(token).headers)),
  });
  /** A capability from a session or a client's token, and all that comes of it. */
  const fromWallet = async (who: string, token: string, type: string, client?: string) => {
    const [key, friend] = [newDevice(), newDevice()];
    const asked = {
      subject_token: token,
      subject_token_type: type,
      audience: wallet,
      scope: 'wallet:read wallet:grant',
    };
    const dpop = dpopProof(key, { htu: `${issuer}${tokens}` });
    const wanted = {
      grant_type: exchangeGrant,
      requested_token_type: 'urn:countersign:params:oauth:token-type:capability',
    };
    const { access_token } = await ok(oauth(first, { ...wanted, ...asked }, client, { dpop }));
    const capability = JSON.parse(Buffer.from(access_token, 'base64url').toString()) as Doc;
    const walletToken = await acquired(key, capability);
    const granted = delegation(capability, key, friend);
    await ok(rpc(first, 'WalletService/GrantAccess', { walletId, zcap: bytes(granted) }, bearing(walletToken).headers));
    const members = { resource: ledger, scope: 'wallet:read' };
    const invocation = base64url(tokenRequest(key, capability, await challenge(first), { members }));
    const invoked = 'urn:countersign:params:oauth:token-type:capability-invocation';
    const served = await exchanged(first, invocation, invoked, ledger, undefined, { scope: 'wallet:read' });
    return {
      [`capability of ${who}`]: usable(key, capability),
      [`wallet token of ${who}`]: getWallet(walletToken),
      [`capability that ${who} granted on`]: usable(friend, granted),
      [`service token of ${who}`]: passable(served, walletType),
      [`service token of ${who}, passed on`]: last(await exchanged(first, served, walletType, archive, 'ledger')),
    };
  };

  const made = await administer('/passwords/ada/create', { password: { value: passwords.first } });
  if (made.status !== 200) throw new Error(`${realm}: no password: ${made.status}`);
  const login = async () =>
    (await ok(ask('/auth/login', { body: { credentialCode: `ada@${realm}.example`, password: passwords.first } })))
      .token as string;
  const other = await login();
  const session = await prepare(ask, await login());
  await ask('/passwords/lost_password/start', { body: { email: `ada@${realm}.example` } });
  const nonce = await eventually(() => codeFor(cluster.mails, `ada@${realm}.example`), 20_000);
  const order = await bought({ resource: ledger });
  const own = await bought();
  const subject = await exchanged(first, session, sessionType, ledger);
  await letIn(own);
  const did = await letIn(session);
  const alive = (token: string): Child => ({
    verdict: async (node) => status(200, 401, await at(node, '/auth/subject', bearing(token))),
  });
  const children: Readonly<Record<string, Child>> = {
    order: passable(order, accessType),
    'order, passed on': last(await exchanged(first, order, accessType, archive, 'ledger')),
    'another order': passable(await bought({ resource: ledger }), accessType),
    'own token': {
      verdict: async (node) => status(200, 401, await at(node, '/status', { method: 'GET', ...bearing(own) })),
    },
    ...(await fromWallet('the client', own, accessType, 'orders')),
    session: alive(session),
    'other session': alive(other),
    subject: passable(subject, transactionType),
    'subject, passed on': last(await exchanged(first, subject, transactionType, archive, 'ledger')),
    ...(await fromWallet('the session', session, sessionType)),
    code: {
      async verdict(node) {
        // A password that the rules refuse uses no code up.
        const body = { email: `ada@${realm}.example`, nonce, newPassword: { value: 'short' } };
        const answer = await at(node, '/passwords/lost_password/resume', { body });
        return answer.body.code === 'PASSWORD_TOO_SHORT' ? 'alive' : status(200, 409, answer);
      },
    },
    'device capability': usable(device, root),
  };
  return { realm, children, session, own, order, did, walletId, code: nonce, ask, administer, byDevice };
}

function codeFor({ received }: Mailbox, to: string): string | undefined {
  const codes = received.flatMap((mail) =>
    mail.to.includes(to) ? (/csl_[A-Za-z0-9_-]{43}/.exec(mail.raw) ?? []) : [],
  );
  return codes.at(-1);
}
