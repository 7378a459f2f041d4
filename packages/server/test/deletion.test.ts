import { expect, test } from 'vitest';
import { removeDeleted } from '../src/passwords/identity/removal.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { exportNetwork } from '../src/registry/network-file/export.ts';
import { movedTables, readTable } from '../src/store/tables.ts';
import { movedClock } from './support/clock.ts';
import { tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { confirmedApp } from './support/factors.ts';
import { type Corporate, corporate, corporateAt, corporateNetwork, passwords, said } from './support/passwords.ts';
import { testServer } from './support/server.ts';

const alice = 'alice@acme.example';
const day = 86_400_000;
const base = '/realms/dev/admin';

async function ask({ server }: Corporate, method: string, path: string, body?: object) {
  const response = await fetch(server.url + base + path, {
    method,
    headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}

/** Every table in which the text occurs. */
async function tablesWith({ server }: Corporate, text: string): Promise<string[]> {
  const found = new Set<string>();
  for (const table of movedTables) {
    for await (const rows of readTable(server.context.store.db, table)) {
      if (JSON.stringify(rows).includes(text)) found.add(table);
    }
  }
  return [...found];
}

eachDatabase('a credential that is deleted', (freshUrl) => {
  const open = async (options: Parameters<typeof corporate>[0] = {}) => {
    const clock = movedClock();
    const env = { COUNTERSIGN_SMTP_URL: 'smtp://127.0.0.1:1' };
    const made = await corporate({ databaseUrl: await freshUrl(), clock, env, ...options });
    return { ...made, clock };
  };

  test('opens nothing from that moment, and what was made from it is dead for good', async () => {
    const made = await open();
    const { admin, call, login, session } = made;
    const token = await session();
    const device = String((await login(alice, passwords.first)).headers.get('set-cookie')).split(';')[0] ?? '';
    const reset = String((await admin(`${base}/credentials/cred-1/reset-password`, { deliver: 'show' })).body.token);
    const answer = await ask(made, 'DELETE', '/credentials/cred-1');
    expect(answer).toMatchObject({ status: 200, body: { id: 'cred-1', status: 'DELETED' } });
    expect(Date.parse(String(answer.body.removedAfter))).toBeGreaterThan(made.clock.now() + 30 * day - 60_000);
    const isDead = async () => {
      expect(said(await call('/auth/factors/get', token))).toBe('401 SESSION_INVALID');
      const recovery = { credentialCode: alice, nonce: reset, newPassword: { value: passwords.second } };
      const refused = await call('/passwords/lost_password/resume', undefined, recovery);
      expect(said(refused)).toBe('409 INVALID_NONCE_OR_EMAIL');
    };
    await isDead();
    expect(said(await login(alice, passwords.first))).toBe('403 FAILED_LOGIN');
    for (const [path, refusal] of [
      ['enable', 'credential.deleted'],
      ['disable', 'credential.deleted'],
      ['invite', 'credential.disabled'],
      ['reset-password', 'credential.disabled'],
      ['verify-email', 'credential.disabled'],
    ]) {
      expect(said(await admin(`${base}/credentials/cred-1/${path}`)), path).toBe(`409 ${refusal}`);
    }
    expect((await ask(made, 'PATCH', '/credentials/cred-1', { code: 'ally' })).status).toBe(409);
    const taken = { identityId: 'corp-1', type: 'USER', code: alice };
    expect((await ask(made, 'POST', '/credentials', taken)).body).toMatchObject({ code: 'credential.code_taken' });
    expect((await admin(`${base}/credentials/cred-1/restore`)).status).toBe(200);
    await isDead();
    for (let i = 0; i < 10; i++) await login(alice, passwords.third);
    expect((await login(alice, passwords.first, { cookie: device })).status).toBe(429);
  });

  test('comes back with its password and its second factor together', async () => {
    const made = await open();
    const { admin, call, session, login } = made;
    await confirmedApp(call, await session(), made.clock);
    await ask(made, 'DELETE', '/credentials/cred-1');
    made.clock.advance(29 * day);
    await removeDeleted(made.server.context);
    expect((await admin(`${base}/credentials/cred-1/restore`)).status).toBe(200);
    expect(said(await login(alice, passwords.first))).toBe('409 SECOND_FACTOR_REQUIRED');
    made.clock.advance(31 * day);
    await removeDeleted(made.server.context);
    expect((await ask(made, 'GET', '/credentials/cred-1')).body).toMatchObject({ status: 'ENABLED' });
  });

  test('is nowhere after the grace time but by its id in the history, and its id is never used again', async () => {
    const made = await open();
    const { admin, call, session, server } = made;
    await confirmedApp(call, await session(), made.clock);
    await ask(made, 'PATCH', '/credentials/cred-1', { email: 'home@alice.example', emailVerified: true });
    await admin(`${base}/credentials/cred-1/reset-password`, { deliver: 'show' });
    await ask(made, 'DELETE', '/credentials/cred-1');
    made.clock.advance(30 * day + 1);
    await removeDeleted(server.context);
    await removeDeleted(server.context);
    expect((await ask(made, 'GET', '/credentials/cred-1')).status).toBe(404);
    // The realm `bank` of the network has the same names.
    await server.context.store.db.deleteFrom('credential').where('realm', '=', 'bank').execute();
    expect(await tablesWith(made, alice)).toEqual([]);
    expect(await tablesWith(made, 'home@alice.example')).toEqual([]);
    // History, tombstone, and what ends by itself within days: budgets, and states of mails.
    const byId = ['event', 'login_failure', 'mail', 'revocation', 'subject'];
    for (const table of await tablesWith(made, 'cred-1')) expect(byId).toContain(table);
    const again = { id: 'cred-1', identityId: 'corp-1', type: 'USER', code: alice };
    expect((await ask(made, 'POST', '/credentials', again)).body).toMatchObject({ pointer: '/id' });
    expect((await ask(made, 'POST', '/credentials', { ...again, id: 'cred-new' })).status, 'its code is free').toBe(
      201,
    );
    const events = await server.context.store.db.selectFrom('event').selectAll().where('realm', '=', 'dev').execute();
    const types = events.filter(({ object }) => object === 'credential:cred-1').map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['credential.changed', 'credential.deleted', 'credential.removed']));
    expect(types.filter((type) => type === 'credential.removed')).toHaveLength(1);
  });

  test('is refused by another node within two seconds', async () => {
    const databaseUrl = await freshUrl();
    const made = await corporate({ databaseUrl });
    const token = await made.session();
    const other = await testServer({ databaseUrl });
    try {
      const there = corporateAt(other);
      expect((await there.call('/auth/factors/get', token)).status).toBe(200);
      await ask(made, 'DELETE', '/credentials/cred-1');
      await eventually(async () => (await there.call('/auth/factors/get', token)).status === 401, 2_000);
      expect(said(await there.login(alice, passwords.first))).toBe('403 FAILED_LOGIN');
    } finally {
      await other.close();
    }
  });

  test('goes with its identity, which comes back without those that were shut out themselves', async () => {
    const made = await open({ withPassword: ['cred-1', 'cred-2'] });
    const { admin, call, login, session } = made;
    const token = await session();
    await admin(`${base}/credentials/cred-2/disable`);
    expect(await ask(made, 'DELETE', '/identities/corp-1')).toMatchObject({ status: 200, body: { status: 'DELETED' } });
    expect(said(await call('/auth/factors/get', token))).toBe('401 SESSION_INVALID');
    expect((await ask(made, 'GET', '/credentials/cred-1')).body).toMatchObject({
      status: 'ENABLED',
      identityStatus: 'DELETED',
    });
    expect((await admin(`${base}/credentials/cred-2/enable`)).status).toBe(200);
    await admin(`${base}/credentials/cred-2/disable`);
    for (const code of [alice, 'bob']) expect(said(await login(code, passwords.first))).toBe('403 FAILED_LOGIN');
    expect(said(await admin(`${base}/identities/corp-1/enable`))).toBe('409 identity.deleted');
    const late = { identityId: 'corp-1', type: 'USER', code: 'late' };
    expect((await ask(made, 'POST', '/credentials', late)).body).toMatchObject({ code: 'identity.deleted' });
    expect((await admin(`${base}/identities/corp-1/restore`)).status).toBe(200);
    expect(said(await login(alice, passwords.first))).toBe('200');
    expect(said(await login('bob', passwords.first))).toBe('403 FAILED_LOGIN');
  });

  test('is removed with its identity, and a network file brings neither back', async () => {
    const made = await open();
    const { context } = made.server;
    await ask(made, 'DELETE', '/identities/corp-1');
    const exported = async () => {
      const { realms } = await exportNetwork(context, 'dev');
      return JSON.stringify((realms[0] as { identities?: unknown }).identities);
    };
    expect(await exported()).not.toContain('corp-1');
    await applyNetwork(context, corporateNetwork(), tester);
    expect((await ask(made, 'GET', '/identities/corp-1')).body).toMatchObject({ status: 'DELETED' });
    made.clock.advance(30 * day + 1);
    await Promise.all([removeDeleted(context), removeDeleted(context)]);
    for (const path of ['/identities/corp-1', '/credentials/cred-1', '/credentials/cred-2']) {
      expect((await ask(made, 'GET', path)).status, path).toBe(404);
    }
    const report = await applyNetwork(context, corporateNetwork(), tester);
    expect(JSON.stringify(report)).toContain('/realms/0/credentials/0');
    expect((await ask(made, 'GET', '/identities/corp-1')).status).toBe(404);
    const again = { id: 'corp-1', profileId: 'ip-1', name: 'Acme' };
    expect((await ask(made, 'POST', '/identities', again)).body).toMatchObject({ code: 'registry.conflict' });
    const fresh = { id: 'fresh', identityId: 'corp-1', type: 'USER', code: 'fresh' };
    await expect(
      applyNetwork(context, { realms: [{ name: 'dev', credentials: [fresh] }] }, tester),
    ).rejects.toMatchObject({ code: 'network.invalid' });
    expect((await ask(made, 'GET', '/identities/corp-2')).status).toBe(200);
  });

  test('is given out with all that is held about it, and no secret', async () => {
    const made = await open();
    const { call, session, server } = made;
    await confirmedApp(call, await session(), made.clock);
    const { body } = await ask(made, 'GET', '/credentials/cred-1/export');
    expect(body).toMatchObject({
      credential: { id: 'cred-1', code: alice },
      passwords: [{ version: 1 }],
      factors: [{ kind: 'totp' }, { kind: 'recovery' }],
      sessions: [{ acr: 'aal2' }, { acr: 'aal1' }],
    });
    expect((body.events as unknown[]).length).toBeGreaterThan(2);
    const { db } = server.context.store;
    const secrets = [
      ...(await db.selectFrom('password').select('hash').execute()).map(({ hash }) => hash),
      ...(await db.selectFrom('factor').select('sealed').execute()).map(({ sealed }) => sealed),
      ...(await db.selectFrom('session').select('token_digest').execute()).map((row) => row.token_digest),
    ].filter((one) => one !== null);
    for (const secret of secrets) expect(JSON.stringify(body)).not.toContain(secret);
    expect(JSON.stringify(body)).not.toMatch(/\$argon2|cs[silre]_/);
    const whole = await ask(made, 'GET', '/identities/corp-1/export?limit=1');
    expect(whole.body).toMatchObject({
      identity: { id: 'corp-1' },
      credentials: [body.credential && {}],
      next: 'cred-1',
    });
    for (const path of ['/credentials/nobody/export', '/identities/nowhere/export', '/credentials/nobody/restore']) {
      expect((await ask(made, path.endsWith('restore') ? 'POST' : 'GET', path)).status).toBe(404);
    }
    expect((await ask(made, 'DELETE', '/credentials/nobody')).status).toBe(404);
    expect(
      (await call(`${base}/credentials/cred-1/restore`, `Bearer ${await session().catch(() => 'x')}`)).status,
    ).toBe(401);
  });
});
