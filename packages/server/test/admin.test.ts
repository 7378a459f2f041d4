import { setTimeout } from 'node:timers/promises';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMetrics } from '../src/http/metrics.ts';
import { allRoutes } from '../src/server.ts';
import { verifyChain } from '../src/subject/event.ts';
import { type Answer, ask, createApplicant, isActive, onboard, proxied, step } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { keyOf } from './support/network.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const watcher = { clientId: 'watcher', clientSecret: 'watcher-secret-for-tests' };
const network = {
  realms: [
    {
      name: 'dev',
      profile: 'ocen4',
      participants: [
        {
          id: 'watching',
          role: 'REGULATOR',
          status: 'APPROVED',
          client: { id: watcher.clientId, secret: watcher.clientSecret },
        },
        ...['a', 'b', 'c', 'd', 'e'].map((id) => ({
          id: `lender-${id}`,
          role: 'LENDER',
          status: 'APPROVED',
          baseUrl: `https://${id}.example`,
          keys: [keyOf(id)],
        })),
      ],
    },
    { name: 'other', profile: 'strict' },
  ],
};

eachDatabase('administration', (freshUrl) => {
  let server: TestServer;
  let admin: string;
  beforeAll(async () => {
    server = await testServer({ databaseUrl: await freshUrl(), env: proxied, network });
    admin = await server.adminToken();
  });
  afterAll(() => server?.close());

  const get = (path: string, token = admin) => ask(server, path, { token });
  const post = (path: string, body: unknown = {}, token = admin) => ask(server, path, { token, body });
  const patch = (body: unknown, realm = 'other', token = admin) =>
    ask(server, `/realms/${realm}/admin/settings`, { method: 'PATCH', token, body });
  const administratorOf = async (realm: string) => {
    const { body } = await post(`/realms/${realm}/admin/clients`, {
      name: 'Administrator',
      scope: 'countersign:admin',
    });
    return obtainToken(server.issuer(realm), body.clientId, body.clientSecret);
  };

  describe('who may', () => {
    const paths: readonly (readonly [method: string, path: string])[] = [
      ['GET', '/realms/dev/admin/settings'],
      ['PATCH', '/realms/dev/admin/settings'],
      ['GET', '/realms/dev/admin/participants'],
      ['GET', '/realms/dev/admin/participants/watching'],
      ['POST', '/realms/dev/admin/participants/watching/keys'],
      ['POST', '/realms/dev/admin/participants/watching/keys/any/retire'],
      ['GET', '/realms/dev/admin/clients'],
      ['POST', '/realms/dev/admin/clients'],
      ['GET', '/realms/dev/admin/clients/watcher'],
      ['POST', '/realms/dev/admin/clients/watcher/secrets'],
      ['POST', '/realms/dev/admin/clients/watcher/disable'],
      ['POST', '/realms/dev/admin/clients/watcher/enable'],
      ['POST', '/realms/dev/admin/clients/watcher/end'],
      ['GET', '/realms/dev/admin/signing-keys'],
      ['POST', '/realms/dev/admin/signing-keys/rotate'],
      ['GET', '/realms/dev/admin/events'],
      ['GET', '/realms/dev/admin/events/head'],
      ['GET', '/realms/dev/registry/applications'],
      ['GET', '/realms/dev/registry/applications/any'],
      ['POST', '/realms/dev/registry/applications/any/review'],
      ['POST', '/realms/dev/registry/applications/any/approve'],
      ['POST', '/realms/dev/registry/applications/any/reject'],
      ['GET', '/admin/realms'],
      ['POST', '/admin/realms'],
    ];

    test.each(paths)('%s %s is for administrators of the realm or of system', async (method, path) => {
      const foreign = path.startsWith('/admin') ? [401, 'token.invalid'] : [403, 'token.other_realm'];
      const participant = path.startsWith('/admin') ? [401, 'token.invalid'] : [403, 'token.insufficient_scope'];
      const callers: readonly (readonly [string | undefined, readonly unknown[]])[] = [
        [undefined, [401, 'token.missing']],
        ['x.y.z', [401, 'token.invalid']],
        [await administratorOf('other'), foreign],
        [await obtainToken(server.issuer(), watcher.clientId, watcher.clientSecret), participant],
      ];
      for (const [token, expected] of callers) {
        const { status, body, headers } = await ask(server, path, {
          method,
          ...(token === undefined ? {} : { token }),
        });
        expect([status, body.code]).toEqual(expected);
        if (status === 401) expect(headers.get('www-authenticate')).toMatch(/^Bearer realm="/);
      }
    });

    test('every door takes only a token whose only audience is its issuer', async () => {
      const shop = 'https://lender.example';
      const audiencesOf = async (realm: string) => {
        const wanted = { name: 'Administrator', scope: 'countersign:admin', audiences: [shop] };
        const { body } = await post(`/realms/${realm}/admin/clients`, wanted);
        const issuer = server.issuer(realm);
        const narrowed = (...resources: string[]) =>
          obtainToken(
            issuer,
            body.clientId,
            body.clientSecret,
            resources.map((resource) => ['resource', resource]),
          );
        return { alone: await narrowed(issuer), seen: [await narrowed(shop), await narrowed(issuer, shop)] };
      };
      const [own, system] = [await audiencesOf('dev'), await audiencesOf('system')];
      const doors = [
        ...allRoutes(() => createMetrics(() => 0))
          .filter(({ security }) => security === 'administrator')
          .map(({ method, path }) => [method, path.replace(':realm', 'dev').replace(/:[a-zA-Z]+/g, 'any')] as const),
        ['POST', '/realms/dev/registry/participants/watching/keys'],
        ['POST', '/realms/dev/registry/participants/watching/keys/any/retire'],
        ['POST', '/realms/dev/registry/participants/watching/secrets'],
        ['POST', '/realms/dev/registry/participants/watching/secrets/any/revoke'],
        ['POST', '/realms/dev/passwords/profiles/any/get'],
        ['POST', '/realms/dev/passwords/any/get'],
        ['POST', '/realms/dev/identities/any/get'],
        ['POST', '/realms/dev/auth/sessions/any/terminate'],
        ['POST', '/realms/dev/countersign.v1.ProviderService/Invite'],
      ] as const;
      expect(doors.length).toBeGreaterThan(40);
      for (const [method, path] of doors) {
        const tokens = path.startsWith('/admin') ? system.seen : [...own.seen, ...system.seen];
        for (const token of tokens) {
          const request = { method, token, ...(method === 'POST' ? { body: {} } : {}) };
          const { status, body } = await ask(server, path, request);
          expect([method, path, status, body.code]).toEqual([method, path, 401, expect.anything()]);
        }
      }
      const answer = await get('/realms/dev/admin/settings', own.seen[0]);
      expect([answer.status, answer.body.code, answer.body.detail]).toEqual([
        401,
        'token.audience',
        `Administration takes a token for ${server.issuer()} alone: ask for it as the only resource.`,
      ]);
      expect((await get('/realms/dev/admin/settings', own.alone)).status).toBe(200);
      expect((await get('/admin/realms', system.alone)).status).toBe(200);
    });

    test('a realm administrator reaches its realm and not what stands above', async () => {
      const own = await administratorOf('dev');
      expect((await get('/realms/dev/admin/settings', own)).status).toBe(200);
      for (const path of ['/realms/other/admin/settings', '/realms/system/admin/clients']) {
        const answer = await get(path, own);
        expect([answer.status, answer.body.code]).toEqual([403, 'token.other_realm']);
      }
      const above = await post('/realms/system/admin/clients', { name: 'Usurper', scope: 'countersign:admin' }, own);
      expect(above.status).toBe(403);
    });

    test.each(['nowhere', 'dev%00', 'DEV', 'dev%2Fadmin', '..%2Fdev', '%ff', 'x'.repeat(300)])(
      'there is no realm %s, and only an administrator of system learns it',
      async (realm) => {
        const answer = await get(`/realms/${realm}/admin/settings`);
        expect([answer.status, answer.body.code]).toEqual([404, 'realm.unknown']);
      },
    );

    test('an administrator of realm system who is stored reaches every realm', async () => {
      const stored = await administratorOf('system');
      expect((await get('/admin/realms', stored)).status).toBe(200);
      expect((await get('/realms/other/admin/settings', stored)).status).toBe(200);
    });
  });

  describe('realms', () => {
    test('a new one issues tokens at once', async () => {
      const made = await post('/admin/realms', {
        name: 'fresh',
        profile: 'strict',
        settings: { accessTokenSeconds: 60 },
      });
      expect(made.status).toBe(201);
      expect(made.body).toMatchObject({
        name: 'fresh',
        profile: 'strict',
        issuer: server.issuer('fresh'),
        settings: { accessTokenSeconds: 60, accessTokenAlg: 'ES256', development: false },
      });
      const token = await administratorOf('fresh');
      expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
      const again = await post('/admin/realms', { name: 'fresh', profile: 'ocen4' });
      expect([again.status, again.body.code]).toEqual([409, 'registry.conflict']);
      const { profile } = (await get('/realms/fresh/admin/settings')).body;
      expect(profile).toBe('strict');
    });

    test('of several of one name at once, one is made', async () => {
      const answers = await Promise.all(
        [1, 2, 3].map(() => post('/admin/realms', { name: 'racing', profile: 'strict' })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
    });

    test('are listed page by page', async () => {
      const names: string[] = [];
      for (let after = ''; ; ) {
        const { body } = await get(`/admin/realms?limit=2&after=${after}`);
        names.push(...body.items.map((realm: { name: string }) => realm.name));
        if (body.next === undefined) break;
        after = body.next;
      }
      expect(names).toEqual([...names].sort());
      expect(names).toEqual(expect.arrayContaining(['dev', 'other', 'system']));
    });

    test('settings change by name and go back to the profile with null', async () => {
      const changed = await patch({ settings: { accessTokenSeconds: 120, tokenRequestJson: true } });
      expect(changed.body.settings).toMatchObject({ accessTokenSeconds: 120, tokenRequestJson: true });
      const back = await patch({ settings: { accessTokenSeconds: null } });
      expect(back.body.settings).toMatchObject({ accessTokenSeconds: 600, tokenRequestJson: true });
      const profile = await patch({ profile: 'ocen4', settings: { tokenRequestJson: null } });
      expect(profile.body).toMatchObject({
        profile: 'ocen4',
        settings: { accessTokenSeconds: 86_400, tokenRequestJson: true },
      });
      expect((await patch({ profile: 'strict' })).body.settings.accessTokenSeconds).toBe(600);
      const rows = await server.context.store.db
        .selectFrom('event')
        .selectAll()
        .where('type', '=', 'realm.changed')
        .where('realm', '=', 'other')
        .orderBy('id')
        .execute();
      expect(rows).toHaveLength(4);
      await patch({ profile: 'strict' });
      expect(
        await server.context.store.db
          .selectFrom('event')
          .selectAll()
          .where('type', '=', 'realm.changed')
          .where('realm', '=', 'other')
          .execute(),
      ).toHaveLength(4);
      expect(JSON.parse(rows[0]?.after ?? '')).toEqual({
        profile: 'strict',
        settings: { accessTokenSeconds: 120, tokenRequestJson: true },
      });
    });

    test.each([
      ['a name in upper case', () => post('/admin/realms', { name: 'Dev', profile: 'strict' }), '/name'],
      ['a name with a slash', () => post('/admin/realms', { name: 'a/b', profile: 'strict' }), '/name'],
      ['a name with NUL', () => post('/admin/realms', { name: 'a\0', profile: 'strict' }), '/name'],
      ['a name of 64 characters', () => post('/admin/realms', { name: 'x'.repeat(64), profile: 'strict' }), '/name'],
      ['no profile', () => post('/admin/realms', { name: 'x' }), '/profile'],
      ['an unknown profile', () => post('/admin/realms', { name: 'x', profile: 'lax' }), '/profile'],
      ['an audience of a space', () => patch({ settings: { defaultAudience: ' ' } }), '/settings/defaultAudience'],
      [
        'an unknown member',
        () => post('/admin/realms', { name: 'x', profile: 'strict', issuer: 'https://evil.example' }),
        '',
      ],
      [
        'an unknown setting',
        () => post('/admin/realms', { name: 'x', profile: 'strict', settings: { algorithm: 'none' } }),
        '/settings',
      ],
      ['algorithm none', () => patch({ settings: { accessTokenAlg: 'none' } }), '/settings/accessTokenAlg'],
      [
        'a life of a year',
        () => patch({ settings: { accessTokenSeconds: 31_536_000 } }),
        '/settings/accessTokenSeconds',
      ],
      ['half a second', () => patch({ settings: { accessTokenSeconds: 60.5 } }), '/settings/accessTokenSeconds'],
      ['a word for a boolean', () => patch({ settings: { development: 'false' } }), '/settings/development'],
      ['no signature form', () => patch({ settings: { signatureForms: [] } }), '/settings/signatureForms'],
      ['a change of the name', () => patch({ name: 'evil' }), ''],
      ['limit 0', () => get('/admin/realms?limit=0'), 'limit'],
      ['limit 201', () => get('/admin/realms?limit=201'), 'limit'],
      ['limit 1e1', () => get('/admin/realms?limit=1e1'), 'limit'],
      ['NUL to continue after', () => get('/admin/realms?after=%00'), 'after'],
    ])('%s is refused', async (_name, act, pointer) => expectInvalid(await act(), pointer));
  });

  describe('participants', () => {
    test('are listed page by page, of one role and status if asked', async () => {
      const ids: string[] = [];
      for (let after = ''; ; ) {
        const { body } = await get(`/realms/dev/admin/participants?limit=2&role=LENDER&status=APPROVED&after=${after}`);
        for (const item of body.items) expect([item.role, item.status]).toEqual(['LENDER', 'APPROVED']);
        ids.push(...body.items.map((item: { id: string }) => item.id));
        if (body.next === undefined) break;
        after = body.next;
      }
      expect(ids).toEqual(['a', 'b', 'c', 'd', 'e'].map((id) => `lender-${id}`));
      expect((await get('/realms/dev/admin/participants?status=SUSPENDED')).body.items).toEqual([]);
    });

    test('of another realm are unknown', async () => {
      const answer = await get('/realms/other/admin/participants/watching');
      expect([answer.status, answer.body.code]).toEqual([404, 'participant.unknown']);
      expect((await get('/realms/other/admin/participants')).body.items).toEqual([]);
    });

    test.each([
      ['an unknown role', '?role=KING', '/role'],
      ['an unknown status', '?status=approved', '/status'],
      ['a limit that is no number', '?limit=all', 'limit'],
      ['a place too long to continue after', `?after=${'x'.repeat(256)}`, 'after'],
    ])('%s is refused', async (_name, query, pointer) =>
      expectInvalid(await get(`/realms/dev/admin/participants${query}`), pointer),
    );
  });

  describe('clients', () => {
    const clients = '/realms/dev/admin/clients';

    test('a new one gets its secret once and its scopes and audiences', async () => {
      const made = await post(clients, {
        id: 'reporter',
        name: 'Reports',
        scope: 'read write',
        audiences: ['https://reports.example'],
      });
      expect([made.status, made.headers.get('cache-control')]).toEqual([201, 'no-store']);
      const { clientSecret, secretId } = made.body;
      const token = await obtainToken(server.issuer(), 'reporter', clientSecret);
      expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({
        scope: 'read write',
        client_id: 'reporter',
      });
      const shown = await get(`${clients}/reporter`);
      expect(shown.body).toMatchObject({
        id: 'reporter',
        name: 'Reports',
        participantId: null,
        scope: 'read write',
        audiences: ['https://reports.example'],
        status: 'ENABLED',
        secrets: [{ id: secretId, expiresAt: null }],
      });
      expect(shown.text()).not.toMatch(/digest/i);
      expect(shown.text()).not.toContain(clientSecret);
      expect(server.logged.join('')).not.toContain(clientSecret);
    });

    test('disabling kills tokens, enabling revives none, ending is for good', async () => {
      const { clientId, clientSecret } = (await post(clients, { name: 'Job' })).body;
      const own = { clientId, clientSecret };
      const token = await obtainToken(server.issuer(), clientId, clientSecret);
      const active = (presented: string) => isActive(server, presented, watcher);
      expect(await active(token)).toBe(true);
      expect((await post(`${clients}/${clientId}/disable`)).body.status).toBe('DISABLED');
      expect((await post(`${clients}/${clientId}/disable`)).body.status).toBe('DISABLED');
      expect(await active(token)).toBe(false);
      await expect(obtainToken(server.issuer(), clientId, clientSecret)).rejects.toThrow(/invalid_client/);
      expect((await post(`${clients}/${clientId}/enable`)).body.status).toBe('ENABLED');
      expect(await active(token)).toBe(false);
      const next = await obtainToken(server.issuer(), own.clientId, own.clientSecret);
      expect(await active(next)).toBe(true);
      expect((await post(`${clients}/${clientId}/end`)).body).toMatchObject({ status: 'ENDED', secrets: [] });
      expect(await active(next)).toBe(false);
      for (const name of ['enable', 'disable', 'secrets']) {
        const answer = await post(`${clients}/${clientId}/${name}`);
        expect([name, answer.status, answer.body.code]).toEqual([name, 409, 'registry.transition']);
      }
      const reused = await post(clients, { id: clientId, name: 'Job' });
      expect([reused.status, reused.body.code, reused.body.pointer]).toEqual([409, 'registry.conflict', '/id']);
      const types = await server.context.store.db
        .selectFrom('event')
        .select('type')
        .where('object', '=', `client:${clientId}`)
        .orderBy('id')
        .execute();
      expect(types.map(({ type }) => type)).toEqual([
        'client.created',
        'client.disabled',
        'client.enabled',
        'client.ended',
      ]);
    });

    test('of several of one id at once, one is made', async () => {
      const answers = await Promise.all([1, 2, 3].map(() => post(clients, { id: 'racing', name: 'Racing' })));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
    });

    test('a secret is replaced with overlap', async () => {
      const { clientId, clientSecret } = (await post(clients, { name: 'Job' })).body;
      const next = await post(`${clients}/${clientId}/secrets`, { overlapSeconds: 60 });
      await obtainToken(server.issuer(), clientId, clientSecret);
      await obtainToken(server.issuer(), clientId, next.body.clientSecret);
    });

    test("a participant's client follows its participant", async () => {
      for (const name of ['disable', 'enable', 'end']) {
        const answer = await post(`${clients}/watcher/${name}`);
        expect([answer.status, answer.body.code]).toEqual([409, 'registry.transition']);
      }
      await obtainToken(server.issuer(), watcher.clientId, watcher.clientSecret);
    });

    test('nobody takes the id of the administrator whom the environment names', async () => {
      const answer = await post('/realms/system/admin/clients', { id: 'admin', name: 'Twin' });
      expect([answer.status, answer.body.code]).toEqual([409, 'registry.conflict']);
    });

    test.each([
      ['no name', {}, '/name'],
      ['a name with NUL', { name: 'a\0' }, '/name'],
      ['a name too long', { name: 'x'.repeat(256) }, '/name'],
      ['an id with a colon', { name: 'x', id: 'a:b' }, '/id'],
      ['an id with a slash', { name: 'x', id: 'a/b' }, '/id'],
      ['an id with a space', { name: 'x', id: 'a b' }, '/id'],
      ['an empty id', { name: 'x', id: '' }, '/id'],
      ['an id too long', { name: 'x', id: 'x'.repeat(256) }, '/id'],
      ['a scope with two spaces', { name: 'x', scope: 'a  b' }, '/scope'],
      ['a scope with a quote', { name: 'x', scope: 'a"b' }, '/scope'],
      ['a scope with a line', { name: 'x', scope: 'a\nb' }, '/scope'],
      ['scopes as a list', { name: 'x', scope: ['a'] }, '/scope'],
      ['audiences as text', { name: 'x', audiences: 'a' }, '/audiences'],
      ['an empty audience', { name: 'x', audiences: [''] }, '/audiences/0'],
      ['an audience of a space', { name: 'x', audiences: ['a', ' '] }, '/audiences/1'],
      ['an audience with a space', { name: 'x', audiences: ['a b'] }, '/audiences/0'],
      ['101 audiences', { name: 'x', audiences: Array(101).fill('a') }, '/audiences'],
      ['a secret of its own choice', { name: 'x', secret: 'x'.repeat(32) }, ''],
      ['a participant', { name: 'x', participantId: 'watching' }, ''],
    ])('%s is refused', async (_name, body, pointer) => expectInvalid(await post(clients, body), pointer));

    test('an unknown one is 404', async () => {
      for (const name of ['', '/secrets', '/disable']) {
        const answer = await ask(server, `${clients}/nobody${name}`, {
          method: name === '' ? 'GET' : 'POST',
          token: admin,
        });
        expect([answer.status, answer.body.code]).toEqual([404, 'client.unknown']);
      }
    });
  });

  describe('signing keys', () => {
    const keys = '/realms/other/admin/signing-keys';

    test('the list shows public parts only', async () => {
      const answer = await get(keys);
      const { items } = answer.body;
      expect(items.map((key: { purpose: string }) => key.purpose).sort()).toEqual([
        'receipt',
        'receipt',
        'status',
        'status',
        'token',
        'token',
      ]);
      for (const { publicKey } of items)
        expect(Object.keys(publicKey).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
      expect(answer.text()).not.toMatch(/sealed|private|"d"/);
    });

    test('a rotation announces the next key; at once, the old one leaves the JWKS', async () => {
      const before = (await get(keys)).body.items;
      const rotated = await post(`${keys}/rotate`);
      expect(rotated.status).toBe(200);
      const next = before.find(
        (key: { purpose: string; activeAt: unknown }) => key.purpose === 'token' && key.activeAt === null,
      );
      expect(rotated.body.kid).toBe(next.kid);
      const under = await post(`${keys}/rotate`);
      expect([under.status, under.body.code]).toEqual([409, 'registry.transition']);

      const token = await administratorOf('other');
      const now = await post(`${keys}/rotate`, { immediately: true });
      expect(now.status).toBe(200);
      const jwks = (await (await fetch(`${server.issuer('other')}/protocol/openid-connect/certs`)).json()) as {
        keys: { kid: string }[];
      };
      expect(jwks.keys.map(({ kid }) => kid)).not.toContain(decodeProtectedHeader(token).kid);
      expect(decodeProtectedHeader(await administratorOf('other')).kid).toBe(now.body.kid);
    });

    test.each([
      ['an unknown purpose', { purpose: 'master' }, '/purpose'],
      ['a word for a boolean', { immediately: 'yes' }, '/immediately'],
      ['a key to import', { privateKey: {} }, ''],
    ])('%s is refused', async (_name, body, pointer) => expectInvalid(await post(`${keys}/rotate`, body), pointer));
  });

  describe('events', () => {
    test('are listed newest first and only of the realm', async () => {
      await post('/realms/other/admin/clients', { id: 'logged', name: 'Logged' });
      await allSealed(server);
      const numbers: number[] = [];
      let pages = 0;
      for (let after = ''; pages < 100; pages++) {
        const { body } = await get(`/realms/other/admin/events?limit=3&after=${after}`);
        for (const event of body.items) expect(event.realm).toBe('other');
        numbers.push(...body.items.map((event: { seq: number }) => event.seq));
        if (body.next === undefined) break;
        after = body.next;
      }
      expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
      const stored = await server.context.store.db
        .selectFrom('event')
        .select('id')
        .where('realm', '=', 'other')
        .execute();
      expect(new Set(numbers).size).toBe(stored.length);
    });

    test('the signed head fits the chain, and is no access token', async () => {
      await allSealed(server);
      const { body } = await get('/realms/dev/admin/events/head');
      const issuer = server.issuer();
      const jwks = createRemoteJWKSet(new URL(`${issuer}/protocol/openid-connect/certs`));
      const { payload } = await jwtVerify(body.jwt, jwks, { issuer, typ: 'event-head+jwt' });
      expect(payload).toMatchObject({ seq: body.seq, hash: body.hash });
      expect(await verifyChain(server.context, { seq: body.seq, hash: body.hash })).toMatchObject({ intact: true });
      expect(await verifyChain(server.context, { seq: body.seq, hash: 'x' })).toMatchObject({ intact: false });
      expect((await get('/realms/dev/admin/settings', body.jwt)).status).toBe(401);
    });

    test('a number that is none is refused', async () => {
      expectInvalid(await get('/realms/dev/admin/events?after=newest'), 'after');
    });

    test('nothing that was secret is in the log of events', async () => {
      const participant = await onboard(server, await createApplicant());
      const rotated = await step(
        server,
        `/realms/dev/registry/participants/${participant.participantId}/secrets`,
        admin,
      );
      const rows = JSON.stringify(await server.context.store.db.selectFrom('event').selectAll().execute());
      for (const secret of [participant.clientSecret, rotated.body.clientSecret]) expect(rows).not.toContain(secret);
      expect(rows).not.toMatch(/digest/i);
    });
  });

  test('every path says which methods it has', async () => {
    const answer = await ask(server, '/realms/dev/admin/settings', { method: 'DELETE', token: admin });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, PATCH']);
  });
});

/** The server seals by itself, twice a second; nobody else may while it holds the lease. */
async function allSealed({ context }: TestServer): Promise<void> {
  const unsealed = () => context.store.db.selectFrom('event').select('id').where('seq', 'is', null).execute();
  while ((await unsealed()).length > 0) await setTimeout(50);
}

function expectInvalid({ status, body }: Answer, pointer: string): void {
  expect({ status, code: body.code, pointer: body.pointer }).toEqual({ status: 400, code: 'request.invalid', pointer });
}
