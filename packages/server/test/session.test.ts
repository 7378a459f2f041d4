import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { write } from '../src/store/write.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { openSession, type SessionTerms } from '../src/subject/session.ts';
import { type CredentialSubject, credentialSubjectId, renewSubject, suspendSubject } from '../src/subject/subject.ts';
import { issueStatus } from '../src/subject/tokens/status.ts';
import { eachDatabase } from './support/databases.ts';
import { type TestServer, testServer } from './support/server.ts';

const network = {
  realms: [
    {
      name: 'dev',
      identityProfiles: [{ id: 'ip-1', name: 'Corporates' }],
      identities: [{ id: 'corp-1', profileId: 'ip-1', name: 'Acme Travel' }],
      credentials: [
        { id: 'cred-1', identityId: 'corp-1', type: 'ROOT', code: 'alice@acme.example' },
        { id: 'cred-2', identityId: 'corp-1', type: 'USER', code: 'bob@acme.example' },
      ],
    },
    { name: 'bank', profile: 'strict', identityProfiles: [], settings: { sessionIdleSeconds: 30 } },
  ],
};

/** A clock that goes on by itself, and can be moved. */
function movedClock() {
  let moved = 0;
  return {
    now: () => Date.now() + moved,
    elapsed: () => performance.now(),
    advance(milliseconds: number) {
      moved += milliseconds;
    },
  };
}

async function start(databaseUrl: string, clock = movedClock()): Promise<TestServer> {
  const server = await testServer({ databaseUrl, network, clock });
  onTestFinished(() => server.close());
  return server;
}

function subjectOf(id: 'cred-1' | 'cred-2', generation = 1): CredentialSubject {
  return {
    kind: 'credential',
    realm: 'dev',
    id: credentialSubjectId(id),
    generation,
    amr: ['pwd'],
    credential: { type: id === 'cred-1' ? 'ROOT' : 'USER', id, code: `${id}@acme.example` },
    identity: { type: 'corporates', id: 'corp-1' },
  };
}

async function open({ context }: TestServer, id: 'cred-1' | 'cred-2' = 'cred-1', terms: Partial<SessionTerms> = {}) {
  const realm = await requireRealm(context, 'dev');
  return write(context, system, (tx) => openSession(context, tx, realm, subjectOf(id), { acr: 'aal1', ...terms }));
}

function call(server: TestServer, path: string, authorization: string, body?: object, headers = {}) {
  return fetch(server.url + path, {
    method: 'POST',
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const subjectStatus = async (server: TestServer, token: string) => (await call(server, '/auth/subject', token)).status;

eachDatabase('a session', (freshUrl) => {
  test('is a token of 256 bits of which the database has only a digest', async () => {
    const server = await start(await freshUrl());
    const { token } = await open(server);
    expect(token).toMatch(/^css_[A-Za-z0-9_-]{43}$/);
    const rows = await server.context.store.db.selectFrom('session').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(token.slice(4));
    expect(server.logged.join('')).not.toContain(token.slice(4));
  });

  test('signs its subject: a transaction token of a minute, with the correlation id of the caller', async () => {
    const server = await start(await freshUrl());
    const { token, session } = await open(server);
    const response = await call(
      server,
      '/auth/subject',
      `Bearer ${token}`,
      { audience: 'https://ledger.example' },
      {
        'x-callref': 'call-7',
      },
    );
    expect(response.status).toBe(200);
    expect(response.headers.get('x-callref')).toBe('call-7');
    const signed = (await response.json()) as { token: string; expiresIn: number };
    expect(signed.expiresIn).toBe(60);
    expect(decodeProtectedHeader(signed.token)).toMatchObject({ typ: 'txntoken+jwt' });
    const claims = decodeJwt(signed.token);
    expect(claims).toMatchObject({
      iss: server.issuer(),
      aud: 'https://ledger.example',
      sub: 'credential:cred-1',
      txn: 'call-7',
      sid: session.id,
      amr: ['pwd'],
      acr: 'aal1',
      epoch: 1,
      realm: 'dev',
      credential: { type: 'ROOT', id: 'cred-1' },
      identity: { type: 'corporates', id: 'corp-1' },
      rctx: { req_ip: '127.0.0.1' },
    });
    expect((claims.exp as number) - (claims.iat as number)).toBe(60);
    const plain = (await (await call(server, '/auth/subject', token)).json()) as { token: string };
    expect(decodeJwt(plain.token).aud).toBe(server.issuer());
  });

  test('never signs for longer than it lives itself', async () => {
    const clock = movedClock();
    const server = await start(await freshUrl(), clock);
    const { token } = await open(server, 'cred-1', { goesOn: { beganAt: clock.now(), endsAt: clock.now() + 20_000 } });
    const { expiresIn } = (await (await call(server, '/auth/subject', token)).json()) as { expiresIn: number };
    expect(expiresIn).toBeLessThanOrEqual(20);
    clock.advance(20_000);
    expect(await subjectStatus(server, token)).toBe(401);
  });

  test.each(['Bearer ', 'X-TOKEN ', '', 'bearer '])('is accepted as «%stoken»', async (scheme) => {
    const server = await start(await freshUrl());
    const { token } = await open(server);
    expect(await subjectStatus(server, scheme + token)).toBe(200);
  });

  test('ends by logout: everywhere from then on 401', async () => {
    const server = await start(await freshUrl());
    const { token } = await open(server);
    expect((await call(server, '/auth/logout', token)).status).toBe(204);
    for (const path of ['/auth/logout', '/auth/subject', '/auth/sessions/get', '/realms/dev/auth/subject']) {
      const refused = await call(server, path, token);
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer /);
      expect(await refused.json()).toMatchObject({ code: 'SESSION_INVALID', errorCode: 'SESSION_INVALID' });
    }
  });

  test('idles out, and use puts that off but not its absolute limit', async () => {
    const clock = movedClock();
    const server = await start(await freshUrl(), clock);
    const { token } = await open(server);
    for (let minute = 0; minute < 10; minute++) {
      clock.advance(240_000);
      expect(await subjectStatus(server, token)).toBe(200);
    }
    clock.advance(301_000);
    expect(await subjectStatus(server, token)).toBe(401);
    const long = await open(server, 'cred-1', { goesOn: { beganAt: clock.now(), endsAt: clock.now() + 400_000 } });
    clock.advance(250_000);
    expect(await subjectStatus(server, long.token)).toBe(200);
    clock.advance(250_000);
    expect(await subjectStatus(server, long.token)).toBe(401);
  });

  test('ends by a limit that was lowered since, also under a new token', async () => {
    const clock = movedClock();
    const server = await start(await freshUrl(), clock);
    const limit = (sessionMaxSeconds: number) =>
      fetch(`${server.issuer()}/admin/settings`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
        body: JSON.stringify({ settings: { sessionMaxSeconds } }),
      });
    const admin = await server.adminToken();
    const first = await open(server);
    clock.advance(200_000);
    const next = await open(server, 'cred-1', { goesOn: first.session });
    clock.advance(200_000);
    expect(await subjectStatus(server, next.token)).toBe(200);
    expect((await limit(600)).status).toBe(200);
    const view = await call(server, '/auth/sessions/get', admin, { credentialId: 'cred-1' });
    const [shown] = ((await view.json()) as { sessions: { expiryTimestamp: string }[] }).sessions;
    expect(Number(shown?.expiryTimestamp)).toBe(first.session.createdAt + 600_000);
    clock.advance(199_000);
    expect(await subjectStatus(server, next.token)).toBe(200);
    clock.advance(1_000);
    expect(await subjectStatus(server, next.token)).toBe(401);
  });

  test('writes its use at most twice a minute', async () => {
    const clock = movedClock();
    const server = await start(await freshUrl(), clock);
    const { token, session } = await open(server);
    const seen = async () =>
      (await server.context.store.db.selectFrom('session').select('seen_at').where('id', '=', session.id).execute())[0]
        ?.seen_at;
    const opened = await seen();
    clock.advance(20_000);
    expect(await subjectStatus(server, token)).toBe(200);
    expect(await seen()).toBe(opened);
    clock.advance(15_000);
    expect(await subjectStatus(server, token)).toBe(200);
    expect(await seen()).toBeGreaterThan(opened as number);
  });

  test('dies with every other of its subject when a new generation begins, or the subject is suspended', async () => {
    const server = await start(await freshUrl());
    const [first, other] = [await open(server), await open(server, 'cred-2')];
    expect(await subjectStatus(server, first.token)).toBe(200);
    await write(server.context, system, (tx) => renewSubject(tx, 'dev', 'credential:cred-1'));
    expect(await subjectStatus(server, first.token)).toBe(401);
    expect(await subjectStatus(server, other.token)).toBe(200);
    await write(server.context, system, (tx) => suspendSubject(tx, 'dev', 'credential:cred-2'));
    expect(await subjectStatus(server, other.token)).toBe(401);
  });

  test('of its own credential can be listed and ended; another one’s does not exist', async () => {
    const server = await start(await freshUrl());
    const [here, there, stranger] = [await open(server), await open(server), await open(server, 'cred-2')];
    const { sessions } = (await (await call(server, '/auth/sessions/get', here.token)).json()) as {
      sessions: { id: string; current: boolean }[];
    };
    expect(sessions.map(({ id, current }) => [id, current]).sort()).toEqual(
      [
        [here.session.id, true],
        [there.session.id, false],
      ].sort(),
    );
    const end = (id: string) => call(server, `/auth/sessions/${id}/terminate`, here.token);
    expect((await end(stranger.session.id)).status).toBe(404);
    expect((await end('nobody')).status).toBe(404);
    expect((await end(there.session.id)).status).toBe(204);
    expect((await end(there.session.id)).status).toBe(204);
    expect(await subjectStatus(server, there.token)).toBe(401);
    expect(await subjectStatus(server, stranger.token)).toBe(200);
    expect((await call(server, '/auth/sessions/get', here.token, { credentialId: 'cred-2' })).status).toBe(404);
  });

  test('is one of the newest thousand that are listed, however many its holder opens', async () => {
    const server = await start(await freshUrl());
    const { token, session } = await open(server);
    const { db } = server.context.store;
    const row = await db.selectFrom('session').selectAll().where('id', '=', session.id).executeTakeFirstOrThrow();
    const restriction = JSON.stringify({ to: 'second-factor' });
    const others = Array.from({ length: 2_600 }, (_, at) => ({
      ...row,
      ...{ id: `s-${at}`, token_digest: `digest ${at}`, created_at: row.created_at + 1 + at },
      // The newest ones are restricted, and the ones before have idled out: neither takes the place of an open one.
      ...(at >= 1_800 && { restriction }),
      ...(at >= 1_200 && at < 1_800 && { seen_at: row.seen_at - 86_400_000 }),
    }));
    for (let at = 0; at < 2_600; at += 100)
      await db
        .insertInto('session')
        .values(others.slice(at, at + 100))
        .execute();
    const { sessions } = (await (await call(server, '/auth/sessions/get', token)).json()) as {
      sessions: { id: string }[];
    };
    expect(sessions).toHaveLength(1_000);
    expect([sessions.at(0)?.id, sessions.at(-1)?.id]).toEqual(['s-1199', 's-200']);
  });

  test('can be ended by an administrator, alone or with all of its credential', async () => {
    const server = await start(await freshUrl());
    const admin = `Bearer ${await server.adminToken()}`;
    const [one, two] = [await open(server), await open(server)];
    expect((await call(server, `/auth/sessions/${one.session.id}/terminate`, admin)).status).toBe(204);
    expect(await subjectStatus(server, one.token)).toBe(401);
    const list = await call(server, '/realms/dev/auth/sessions/get', admin, { credentialId: 'cred-1' });
    expect(await list.json()).toMatchObject({ sessions: [{ id: two.session.id, current: false }] });
    expect((await call(server, '/auth/sessions/get', admin)).status).toBe(400);
    expect((await call(server, '/auth/sessions/terminate', admin, { credentialId: 'nobody' })).status).toBe(404);
    expect((await call(server, '/auth/sessions/terminate', admin, { credentialId: 'cred-1' })).status).toBe(204);
    expect(await subjectStatus(server, two.token)).toBe(401);
    const events = await server.context.store.db.selectFrom('event').select(['type', 'object', 'actor']).execute();
    expect(events).toContainEqual({
      type: 'session.ended',
      object: `session:${one.session.id}`,
      actor: 'system/admin',
    });
    expect(events).toContainEqual({
      type: 'credential.sessions_terminated',
      object: 'credential:cred-1',
      actor: 'system/admin',
    });
  });

  test('that is restricted can do nothing else', async () => {
    const server = await start(await freshUrl());
    const { token } = await open(server, 'cred-1', { restriction: { to: 'update-password', version: 1 } });
    for (const path of ['/auth/subject', '/auth/sessions/get', '/auth/sessions/terminate']) {
      const refused = await call(server, path, token);
      expect([path, refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
        path,
        403,
        'SESSION_RESTRICTED',
      ]);
    }
    // But to end.
    expect((await call(server, '/auth/logout', token)).status).toBe(204);
    expect((await call(server, '/auth/logout', token)).status).toBe(401);
    const { token: full } = await open(server);
    expect(await (await call(server, '/auth/sessions/get', full)).json()).toMatchObject({
      sessions: [{ current: true }],
    });
  });

  test('that has ended is told to the readers of the status feed', async () => {
    const server = await start(await freshUrl());
    const { token, session } = await open(server);
    await call(server, '/auth/logout', token);
    const { context } = server;
    const { claims } = await issueStatus(context, await requireRealm(context, 'dev'), 0);
    expect(claims.revoked).toContainEqual(expect.objectContaining({ kind: 'session', id: session.id }));
  });
});

describe('a request names its realm', async () => {
  const server = await testServer({ network });
  const { token } = await open(server);
  afterAll(() => server.close());
  test.each([
    ['by its path', '/realms/dev/auth/subject', {}, 200],
    ['by the header', '/auth/subject', { 'x-programmekey': 'acme|dev' }, 200],
    ['by both', '/realms/dev/auth/subject', { 'x-programmekey': 'acme|dev' }, 200],
    ['by both, which disagree', '/realms/bank/auth/subject', { 'x-programmekey': 'acme|dev' }, 400],
    ['that is not there', '/auth/subject', { 'x-programmekey': 'acme|nowhere' }, 400],
    ['that is not there, by the path', '/realms/nowhere/auth/subject', {}, 400],
    ['malformed', '/auth/subject', { 'x-programmekey': 'dev' }, 400],
    ['with nothing behind the bar', '/auth/subject', { 'x-programmekey': 'acme|' }, 400],
    ['other than the token’s', '/realms/bank/auth/subject', {}, 403],
    ['other than the token’s, by the header', '/auth/subject', { 'x-programmekey': 'acme|bank' }, 403],
  ])('%s', async (_, path, headers, status) => {
    const response = await call(server, path, token, undefined, headers);
    expect(response.status).toBe(status);
    if (status === 400) {
      expect(await response.json()).toMatchObject({
        message: 'JSON request violated validation rules',
        validation: { invalid: true, fields: [{ name: expect.any(String), errors: [expect.any(String)] }] },
      });
    }
  });

  test.each([
    ['nothing', undefined, 401],
    ['no token', 'Bearer', 401],
    ['two tokens', `${token} ${token}`, 401],
    ['another scheme', `Basic ${token}`, 401],
    ['a token that was never given out', `css_${'A'.repeat(43)}`, 401],
    ['a token cut short', token.slice(0, -1), 401],
    ['a megabyte', `css_${'A'.repeat(10_000)}`, 401],
  ])('and is refused with %s', async (_, authorization, status) => {
    const response = await fetch(`${server.url}/auth/subject`, {
      method: 'POST',
      headers: authorization === undefined ? {} : { authorization },
    });
    expect(response.status).toBe(status);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm=/);
  });

  test('a subject token is no session token, and no access token', async () => {
    const { token: signed } = (await (await call(server, '/auth/subject', token)).json()) as { token: string };
    expect(await subjectStatus(server, signed)).toBe(401);
    const list = await fetch(`${server.issuer()}/status`, { headers: { authorization: `Bearer ${signed}` } });
    expect(list.status).toBe(401);
  });

  test('with a correlation id that is none, and is told so', async () => {
    const response = await call(server, '/auth/subject', token, undefined, { 'x-callref': 'a b' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ validation: { fields: [{ name: 'X-CallRef' }] } });
  });

  test('and members that are unknown are refused by name', async () => {
    const response = await call(server, '/auth/subject', token, { audience: 7 });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ validation: { fields: [{ name: 'audience' }] } });
  });
});
