/** The signed subject down a chain of services: the SDK against a real server, over real HTTP. */
import { type Authenticated, createService, type Service, type ServiceOptions } from '@countersign/client';
import { bearer as forExpress } from '@countersign/client/express';
import { bearer as forFastify } from '@countersign/client/fastify';
import { bearer as forNode } from '@countersign/client/node';
import express from 'express';
import fastify from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { write } from '../src/store/write.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { endSession } from '../src/subject/session.ts';
import { renewSubject } from '../src/subject/subject.ts';
import { issueDocument } from '../src/subject/tokens/token.ts';
import { chainNetwork, exchanged, openTestSession, secret, sessionType, subjectToken } from './support/chain.ts';
import { adapters, type Guarded, listenOn, startGuarded } from './support/guarded.ts';
import { basic, form, post, tokenUrl, until } from './support/oauth.ts';
import { type TestServer, testServer } from './support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await testServer({ network: chainNetwork });
});
afterAll(() => server.close());

const urlOf = (id: string) => `https://${id}.example`;

function serviceOf(id: string, options: Partial<ServiceOptions> = {}, issuer = server.issuer()): Service {
  const service = createService({
    issuer,
    clientId: id,
    clientSecret: secret,
    audience: urlOf(id),
    accept: ['credential'],
    status: { events: true, pollSeconds: 1 },
    ...options,
  });
  onTestFinished(() => service.close());
  return service;
}

async function accessToken(client: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const body = form({ grant_type: 'client_credentials', ...more });
  const response = await post(tokenUrl(server), body, basic(client, secret));
  return ((await response.json()) as { access_token: string }).access_token;
}

const ask = (url: string, token: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(url, { headers: { authorization: `Bearer ${token}`, ...headers } });

async function asked(url: string, token: string) {
  const response = await ask(url, token);
  return { status: response.status, ...((await response.json()) as Record<string, unknown>) };
}

/** What `archive` tells of its caller. */
const told = ({ subject, correlationId }: Authenticated) => ({ subject, correlationId });

/** Express calls Fastify, which calls a plain listener. Each knows its own client only. */
async function startChain() {
  const archive = serviceOf('archive');
  const last = await listenOn(
    forNode({ service: archive }, ({ bearer }, response) => response.end(JSON.stringify(told(bearer)))),
  );
  const ledger = serviceOf('ledger');
  const middle = fastify();
  middle.addHook('onRequest', forFastify({ service: ledger }));
  middle.get('/book', async ({ bearer }, reply) => {
    const answer = await ledger.fetch(bearer, urlOf('archive'), last.url);
    return reply.code(answer.status).send(await answer.json());
  });
  const middleUrl = await middle.listen({ port: 0, host: '127.0.0.1' });
  const orders = serviceOf('orders');
  const app = express();
  app.use(forExpress({ service: orders }));
  app.get('/order', async (request, response) => {
    const caller = request.bearer as Authenticated;
    const answer = await orders.fetch(caller, urlOf('ledger'), `${middleUrl}/book`);
    response.status(answer.status).json(await answer.json());
  });
  const first = await listenOn(app as never);
  onTestFinished(async () => {
    await first[Symbol.asyncDispose]();
    await middle.close();
    await last[Symbol.asyncDispose]();
  });
  return { first: `${first.url}/order`, last: last.url, orders, ledger };
}

describe('three services', () => {
  test('see one subject and one correlation id, and the third sees who passed it on', async () => {
    const { first } = await startChain();
    const { token, session } = await openTestSession(server);
    const signed = await exchanged(
      server,
      { subject_token: token, subject_token_type: sessionType, audience: urlOf('orders') },
      { headers: { 'x-callref': 'call-42' } },
    );
    const response = await ask(first, signed.access_token, { 'x-callref': 'of-somebody-else' });
    expect(response.status).toBe(200);
    const answer = (await response.json()) as { correlationId: string; subject: Record<string, unknown> };
    expect(answer).toMatchObject({
      correlationId: 'call-42',
      subject: {
        kind: 'credential',
        id: 'credential:cred-1',
        sessionId: session.id,
        transaction: 'call-42',
        actors: [{ clientId: 'ledger' }, { clientId: 'orders' }],
        audience: [urlOf('archive')],
      },
    });
  });

  test('the third refuses within ten seconds what was terminated by force, and what is of an earlier epoch', async () => {
    const { last, orders, ledger } = await startChain();
    const tokenForLast = async (session: string) =>
      ledger.exchange(
        await orders.exchange(await orders.exchange(session, urlOf('orders')), urlOf('ledger')),
        urlOf('archive'),
      );
    const [gone, old] = [await openTestSession(server), await openTestSession(server)];
    const [ofGone, ofOld] = [await tokenForLast(gone.token), await tokenForLast(old.token)];
    expect([(await ask(last, ofGone)).status, (await ask(last, ofOld)).status]).toEqual([200, 200]);
    const admin = { authorization: `Bearer ${await server.adminToken()}` };
    const path = `${server.url}/auth/sessions/${gone.session.id}/terminate`;
    expect((await fetch(path, { method: 'POST', headers: admin })).status).toBe(204);
    const refused = await until(
      () => asked(last, ofGone),
      ({ status }) => status !== 200,
      10_000,
    );
    expect(refused).toMatchObject({ status: 401, code: 'session.ended' });
    expect((await ask(last, ofOld)).status).toBe(200);
    await write(server.context, system, (tx) => renewSubject(tx, 'dev', 'credential:cred-1'));
    const stale = await until(
      () => asked(last, ofOld),
      ({ status }) => status !== 200,
      10_000,
    );
    expect(stale).toMatchObject({ status: 401, code: 'token.subject_revoked' });
    // The credential goes on in its new generation: what follows here needs a realm of the first one.
    await server.close();
    server = await testServer({ network: chainNetwork });
  });

  test('verify without the server, for as long as the policy lets them', async () => {
    const own = await testServer({ network: chainNetwork });
    const { token } = await openTestSession(own);
    const signed = await subjectToken(own, token, urlOf('orders'));
    const headers = { authorization: `Bearer ${signed}` };
    const issuer = own.issuer();
    const patient = serviceOf('orders', { status: { pollSeconds: 3600 } }, issuer);
    const strict = serviceOf('orders', { status: { pollSeconds: 3600, maxStalenessSeconds: 1 } }, issuer);
    const open = serviceOf(
      'orders',
      { status: { pollSeconds: 3600, maxStalenessSeconds: 1, onStale: 'open' } },
      issuer,
    );
    const all = [patient, strict, open];
    for (const service of all) await service.authenticate(headers);
    await own.close();
    await until(
      () =>
        strict.authenticate(headers).then(
          () => 'good',
          (error) => (error as { code: string }).code,
        ),
      (answer) => answer !== 'good',
      5000,
    );
    await expect(strict.authenticate(headers)).rejects.toMatchObject({ code: 'status.unavailable', status: 503 });
    expect((await patient.authenticate(headers)).subject.id).toBe('credential:cred-1');
    expect((await open.authenticate(headers)).subject.id).toBe('credential:cred-1');
    await expect(patient.exchange(signed, urlOf('ledger'))).rejects.toMatchObject({ code: 'http.unreachable' });
  });
});

test('keys that cannot be had are no fault of the caller', async () => {
  const { token } = await openTestSession(server);
  const headers = { authorization: `Bearer ${await subjectToken(server, token, urlOf('orders'))}` };
  const unreachable = serviceOf('orders', { fetch: () => Promise.reject(new TypeError('unreachable')) });
  await expect(unreachable.authenticate(headers)).rejects.toMatchObject({ code: 'keys.unavailable', status: 503 });
});

describe('exchange', () => {
  test('of the same token is one request, for as long as its answer lives', async () => {
    let sent = 0;
    const counting = (url: string, init: RequestInit) => {
      if (url.endsWith('/token')) sent++;
      return fetch(url, init);
    };
    let now = Date.now();
    const orders = serviceOf('orders', { fetch: counting, now: () => now });
    const { token } = await openTestSession(server);
    const signed = await subjectToken(server, token, 'orders');
    const burst = await Promise.all(Array.from({ length: 50 }, () => orders.exchange(signed, urlOf('ledger'))));
    expect([sent, new Set(burst).size]).toEqual([1, 1]);
    await orders.exchange(signed, 'ledger');
    expect(sent).toBe(2);
    now += 61_000;
    expect(await orders.exchange(signed, urlOf('ledger'))).not.toBe(burst[0]);
    expect(sent).toBe(3);
  });

  test('that was refused is asked for again, and says what the issuer said', async () => {
    const orders = serviceOf('orders');
    const { token, session } = await openTestSession(server);
    const signed = await subjectToken(server, token, 'orders');
    const refusal = (audience: string) =>
      orders.exchange(signed, audience).catch((error) => (error as { code: string }).code);
    expect(await refusal(urlOf('stranger'))).toBe('oauth.invalid_target');
    expect(await refusal(urlOf('stranger'))).toBe('oauth.invalid_target');
    await write(server.context, system, (tx) => endSession(tx, 'dev', session.id, 'force'));
    expect(await refusal(urlOf('ledger'))).toBe('token.ended');
  });

  test('of what has ended since the request was let in is a refusal of the caller, with a status and no fault of the service', async () => {
    const orders = serviceOf('orders');
    const { token, session } = await openTestSession(server);
    const caller = await orders.authenticate({
      authorization: `Bearer ${await subjectToken(server, token, urlOf('orders'))}`,
    });
    await write(server.context, system, (tx) => endSession(tx, 'dev', session.id, 'logout'));
    const refused = { name: 'MessageProblem', status: 401, code: 'token.ended' };
    await expect(orders.exchange(caller.token, urlOf('ledger'))).rejects.toMatchObject(refused);
    await expect(orders.fetch(caller, urlOf('ledger'), urlOf('ledger'))).rejects.toMatchObject(refused);
    await expect(orders.exchange(token, 'ledger')).rejects.toMatchObject(refused);
  });

  test('gives nothing again once the session behind it has ended, or its token was revoked', async () => {
    const orders = serviceOf('orders');
    const { token, session } = await openTestSession(server);
    const caller = await orders.authenticate({
      authorization: `Bearer ${await subjectToken(server, token, urlOf('orders'))}`,
    });
    const refusalOf = (service: Service, presented: string, audience: string) =>
      service.exchange(presented, audience).then(
        () => 'given',
        (error) => (error as { code: string }).code,
      );
    expect(await refusalOf(orders, caller.token, urlOf('ledger'))).toBe('given');
    await write(server.context, system, (tx) => endSession(tx, 'dev', session.id, 'logout'));
    const ofSession = () => refusalOf(orders, caller.token, urlOf('ledger'));
    expect(await until(ofSession, (answer) => answer !== 'given', 10_000)).toBe('token.ended');
    const ledger = serviceOf('ledger', { accept: ['participant'] });
    const presented = await accessToken('orders', { resource: urlOf('ledger') });
    await ledger.authenticate({ authorization: `Bearer ${presented}` });
    const ofToken = () => refusalOf(ledger, presented, urlOf('archive'));
    expect(await ofToken()).toBe('given');
    const revoking = `${server.issuer()}/protocol/openid-connect/revoke`;
    expect((await post(revoking, form({ token: presented }), basic('orders', secret))).status).toBe(200);
    expect(await until(ofToken, (answer) => answer !== 'given', 10_000)).toBe('token.ended');
  });

  test('takes an access token too', async () => {
    const ledger = serviceOf('ledger', { accept: ['participant'] });
    const caller = await ledger.authenticate({
      authorization: `Bearer ${await accessToken('orders', { resource: urlOf('ledger') })}`,
      'x-callref': 'call-7',
    });
    expect(caller).toMatchObject({
      correlationId: 'call-7',
      subject: { kind: 'participant', participantId: 'p-orders' },
    });
    const archive = serviceOf('archive', { accept: ['participant'] });
    const passed = await ledger.exchange(caller.token, urlOf('archive'));
    expect(await archive.authenticate({ authorization: `Bearer ${passed}` })).toMatchObject({
      subject: { participantId: 'p-orders', actors: [{ clientId: 'ledger' }] },
    });
  });

  test('a redirect of the next service is not followed: the token was for it alone', async () => {
    const orders = serviceOf('orders');
    const elsewhere = await listenOn(
      (_request, response) => void response.writeHead(307, { location: server.url }).end(),
    );
    onTestFinished(() => elsewhere[Symbol.asyncDispose]());
    const { token } = await openTestSession(server);
    const caller = await orders.authenticate({
      authorization: `Bearer ${await subjectToken(server, token, urlOf('orders'))}`,
    });
    await expect(orders.fetch(caller, urlOf('ledger'), elsewhere.url)).rejects.toThrow('fetch failed');
  });
});

describe.each(adapters)('the guard of %s', (adapter) => {
  let guarded: Guarded;
  let service: Service;
  beforeEach(async () => {
    service = createService({
      issuer: server.issuer(),
      clientId: 'ledger',
      clientSecret: secret,
      audience: [urlOf('ledger'), server.issuer()],
      accept: ['credential', 'participant'],
    });
    guarded = await startGuarded(adapter, service);
  });
  afterEach(async () => {
    service.close();
    await guarded[Symbol.asyncDispose]();
  });

  const signedSubject = async (terms: Parameters<typeof openTestSession>[1] = {}, audience = urlOf('ledger')) =>
    subjectToken(server, (await openTestSession(server, terms)).token, audience);

  test('lets in whom the service names, with one type of result', async () => {
    expect(await asked(`${guarded.url}/plain`, await signedSubject())).toMatchObject({
      status: 200,
      kind: 'credential',
    });
    expect(await asked(`${guarded.url}/plain`, await accessToken('orders'))).toMatchObject({
      status: 200,
      kind: 'participant',
    });
    expect(await asked(`${guarded.url}/people`, await accessToken('orders'))).toMatchObject({
      status: 401,
      code: 'token.kind',
    });
    expect(guarded.reached()).toBe(2);
  });

  test('refuses before the handler runs, and says nothing of what was presented', async () => {
    const good = await signedSubject();
    const realm = await requireRealm(server.context, 'dev');
    const own = JSON.parse(Buffer.from(good.split('.')[1] as string, 'base64url').toString()) as Record<string, number>;
    const sign = (typ: string, change: object) =>
      issueDocument(server.context, 'dev', 'token', typ, { ...own, ...change });
    const cases: [name: string, code: string, token: string][] = [
      ['for another service', 'jwt.audience', await signedSubject({}, urlOf('orders'))],
      ['for the issuer', 'jwt.audience', await signedSubject({}, realm.issuer)],
      ['of another realm', 'jws.kid_unknown', (await exchangedIn('bank')).access_token],
      ['with another signature', 'jws.signature', `${good.slice(0, -8)}AAAAAAAA`],
      ['that lives for longer', 'transaction_token.lifetime', await sign('txntoken+jwt', { exp: (own.exp ?? 0) + 1 })],
      ['that is over', 'jwt.expired', await sign('txntoken+jwt', { iat: 1_000, exp: 1_060 })],
      ['of another type', 'jwt.typ', await sign('receipt+jwt', {})],
      ['a session itself', 'jws.malformed', (await openTestSession(server)).token],
    ];
    for (const [name, code, token] of cases) {
      const response = await ask(`${guarded.url}/plain`, token);
      expect([name, response.status]).toEqual([name, 401]);
      expect(response.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
      const body = await response.text();
      expect([name, (JSON.parse(body) as { code: string }).code]).toEqual([name, code]);
      expect(body).not.toContain(token.slice(-20));
    }
    const bare = await fetch(`${guarded.url}/plain`);
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(guarded.reached()).toBe(0);
    expect(guarded.refusals).toEqual([...cases.map(([, code]) => code), 'token.missing']);
  });

  test('challenges for a stronger or a more recent login as RFC 9470 has it', async () => {
    const weak = await signedSubject();
    const strong = await signedSubject({ acr: 'aal2', authTime: Date.now() - 120_000 });
    const refused = await ask(`${guarded.url}/strong`, weak);
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer error="insufficient_user_authentication", error_description="A stronger login is needed.", acr_values="aal2"',
    ]);
    expect((await ask(`${guarded.url}/strong`, strong)).status).toBe(200);
    const old = await ask(`${guarded.url}/recent`, strong);
    expect([old.status, old.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer error="insufficient_user_authentication", error_description="A more recent login is needed.", max_age="60"',
    ]);
    expect((await ask(`${guarded.url}/recent`, weak)).status).toBe(200);
    const claims = JSON.parse(Buffer.from(weak.split('.')[1] as string, 'base64url').toString());
    const later = { ...claims, auth_time: Math.floor(Date.now() / 1000) + 120 };
    const toCome = await issueDocument(server.context, 'dev', 'token', 'txntoken+jwt', later);
    expect((await ask(`${guarded.url}/recent`, toCome)).status).toBe(401);
    // A participant never logs in.
    expect((await ask(`${guarded.url}/recent`, await accessToken('orders'))).status).toBe(401);
    expect((await ask(`${guarded.url}/strong`, await accessToken('orders'))).status).toBe(401);
  });
});

async function exchangedIn(realm: string) {
  const { token } = await openTestSession(server, {}, realm);
  const asked = { subject_token: token, subject_token_type: sessionType, audience: urlOf('ledger') };
  return exchanged(server, asked, { realm });
}
