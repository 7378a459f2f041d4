import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { write } from '../src/store/write.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { endSession } from '../src/subject/session.ts';
import { credentialSubjectId, renewSubject, suspendSubject } from '../src/subject/subject.ts';
import { issueDocument } from '../src/subject/tokens/token.ts';
import {
  type Asking,
  accessType,
  askExchange,
  chainNetwork,
  exchanged,
  exchangeGrant,
  openTestSession,
  refusedExchange,
  secret,
  sessionType,
  subjectToken,
  transactionType,
} from './support/chain.ts';
import { eachDatabase } from './support/databases.ts';
import { basic, errorOf, form, post, tokenUrl } from './support/oauth.ts';
import { type TestServer, testServer } from './support/server.ts';

let server: TestServer;
const subjectId = credentialSubjectId('cred-1');
const ledger = 'https://ledger.example';
const archive = 'https://archive.example';

/** The service at hand passes a transaction token on. */
const passOn = (token: string, audience: string): Record<string, string> => ({
  subject_token: token,
  subject_token_type: transactionType,
  audience,
});
const ofSession = (token: string): Record<string, string> => ({
  subject_token: token,
  subject_token_type: sessionType,
});
const introspect = async (token: string, client: string, realm?: string) => {
  const answer = await post(`${tokenUrl(server, realm)}/introspect`, form({ token }), basic(client, secret));
  return (await answer.json()) as { active: boolean } & Record<string, unknown>;
};

eachDatabase('token exchange', (freshUrl) => {
  beforeAll(async () => {
    server = await testServer({ databaseUrl: await freshUrl(), network: chainNetwork });
  });
  afterAll(() => server.close());

  test('a session proves itself: the signed subject, as /auth/subject gives it', async () => {
    const { token, session } = await openTestSession(server);
    const asked = { ...ofSession(token), audience: ledger };
    const answer = await exchanged(server, asked, { headers: { 'x-callref': 'call-9' } });
    expect(answer).toMatchObject({ issued_token_type: transactionType, token_type: 'N_A', expires_in: 60 });
    expect(answer.scope).toBeUndefined();
    expect(decodeProtectedHeader(answer.access_token).typ).toBe('txntoken+jwt');
    const claims = decodeJwt(answer.access_token);
    expect(claims).toMatchObject({ aud: ledger, sub: subjectId, txn: 'call-9', sid: session.id, epoch: 1 });
    expect(claims.act).toBeUndefined();
    const other = await fetch(`${server.url}/auth/subject`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ audience: ledger }),
    });
    const same = decodeJwt(((await other.json()) as { token: string }).token);
    expect(Object.keys(same).sort()).toEqual(Object.keys(claims).sort());
  });

  test('from service to service: who it is stays, who passed it on is added, and its end does not move', async () => {
    const { token } = await openTestSession(server);
    const first = (await exchanged(server, { ...ofSession(token), audience: 'orders' })).access_token;
    const second = await exchanged(server, passOn(first, ledger), { client: 'orders' });
    const third = await exchanged(server, passOn(second.access_token, archive), { client: 'ledger' });
    const [a, b, c] = [first, second.access_token, third.access_token].map((one) => decodeJwt(one));
    const kept = ['iss', 'sub', 'exp', 'txn', 'sid', 'acr', 'amr', 'auth_time', 'epoch', 'realm', 'credential'];
    for (const claim of [...kept, 'identity', 'rctx']) {
      expect([claim, b?.[claim], c?.[claim]]).toEqual([claim, a?.[claim], a?.[claim]]);
    }
    expect([b?.aud, c?.aud]).toEqual([ledger, archive]);
    expect(new Set([a?.jti, b?.jti, c?.jti]).size).toBe(3);
    expect(c?.act).toMatchObject({ client_id: 'ledger', act: { client_id: 'orders' } });
    expect(JSON.stringify(c?.act).match(/client_id/g)).toHaveLength(2);
    expect(third.expires_in).toBeLessThanOrEqual(60);
  });

  test('what is for the issuer is good for exchange, by any client to its own targets', async () => {
    const { token } = await openTestSession(server);
    const plain = await subjectToken(server, token);
    expect(decodeJwt(plain).aud).toBe(server.issuer());
    expect((await exchanged(server, passOn(plain, archive), { client: 'ledger' })).token_type).toBe('N_A');
    expect(await refusedExchange(server, passOn(plain, 'loop'), { client: 'ledger' })).toBe('400 invalid_target');
  });

  test.each(['ledger', 'p-ledger', ledger])('a service is meant by %s', async (name) => {
    const { token } = await openTestSession(server);
    const presented = await subjectToken(server, token, name);
    expect((await exchanged(server, passOn(presented, archive), { client: 'ledger' })).token_type).toBe('N_A');
    expect(await refusedExchange(server, passOn(presented, ledger), { client: 'orders' })).toBe('400 invalid_request');
  });

  test('a session that was ended ends every chain at once, at the exchange and at introspection', async () => {
    const { token, session } = await openTestSession(server);
    const presented = await subjectToken(server, token, 'orders');
    const next = (await exchanged(server, passOn(presented, ledger), { client: 'orders' })).access_token;
    expect(await introspect(next, 'ledger')).toMatchObject({ active: true });
    await write(server.context, system, (tx) => endSession(tx, 'dev', session.id, 'force'));
    expect(await refusedExchange(server, passOn(presented, ledger), { client: 'orders' })).toBe('400 invalid_request');
    expect(await refusedExchange(server, passOn(next, archive), { client: 'ledger' })).toBe('400 invalid_request');
    expect(await refusedExchange(server, ofSession(token))).toBe('400 invalid_request');
    expect(await introspect(next, 'ledger')).toEqual({ active: false });
  });

  test('an epoch that has passed, or a subject that is suspended, ends it too', async () => {
    const { token } = await openTestSession(server, {}, 'bank');
    const asking = { realm: 'bank', client: 'orders' };
    const presented = (await exchanged(server, ofSession(token), { realm: 'bank' })).access_token;
    expect((await exchanged(server, passOn(presented, ledger), asking)).token_type).toBe('N_A');
    await write(server.context, system, (tx) => renewSubject(tx, 'bank', subjectId));
    expect(await refusedExchange(server, passOn(presented, ledger), asking)).toBe('400 invalid_request');
    expect(await introspect(presented, 'orders', 'bank')).toEqual({ active: false });
    await write(server.context, system, (tx) => suspendSubject(tx, 'bank', subjectId));
    expect(await refusedExchange(server, passOn(presented, ledger), asking)).toBe('400 invalid_request');
  });

  test('a service that is suspended takes with it what it passed on, and gets it back with nobody', async () => {
    const { token } = await openTestSession(server);
    const presented = await subjectToken(server, token, 'loop');
    const passed = (await exchanged(server, passOn(presented, 'loop'), { client: 'loop' })).access_token;
    expect(await introspect(passed, 'loop')).toMatchObject({ active: true, act: { client_id: 'loop', gen: 1 } });
    const [admin, path] = [await server.adminToken(), `${server.issuer()}/registry/participants/p-loop`];
    const decide = async (decision: string) =>
      fetch(`${path}/${decision}`, { method: 'POST', headers: { authorization: `Bearer ${admin}` } });
    expect((await decide('suspend')).status).toBeLessThan(300);
    expect(await refusedExchange(server, passOn(passed, 'loop'), { client: 'loop' })).toBe('401 invalid_client');
    expect((await decide('reinstate')).status).toBeLessThan(300);
    expect(await refusedExchange(server, passOn(passed, 'loop'), { client: 'loop' })).toBe('400 invalid_request');
    expect(await introspect(passed, 'loop')).toEqual({ active: false });
    expect((await exchanged(server, passOn(presented, 'loop'), { client: 'loop' })).token_type).toBe('N_A');
  });

  test('introspection tells a transaction token to its audience only', async () => {
    const { token } = await openTestSession(server);
    const presented = await subjectToken(server, token, ledger);
    const told = await introspect(presented, 'ledger');
    expect(told).toEqual({ ...decodeJwt(presented), active: true, token_type: 'N_A' });
    for (const other of ['orders', 'stranger']) expect(await introspect(presented, other)).toEqual({ active: false });
    const plain = await subjectToken(server, token);
    expect(await introspect(plain, 'stranger')).toMatchObject({ active: true, sub: subjectId });
  });

  test('a transaction token is revoked by nobody but its session, and is no access token', async () => {
    const { token } = await openTestSession(server);
    const presented = await subjectToken(server, token, 'ledger');
    const revoked = await post(
      `${server.issuer()}/protocol/openid-connect/revoke`,
      form({ token: presented }),
      basic('ledger', secret),
    );
    expect(revoked.status).toBe(200);
    expect(await introspect(presented, 'ledger')).toMatchObject({ active: true });
    const read = await fetch(`${server.issuer()}/status`, { headers: { authorization: `Bearer ${presented}` } });
    expect(read.status).toBe(401);
  });
});

describe('a request to exchange', () => {
  let session: string;
  let presented: string;
  beforeAll(async () => {
    server = await testServer({ network: chainNetwork });
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    session = (await openTestSession(server)).token;
    presented = await subjectToken(server, session, 'orders');
  });

  type Change = (parameters: Record<string, string>) => Record<string, string | undefined>;
  const changed = (parameters: Record<string, string>, change: Change) =>
    Object.fromEntries(
      Object.entries({ ...parameters, ...change(parameters) }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    );

  const ofTransaction: readonly [string, string, Change, Asking?][] = [
    ['as it should be', '200', () => ({})],
    ['with the type that it gets', '200', () => ({ requested_token_type: transactionType })],
    ['with a resource in place of an audience', '200', () => ({ audience: undefined, resource: ledger })],
    ['with both, which are the same', '200', () => ({ resource: ledger })],
    ['without subject_token', '400 invalid_request', () => ({ subject_token: undefined })],
    ['without subject_token_type', '400 invalid_request', () => ({ subject_token_type: undefined })],
    [
      'of an unknown type',
      '400 invalid_request',
      () => ({ subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' }),
    ],
    ['of an inherited name as type', '400 invalid_request', () => ({ subject_token_type: 'constructor' })],
    ['of the type of another token', '400 invalid_request', () => ({ subject_token_type: accessType })],
    ['as if it were a session', '400 invalid_request', () => ({ subject_token_type: sessionType })],
    ['for another type', '400 invalid_request', () => ({ requested_token_type: accessType })],
    ['with an actor token', '400 invalid_request', ({ subject_token }) => ({ actor_token: subject_token })],
    ['with the type of an actor token alone', '400 invalid_request', () => ({ actor_token_type: transactionType })],
    ['with a scope', '400 invalid_scope', () => ({ scope: 'orders:read' })],
    ['without a target', '400 invalid_request', () => ({ audience: undefined })],
    ['for two targets', '400 invalid_target', () => ({ resource: 'https://ledger.example', audience: 'ledger' })],
    ['for a target that is not on the list', '400 invalid_target', () => ({ audience: 'archive' })],
    ['for the issuer, which anybody could exchange', '400 invalid_target', () => ({ audience: server.issuer() })],
    ['for a target that only begins like one', '400 invalid_target', () => ({ audience: `${ledger}/` })],
    ['for a resource with a fragment', '400 invalid_target', () => ({ audience: undefined, resource: `${ledger}#a` })],
    ['for a resource that is no URI', '400 invalid_target', () => ({ audience: undefined, resource: 'ledger' })],
    ['without a client', '401 invalid_client', () => ({}), {}],
    ['by a client that is not meant', '400 invalid_request', () => ({ audience: archive }), { client: 'ledger' }],
    ['by the client of another realm', '400 invalid_request', () => ({}), { client: 'orders', realm: 'bank' }],
    ['with a token cut short', '400 invalid_request', (p) => ({ subject_token: p.subject_token?.slice(0, -4) })],
    ['with a token of 20,000 characters', '400 invalid_request', () => ({ subject_token: 'a'.repeat(20_000) })],
    ['with a session in the place of the token', '400 invalid_request', () => ({ subject_token: session })],
  ];
  test.each(ofTransaction)('%s: %s', async (_name, answer, change, asking = { client: 'orders' }) => {
    const parameters = changed(passOn(presented, ledger), change);
    const response = await askExchange(server, parameters, asking);
    expect(response.status === 200 ? '200' : await errorOf(response)).toBe(answer);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  const ofASession: readonly [string, string, Change, Asking?][] = [
    ['as it should be', '200', () => ({})],
    ['for any audience', '200', () => ({ audience: 'anybody' })],
    ['for a resource', '200', () => ({ resource: archive })],
    ['with a client that need not be there', '200', () => ({}), { client: 'stranger' }],
    ['as a public client names itself', '200', () => ({ client_id: 'browser' })],
    ['with a wrong client secret', '401 invalid_client', () => ({ client_id: 'orders', client_secret: 'wrong' })],
    ['in another realm', '400 invalid_request', () => ({}), { realm: 'bank' }],
    ['for two audiences', '400 invalid_target', () => ({ resource: archive, audience: 'ledger' })],
    ['for an audience with a space', '400 invalid_target', () => ({ audience: 'a b' })],
    ['for an audience of 3,000 characters', '400 invalid_target', () => ({ audience: 'a'.repeat(3000) })],
    ['with a scope', '400 invalid_scope', () => ({ scope: 'countersign:admin' })],
    ['for an access token', '400 invalid_request', () => ({ requested_token_type: accessType })],
    ['that nobody has', '400 invalid_request', () => ({ subject_token: `css_${'A'.repeat(43)}` })],
    ['that is a transaction token', '400 invalid_request', () => ({ subject_token: presented })],
    ['with a correlation id that is none', '400 invalid_request', () => ({}), { headers: { 'x-callref': 'a b' } }],
  ];
  test.each(ofASession)('a session %s: %s', async (_name, answer, change, asking = {}) => {
    const response = await askExchange(server, changed(ofSession(session), change), asking);
    expect(response.status === 200 ? '200' : await errorOf(response)).toBe(answer);
  });

  test('a restricted session is exchanged for nothing', async () => {
    const { token } = await openTestSession(server, { restriction: { to: 'update-password', version: 1 } });
    expect(await refusedExchange(server, ofSession(token))).toBe('400 invalid_request');
  });

  test('repeated parameters are refused, two audiences as targets too many', async () => {
    const body = form({ grant_type: exchangeGrant, ...passOn(presented, ledger) });
    const send = async (more: string) => errorOf(await post(tokenUrl(server), body + more, basic('orders', secret)));
    expect(await send(`&subject_token=${presented}`)).toBe('400 invalid_request');
    expect(await send(`&subject_token_type=${transactionType}`)).toBe('400 invalid_request');
    expect(await send('&audience=ledger')).toBe('400 invalid_target');
  });

  test('a chain ends after eight services', async () => {
    let token = (await exchanged(server, passOn(presented, 'loop'), { client: 'orders' })).access_token;
    for (let depth = 2; depth <= 8; depth++) {
      token = (await exchanged(server, passOn(token, 'loop'), { client: 'loop' })).access_token;
    }
    expect(await refusedExchange(server, passOn(token, 'loop'), { client: 'loop' })).toBe('400 invalid_request');
  });

  test('a token of ours with another type, or with more time than a transaction has, is none', async () => {
    const realm = await requireRealm(server.context, 'dev');
    const claims = decodeJwt(presented);
    const sign = (typ: string, change: object = {}) =>
      issueDocument(server.context, realm.name, 'token', typ, { ...claims, ...change });
    const ask = (token: string) => askExchange(server, passOn(token, ledger), { client: 'orders' });
    expect((await ask(await sign('txntoken+jwt'))).status).toBe(200);
    expect((await ask(await sign('JWT'))).status).toBe(400);
    expect((await ask(await sign('txntoken+jwt', { exp: (claims.exp as number) + 1 }))).status).toBe(400);
    expect((await ask(await sign('txntoken+jwt', { iss: server.issuer('bank') }))).status).toBe(400);
    const past = (claims.iat as number) - 100;
    expect((await ask(await sign('txntoken+jwt', { iat: past, exp: past + 60 }))).status).toBe(400);
  });

  test('no refusal says which reason it was, and none shows the token', async () => {
    const wrong = await askExchange(server, passOn(presented.slice(0, -4), ledger), { client: 'orders' });
    const meant = await askExchange(server, passOn(presented, archive), { client: 'ledger' });
    expect(await wrong.text()).toBe(await meant.text());
    expect(server.logged.join('')).not.toContain(presented.split('.')[2]);
    expect(server.logged.join('')).not.toContain(session.slice(4));
  });
});

describe('an access token', () => {
  beforeAll(async () => {
    server = await testServer({ network: chainNetwork });
  });
  afterAll(() => server.close());

  const ofAccess = (token: string, audience = archive): Record<string, string> => ({
    subject_token: token,
    subject_token_type: accessType,
    audience,
  });
  async function accessToken(more: Record<string, string>): Promise<string> {
    const body = form({ grant_type: 'client_credentials', ...more });
    const response = await post(tokenUrl(server), body, basic('orders', secret));
    return ((await response.json()) as { access_token: string }).access_token;
  }

  test('takes with it what was made from it, however far that was passed on', async () => {
    const token = await accessToken({ resource: 'loop' });
    const first = (await exchanged(server, ofAccess(token, 'loop'), { client: 'loop' })).access_token;
    const second = (await exchanged(server, ofAccess(first, 'loop'), { client: 'loop' })).access_token;
    const names = [token, first].map((one) => ({ kind: 'token', id: decodeJwt(one).jti }));
    expect(decodeJwt(second).ancestors).toEqual(names);
    const path = `${server.issuer()}/protocol/openid-connect/revoke`;
    expect((await post(path, form({ token }), basic('orders', secret))).status).toBe(200);
    for (const one of [token, first, second]) expect(await introspect(one, 'loop')).toEqual({ active: false });
    expect(await refusedExchange(server, ofAccess(second, 'loop'), { client: 'loop' })).toBe('400 invalid_request');
    // What was not made from it lives.
    const other = await accessToken({ resource: 'loop' });
    expect(decodeJwt(other).ancestors).toBeUndefined();
    expect(await introspect(other, 'loop')).toMatchObject({ active: true });
  });

  test('that was passed on is given up by the service that got it, and what it came from lives on', async () => {
    const token = await accessToken({ resource: 'loop' });
    const first = (await exchanged(server, ofAccess(token, 'loop'), { client: 'loop' })).access_token;
    const second = (await exchanged(server, ofAccess(first, 'loop'), { client: 'loop' })).access_token;
    const path = `${server.issuer()}/protocol/openid-connect/revoke`;
    // Nobody else's to give up: the next service only receives it.
    expect((await post(path, form({ token: second }), basic('archive', secret))).status).toBe(200);
    expect(await introspect(second, 'loop')).toMatchObject({ active: true });
    expect((await post(path, form({ token: first }), basic('loop', secret))).status).toBe(200);
    for (const one of [first, second]) expect(await introspect(one, 'loop')).toEqual({ active: false });
    expect(await introspect(token, 'loop')).toMatchObject({ active: true });
    expect((await post(path, form({ token }), basic('loop', secret))).status).toBe(200);
    expect(await introspect(token, 'loop')).toMatchObject({ active: true });
  });

  test('goes on to the next service with its subject, its generation and whoever passed it on', async () => {
    const token = await accessToken({ resource: ledger });
    const answer = await exchanged(server, ofAccess(token), { client: 'ledger' });
    expect(answer).toMatchObject({
      issued_token_type: accessType,
      token_type: 'Bearer',
      scope: 'orders:read orders:write',
    });
    const [before, after] = [decodeJwt(token), decodeJwt(answer.access_token)];
    for (const claim of ['iss', 'sub', 'azp', 'client_id', 'participantId', 'gen', 'realm_access', 'exp', 'scope']) {
      expect([claim, after[claim]]).toEqual([claim, before[claim]]);
    }
    expect(after).toMatchObject({ aud: archive, resource_access: {}, act: { client_id: 'ledger' } });
    expect(after.jti).not.toBe(before.jti);
    expect(await introspect(answer.access_token, 'archive')).toMatchObject({
      active: true,
      act: { client_id: 'ledger' },
    });
  });

  test('only gets narrower', async () => {
    const token = await accessToken({ resource: ledger });
    const asking = { client: 'ledger' };
    const narrow = await exchanged(server, { ...ofAccess(token), scope: 'orders:read' }, asking);
    expect(decodeJwt(narrow.access_token).scope).toBe('orders:read');
    expect(await refusedExchange(server, { ...ofAccess(token), scope: 'orders:delete' }, asking)).toBe(
      '400 invalid_scope',
    );
    expect(await refusedExchange(server, ofAccess(token, server.issuer()), asking)).toBe('400 invalid_target');
    expect(await refusedExchange(server, ofAccess(token, 'orders'), asking)).toBe('400 invalid_target');
    expect(await refusedExchange(server, ofAccess(token), { client: 'stranger' })).toBe('400 invalid_request');
    expect(await refusedExchange(server, ofAccess(token), {})).toBe('401 invalid_client');
  });

  test('keeps of its roles those at the target', async () => {
    const body = `${form({ grant_type: 'client_credentials', resource: ledger })}&resource=${encodeURIComponent(archive)}`;
    const response = await post(tokenUrl(server), body, basic('orders', secret));
    const { access_token: token } = (await response.json()) as { access_token: string };
    expect(decodeJwt(token).resource_access).toEqual({ [ledger]: { roles: ['book'] }, [archive]: { roles: ['keep'] } });
    const passed = await exchanged(server, ofAccess(token), { client: 'ledger' });
    expect(decodeJwt(passed.access_token).resource_access).toEqual({ [archive]: { roles: ['keep'] } });
  });

  test('never lasts longer, and never administers', async () => {
    const claims = decodeJwt(await accessToken({ resource: ledger }));
    const exp = (claims.iat as number) + 30;
    const change = { exp, scope: 'orders:read countersign:admin' };
    const powerful = await issueDocument(server.context, 'dev', 'token', 'JWT', { ...claims, ...change });
    const passed = await exchanged(server, ofAccess(powerful), { client: 'ledger' });
    expect(decodeJwt(passed.access_token)).toMatchObject({ exp, scope: 'orders:read' });
    expect(passed.expires_in).toBeLessThanOrEqual(30);
    const asked = { ...ofAccess(powerful), scope: 'countersign:admin' };
    expect(await refusedExchange(server, asked, { client: 'ledger' })).toBe('400 invalid_scope');
  });

  test('does not come back to the issuer, whatever stands on the list of a client', async () => {
    const client = { id: 'ledger', audiences: [archive, server.issuer()] };
    const participant = { id: 'p-ledger', role: 'LENDER', client };
    const listed = { realms: [{ name: 'dev', participants: [participant] }] };
    await applyNetwork(server.context, listed, { actor: 'test', requestId: 'test' });
    const token = await accessToken({ resource: ledger });
    expect(await refusedExchange(server, ofAccess(token, server.issuer()), { client: 'ledger' })).toBe(
      '400 invalid_target',
    );
    expect((await exchanged(server, ofAccess(token), { client: 'ledger' })).token_type).toBe('Bearer');
  });

  test('for nobody in particular is exchanged by nobody', async () => {
    const token = await accessToken({});
    expect(await refusedExchange(server, ofAccess(token), { client: 'ledger' })).toBe('400 invalid_request');
  });

  test('that was passed on opens nothing here: its subject did not send it', async () => {
    const token = await accessToken({ resource: ledger });
    const passed = (await exchanged(server, ofAccess(token), { client: 'ledger' })).access_token;
    const read = async (bearer: string) =>
      (await fetch(`${server.issuer()}/status`, { headers: { authorization: `Bearer ${bearer}` } })).status;
    expect([await read(token), await read(passed)]).toEqual([200, 401]);
  });

  test('that was revoked is exchanged no more', async () => {
    const token = await accessToken({ resource: ledger });
    const url = `${server.issuer()}/protocol/openid-connect/revoke`;
    await post(url, form({ token }), basic('orders', secret));
    expect(await refusedExchange(server, ofAccess(token), { client: 'ledger' })).toBe('400 invalid_request');
  });
});

test('discovery names the grant', async () => {
  const one = await testServer();
  try {
    const response = await fetch(`${one.issuer('system')}/.well-known/openid-configuration`);
    expect(await response.json()).toMatchObject({ grant_types_supported: ['client_credentials', exchangeGrant] });
  } finally {
    await one.close();
  }
});
