import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { issueStatus } from '../src/subject/tokens/status.ts';
import { isActive } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { keyOf } from './support/network.ts';
import { type Nodes, twoNodes, until } from './support/oauth.ts';
import { obtainToken } from './support/server.ts';

const secret = 'secret-of-the-agent-for-tests';
const entry = {
  id: 'agent',
  role: 'LOAN_AGENT',
  status: 'APPROVED',
  client: { id: 'agent', secret, scope: 'loans pay', audiences: ['https://one.example', 'https://two.example'] },
  resources: [
    { resource: 'loan-api', roles: ['apply', 'cancel'] },
    { resource: 'pay-api', roles: ['pay'] },
  ],
};
const [loan, pay] = entry.resources;
const fileOf = (change: object) => ({
  realms: [{ name: 'dev', profile: 'ocen4', participants: [{ ...entry, ...change }] }],
});
const client = (change: object) => ({ client: { id: 'agent', ...change } });

const taken = [
  ['a resource', { resources: [loan] }],
  ['a role of a resource', { resources: [{ resource: 'loan-api', roles: ['apply'] }, pay] }],
  ['all resources', { resources: [] }],
  ['the role in the network', { role: 'KYC_PARTNER' }],
  ['a scope', client({ scope: 'loans' })],
  ['all scopes', client({ scope: '' })],
  ['an audience', client({ audiences: ['https://two.example'] })],
] as const;

const kept = [
  ['another order', { resources: [pay, { resource: 'loan-api', roles: ['cancel', 'apply'] }] }],
  ['one more resource', { resources: [...entry.resources, { resource: 'kyc-api', roles: [] }] }],
  ['one more role there', { resources: [{ resource: 'loan-api', roles: ['apply', 'cancel', 'see'] }, pay] }],
  ['one more scope', client({ scope: 'pay loans see' })],
  ['one more audience', client({ audiences: [...entry.client.audiences, 'https://three.example'] })],
  ['a base URL', { baseUrl: 'https://agent.example', keys: [keyOf('agent')] }],
] as const;

eachDatabase('what is taken from a participant', (freshUrl) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await twoNodes({ databaseUrl: await freshUrl(), network: fileOf({}) });
  });
  afterAll(() => nodes?.close());

  const apply = (change: object) =>
    applyNetwork(nodes.one.context, fileOf(change), { actor: 'test', requestId: 'test' });
  const tokenOf = () => obtainToken(nodes.one.issuer(), 'agent', secret);
  const own = { clientId: 'agent', clientSecret: secret };
  const active = (token: string) => isActive(nodes.one, token, own);
  const activeAtTwo = (token: string) =>
    isActive({ ...nodes.two, issuer: () => nodes.atTwo(nodes.one.issuer()) }, token, own);

  test.each(taken)(
    '%s: its tokens are dead here at once, elsewhere within two seconds, and in the feed',
    async (_, change) => {
      await apply({});
      const token = await tokenOf();
      expect([await active(token), await activeAtTwo(token)]).toEqual([true, true]);
      await apply(change);
      expect(await active(token)).toBe(false);
      expect(
        await until(
          () => activeAtTwo(token),
          (alive) => !alive,
          2_000,
        ),
      ).toBe(false);
      const { sub, gen } = decodeJwt(token);
      const { context } = nodes.one;
      const { claims } = await issueStatus(context, await requireRealm(context, 'dev'), 0);
      const told = claims.revoked.find(({ kind, id }) => kind === 'subject' && id === sub);
      expect(told?.generation).toBeGreaterThanOrEqual(gen as number);
      expect(await active(await tokenOf())).toBe(true);
      // Nothing more is taken: nothing more dies.
      const next = await tokenOf();
      await apply(change);
      expect(await active(next)).toBe(true);
    },
  );

  test.each(kept)('is nothing with %s: its tokens live on', async (_, change) => {
    await apply({});
    const token = await tokenOf();
    await apply(change);
    expect(await active(token)).toBe(true);
  });
});
