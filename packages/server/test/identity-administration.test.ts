import { expect, onTestFinished, test } from 'vitest';
import { createCredential } from '../src/passwords/identity/credential.ts';
import { stepIdentity } from '../src/passwords/identity/identity.ts';
import { findInvite } from '../src/passwords/invite.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { exportNetwork } from '../src/registry/network-file/export.ts';
import { credentialSubjectId, lookUpSubjectState } from '../src/subject/subject.ts';
import { corporateNetwork, sessionOf } from './support/corporate.ts';
import { eachDatabase } from './support/databases.ts';
import { caller, eventsOf } from './support/network.ts';
import { type TestServer, testServer } from './support/server.ts';

interface Started {
  readonly server: TestServer;
  /** A call of realm `dev`'s administration; another realm's path begins with `/realms`. */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<{ status: number; body: Answer }>;
}
type Answer = Record<string, unknown> & { items?: Record<string, unknown>[] };

async function start(databaseUrl: string): Promise<Started> {
  const server = await testServer({ databaseUrl, network: corporateNetwork });
  onTestFinished(() => server.close());
  const token = await server.adminToken();
  return {
    server,
    async ask(method, path, body) {
      const response = await fetch(server.url + (path.startsWith('/realms') ? path : `/realms/dev/admin${path}`), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Answer };
    },
  };
}

const alive = async ({ url }: TestServer, token: string) =>
  (await fetch(`${url}/auth/subject`, { method: 'POST', headers: { authorization: token } })).status === 200;
const ids = ({ body }: { body: Answer }) => body.items?.map(({ id }) => id);
const liveSubject = async ({ context }: TestServer, id: string) =>
  (await lookUpSubjectState(context, 'dev', credentialSubjectId(id)))?.live;

eachDatabase('the administration of identities', (freshUrl) => {
  test('makes, shows and lists identity profiles', async () => {
    const { ask, server } = await start(await freshUrl());
    const made = await ask('POST', '/identity-profiles', { id: 'ip-2', name: 'Small companies' });
    expect(made).toMatchObject({ status: 201, body: { id: 'ip-2', name: 'Small companies' } });
    expect(await ask('GET', '/identity-profiles/ip-2')).toMatchObject({ status: 200, body: made.body });
    const random = await ask('POST', '/identity-profiles', { name: 'Large ones' });
    expect(random.body.id).toMatch(/^[0-9a-f-]{36}$/);
    const all = await ask('GET', '/identity-profiles?limit=2&after=ip-1');
    expect(ids(all)).toEqual(['ip-2']);
    expect((await ask('POST', '/identity-profiles', { id: 'ip-2', name: 'Again' })).status).toBe(409);
    expect((await ask('GET', '/realms/bank/admin/identity-profiles/ip-2')).status).toBe(404);
    const types = (await eventsOf(server.context)).filter(({ object }) => object === 'identity_profile:ip-2');
    expect(types.map(({ type }) => type)).toEqual(['identity_profile.created']);
  });

  test('makes, shows and lists identities', async () => {
    const { ask } = await start(await freshUrl());
    const wanted = { id: 'corp-9', profileId: 'ip-1', name: 'Initech' };
    const made = await ask('POST', '/identities', wanted);
    expect(made).toMatchObject({ status: 201, body: { ...wanted, status: 'ENABLED' } });
    expect(await ask('GET', '/identities/corp-9')).toMatchObject({ status: 200, body: made.body });
    expect((await ask('POST', '/identities', wanted)).status).toBe(409);
    expect(await ask('POST', '/identities', { ...wanted, id: 'x', profileId: 'ip-9' })).toMatchObject({
      status: 404,
      body: { code: 'identity_profile.unknown' },
    });
    expect(ids(await ask('GET', '/identities?limit=1'))).toEqual(['corp-9']);
    expect(ids(await ask('GET', '/identities?profileId=ip-1'))).toEqual(['corp-9', 'dev-corp', 'dev-other']);
    expect(ids(await ask('GET', '/identities?profileId=ip-9'))).toEqual([]);
    expect((await ask('GET', '/identities/bank-corp')).status).toBe(404);
  });

  test('disables an identity with all its credentials, and enables those that were enabled', async () => {
    const { ask, server } = await start(await freshUrl());
    const tokens = await Promise.all(['dev-root', 'dev-user', 'dev-stranger'].map((id) => sessionOf(server, id)));
    const living = () => Promise.all(tokens.map((token) => alive(server, token)));
    expect((await ask('POST', '/credentials/dev-root-2/disable')).status).toBe(200);
    for (let i = 0; i < 2; i++) {
      expect(await ask('POST', '/identities/dev-corp/disable')).toMatchObject({ body: { status: 'DISABLED' } });
    }
    expect(await living()).toEqual([false, false, true]);
    expect(await ask('GET', '/credentials/dev-user')).toMatchObject({
      body: { status: 'ENABLED', identityStatus: 'DISABLED' },
    });
    // Enabled itself, and still shut out with its identity.
    expect((await ask('POST', '/credentials/dev-user/disable')).status).toBe(200);
    expect((await ask('POST', '/credentials/dev-user/enable')).status).toBe(200);
    expect(await liveSubject(server, 'dev-user')).toBe(false);
    expect(await ask('POST', '/identities/dev-corp/enable')).toMatchObject({ body: { status: 'ENABLED' } });
    expect(await living()).toEqual([false, false, true]);
    const states = ['dev-root', 'dev-root-2', 'dev-user'].map((id) => liveSubject(server, id));
    expect(await Promise.all(states)).toEqual([true, false, true]);
    const own = (await eventsOf(server.context)).filter(({ object }) => object === 'identity:dev-corp');
    expect(own.map(({ type }) => type).sort()).toEqual(['identity.created', 'identity.disabled', 'identity.enabled']);
    expect((await ask('POST', '/identities/bank-corp/disable')).status).toBe(404);
  });

  test('of an identity that is disabled while it gets credentials none stays live', async () => {
    const { server } = await start(await freshUrl());
    const { context } = server;
    const wanted = (index: number) =>
      ({ identityId: 'dev-corp', type: 'USER', code: `c-${index}`, id: `c-${index}` }) as const;
    await Promise.all([
      ...[0, 1, 2].map((index) => createCredential(context, 'dev', wanted(index), caller)),
      stepIdentity(context, 'dev', 'dev-corp', 'disable', caller),
      ...[3, 4, 5].map((index) => createCredential(context, 'dev', wanted(index), caller)),
    ]);
    const states = await Promise.all([0, 1, 2, 3, 4, 5].map((index) => liveSubject(server, `c-${index}`)));
    expect(states).toEqual(Array(6).fill(false));
  });

  test('makes, shows, lists and changes credentials', async () => {
    const { ask, server } = await start(await freshUrl());
    const wanted = { id: 'cred-9', identityId: 'dev-corp', type: 'USER', code: 'Carol', email: 'carol@Acme.Example' };
    const made = await ask('POST', '/credentials', wanted);
    const view = {
      ...wanted,
      code: 'carol',
      email: 'carol@acme.example',
      status: 'ENABLED',
      identityStatus: 'ENABLED',
    };
    expect(made).toMatchObject({ status: 201, body: view });
    expect(await ask('GET', '/credentials/cred-9')).toMatchObject({ status: 200, body: made.body });
    expect(ids(await ask('GET', '/credentials?identityId=dev-corp&limit=2'))).toEqual(['cred-9', 'dev-root']);
    expect(ids(await ask('GET', '/credentials?code=CAROL'))).toEqual(['cred-9']);
    expect(ids(await ask('GET', '/credentials?code=carol&identityId=dev-other'))).toEqual([]);
    expect(ids(await ask('GET', '/credentials?code=nobody'))).toEqual([]);
    expect(ids(await ask('GET', '/credentials'))?.length).toBe(6);
    expect((await ask('GET', '/credentials?identityId=bank-corp')).status).toBe(404);
    const token = await sessionOf(server, 'dev-user');
    const changed = await ask('PATCH', '/credentials/dev-user', { code: 'robert', email: 'bob@acme.example' });
    expect(changed).toMatchObject({ status: 200, body: { code: 'robert', email: 'bob@acme.example' } });
    expect(await alive(server, token)).toBe(false);
    expect(await ask('PATCH', '/credentials/dev-user', { email: null })).toMatchObject({ body: { email: null } });
    expect(await ask('PATCH', '/credentials/dev-user', { code: 'carol' })).toMatchObject({
      status: 409,
      body: { code: 'credential.code_taken', pointer: '/code' },
    });
    for (const [method, path] of [
      ['GET', ''],
      ['PATCH', ''],
      ['POST', '/disable'],
      ['POST', '/enable'],
      ['POST', '/invite'],
    ] as const) {
      const body = method === 'PATCH' ? { code: 'x' } : undefined;
      expect(await ask(method, `/credentials/bank-user${path}`, body)).toMatchObject({
        status: 404,
        body: { code: 'credential.unknown' },
      });
    }
  });

  test('two creates of the same code at once: one wins, one is a conflict', async () => {
    const { ask } = await start(await freshUrl());
    const wanted = { identityId: 'dev-corp', type: 'USER', code: 'carol' };
    const both = await Promise.all([ask('POST', '/credentials', wanted), ask('POST', '/credentials', wanted)]);
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  test('shows an invitation only when asked, and to nobody else', async () => {
    const { ask, server } = await start(await freshUrl());
    const mailed = await ask('POST', '/credentials/dev-user/invite');
    expect(mailed).toMatchObject({ status: 201, body: { credentialId: 'dev-user' } });
    expect(mailed.body).not.toHaveProperty('token');
    const shown = await ask('POST', '/credentials/dev-user/invite', { deliver: 'show' });
    expect(await findInvite(server.context, 'dev', String(shown.body.token))).toBe('dev-user');
    expect(Date.parse(String(shown.body.expiresAt))).toBeGreaterThan(Date.now() + 6 * 86_400_000);
    expect(server.logged.join('')).not.toContain(String(shown.body.token).slice(4));
    expect((await ask('POST', '/credentials/dev-user/invite', { deliver: 'fax' })).status).toBe(400);
    expect((await ask('POST', '/credentials/dev-user/disable')).status).toBe(200);
    expect(await ask('POST', '/credentials/dev-user/invite')).toMatchObject({
      status: 409,
      body: { code: 'credential.disabled' },
    });
    const nowhere = await ask('POST', '/credentials', { identityId: 'dev-corp', type: 'USER', code: 'carol' });
    expect(await ask('POST', `/credentials/${nowhere.body.id}/invite`)).toMatchObject({
      status: 409,
      body: { code: 'credential.no_address' },
    });
  });

  const identity = { profileId: 'ip-1', name: 'n' };
  const credential = { identityId: 'dev-corp', type: 'USER', code: 'c' };
  const hostile: readonly [string, unknown, string][] = [
    ['/identity-profiles', {}, '/name'],
    ['/identity-profiles', { name: null }, '/name'],
    ['/identity-profiles', { name: '' }, '/name'],
    ['/identity-profiles', { name: 'a\0' }, '/name'],
    ['/identity-profiles', { name: 'a'.repeat(1_000_000) }, '/name'],
    ['/identity-profiles', { name: 'n', id: 'a/b' }, '/id'],
    ['/identity-profiles', { name: 'n', id: '..' }, '/id'],
    ['/identity-profiles', { name: 'n', id: 7 }, '/id'],
    ['/identities', { ...identity, name: undefined }, '/name'],
    ['/identities', { ...identity, name: ['n'] }, '/name'],
    ['/identities', { ...identity, profileId: undefined }, '/profileId'],
    ['/identities', { ...identity, profileId: 'a/b' }, '/profileId'],
    ['/identities', { ...identity, id: 'a b' }, '/id'],
    ['/identities', { ...identity, id: null }, '/id'],
    ['/credentials', { ...credential, identityId: undefined }, '/identityId'],
    ['/credentials', { ...credential, identityId: { type: 'corporates', id: 'dev-corp' } }, '/identityId'],
    ['/credentials', { ...credential, type: 'root' }, '/type'],
    ['/credentials', { ...credential, code: '  ' }, '/code'],
    ['/credentials', { ...credential, email: 'nobody' }, '/email'],
    ['/credentials', { ...credential, id: 'a/../b' }, '/id'],
    ['/credentials', { ...credential, disabled: true }, ''],
    ['/credentials', '{"identityId":"dev-corp","type":"USER","code":"a\\ud800"}', '/code'],
  ];
  test('refuses hostile fields by their names', async () => {
    const { ask, server } = await start(await freshUrl());
    const before = (await eventsOf(server.context)).length;
    for (const [path, body, pointer] of hostile) {
      const refused = await ask('POST', path, body);
      expect([path, body, refused.status]).toEqual([path, body, 400]);
      expect([path, body, refused.body.pointer]).toEqual([path, body, pointer]);
    }
    for (const query of ['limit=0', 'limit=x', 'after=%00', 'identityId=%00', `code=${'a'.repeat(300)}`, 'code=']) {
      expect([query, (await ask('GET', `/credentials?${query}`)).status]).toEqual([query, 400]);
    }
    expect((await ask('GET', '/identities?profileId=%0a')).status).toBe(400);
    for (const path of [
      '/identities/a%2fb',
      '/credentials/%00',
      '/identity-profiles/%0a',
      `/identities/${'x'.repeat(300)}`,
    ]) {
      expect([path, (await ask('GET', path)).status]).toEqual([path, 404]);
    }
    expect((await eventsOf(server.context)).length).toBe(before);
    expect((await ask('POST', '/realms/system/admin/identity-profiles', { name: 'n' })).status).toBe(400);
  });

  test('is for administrators', async () => {
    const { server } = await start(await freshUrl());
    const token = await sessionOf(server, 'dev-root');
    for (const path of [
      'identity-profiles',
      'identities',
      'identities/dev-corp',
      'credentials',
      'credentials/dev-user',
    ]) {
      for (const headers of [{}, { authorization: `Bearer ${token}` }]) {
        expect((await fetch(`${server.issuer()}/admin/${path}`, { headers })).status).toBe(401);
      }
    }
  });

  test('a network file leaves what is disabled as it is, and keeps credentials with their identities', async () => {
    const { ask, server } = await start(await freshUrl());
    await ask('POST', '/identities/dev-corp/disable');
    const fresh = { id: 'late', identityId: 'dev-corp', type: 'USER', code: 'late', email: 'late@acme.example' };
    const apply = (credentials: readonly object[]) =>
      applyNetwork(server.context, { realms: [{ name: 'dev', credentials }] }, caller);
    await apply([fresh]);
    expect(await liveSubject(server, 'late')).toBe(false);
    expect((await apply([fresh])).realms).toMatchObject([{ created: [], changed: [] }]);
    await ask('POST', '/credentials/late/disable');
    await ask('POST', '/identities/dev-corp/enable');
    await apply([{ ...fresh, code: 'LATER' }]);
    expect(await liveSubject(server, 'late')).toBe(false);
    expect(await ask('GET', '/credentials/late')).toMatchObject({ body: { status: 'DISABLED', code: 'later' } });
    const [realm] = (await exportNetwork(server.context, 'dev')).realms;
    expect(realm?.credentials).toContainEqual({ ...fresh, code: 'later' });
    await expect(apply([{ ...fresh, code: 'later', identityId: 'dev-other' }])).rejects.toMatchObject({
      code: 'network.invalid',
      pointer: '/realms/0/credentials/0/identityId',
    });
    await expect(apply([{ ...fresh, code: 'Bob@acme.example' }])).rejects.toMatchObject({
      pointer: '/realms/0/credentials/0/code',
    });
    await expect(apply([fresh, { ...fresh, id: 'two', code: ' LATE' }])).rejects.toMatchObject({
      pointer: '/realms/0/credentials/1/code',
    });
  });
});
