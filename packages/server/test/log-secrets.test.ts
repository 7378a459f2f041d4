import { createPrivateKey, randomBytes, randomUUID, sign } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { generateJwks } from '../src/subject/tokens/signing-key.ts';
import { masterKey } from './support/context.ts';
import { administrator, testServer } from './support/server.ts';

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('a server that logs everything tells no secret, no token and no key, whatever happens', async () => {
  const agentSecret = `agent ${randomBytes(12).toString('hex')}`;
  const { publicJwk, privateJwk } = await generateJwks('ES256');
  const server = await testServer({
    env: { COUNTERSIGN_LOG_LEVEL: 'trace' },
    network: {
      realms: [
        {
          name: 'dev',
          profile: 'ocen4',
          participants: [
            {
              id: 'p-1',
              role: 'LENDER',
              baseUrl: 'http://localhost:1',
              keys: [publicJwk],
              client: { id: 'agent', secret: agentSecret },
            },
          ],
        },
      ],
    },
  });
  onTestFinished(() => server.close());
  const told = new Map<string, string>([
    ['master key', masterKey],
    ['administrator secret', administrator.secret],
    ['agent secret', agentSecret],
    ['agent secret, form-encoded', encodeURIComponent(agentSecret)],
    ['private key', String(privateJwk['d'])],
  ]);
  let sent = 0;
  async function post(path: string, body: Record<string, string> | string, headers: Record<string, string> = {}) {
    sent++;
    const response = await fetch(server.url + path, {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : new URLSearchParams(body),
    });
    const text = await response.text();
    for (const [, name, value] of text.matchAll(
      /"(access_token|secret|clientSecret|pickUpCode|token)"\s*:\s*"([^"]+)"/g,
    )) {
      told.set(`${name} of answer ${sent} (${path})`, value as string);
    }
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }
  const basic = (id: string, secret: string) => {
    const header = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64');
    told.set(`basic credentials of ${id} ${told.size}`, header);
    return { authorization: `Basic ${header}` };
  };
  const assertion = (claims: object) => {
    const input = `${base64url({ alg: 'ES256', kid: publicJwk.kid })}.${base64url(claims)}`;
    const key = createPrivateKey({ key: privateJwk, format: 'jwk' });
    const jwt = `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
    told.set(`assertion ${told.size}`, jwt);
    told.set(`signature ${told.size}`, jwt.split('.')[2] as string);
    return jwt;
  };
  const realm = '/realms/dev';
  const tokenPath = `${realm}/protocol/openid-connect/token`;
  const grant = { grant_type: 'client_credentials' };
  const now = Math.floor(Date.now() / 1000);
  const good = { iss: 'agent', sub: 'agent', aud: server.issuer(), iat: now, exp: now + 60, jti: randomUUID() };
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

  // Tokens, by every method.
  const statuses: number[] = [];
  const bySecret = await post(tokenPath, { ...grant, client_id: 'agent', client_secret: agentSecret });
  statuses.push(bySecret.status);
  statuses.push((await post(tokenPath, grant, basic('agent', agentSecret))).status);
  const presented = assertion(good);
  statuses.push((await post(tokenPath, { ...grant, client_assertion_type: type, client_assertion: presented })).status);
  statuses.push(
    (
      await post(tokenPath, JSON.stringify({ ...grant, client_id: 'agent', client_secret: agentSecret }), {
        'content-type': 'application/json',
      })
    ).status,
  );
  expect(statuses).toEqual([200, 200, 200, 200]);
  const access = String(bySecret.body['access_token']);
  const adminToken = await server.adminToken();
  told.set('administrator token', adminToken);

  // Refusals of every kind, with secrets where they belong and where they do not.
  const guess = `guess-${randomBytes(12).toString('hex')}`;
  told.set('guess', guess);
  const refused = [
    await post(tokenPath, { ...grant, client_id: 'agent', client_secret: guess }),
    await post(tokenPath, { ...grant, client_id: 'nobody', client_secret: guess }),
    await post(tokenPath, grant, basic('agent', guess)),
    await post(tokenPath, grant, { authorization: `Basic ${guess}` }),
    await post(tokenPath, grant, { authorization: `Bearer ${guess}` }),
    await post(tokenPath, { ...grant, client_assertion_type: type, client_assertion: presented }),
    await post(tokenPath, {
      ...grant,
      client_assertion_type: type,
      client_assertion: assertion({ ...good, aud: 'x' }),
    }),
    await post(tokenPath, { ...grant, client_assertion_type: type, client_assertion: guess }),
    await post(tokenPath, { ...grant, client_id: 'agent', client_secret: agentSecret, scope: 'unheard-of' }),
    await post(tokenPath, { ...grant, client_id: 'agent', client_secret: agentSecret, client_assertion: guess }),
    await post(`${tokenPath}?client_secret=${guess}&access_token=${access}`, grant),
    await post(tokenPath, `{"client_secret":"${guess}"`, { 'content-type': 'application/json' }),
    await post(tokenPath, `client_secret=${guess}`, { 'content-type': 'text/plain' }),
    await post(`${realm}/protocol/openid-connect/${guess}`, grant),
    await post(`${tokenPath}/introspect`, { token: access }, basic('agent', guess)),
    await post(`${realm}/admin/clients`, '{}', {
      authorization: `Bearer ${access}`,
      'content-type': 'application/json',
    }),
    await post(`${realm}/admin/clients`, `{"name":"x","secret":"${guess}"}`, {
      authorization: `Bearer ${adminToken}`,
      'content-type': 'application/json',
    }),
    await post(`${realm}/admin/clients`, '{}', {
      authorization: `Bearer ${adminToken}x`,
      'content-type': 'application/json',
    }),
  ];
  expect(refused.filter(({ status }) => status < 400)).toEqual([]);
  sent++;
  await fetch(`${server.url}${realm}/status?access_token=${access}`, { headers: { cookie: `session=${guess}` } });

  // Administration, which makes secrets.
  const admin = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const made = await post(`${realm}/admin/clients`, '{"name":"robot","id":"robot"}', admin);
  expect(made.status).toBe(201);
  expect((await post(`${realm}/admin/clients/robot/secrets`, '{}', admin)).status).toBeLessThan(300);
  expect(
    (await post(`${realm}/admin/signing-keys/rotate`, '{"purpose":"token","immediately":true}', admin)).status,
  ).toBeLessThan(300);
  expect((await post(`${tokenPath}/introspect`, { token: access }, basic('agent', agentSecret))).status).toBe(200);
  await post(`${realm}/protocol/openid-connect/revoke`, { token: access }, basic('agent', agentSecret));

  expect(told.size).toBeGreaterThan(15);
  const log = server.logged.join('');
  // It did log: every refusal by its code, every answer by its route.
  expect(log).toContain('"code":"oauth.invalid_client"');
  expect(server.logged.length).toBeGreaterThan(sent);
  for (const [name, secret] of told) {
    expect(secret.length, name).toBeGreaterThan(10);
    expect(log.includes(secret), `the log tells: ${name}`).toBe(false);
  }
  expect(log).not.toContain('?client_secret');
  // Nor does the event log.
  const events = JSON.stringify(await server.context.store.db.selectFrom('event').selectAll().execute());
  for (const [name, secret] of told) expect(events.includes(secret), `an event tells: ${name}`).toBe(false);
});
