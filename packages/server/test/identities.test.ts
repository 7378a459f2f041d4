import { expect, onTestFinished, test } from 'vitest';
import { corporateNetwork, sessionOf } from './support/corporate.ts';
import { eachDatabase } from './support/databases.ts';
import { eventsOf } from './support/network.ts';
import { twoNodes, until } from './support/oauth.ts';
import { type TestServer, testServer } from './support/server.ts';

async function start(databaseUrl: string): Promise<TestServer> {
  const server = await testServer({ databaseUrl, network: corporateNetwork });
  onTestFinished(() => server.close());
  return server;
}

function call(server: Pick<TestServer, 'url'>, path: string, token: string, body?: unknown, headers = {}) {
  return fetch(server.url + path, {
    method: 'POST',
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

const bodyOf = async (response: Response) => (await response.json()) as Record<string, never>;
const alive = async (server: TestServer, token: string) => (await call(server, '/auth/subject', token)).status === 200;
const seen = async (server: TestServer) =>
  (await eventsOf(server.context)).map(({ type, object }) => `${type} ${object}`);
const credentials = '/identities/dev-corp/credentials';

eachDatabase('an identity', (freshUrl) => {
  test('is read by its ROOT and by administrators, at the root and under the realm', async () => {
    const server = await start(await freshUrl());
    const expected = { type: 'corporates', id: 'dev-corp', profileId: 'ip-1', name: 'Acme Travel', state: 'ACTIVE' };
    for (const token of [await sessionOf(server, 'dev-root'), await server.adminToken()]) {
      for (const prefix of ['', '/realms/dev']) {
        const response = await call(server, `${prefix}/identities/dev-corp/get`, token);
        expect(response.status).toBe(200);
        expect(await response.json()).toMatchObject({
          ...expected,
          createdTimestamp: expect.stringMatching(/^\d{13}$/),
          updatedTimestamp: expect.stringMatching(/^\d{13}$/),
        });
      }
    }
  });

  test('shows its credentials page by page', async () => {
    const server = await start(await freshUrl());
    const root = await sessionOf(server, 'dev-root');
    const all = await bodyOf(await call(server, `${credentials}/get`, root));
    expect(all).toMatchObject({
      credentials: [
        {
          type: 'ROOT',
          id: 'dev-root',
          code: 'alice@acme.example',
          email: null,
          identityId: { type: 'corporates', id: 'dev-corp' },
          state: 'ACTIVE',
        },
        { id: 'dev-root-2' },
        { id: 'dev-user', type: 'USER' },
      ],
    });
    expect(all).not.toHaveProperty('next');
    const first = await bodyOf(await call(server, `${credentials}/get`, root, { limit: 2 }));
    expect(first).toMatchObject({ credentials: [{ id: 'dev-root' }, { id: 'dev-root-2' }], next: 'dev-root-2' });
    const rest = await bodyOf(await call(server, `${credentials}/get`, root, { limit: 2, after: first['next'] }));
    expect(rest).toMatchObject({ credentials: [{ id: 'dev-user' }] });
  });

  test('gets a USER from its ROOT, and from an administrator a ROOT too', async () => {
    const server = await start(await freshUrl());
    const root = await sessionOf(server, 'dev-root');
    const response = await call(server, `${credentials}/_/create`, root, { type: 'USER', code: 'Carol@Acme.example' });
    expect(response.status).toBe(200);
    const made = await bodyOf(response);
    expect(made).toMatchObject({ type: 'USER', code: 'carol@acme.example', state: 'ACTIVE' });
    expect(response.headers.get('create-id')).toBe(made['id']);
    const [event] = (await eventsOf(server.context)).filter(({ object }) => object === `credential:${made['id']}`);
    expect(JSON.parse(event?.text ?? '')).toMatchObject({ type: 'credential.created', actor: 'credential:dev-root' });
    const second = { type: 'ROOT', code: 'anne@acme.example' };
    expect((await call(server, `${credentials}/_/create`, await server.adminToken(), second)).status).toBe(200);
  });

  test('a code that is taken is a conflict with a name, whoever has it', async () => {
    const server = await start(await freshUrl());
    const root = await sessionOf(server, 'dev-root');
    const refused = await call(server, `${credentials}/_/create`, root, { type: 'USER', code: 'EVE@globex.example' });
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ code: 'CREDENTIAL_CODE_TAKEN', errorCode: 'CREDENTIAL_CODE_TAKEN' });
    // Another realm has codes of its own.
    const dan = { type: 'USER', code: 'dan' };
    expect((await call(server, `${credentials}/_/create`, root, dan)).status).toBe(200);
    const other = await sessionOf(server, 'bank-root');
    expect((await call(server, '/identities/bank-corp/credentials/_/create', other, dan)).status).toBe(200);
  });

  test('its ROOT disables a USER, whose sessions end at once, and enables it again', async () => {
    const server = await start(await freshUrl());
    const [root, user] = [await sessionOf(server, 'dev-root'), await sessionOf(server, 'dev-user')];
    expect(await alive(server, user)).toBe(true);
    expect((await call(server, `${credentials}/dev-user/disable`, root)).status).toBe(204);
    expect(await alive(server, user)).toBe(false);
    expect(await bodyOf(await call(server, `${credentials}/get`, root))).toMatchObject({
      credentials: [{}, {}, { id: 'dev-user', state: 'DISABLED' }],
    });
    expect((await call(server, `${credentials}/dev-user/disable`, root)).status).toBe(204);
    expect((await call(server, `${credentials}/dev-user/enable`, root)).status).toBe(204);
    expect(await alive(server, user)).toBe(false);
    expect(await alive(server, await sessionOf(server, 'dev-user'))).toBe(true);
    const own = (await eventsOf(server.context)).filter(({ object }) => object === 'credential:dev-user');
    expect(own.map(({ type }) => type).sort()).toEqual([
      'credential.created',
      'credential.disabled',
      'credential.enabled',
    ]);
  });

  test('its ROOT does not enable what an administrator has disabled, whoever disabled it first', async () => {
    const server = await start(await freshUrl());
    const root = await sessionOf(server, 'dev-root');
    const byRoot = async (step: string) => (await call(server, `${credentials}/dev-user/${step}`, root)).status;
    const admin = await server.adminToken();
    const byAdministrator = (step: string) =>
      call(server, `/realms/dev/admin/credentials/dev-user/${step}`, admin).then(({ status }) => status);
    expect(await byAdministrator('disable')).toBe(200);
    expect([await byRoot('disable'), await byRoot('enable')]).toEqual([204, 403]);
    expect(await byAdministrator('enable')).toBe(200);
    expect([await byRoot('disable'), await byAdministrator('disable'), await byRoot('enable')]).toEqual([
      204, 200, 403,
    ]);
    // The documented call by an administrator counts as one.
    expect((await call(server, `${credentials}/dev-user/enable`, admin)).status).toBe(204);
    expect([await byRoot('disable'), await byRoot('enable')]).toEqual([204, 204]);
  });

  test('its ROOT invites a USER by mail, a few times within the hour', async () => {
    const server = await start(await freshUrl());
    const root = await sessionOf(server, 'dev-root');
    const made = await call(server, `${credentials}/_/create`, root, { type: 'USER', code: 'carol@acme.example' });
    const id = made.headers.get('create-id') ?? '';
    const statuses = [];
    for (let i = 0; i < 6; i++) statuses.push((await call(server, `${credentials}/${id}/invite`, root)).status);
    expect(statuses).toEqual([204, 204, 204, 204, 204, 429]);
    const row = await server.context.store.db.selectFrom('one_time_code').selectAll().executeTakeFirstOrThrow();
    expect(row.owner).toBe(id);
  });

  test.each(['disable', 'enable', 'invite'])('nobody but an administrator may %s a ROOT', async (step) => {
    const server = await start(await freshUrl());
    const root = await sessionOf(server, 'dev-root');
    for (const id of ['dev-root', 'dev-root-2']) {
      const refused = await call(server, `${credentials}/${id}/${step}`, root);
      expect(refused.status).toBe(403);
      expect(await refused.json()).toMatchObject({ code: 'CALLER_FORBIDDEN' });
    }
    expect((await call(server, `${credentials}/dev-root-2/${step}`, await server.adminToken())).status).toBe(204);
    expect(await alive(server, root)).toBe(true);
  });

  test('a ROOT makes no ROOT', async () => {
    const server = await start(await freshUrl());
    const wanted = { type: 'ROOT', code: 'anne' };
    const refused = await call(server, `${credentials}/_/create`, await sessionOf(server, 'dev-root'), wanted);
    expect(refused.status).toBe(403);
  });

  const calls = ['get', 'credentials/get', 'credentials/_/create', 'credentials/dev-user/disable'].concat([
    'credentials/dev-user/enable',
    'credentials/dev-user/invite',
    'credentials/dev-user/reset_password',
  ]);

  test.each(calls)('%s is nothing for a USER, for nobody, and for a session of another realm', async (path) => {
    const server = await start(await freshUrl());
    const body = path.endsWith('_/create') ? { type: 'USER', code: 'carol' } : {};
    const before = await seen(server);
    const status = async (token: string, prefix = '') =>
      (await call(server, `${prefix}/identities/dev-corp/${path}`, token, body)).status;
    expect(await status(await sessionOf(server, 'dev-user'))).toBe(403);
    expect(await status('')).toBe(401);
    expect(await status(`css_${'a'.repeat(43)}`)).toBe(401);
    expect(await status(await sessionOf(server, 'bank-root'))).toBe(404);
    expect(await status(await sessionOf(server, 'bank-root'), '/realms/dev')).toBe(403);
    expect(await seen(server)).toEqual(before);
  });

  test.each(calls)('%s of another identity is as unknown as of one that is not there', async (path) => {
    const server = await start(await freshUrl());
    const body = path.endsWith('_/create') ? { type: 'USER', code: 'carol' } : {};
    for (const id of ['dev-strange-root', 'dev-stranger']) {
      const token = await sessionOf(server, id);
      const answers = [];
      for (const identity of ['dev-corp', 'bank-corp', 'nobody']) {
        const response = await call(server, `/identities/${identity}/${path}`, token, body);
        const { requestId, ...answer } = await bodyOf(response);
        answers.push({ status: response.status, ...answer });
      }
      expect(answers[0]).toMatchObject({ status: 404, code: 'IDENTITY_UNKNOWN' });
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[2]).toEqual(answers[0]);
    }
  });

  test.each(['disable', 'enable', 'invite', 'reset_password'])(
    'to %s a credential of another identity, or of another realm, is as unknown as one that is not there',
    async (step) => {
      const server = await start(await freshUrl());
      const answers = [];
      for (const token of [await sessionOf(server, 'dev-root'), await server.adminToken()]) {
        for (const id of ['dev-stranger', 'bank-user', 'nobody']) {
          const response = await call(server, `${credentials}/${id}/${step}`, token);
          const { requestId, ...answer } = await bodyOf(response);
          answers.push(JSON.stringify({ status: response.status, ...answer }));
        }
      }
      expect(answers[0]).toContain('"status":404,"code":"CREDENTIAL_UNKNOWN"');
      expect(new Set(answers).size).toBe(1);
    },
  );

  const text = (value: unknown) => ({ type: 'USER', code: value });
  const hostile: readonly [string, unknown, string][] = [
    ['no type', { code: 'c' }, 'type'],
    ['a null type', { type: null, code: 'c' }, 'type'],
    ['an unknown type', { type: 'ADMIN', code: 'c' }, 'type'],
    ['no code', { type: 'USER' }, 'code'],
    ['a null code', text(null), 'code'],
    ['a number as code', text(7), 'code'],
    ['an object as code', text({ value: 'c' }), 'code'],
    ['an empty code', text(''), 'code'],
    ['a blank code', text(' \u00a0 '), 'code'],
    ['a code with NUL', text('a\0b'), 'code'],
    ['a code of two lines', text('a\nb'), 'code'],
    ['a code of 500 KB', text('a'.repeat(500_000)), 'code'],
    ['a code that grows when folded', text('\ufdfa'.repeat(255)), 'code'],
    ['an address that is two', { ...text('c'), email: 'a@b.example,c@d.example' }, 'email'],
    ['an address with a header', { ...text('c'), email: 'a@b.example\r\nbcc: c@d.example' }, 'email'],
    ['an address that is a number', { ...text('c'), email: 7 }, 'email'],
    ['an unknown member', { ...text('c'), id: 'mine' }, ''],
    ['a list', [], ''],
    ['null', null, ''],
  ];
  test('refuses hostile fields by their names', async () => {
    const server = await start(await freshUrl());
    const root = await sessionOf(server, 'dev-root');
    for (const [what, body, field] of hostile) {
      const refused = await call(server, `${credentials}/_/create`, root, body);
      expect([what, refused.status]).toEqual([what, 400]);
      const { validation } = (await refused.json()) as { validation: { invalid: boolean; fields: { name: string }[] } };
      expect([what, validation.invalid, validation.fields[0]?.name]).toEqual([what, true, field]);
    }
    const lone = await call(server, `${credentials}/_/create`, root, '{"type":"USER","code":"a\\ud800"}');
    expect(lone.status).toBe(400);
    const twice = await call(server, `${credentials}/_/create`, root, '{"type":"USER","type":"USER","code":"c"}');
    expect(twice.status).toBe(400);
    const huge = await call(server, `${credentials}/_/create`, root, text('a'.repeat(1_100_000)));
    expect(huge.status).toBe(413);
    for (const limit of [0, -1, 1.5, 201, '5', 1e300]) {
      const refused = await call(server, `${credentials}/get`, root, { limit });
      expect([limit, refused.status]).toEqual([limit, 400]);
    }
    expect((await call(server, `${credentials}/get`, root, { after: 'a\0' })).status).toBe(400);
    expect((await call(server, `${credentials}/get`, root, { limit: null, after: null })).status).toBe(200);
    const names = ['..%2f..%2fadmin', 'a%00b', '%0a', 'x'.repeat(300), '%ed%a0%80'];
    for (const name of names) {
      expect((await call(server, `/identities/${name}/get`, root)).status).toBe(404);
      expect((await call(server, `${credentials}/${name}/disable`, root)).status).toBe(404);
    }
  });

  test('a USER that its ROOT disables is refused on another node within two seconds', async () => {
    const nodes = await twoNodes({ databaseUrl: await freshUrl(), network: corporateNetwork });
    onTestFinished(() => nodes.close());
    const root = await sessionOf(nodes.one, 'dev-root');
    const user = await sessionOf(nodes.one, 'dev-user');
    const atTwo = () => call({ url: nodes.atTwo(nodes.one.url) }, '/auth/subject', user);
    expect((await atTwo()).status).toBe(200);
    expect((await call(nodes.one, `${credentials}/dev-user/disable`, root)).status).toBe(204);
    const last = await until(atTwo, ({ status }) => status === 401, 2_000);
    expect(last.status).toBe(401);
    expect((await call({ url: nodes.atTwo(nodes.one.url) }, `${credentials}/get`, root)).status).toBe(200);
  });

  test('what invites goes out as mail, and nowhere else', async () => {
    const server = await start(await freshUrl());
    await call(server, `${credentials}/dev-user/invite`, await sessionOf(server, 'dev-root'));
    const mail = await server.context.store.db.selectFrom('mail').selectAll().executeTakeFirstOrThrow();
    expect(mail).toMatchObject({ realm: 'dev', purpose: 'password-invitation', reference: 'invitation:dev-user' });
    expect(server.logged.join('')).not.toContain('csi_');
  });
});
