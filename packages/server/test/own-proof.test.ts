import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Applicant, ask, askSigned, basic, createApplicant, proxied } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { entryOf, keysPath, type Member, member, rotate, secretOf } from './support/rotation.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const outcome = ({ status, body }: Answer) => (status < 300 ? status : `${status} ${body.code}`);
const secretsPath = (id: string) => `/realms/dev/registry/participants/${id}/secrets`;

/**
 * What manages a participant's credentials: proof by the participant itself, in that very request. The lender of these tests has
 * what every neighbour has: the access tokens that the agent sent it.
 */
eachDatabase('what manages a participant', (freshUrl) => {
  let server: TestServer;
  let agent: Member;
  let lender: Member;
  let admin: string;
  const keyOf = ({ keys }: Member, index = 0) => keys[index] as Applicant;
  const ofAgent = () => basic({ clientId: 'agent', clientSecret: secretOf('agent') });

  beforeAll(async () => {
    agent = await member('agent', 'org-agent', 2);
    lender = await member('lender', 'org-lender');
    const entry = entryOf(agent, {
      client: { id: 'agent', secret: secretOf('agent'), audiences: ['https://lender.example'] },
    });
    const participants = [entry, entryOf(lender)];
    const network = { realms: [{ name: 'dev', profile: 'ocen4', participants }] };
    server = await testServer({ databaseUrl: await freshUrl(), network, env: proxied });
    admin = await server.adminToken();
  });
  afterAll(() => server?.close());

  test('is no access token of its own, whatever its audience', async () => {
    const resources = [[], [server.issuer()], ['https://lender.example'], [server.issuer(), 'https://lender.example']];
    for (const wanted of resources) {
      const named = wanted.map((resource) => ['resource', resource] as const);
      const token = await obtainToken(server.issuer(), 'agent', secretOf('agent'), named);
      const calls = [
        [secretsPath('agent'), { overlapSeconds: 0 }],
        [`${secretsPath('agent')}/any/revoke`, { compromised: true }],
        [`${keysPath('agent')}/${keyOf(agent).thumbprint}/retire`, { compromised: true }],
      ] as const;
      for (const [path, body] of calls) {
        const answer = await ask(server, path, { token, body });
        expect([path, outcome(answer)]).toEqual([path, '401 registry.own_proof']);
        expect(answer.body.detail).toMatch(
          /^An access token of the participant is not enough\. Send .*strict signature/,
        );
        expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm="dev"/);
      }
      // A rotation is proved by the keys themselves; the token says who asks, and replaces neither proof.
      const next = await createApplicant();
      expect(outcome(await rotate(server, 'agent', next, undefined, { token }))).toBe('400 request.invalid');
      expect(outcome(await rotate(server, 'agent', next, keyOf(lender), { token }))).toBe('401 registry.proof');
    }
    await obtainToken(server.issuer(), 'agent', secretOf('agent'));
  });

  test('is its client secret, for its secrets and not for its keys', async () => {
    const issued = await ask(server, secretsPath('agent'), { body: {}, headers: ofAgent() });
    expect([issued.status, issued.body.clientId]).toEqual([201, 'agent']);
    const revoked = `${secretsPath('agent')}/${issued.body.secretId}/revoke`;
    expect((await ask(server, revoked, { body: {}, headers: ofAgent() })).status).toBe(204);
    const retire = `${keysPath('agent')}/${keyOf(agent).thumbprint}/retire`;
    expect(outcome(await ask(server, retire, { body: {}, headers: ofAgent() }))).toBe('401 registry.own_proof');

    const wrong = basic({ clientId: 'agent', clientSecret: `${secretOf('agent')}x` });
    expect(outcome(await ask(server, secretsPath('agent'), { body: {}, headers: wrong }))).toBe(
      '401 oauth.invalid_client',
    );
    expect(outcome(await ask(server, secretsPath('lender'), { body: {}, headers: ofAgent() }))).toBe(
      '403 token.insufficient_scope',
    );
  });

  test('is a private_key_jwt in the field Client-Assertion, once', async () => {
    const assertion = (claims: object = {}, by = keyOf(agent)) => {
      const now = Math.floor(Date.now() / 1000);
      const said = { iss: 'agent', sub: 'agent', aud: server.issuer(), iat: now, exp: now + 60, jti: randomUUID() };
      return by.sign('client-authentication+jwt', { ...said, ...claims });
    };
    const asked = async (value: string, headers: Readonly<Record<string, string>> = {}) =>
      outcome(
        await ask(server, secretsPath('agent'), { body: {}, headers: { 'client-assertion': value, ...headers } }),
      );
    const good = await assertion();
    expect(await asked(good)).toBe(201);
    expect(await asked(good)).toBe('401 oauth.invalid_client');
    expect(await asked(await assertion({ aud: `${server.issuer()}/protocol/openid-connect/token` }))).toBe(
      '401 oauth.invalid_client',
    );
    expect(await asked(await assertion({ aud: [server.issuer(), 'https://lender.example'] }))).toBe(
      '401 oauth.invalid_client',
    );
    expect(await asked(await assertion({}, keyOf(lender)))).toBe('401 oauth.invalid_client');
    expect(await asked('x.y.z')).toBe('401 oauth.invalid_client');
    expect(await asked(await assertion(), ofAgent())).toBe('400 request.two_authentication_methods');
  });

  test('is a strict signature by a current key, for this request, once', async () => {
    const path = secretsPath('agent');
    expect(outcome(await askSigned(server, path, keyOf(agent), { overlapSeconds: 60 }))).toBe(201);

    const rawBody = '{"overlapSeconds":60}';
    const url = `${server.url}${path}`;
    const sign = (change: object = {}, by = keyOf(agent), said = rawBody) =>
      by.strict({ url, audience: server.issuer(), body: said, change: { ...change } });
    const asked = async (signature: string, body = rawBody, more: Readonly<Record<string, string>> = {}) =>
      ask(server, path, { rawBody: body, headers: { 'x-jws-signature': signature, ...more } });

    const once = await sign();
    expect(outcome(await asked(once))).toBe(201);
    const again = await asked(once);
    expect([outcome(again), again.body.detail]).toEqual([
      '401 registry.proof',
      'The strict signature is refused: message.replayed.',
    ]);
    const now = Math.floor(Date.now() / 1000);
    const told: readonly (readonly [object, string])[] = [
      [{ htm: 'PUT' }, 'message.htm'],
      [{ htu: `${server.url}${secretsPath('lender')}` }, 'message.htu'],
      [{ aud: 'lender' }, 'message.aud'],
      [{ aud: 'https://lender.example' }, 'message.aud'],
      [{ iat: now - 400 }, 'message.stale'],
      [{ iat: now + 400 }, 'message.in_future'],
    ];
    for (const [change, reason] of told) {
      const answer = await asked(await sign(change));
      expect([outcome(answer), answer.body.detail]).toEqual([
        '401 registry.proof',
        `The strict signature is refused: ${reason}.`,
      ]);
    }
    const stranger = await createApplicant();
    const kept = [
      await asked(await sign(), '{"overlapSeconds":61}'),
      await asked(await sign({}, stranger)),
      await asked(await sign({}, keyOf(lender))),
      await askSigned(server, secretsPath('nobody'), stranger),
    ];
    for (const { status, body } of kept) {
      // What depends on our state looks the same.
      expect([status, body.code, body.detail]).toEqual([401, 'registry.proof', undefined]);
    }
    expect(outcome(await asked(await sign(), rawBody, ofAgent()))).toBe('400 request.two_authentication_methods');
    // The agent's own client sends its token along with everything.
    const token = await obtainToken(server.issuer(), 'agent', secretOf('agent')).catch(() => 'x.y.z');
    expect(outcome(await asked(await sign(), rawBody, { authorization: `Bearer ${token}` }))).toBe(201);
  });

  test('is no signature that binds bytes only, and no key that has ended', async () => {
    const own = await testServer({
      network: { realms: [{ name: 'dev', profile: 'ocen4', participants: [entryOf(agent)] }] },
      env: proxied,
    });
    try {
      const url = `${own.url}${secretsPath('agent')}`;
      const loose = await keyOf(agent).strict({ url, audience: own.issuer(), body: '{}', change: { crit: ['b64'] } });
      const headers = { 'x-jws-signature': loose };
      const answer = await ask(own, secretsPath('agent'), { rawBody: '{}', headers });
      expect([outcome(answer), answer.body.detail]).toEqual([
        '401 registry.proof',
        'The strict signature is refused: message.form.',
      ]);
      const retire = `${keysPath('agent')}/${keyOf(agent).thumbprint}/retire`;
      expect(outcome(await askSigned(own, retire, keyOf(agent, 1)))).toBe(200);
      expect(outcome(await askSigned(own, secretsPath('agent'), keyOf(agent)))).toBe('401 registry.proof');
      expect(outcome(await askSigned(own, secretsPath('agent'), keyOf(agent, 1)))).toBe(201);
      const suspend = '/realms/dev/registry/participants/agent/suspend';
      await ask(own, suspend, { token: await own.adminToken(), body: {} });
      for (const headers of [ofAgent()]) {
        const refused = await ask(own, secretsPath('agent'), { body: {}, headers });
        expect(outcome(refused)).toBe('401 oauth.invalid_client');
      }
      expect(outcome(await askSigned(own, secretsPath('agent'), keyOf(agent, 1)))).toBe('401 registry.proof');
    } finally {
      await own.close();
    }
  });

  test('is an administrator for what shows no secret', async () => {
    const body = { overlapSeconds: 0 };
    for (const path of [secretsPath('agent'), '/realms/dev/admin/clients/agent/secrets']) {
      const answer = await ask(server, path, { token: admin, body });
      expect(outcome(answer)).toBe('403 caller.forbidden');
      expect(answer.text()).not.toContain('clientSecret');
    }
    const { client } = (await ask(server, '/realms/dev/admin/participants/agent', { token: admin })).body;
    const revoked = `${secretsPath('agent')}/${client.secrets.at(-1).id}/revoke`;
    expect((await ask(server, revoked, { token: admin, body: {} })).status).toBe(204);
    const retire = `${keysPath('agent')}/${keyOf(agent, 1).thumbprint}/retire`;
    expect(outcome(await ask(server, retire, { token: admin, body: {} }))).toBe(200);
  });

  test('tells the log who it was', async () => {
    await setTimeout(0);
    const rows = await server.context.store.db
      .selectFrom('event')
      .select(['type', 'actor'])
      .where('type', 'like', 'client.secret%')
      .execute();
    expect(new Set(rows.map(({ actor }) => actor))).toEqual(new Set(['agent', 'participant:agent', 'system/admin']));
  });
});

describe('a stranger who guesses signatures', () => {
  test('is told to wait, and nobody else', async () => {
    const agent = await member('agent', 'org-agent');
    const server = await testServer({
      network: { realms: [{ name: 'dev', profile: 'ocen4', participants: [entryOf(agent)] }] },
      env: proxied,
    });
    try {
      const stranger = await createApplicant();
      const path = secretsPath('agent');
      const from = async (source: string, by: Applicant) => {
        const signature = await by.strict({ url: `${server.url}${path}`, audience: server.issuer(), body: '{}' });
        return ask(server, path, { rawBody: '{}', source, headers: { 'x-jws-signature': signature } });
      };
      for (let count = 0; count < 30; count++) {
        expect(outcome(await from('10.9.9.9', stranger))).toBe('401 registry.proof');
      }
      expect(outcome(await from('10.9.9.9', stranger))).toBe('429 attempt.throttled');
      expect(outcome(await from('10.9.9.8', agent.keys[0] as Applicant))).toBe(201);
    } finally {
      await server.close();
    }
  });
});
