import { setImmediate as nextTurn } from 'node:timers/promises';
import { createService } from '@countersign/client';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { realmKey } from '../src/kernel/id.ts';
import { findClient } from '../src/registry/client.store.ts';
import { type Client, lookUpClient } from '../src/registry/client.ts';
import { revoke } from '../src/registry/oauth/introspection.ts';
import { write } from '../src/store/write.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { reinstateSubject, suspendSubject } from '../src/subject/subject.ts';
import { issueToken } from '../src/subject/tokens/token.ts';
import { tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import {
  assertionClaims,
  assertionType,
  basic,
  errorOf,
  form,
  type NetworkKeys,
  type Nodes,
  networkKeys,
  oauthNetwork,
  post,
  secrets,
  signAssertion,
  tokenUrl,
  twoNodes,
  until,
} from './support/oauth.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

let keys: NetworkKeys;
beforeAll(async () => {
  keys = await networkKeys();
});

const agent = basic('agent', secrets.agent);
const lender = basic('lender', secrets.lender);
const onlooker = basic('onlooker', secrets.lender);

eachDatabase('introspection and revocation', (freshUrl) => {
  let nodes: Nodes;
  let server: TestServer;
  beforeAll(async () => {
    nodes = await twoNodes({ databaseUrl: await freshUrl(), network: oauthNetwork(keys) });
    server = nodes.one;
  });
  afterAll(() => nodes.close());

  const introspectUrl = (realm?: string) => `${tokenUrl(server, realm)}/introspect`;
  const revokeUrl = (realm?: string) => `${server.issuer(realm)}/protocol/openid-connect/revoke`;

  async function introspected(token: string, who = lender, url = introspectUrl()) {
    const response = await post(url, form({ token }), who);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    return (await response.json()) as { active: boolean } & Record<string, unknown>;
  }

  async function tokenOf(more: Record<string, string>, who = agent): Promise<string> {
    const response = await post(tokenUrl(server), form({ grant_type: 'client_credentials', ...more }), who);
    return ((await response.json()) as { access_token: string }).access_token;
  }

  test('tells what the token says, to any member of the realm when it is for the realm', async () => {
    const token = await tokenOf({});
    const claims = decodeJwt(token);
    const told = await introspected(token, onlooker);
    expect(told).toEqual({ ...claims, active: true, token_type: 'Bearer' });
  });

  test('tells those whom it is for, and its client; nobody else', async () => {
    const cases: [resource: string, knows: boolean][] = [
      ['https://lender.example', true],
      ['p-lender', true],
      ['lender', true],
      ['loan-api', false],
      ['https://nobody.example', false],
    ];
    for (const [resource, knows] of cases) {
      const token = await tokenOf({ resource });
      expect((await introspected(token, agent)).active).toBe(true);
      expect((await introspected(token, lender)).active, resource).toBe(knows);
      expect(await introspected(token, onlooker)).toEqual({ active: false });
    }
  });

  test('having the right to ask for an audience is no right to see its tokens', async () => {
    // `agent` may name https://lender.example as a resource; a token of somebody else's for it is none of its business.
    const token = await tokenOf({ resource: 'https://nobody.example' });
    expect(await introspected(token, lender)).toEqual({ active: false });
  });

  test.each([
    ['garbage', () => 'x'],
    ['a JWT of nobody', () => 'eyJhbGciOiJub25lIn0.e30.'],
    ['100,000 characters', () => 'x'.repeat(100_000)],
    ['dots', () => '.'.repeat(1000)],
  ])('%s is inactive, and revoking it is fine', async (_, token) => {
    expect(await introspected(token())).toEqual({ active: false });
    expect((await post(revokeUrl(), form({ token: token() }), agent)).status).toBe(200);
  });

  test('a changed token, an assertion, the status feed and a token of another realm are inactive', async () => {
    const token = await tokenOf({});
    const bearer = { authorization: `Bearer ${token}` };
    const feed = await (await fetch(`${server.issuer()}/status`, { headers: bearer })).text();
    const foreign = await obtainToken(server.issuer('bank'), 'teller', secrets.other);
    const assertion = await signAssertion(keys.es256, assertionClaims(server.issuer(), 'agent'));
    for (const dead of [`${token.slice(0, -6)}AAAAAA`, `${token} `, feed, foreign, assertion]) {
      expect(await introspected(dead)).toEqual({ active: false });
    }
    expect((await introspected(token)).active).toBe(true);
  });

  test('the caller may prove itself by every method, but must prove itself', async () => {
    const token = await tokenOf({});
    const assertion = () => signAssertion(keys.lender, assertionClaims(server.issuer(), 'lender'));
    const bodies = [
      form({ token, client_id: 'lender', client_secret: secrets.lender }),
      form({ token, client_assertion_type: assertionType, client_assertion: await assertion() }),
    ];
    for (const body of bodies) {
      const told = (await (await post(introspectUrl(), body)).json()) as { active: boolean };
      expect(told.active).toBe(true);
    }
    for (const url of [introspectUrl(), revokeUrl()]) {
      expect(await errorOf(await post(url, form({ token })))).toBe('401 invalid_client');
      expect(await errorOf(await post(url, form({ token }), { authorization: `Bearer ${token}` }))).toBe(
        '401 invalid_client',
      );
      expect(await errorOf(await post(url, form({ token }), basic('lender', 'wrong')))).toBe('401 invalid_client');
      expect(await errorOf(await post(url, '', lender))).toBe('400 invalid_request');
      expect(await errorOf(await post(url, 'token=a&token=b', lender))).toBe('400 invalid_request');
      const json = { 'content-type': 'application/json', ...lender };
      expect(await errorOf(await post(url, JSON.stringify({ token }), json))).toBe('415 invalid_request');
    }
  });

  test("forgives Keycloak's clients the same secret said twice, here only, and nothing else", async () => {
    const token = await tokenOf({});
    const twice = { client_id: 'lender', client_secret: secrets.lender };
    expect((await post(introspectUrl(), form({ token, ...twice }), lender)).status).toBe(200);
    const other = { ...twice, client_secret: 'another' };
    expect(await errorOf(await post(introspectUrl(), form({ token, ...other }), lender))).toBe('400 invalid_request');
    expect(await errorOf(await post(revokeUrl(), form({ token, ...twice }), lender))).toBe('400 invalid_request');
    const teller = { client_id: 'teller', client_secret: secrets.other };
    const strict = await post(introspectUrl('bank'), form({ token, ...teller }), basic('teller', secrets.other));
    expect(await errorOf(strict)).toBe('400 invalid_request');
  });

  test('a client revokes its own token: dead at once here and there, one event, however often', async () => {
    const token = await tokenOf({});
    const { jti } = decodeJwt(token);
    const bearer = { authorization: `Bearer ${token}` };
    expect((await fetch(`${server.issuer()}/status`, { headers: bearer })).status).toBe(200);
    const answers = await Promise.all(
      [revokeUrl(), revokeUrl(), nodes.atTwo(revokeUrl())].map((url) =>
        post(url, form({ token, token_type_hint: 'refresh_token' }), agent),
      ),
    );
    expect(await Promise.all(answers.map(async (one) => [one.status, await one.text()]))).toEqual(
      Array(3).fill([200, '']),
    );
    expect(await introspected(token)).toEqual({ active: false });
    expect(await introspected(token, lender, nodes.atTwo(introspectUrl()))).toEqual({ active: false });
    expect((await fetch(`${server.issuer()}/status`, { headers: bearer })).status).toBe(401);
    expect((await post(revokeUrl(), form({ token }), agent)).status).toBe(200);
    const events = await server.context.store.db
      .selectFrom('event')
      .selectAll()
      .where('object', '=', `token:${jti}`)
      .execute();
    expect(events.map(({ type, actor }) => [type, actor])).toEqual([['token.revoked', 'agent']]);
  });

  test('revocations at the same moment are one', async () => {
    const token = await tokenOf({});
    const realm = await requireRealm(server.context, 'dev');
    const owner = await lookUpClient(server.context, 'dev', 'agent');
    const race = Array.from({ length: 10 }, (_, i) =>
      revoke((i % 2 === 0 ? nodes.one : nodes.two).context, realm, owner as Client, token, tester),
    );
    await Promise.all(race);
    const events = await server.context.store.db
      .selectFrom('event')
      .select('id')
      .where('object', '=', `token:${decodeJwt(token).jti}`)
      .execute();
    expect(events).toHaveLength(1);
  });

  test("nobody revokes another's token, and cannot see that it is there", async () => {
    const token = await tokenOf({});
    const foreign = await post(revokeUrl(), form({ token }), lender);
    const unknown = await post(revokeUrl(), form({ token: 'x' }), lender);
    expect([foreign.status, await foreign.text()]).toEqual([unknown.status, await unknown.text()]);
    expect((await introspected(token)).active).toBe(true);
  });

  test('a suspended subject is inactive at once here, within two seconds there, and stays so when reinstated', async () => {
    const token = await tokenOf({});
    const there = () => introspected(token, lender, nodes.atTwo(introspectUrl()));
    expect((await there()).active).toBe(true);
    const subject = await write(server.context, system, async (tx) => {
      const row = await findClient(tx.db, 'dev', 'agent');
      await suspendSubject(tx, 'dev', row?.subject_id as string);
      tx.changed('client', realmKey('dev', 'agent'));
      return row?.subject_id as string;
    });
    expect(await introspected(token)).toEqual({ active: false });
    expect(await until(there, ({ active }) => !active, 2_000)).toEqual({ active: false });
    await write(server.context, system, async (tx) => {
      await reinstateSubject(tx, 'dev', subject);
      tx.changed('client', realmKey('dev', 'agent'));
    });
    expect(await introspected(token)).toEqual({ active: false });
    expect((await introspected(await tokenOf({}))).active).toBe(true);
  });
});

test('a client that revokes token after token cannot fill the status feed, and holds up no other client', async () => {
  const server = await testServer({ network: oauthNetwork(keys) });
  onTestFinished(() => server.close());
  const { context } = server;
  const realm = await requireRealm(context, 'dev');
  const revokeNewOf = async (id: string) => {
    const client = (await lookUpClient(context, 'dev', id)) as Client;
    const grant = { audience: [realm.issuer], scopes: [], resourceAccess: {} };
    const { accessToken } = await issueToken(context, realm, { ...client.subject, amr: [] }, grant);
    await revoke(context, realm, client, accessToken, tester);
    return accessToken;
  };
  for (let i = 0; i < 50; i++) {
    await Promise.all(Array.from({ length: 20 }, () => revokeNewOf('agent')));
    // A turn for the server, which follows its change log meanwhile.
    await nextTurn();
  }
  await expect(revokeNewOf('agent')).rejects.toMatchObject({ code: 'attempt.throttled' });
  const one = await revokeNewOf('lender');
  const service = createService({
    ...{ issuer: realm.issuer, clientId: 'lender', clientSecret: secrets.lender },
    ...{ audience: realm.issuer, accept: ['participant'] as const },
  });
  onTestFinished(() => service.close());
  const shown = (token: string) => service.authenticate({ authorization: `Bearer ${token}` });
  const live = await obtainToken(realm.issuer, 'agent', secrets.agent);
  expect((await shown(live)).subject).toMatchObject({ clientId: 'agent' });
  await expect(shown(one)).rejects.toMatchObject({ code: 'token.revoked' });
});
