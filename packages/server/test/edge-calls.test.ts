/** What comes in at the edge, and which signed subject it gets: transactions, ids of the edge's own, session tokens, every adapter. */
import { createService, type Edge, MessageProblem } from '@countersign/client';
import { bearer } from '@countersign/client/node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { basicCall, basicField, edgeOf, edgeServer } from './support/edge.ts';
import { edgeSecret } from './support/edge-client.ts';
import { eventually } from './support/eventually.ts';
import { listenOn } from './support/guarded.ts';
import { loginAdapters, startLogin } from './support/login-guarded.ts';
import { type Corporate, passwords } from './support/passwords.ts';

let place: Corporate;
beforeAll(async () => {
  place = await edgeServer();
});
afterAll(() => place.server.close());

/** The code of the refusal; `passed` where there was none. */
function said(act: Promise<unknown>): Promise<string> {
  return act.then(
    () => 'passed',
    (error) => (error instanceof MessageProblem ? error.code : String(error)),
  );
}

const bearing = (token: string) => ({ headers: { authorization: `Bearer ${token}` }, address: '192.0.2.1' });

describe('the transaction of a call', () => {
  const calls = (edge: Edge, ...callRefs: (string | undefined)[]) =>
    Promise.all(
      callRefs.map((ref) =>
        edge.authenticateBasic(basicCall('bob', passwords.first, ref === undefined ? {} : { 'x-callref': ref })),
      ),
    );

  test('is what X-CallRef says: the same for the same, never shared with another', async () => {
    const edge = edgeOf(place.server);
    const [a, b, again, none, noneAgain] = await calls(edge, 'call-a', 'call-b', 'call-a', undefined, undefined);
    expect([a, b].map((caller) => caller?.correlationId)).toEqual(['call-a', 'call-b']);
    expect(again?.token).toBe(a?.token);
    expect(new Set([a, b, none].map((caller) => caller?.token)).size).toBe(3);
    expect(noneAgain?.token).toBe(none?.token);
    expect([edge.logins(), edge.signed()]).toEqual([1, 3]);
  });

  test('is another for every call where the edge says so', async () => {
    const edge = edgeOf(place.server, { transactions: 'each' });
    const callers = await calls(edge, undefined, undefined, undefined, 'call-a', 'call-a');
    expect(new Set(callers.map(({ correlationId }) => correlationId)).size).toBe(4);
    expect([edge.logins(), edge.signed()]).toEqual([1, 4]);
  });

  test('is not invented for a bad X-CallRef', async () => {
    const edge = edgeOf(place.server);
    for (const bad of ['', 'a b', 'ä', 'x'.repeat(129)]) {
      expect(await said(edge.authenticateBasic(basicCall('bob', passwords.first, { 'x-callref': bad })))).toBe(
        'call_ref.malformed',
      );
    }
    expect(edge.logins()).toBe(0);
  });

  test('has the address of the end client that it is for', async () => {
    const edge = edgeOf(place.server);
    const from = async (address: string) => {
      const { subject } = await edge.authenticateBasic(basicCall('bob', passwords.first, { address }));
      return (subject as unknown as { requestContext: { address: string } }).requestContext.address;
    };
    expect(await Promise.all(['192.0.2.5', '192.0.2.6', '2001:DB8::0:1', '::ffff:192.0.2.7'].map(from))).toEqual([
      '192.0.2.5',
      '192.0.2.6',
      '2001:db8::1',
      '192.0.2.7',
    ]);
    expect(edge.logins()).toBe(1);
  });

  test('of more calls than are remembered is asked for again, and stays what it is', async () => {
    const edge = edgeOf(place.server);
    const refs = Array.from({ length: 40 }, (_, i) => `call-${i}`);
    const callers = await calls(edge, ...refs);
    expect(callers.map(({ correlationId }) => correlationId)).toEqual(refs);
    expect((await calls(edge, 'call-0'))[0]?.correlationId).toBe('call-0');
  });
});

describe('an id of the edge’s own', () => {
  const call = { headers: {}, address: '192.0.2.1' };
  const bob = { name: 'bob', password: passwords.first };
  const id = 'a-cookie-of-the-edge-1';

  test('stands for the session from login to logout', async () => {
    const edge = edgeOf(place.server);
    expect(await said(edge.resumeSession(id, call))).toBe('session.unknown');
    const opened = await edge.openSession(id, bob, call);
    const resumed = await edge.resumeSession(id, { ...call, headers: { 'x-callref': 'call-7' } });
    expect(resumed.correlationId).toBe('call-7');
    expect(resumed.subject).toMatchObject({ sessionId: (opened.subject as { sessionId?: string }).sessionId });
    expect(await said(edge.resumeSession(id, call, { acr: 'aal2' }))).toBe('login.weak');
    await edge.endSession(id);
    expect(await said(edge.resumeSession(id, call))).toBe('session.unknown');
    await edge.endSession(id);
    expect(edge.logins()).toBe(1);
    expect(edge.wire.count('/auth/logout')).toBe(1);
  });

  test('stands for no session once it was ended, though the login was still under way', async () => {
    const edge = edgeOf(place.server);
    const opening = edge.openSession(id, bob, call);
    await edge.endSession(id);
    expect(await said(opening)).toBe('passed');
    expect(await said(edge.resumeSession(id, call))).toBe('session.unknown');
    expect(edge.wire.count('/auth/logout')).toBe(1);
    const failing = said(edge.openSession(id, { ...bob, password: 'something else' }, call));
    await edge.endSession(id);
    expect(await failing).toBe('login.failed');
  });

  test('is of nobody once its session was ended elsewhere', async () => {
    const edge = edgeOf(place.server);
    const { subject } = await edge.openSession(id, bob, call);
    await place.admin(`/auth/sessions/${(subject as { sessionId?: string }).sessionId}/terminate`);
    await eventually(async () => (await said(edge.resumeSession(id, call))) !== 'passed', 10_000);
    expect(await said(edge.resumeSession(id, call))).toBe('session.unknown');
    expect(edge.logins()).toBe(1);
  });

  test('is never taken for that of another login, nor for a pair', async () => {
    const edge = edgeOf(place.server);
    const alice = { name: 'alice@acme.example', password: passwords.first };
    const [first, second] = await Promise.all([edge.openSession(id, bob, call), edge.openSession(id, alice, call)]);
    const codes = [first, second].map(({ subject }) => subject.kind === 'credential' && subject.credential.code);
    expect(codes).toEqual(['bob', 'alice@acme.example']);
    expect(await said(edge.openSession(id, { ...bob, password: 'something else' }, call))).toBe('login.failed');
    await expect(edge.openSession('short', bob, call)).rejects.toMatchObject({ code: 'edge.session_id' });
  });
});

describe('a session token', () => {
  test('is taken as bearer, and asked for once', async () => {
    const edge = edgeOf(place.server);
    const session = await place.session('bob');
    const callers = await Promise.all(Array.from({ length: 20 }, () => edge.authenticateSession(bearing(session))));
    expect(new Set(callers.map(({ token }) => token)).size).toBe(1);
    expect([edge.logins(), edge.signed()]).toEqual([0, 1]);
    await place.call('/auth/logout', `Bearer ${session}`, {});
    await eventually(async () => (await said(edge.authenticateSession(bearing(session)))) !== 'passed', 10_000);
    expect(await said(edge.authenticateSession(bearing(session)))).toBe('session.invalid');
  });

  test('that is none is refused once, and guesses are throttled', async () => {
    const edge = edgeOf(place.server, { limits: { failuresPerMinute: 3 } });
    const guess = (n: number) => said(edge.authenticateSession(bearing(`css_${String(n).padStart(43, 'A')}`)));
    for (let i = 0; i < 5; i++) expect(await guess(0)).toBe('session.invalid');
    expect(edge.signed()).toBe(1);
    expect([await guess(1), await guess(2), await guess(3)]).toEqual([
      'session.invalid',
      'session.invalid',
      'login.throttled',
    ]);
    const { token } = await edge.authenticateBasic(basicCall('bob', passwords.first, { address: '192.0.2.9' }));
    expect(await said(edge.authenticateSession(bearing(token)))).toBe('session.invalid');
    expect(await said(edge.authenticateSession({ headers: {}, address: undefined }))).toBe('token.missing');
    expect(edge.signed()).toBe(4);
  });
});

test('a session that is good for one thing only is good for nothing here', async () => {
  const newest = await place.admin('/passwords/cred-3/get');
  const { version } = newest.body.passwordInfo as { version: number };
  await place.admin(`/passwords/cred-3/${version}/expire`);
  const { status, body } = await place.login('carol@globex.example', passwords.first);
  expect(status).toBe(409);
  const edge = edgeOf(place.server);
  expect(await said(edge.authenticateSession(bearing(body.token as string)))).toBe('session.restricted');
});

describe('what gets in at the edge', () => {
  test('goes on down the chain like any signed subject', async () => {
    const ledger = createService({
      issuer: place.server.issuer(),
      clientId: 'ledger',
      clientSecret: edgeSecret,
      audience: 'https://ledger.example',
      accept: ['credential'],
    });
    onTestFinished(() => ledger.close());
    const told = await listenOn(
      bearer({ service: ledger }, ({ bearer: { subject, correlationId } }, response) =>
        response.end(JSON.stringify({ id: subject.id, by: subject.actors[0]?.clientId, correlationId })),
      ),
    );
    onTestFinished(() => told[Symbol.asyncDispose]());
    const edge = edgeOf(place.server);
    const caller = await edge.authenticateBasic(basicCall('bob', passwords.first, { 'x-callref': 'call-9' }));
    const answer = await edge.fetch(caller, 'https://ledger.example', told.url);
    expect(await answer.json()).toEqual({ id: 'credential:cred-2', by: 'edge', correlationId: 'call-9' });
    expect((await edge.authenticate(bearing(caller.token).headers)).subject.id).toBe('credential:cred-2');
  });
});

describe.each(loginAdapters)('behind the guard for %s', (adapter) => {
  test('names and passwords are let in, and everything else is told what is wrong', async () => {
    const edge = edgeOf(place.server);
    const guarded = await startLogin(adapter, edge);
    onTestFinished(() => guarded[Symbol.asyncDispose]());
    const get = (path: string, authorization?: string) =>
      fetch(guarded.url + path, authorization === undefined ? {} : { headers: { authorization } });

    const good = await get('/basic', basicField('bob', passwords.first));
    expect(await good.json()).toMatchObject({ id: 'credential:cred-2', address: '127.0.0.1' });
    expect((await get('/basic', basicField('bob', passwords.first))).status).toBe(200);
    expect(edge.logins()).toBe(1);

    const session = await place.session('bob');
    expect((await get('/both', `Bearer ${session}`)).status).toBe(200);
    expect((await get('/both', basicField('bob', passwords.first))).status).toBe(200);
    const cases: [path: string, status: number, code: string, field?: string][] = [
      ['/basic', 401, 'login.missing'],
      ['/basic', 401, 'login.missing', `Bearer ${session}`],
      ['/basic', 401, 'login.malformed', 'Basic nonsense'],
      ['/basic', 401, 'login.failed', basicField('bob', 'wrong')],
      ['/both', 401, 'login.missing'],
    ];
    for (const [path, status, code, field] of cases) {
      const refused = await get(path, field);
      expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([status, code]);
      expect(refused.headers.get('www-authenticate')).toBe('Basic realm="dev", charset="UTF-8"');
    }
    const weak = await get('/strong', basicField('bob', passwords.first));
    expect([weak.status, weak.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('acr_values')]);
    expect(guarded.refusals).toEqual([...cases.map(([, , code]) => code), 'login.weak']);
  });
});

test('a refusal for too many tries says when to come back', async () => {
  const edge = edgeOf(place.server, { limits: { failuresPerMinute: 1 } });
  const guarded = await startLogin('node', edge);
  onTestFinished(() => guarded[Symbol.asyncDispose]());
  const get = (password: string) =>
    fetch(`${guarded.url}/basic`, { headers: { authorization: basicField('x', password) } });
  expect((await get('a')).status).toBe(401);
  const refused = await get('b');
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
});
