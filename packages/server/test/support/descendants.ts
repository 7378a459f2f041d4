/** All that is made from one participant, one session and one wallet, in a realm of its own, and whether a node still takes it. */

import { createEdge, createService, MessageProblem, type Service } from '@countersign/client';
import { onTestFinished } from 'vitest';
import { accessType, secret, sessionType, transactionType } from './chain.ts';
import { eventually } from './eventually.ts';
import { bearing, bytes, type Cluster, type FamilyCalls, familyCalls } from './family-calls.ts';
import { type Child, familyWallet, type Verdict } from './family-wallet.ts';
import type { Answer } from './fresh-connection.ts';
import { keyOf } from './network.ts';
import { passwords } from './passwords.ts';
import type { Mailbox } from './smtp.ts';
import { delegation } from './wallet.ts';

const [ledger, archive] = ['https://ledger.example', 'https://archive.example'];

/** `orders` and `edge` call `ledger`, which calls `archive`; `ada` logs in. */
export function familyRealm(name: string, key: object, settings: object = {}) {
  const service = (id: string, audiences: readonly string[], keys: readonly object[] = [keyOf(id)]) => ({
    ...{ id: `p-${id}`, role: 'LENDER', status: 'APPROVED', baseUrl: `https://${id}.example` },
    client: { id, secret, audiences },
    keys,
  });
  const services = [service('orders', [ledger], [key]), service('edge', [ledger])];
  return {
    ...{ name, profile: 'ocen4', settings: { accessTokenAlg: 'ES256', walletCreation: 'open', ...settings } },
    participants: [...services, service('ledger', [archive]), service('archive', [])],
    identityProfiles: [{ id: 'ip', name: 'Corporates' }],
    passwordProfiles: [{ id: 'ip', configPerCredentialType: { ROOT: {} } }],
    identities: [{ id: 'corp', profileId: 'ip', name: 'Globex' }],
    credentials: [{ id: 'ada', identityId: 'corp', type: 'ROOT', code: `ada@${name}.example`, emailVerified: true }],
  };
}

export interface Family extends Pick<FamilyCalls, 'ask' | 'administer' | 'realm'> {
  readonly children: Readonly<Record<string, Child>>;
  readonly session: string;
  readonly own: string;
  readonly order: string;
  readonly did: string;
  readonly walletId: string;
  readonly code: string;
  /** As a device of the wallet. */
  byDevice(method: string, body: object): Promise<Answer>;
}

/** Why it was refused, or undefined. */
const refusal = (asked: Promise<unknown>): Promise<string | undefined> =>
  asked.then(
    () => undefined,
    (error) => (error instanceof MessageProblem ? error.code : String(error)),
  );

/** Makes every child of every edge. `prepare` may put another session in place of a plain login. */
export async function makeFamily(
  cluster: Cluster,
  realm: string,
  prepare: (ask: Family['ask'], session: string) => Promise<string> = async (_ask, session) => session,
): Promise<Family> {
  const calls = familyCalls(cluster, realm);
  const { at, ask, administer, ok, exchange, exchanged, bought, introspected, rpc, acquired, first, issuer } = calls;

  const trusted = (id: string, audience: string) => ({
    ...{ issuer, clientId: id, clientSecret: secret, audience, now: () => Date.now() },
    accept: ['participant', 'credential', 'wallet'] as const,
  });
  const service = (id: string, audience: string): Service => {
    const made = createService(trusted(id, audience));
    onTestFinished(() => made.close());
    return made;
  };
  const [atLedger, atArchive] = [service('ledger', ledger), service('archive', archive)];
  const offline = (audience: string, token: string) => async () =>
    refusal((audience === ledger ? atLedger : atArchive).authenticate({ authorization: `Bearer ${token}` }));
  const { accept: _, ...ofEdge } = trusted('edge', ledger);
  const edge = createEdge({ ...ofEdge, status: { pollSeconds: 1 } });
  onTestFinished(() => edge.close());

  const both = (one: boolean, other: boolean): Verdict => (one !== other ? 'mixed' : one ? 'alive' : 'refused');
  const status = (wanted: number, refused: number, { status, body }: Answer): Verdict => {
    if (status === wanted) return 'alive';
    if (status === refused) return 'refused';
    throw new Error(`${realm}: ${status} ${JSON.stringify(body)}`);
  };
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
  const wallet = await familyWallet(calls, { status, passable, last, services: [ledger, archive] });
  const { device, root, walletId } = wallet;
  const byDevice: Family['byDevice'] = async (method, body) =>
    rpc(first, method, { walletId, ...body }, bearing(await acquired(device, root)).headers);
  const letIn = async (token: string) => {
    const { did } = await ok(ask('/wallets/subject-did', { method: 'GET', ...bearing(token) }));
    const passed = delegation(root, device, { did }, { members: { allowedAction: ['read', 'grant'] } });
    await ok(byDevice('WalletService/GrantAccess', { zcap: bytes(passed) }));
    return did as string;
  };

  const made = await administer('/passwords/ada/create', { password: { value: passwords.first } });
  if (made.status !== 200) throw new Error(`${realm}: no password: ${made.status}`);
  const credentials = { name: `ada@${realm}.example`, password: passwords.first };
  const login = async () =>
    (await ok(ask('/auth/login', { body: { credentialCode: credentials.name, password: credentials.password } })))
      .token as string;
  const other = await login();
  const address = '192.0.2.7';
  const atEdge = `${realm}: an id of the edge's own`;
  await edge.openSession(atEdge, credentials, { headers: {}, address });
  const session = await prepare(ask, await login());
  await ask('/passwords/lost_password/start', { body: { email: credentials.name } });
  const code = await eventually(() => codeFor(cluster.mails, credentials.name), 20_000);
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
    ...(await wallet.childrenOf('the client', own, accessType, 'orders')),
    session: alive(session),
    'session, held at the edge': {
      offline: () => refusal(edge.authenticateSession({ ...bearing(session), address })),
    },
    'other session': alive(other),
    'other session, opened at the edge': {
      offline: () => refusal(edge.resumeSession(atEdge, { headers: {}, address })),
    },
    subject: passable(subject, transactionType),
    'subject, passed on': last(await exchanged(first, subject, transactionType, archive, 'ledger')),
    ...(await wallet.childrenOf('the session', session, sessionType)),
    code: {
      async verdict(node) {
        // A password that the rules refuse uses no code up.
        const body = { email: credentials.name, nonce: code, newPassword: { value: 'short' } };
        const answer = await at(node, '/passwords/lost_password/resume', { body });
        return answer.body.code === 'PASSWORD_TOO_SHORT' ? 'alive' : status(200, 409, answer);
      },
    },
    'device capability': wallet.usable(device, root),
  };
  return { realm, children, session, own, order, did, walletId, code, ask, administer, byDevice };
}

function codeFor({ received }: Mailbox, to: string): string | undefined {
  const codes = received.flatMap((mail) =>
    mail.to.includes(to) ? (/csl_[A-Za-z0-9_-]{43}/.exec(mail.raw) ?? []) : [],
  );
  return codes.at(-1);
}
