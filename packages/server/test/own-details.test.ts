import { createHash } from 'node:crypto';
import { ownRefusals } from '@countersign/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLetter } from '../src/mail/outbox.ts';
import { noteRefusal, refusalsOf } from '../src/registry/refusals/refusal.ts';
import {
  ask,
  askSigned,
  basic,
  type Credentials,
  createApplicant,
  type OpenApplicant,
  onboard,
  proxied,
  step,
} from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const settings = { accessTokenAlg: 'ES256' };
const env = { ...proxied, COUNTERSIGN_SMTP_URL: 'smtp://127.0.0.1:9' };

eachDatabase('a participant itself', (freshUrl) => {
  let server: TestServer;
  let second: TestServer;
  let admin: string;
  let key: OpenApplicant;
  let own: Credentials;
  beforeAll(async () => {
    const databaseUrl = await freshUrl();
    server = await testServer({ databaseUrl, env, network: { realms: [{ name: 'dev', profile: 'ocen4', settings }] } });
    const port = String(await freePort());
    const node = await testServer({
      databaseUrl,
      env: { ...env, COUNTERSIGN_PORT: port, COUNTERSIGN_PUBLIC_URL: server.url },
      network: { realms: [] },
    });
    const url = `http://127.0.0.1:${port}`;
    second = { ...node, url, issuer: (realm = 'dev') => `${url}/realms/${realm}` };
    admin = await server.adminToken();
    key = await createApplicant();
    own = await onboard(server, key, { baseUrl: 'https://old.example' });
  });
  afterAll(async () => {
    await second?.close();
    await server?.close();
  });

  const path = (name: string, id = own.participantId) => `/realms/dev/registry/participants/${id}/${name}`;
  const change = (body: object, by = key) => askSigned(server, path('details'), by, body);
  const entryAt = async (at: TestServer) => {
    const token = await obtainToken(server.issuer(), own.clientId, own.clientSecret);
    const response = await fetch(`${at.issuer()}/service/participant-roles/${own.participantId}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { etag: response.headers.get('etag'), baseUrl: ((await response.json()) as { baseUrl: string }).baseUrl };
  };

  describe('changes its base URL and contact', () => {
    test('signed with its key; the entry has a new ETag, here and on the other node within two seconds', async () => {
      const before = await entryAt(server);
      await entryAt(second);
      const { status, body } = await change({ baseUrl: 'https://new.example', contact: 'new@lender.example' });
      expect([status, body.baseUrl]).toEqual([200, 'https://new.example']);
      const after = await entryAt(server);
      expect(after.baseUrl).toBe('https://new.example');
      expect(after.etag).not.toBe(before.etag);
      await eventually(async () => (await entryAt(second)).baseUrl === 'https://new.example', 2_000);
      const { db } = server.context.store;
      const events = await db
        .selectFrom('event')
        .selectAll()
        .where('type', '=', 'participant.details_changed')
        .execute();
      expect(events.map(({ actor }) => actor)).toEqual([`participant:${own.participantId}`]);
      const mails = await db.selectFrom('mail').selectAll().where('purpose', '=', 'participant-changed').execute();
      const to = mails.map((row) => openLetter(server.context.vault, row.realm, row.id, row.sealed ?? '').to).sort();
      expect(to).toEqual(['new@lender.example', 'ops@lender.example']);
      expect((await change({ baseUrl: 'https://new.example' })).status).toBe(200);
      const again = await db
        .selectFrom('event')
        .selectAll()
        .where('type', '=', 'participant.details_changed')
        .execute();
      expect(again).toHaveLength(1);
    });

    test('the old base URL is free again, and that of another organisation is refused', async () => {
      const other = await createApplicant();
      await onboard(server, other, { baseUrl: 'https://old.example' });
      const { status, body } = await change({ baseUrl: 'https://OLD.example/' });
      expect([status, body.code, body.pointer]).toEqual([409, 'registry.conflict', '/baseUrl']);
    });

    test.each<[string, object, string]>([
      ['http', { baseUrl: 'javascript:alert(1)' }, '/baseUrl'],
      ['a user', { baseUrl: 'https://a:b@c.example' }, '/baseUrl'],
      ['an address that is none', { contact: 'a@b\r\nBcc: eve@evil.example' }, '/contact'],
      ['a script as website', { participantWebsite: 'javascript:1' }, '/participantWebsite'],
      ['an unknown member', { role: 'ADMIN' }, ''],
      ['a number', { baseUrl: 7 }, '/baseUrl'],
    ])('%s is refused', async (_, body, pointer) => {
      const answer = await change(body);
      expect([answer.status, answer.body.code, answer.body.pointer]).toEqual([400, 'request.invalid', pointer]);
    });

    test('a token, a secret and the key of another participant are not enough', async () => {
      const body = { baseUrl: 'https://evil.example' };
      const token = await obtainToken(server.issuer(), own.clientId, own.clientSecret);
      expect((await ask(server, path('details'), { token, body })).body.code).toBe('registry.own_proof');
      expect((await ask(server, path('details'), { headers: basic(own), body })).body.code).toBe('registry.own_proof');
      expect((await change(body, await createApplicant())).body.code).toBe('registry.proof');
      expect((await ask(server, path('details'), { body })).status).toBe(401);
      expect((await entryAt(server)).baseUrl).toBe('https://new.example');
      const byAdmin = await step(server, path('details'), admin, { participantPhone: '+91 1' });
      expect([byAdmin.status, byAdmin.body.participant.participantPhone]).toEqual([200, '+91 1']);
    });
  });

  describe('reads what was refused to it', () => {
    const read = async (by: object = { headers: basic(own) }) => ask(server, path('refusals'), by);
    const tokenRequest = (secret: string, more: Record<string, string> = {}) =>
      fetch(`${server.issuer()}/protocol/openid-connect/token`, {
        method: 'POST',
        headers: { 'x-forwarded-for': '198.51.100.7' },
        body: new URLSearchParams({
          ...{ grant_type: 'client_credentials', client_id: own.clientId, client_secret: secret },
          ...more,
        }),
      });

    test('proved and unproved apart, unproved added up by reason and source, without a secret', async () => {
      let last: string | null = null;
      for (let count = 0; count < 3; count++) {
        last = (await tokenRequest('wrong-secret-of-a-stranger')).headers.get('x-request-id');
      }
      const scoped = await tokenRequest(own.clientSecret, { scope: 'nothing:granted' });
      await askSigned(server, path('secrets'), key, {}, { aud: 'https://elsewhere.example' });
      const { status, body, text } = await read();
      expect(status).toBe(200);
      expect(body.proved).toContainEqual({
        request: 'token',
        reason: 'oauth.invalid_scope',
        source: '198.51.100.7',
        at: expect.any(String),
        requestId: scoped.headers.get('x-request-id'),
      });
      expect(body.unproved).toContainEqual(
        expect.objectContaining({
          request: 'token',
          source: expect.stringContaining('198.51.100.7'),
          count: 3,
          requestId: last,
        }),
      );
      expect(body.unproved).toContainEqual(expect.objectContaining({ request: 'own request', count: 1 }));
      for (const secret of ['wrong-secret-of-a-stranger', own.clientSecret]) expect(text()).not.toContain(secret);
      const holder = { issuer: server.issuer(), participantId: own.participantId };
      for (const by of [own, { currentKey: key.privateJwk }]) {
        const { proved, unproved } = await ownRefusals({ ...holder, by });
        expect(proved).toEqual(body.proved.map(({ at, ...rest }: { at: string }) => ({ ...rest, at: Date.parse(at) })));
        expect(unproved.map(({ count }) => count).sort()).toEqual(
          body.unproved.map((one: { count: number }) => one.count).sort(),
        );
      }
      await expect(
        ownRefusals({ ...holder, by: { ...own, clientSecret: 'wrong-secret-of-its-own' } }),
      ).rejects.toMatchObject({
        code: 'registry.refused',
      });
      // Another node has them too.
      const elsewhere = await ask(second, path('refusals'), { headers: basic(own) });
      expect(elsewhere.body).toEqual(body);
    });

    test('administrators read it too; a token, a stranger and another participant do not', async () => {
      expect((await read({ token: admin })).status).toBe(200);
      const token = await obtainToken(server.issuer(), own.clientId, own.clientSecret);
      expect((await read({ token })).status).toBe(401);
      expect((await read({})).status).toBe(401);
      const other = await onboard(server, await createApplicant());
      expect((await read({ headers: basic(other) })).status).toBe(403);
      expect((await ask(server, path('refusals', 'unknown'), { token: admin })).status).toBe(404);
    });

    test('a flood of many sources costs bounded rows and displaces nothing', async () => {
      const { context } = server;
      const before = (await read()).body;
      for (let wave = 0; wave < 4; wave++) {
        for (let index = 0; index < 1_000; index++) {
          const address = `10.${wave}.${index >> 8}.${index & 255}`;
          const source = { address, network: address } as never;
          const named = { clientId: own.clientId };
          noteRefusal(context, {
            realm: 'dev',
            named,
            proved: false,
            request: 'token',
            reason: 'flood',
            source,
            requestId: 'r',
          });
          const unknown = { clientId: createHash('md5').update(address).digest('hex') };
          noteRefusal(context, {
            realm: 'dev',
            named: unknown,
            proved: false,
            request: 'token',
            reason: 'x',
            source,
            requestId: 'r',
          });
        }
        await refusalsOf(context, 'dev', own.participantId);
      }
      const after = (await read()).body;
      expect(after.unproved.length).toBeLessThanOrEqual(200);
      const others = after.unproved.find(({ source }: { source: string }) => source === '(others)');
      expect(others.count).toBeGreaterThan(3_000);
      for (const { count, lastAt, requestId, ...one } of before.unproved)
        expect(after.unproved).toContainEqual(expect.objectContaining(one));
      expect(after.proved).toEqual(before.proved);
      const rows = await context.store.db.selectFrom('refusal').select('id').execute();
      expect(rows.length).toBeLessThanOrEqual(400);
    });

    test('at most 200 proved ones, the newest', async () => {
      const { context } = server;
      const source = { address: '192.0.2.1', network: '192.0.2.1' } as never;
      for (let index = 0; index < 450; index++) {
        const named = { participantId: own.participantId };
        noteRefusal(context, {
          realm: 'dev',
          named,
          proved: true,
          request: 'token',
          reason: `r-${index}`,
          source,
          requestId: 'r',
        });
      }
      const { body } = await read();
      expect(body.proved).toHaveLength(200);
      expect(body.proved.some(({ reason }: { reason: string }) => reason === 'r-449')).toBe(true);
      expect(body.unproved.length).toBeGreaterThan(0);
    });
  });
});
