/** Capabilities at the token endpoint: what devices send, and the property that nothing they get is wider than what they hold. */
import fc from 'fast-check';
import { decodeJwt } from 'jose';
import { expect } from 'vitest';
import { askExchange } from './chain.ts';
import { base64url, type Change, grantTo, type OpenWallet, tokenRequest, type WalletServer } from './wallet.ts';

export const orders = 'https://orders.example';
export const ledger = 'https://ledger.example';
const invocationType = 'urn:countersign:params:oauth:token-type:capability-invocation';
export const walletType = 'urn:countersign:params:oauth:token-type:wallet';

export type Parameters = Readonly<Record<string, string>>;

/** What a device sends for a token for a service. */
export async function invoking(
  server: WalletServer,
  { device, zcap }: OpenWallet,
  asked: Parameters,
  change: Change = {},
) {
  const { audience, resource = audience, scope } = asked;
  const members = { resource, ...(scope === undefined ? {} : { scope }), ...change.members };
  const action = [zcap.allowedAction].flat()[0] as string;
  const proof = { capabilityAction: action, ...change.proof };
  const document = tokenRequest(device, zcap, await server.challenge(), { members, proof });
  return { subject_token: base64url(document), subject_token_type: invocationType, ...asked };
}

export const passingOn = (token: string, audience: string, more: Parameters = {}): Parameters => ({
  subject_token: token,
  subject_token_type: walletType,
  audience,
  ...more,
});

/** By an administrator. */
export async function revoke(server: WalletServer, { id, zcap }: OpenWallet) {
  const response = await fetch(`${server.issuer()}/admin/capabilities/revoke`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ walletId: id, capabilityId: zcap.id }),
  });
  expect(response.status).toBe(200);
}

const actions = ['read', 'write', 'grant', 'invite'];
const link = fc.record({
  actions: fc.subarray(actions, { minLength: 1 }),
  seconds: fc.integer({ min: 60, max: 600 }),
});
const asked = fc.option(fc.subarray(actions, { minLength: 1 }), { nil: undefined });

interface Held extends OpenWallet {
  readonly actions: readonly string[];
  /** Seconds since the epoch. */
  readonly until: number;
}

/** How often each answer was given: of these no one may be rare, else the property says little. */
export interface Answers {
  granted: number;
  refused: number;
  passedOn: number;
  notPassedOn: number;
  outlived: number;
}

/**
 * Over random chains below a wallet's first capability.
 *
 * 1. A chain is made, each link of which takes a part of what the one above has.
 * 2. Its last device asks for a token, for what it holds and for what it does not: there is what both say, to the earliest end, or none.
 * 3. The service passes the token on, for less, for as much, or for more, which is refused.
 * 4. One link is revoked: the devices below get nothing any more, the one above gets what it got.
 */
export async function checkExchanges(server: WalletServer, first: OpenWallet, numRuns: number): Promise<Answers> {
  const answers: Answers = { granted: 0, refused: 0, passedOn: 0, notPassedOn: 0, outlived: 0 };
  const top: Held = { ...first, actions, until: Number.POSITIVE_INFINITY };
  const askOf = async (holder: OpenWallet, wanted?: readonly string[]) =>
    askExchange(server, await invoking(server, holder, { audience: orders, ...scopeOf(wanted) }));

  async function checkChain(
    links: readonly { actions: string[]; seconds: number }[],
    wanted?: string[],
    passed?: string[],
    at = 0,
  ) {
    const chain = await chainOf(server, top, links);
    const tail = chain.at(-1) ?? top;
    const allowed = tail.actions.filter((action) => wanted?.includes(action) ?? true);
    const response = await askOf(tail, wanted);
    expect(response.status).toBe(allowed.length === 0 ? 400 : 200);
    if (allowed.length === 0) answers.refused++;
    else {
      answers.granted++;
      await checkToken(await accessTokenIn(response), tail, allowed, passed);
    }
    const cut = chain[at % Math.max(1, chain.length)];
    if (cut === undefined) return;
    await revoke(server, cut);
    expect((await askOf(tail)).status).toBe(400);
    const above = chain[chain.indexOf(cut) - 1];
    if (above !== undefined) {
      answers.outlived++;
      const still = decodeJwt(await accessTokenIn(await askOf(above)));
      expect([...(still.actions as string[])].sort()).toEqual([...above.actions].sort());
      await revoke(server, chain[0] as Held);
    }
  }

  async function checkToken(token: string, tail: Held, allowed: readonly string[], passed?: readonly string[]) {
    const claims = decodeJwt(token);
    expect([...(claims.actions as string[])].sort()).toEqual([...allowed].sort());
    expect(claims.exp).toBeLessThanOrEqual(Math.min(tail.until, (claims.iat as number) + 300));
    expect(claims).toMatchObject({ wallet: first.id, aud: orders });
    const next = await askExchange(server, passingOn(token, ledger, scopeOf(passed)), { client: 'orders' });
    const isNarrower = passed === undefined || passed.every((action) => allowed.includes(action));
    expect(next.status).toBe(isNarrower ? 200 : 400);
    answers[isNarrower ? 'passedOn' : 'notPassedOn']++;
    if (!isNarrower) return;
    const after = decodeJwt(await accessTokenIn(next));
    expect(after).toMatchObject({ wallet: first.id, exp: claims.exp, chain: claims.chain });
    expect([...(after.actions as string[])].sort()).toEqual([...(passed ?? allowed)].sort());
  }

  const chains = fc.array(link, { minLength: 1, maxLength: 3 });
  await fc.assert(fc.asyncProperty(chains, asked, asked, fc.nat(2), checkChain), { numRuns });
  return answers;
}

/** As many links as the holders may make: who has no `grant` passes nothing on. */
async function chainOf(server: WalletServer, top: Held, links: readonly { actions: string[]; seconds: number }[]) {
  const chain: Held[] = [];
  let held = top;
  const now = Math.floor(Date.now() / 1000);
  for (const { actions: given, seconds } of links) {
    const allowedAction = given.filter((action) => held.actions.includes(action));
    if (!held.actions.includes('grant') || allowedAction.length === 0) break;
    const until = Math.min(held.until, now + seconds);
    const expires = new Date(until * 1000).toISOString().replace('.000', '');
    held = { ...(await grantTo(server, held, { members: { allowedAction, expires } })), actions: allowedAction, until };
    chain.push(held);
  }
  return chain;
}

function scopeOf(some: readonly string[] | undefined): Parameters {
  return some === undefined ? {} : { scope: some.map((one) => `wallet:${one}`).join(' ') };
}

async function accessTokenIn(response: Response): Promise<string> {
  expect(response.status).toBe(200);
  return ((await response.json()) as { access_token: string }).access_token;
}
