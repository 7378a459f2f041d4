/** The calls by which a family of derived tokens is made and tried, at any node of its realm. */
import type { Doc } from '../../../proof/test/support/capability.ts';
import { exchangeGrant, secret } from './chain.ts';
import { type Answer, type Sent, send } from './fresh-connection.ts';
import { basic, form } from './oauth.ts';
import type { Mailbox } from './smtp.ts';
import { type Device, tokenRequest } from './wallet.ts';

export interface Cluster {
  /** What it says of itself. */
  readonly url: string;
  /** Where its nodes are reached, as often as each is asked, by a new connection each time. */
  readonly nodes: readonly string[];
  readonly mails: Mailbox;
  readonly admin: string;
}

export type FamilyCalls = ReturnType<typeof familyCalls>;

export const tokensPath = '/protocol/openid-connect/token';
export const bearing = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
export const bytes = (document: unknown) => Buffer.from(JSON.stringify(document)).toString('base64');

export function familyCalls({ url, nodes: [first = ''], admin }: Cluster, realm: string) {
  // Each realm its own budgets.
  const source = `10.7.${Buffer.from(realm).reduce((sum, byte) => (sum * 31 + byte) % 65_000, 7) >> 8}.${realm.length}`;
  const at = (node: string, path: string, { headers, ...sent }: Sent = {}) =>
    send(`${node}/realms/${realm}${path}`, { ...sent, headers: { 'x-forwarded-for': source, ...headers } });
  /** At the first node. */
  const ask = (path: string, sent?: Sent) => at(first, path, sent);
  /** As the administrator of `system`. */
  const administer = (path: string, body?: unknown, method = 'POST') =>
    ask(path, { method, body: method === 'GET' ? undefined : (body ?? {}), ...bearing(admin) });
  const ok = async (answering: Promise<Answer>) => {
    const answer = await answering;
    if (answer.status !== 200) throw new Error(`${realm}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };

  const oauth = (node: string, parameters: Readonly<Record<string, string>>, client?: string, headers = {}) =>
    at(node, tokensPath, { body: form(parameters), headers: { ...(client ? basic(client, secret) : {}), ...headers } });
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
  const introspected = async (node: string, token: string, client: string) =>
    (await ok(at(node, `${tokensPath}/introspect`, { body: form({ token }), headers: basic(client, secret) }))).active;

  const rpc = (node: string, method: string, body: object, headers = {}) =>
    at(node, `/countersign.v1.${method}`, { body, headers });
  const challenge = (node: string) => ok(rpc(node, 'AuthService/GetChallenge', {}));
  const acquire = async (node: string, device: Device, zcap: Doc) =>
    rpc(node, 'AuthService/AcquireToken', { invocation: bytes(tokenRequest(device, zcap, await challenge(node))) });
  const acquired = async (device: Device, zcap: Doc) => (await ok(acquire(first, device, zcap))).walletToken as string;

  const calls = { at, ask, administer, ok, oauth, exchange, exchanged, bought, introspected };
  return { ...calls, rpc, challenge, acquire, acquired, first, issuer: `${url}/realms/${realm}`, realm };
}
