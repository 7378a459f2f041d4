/** The gateway in front of an application whose callers log in: a name and a password in, the signed subject out. */
import { createSubjectVerifier } from '@countersign/client';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { send } from '../../client/test/support/raw-request.ts';
import type { GatewayOptions } from '../src/gateway/options.ts';
import { basicField, edgeServer } from './support/edge.ts';
import { edgeSecret } from './support/edge-client.ts';
import { eventually } from './support/eventually.ts';
import { type Application, application, gatewayOf, signedFields, startWith, town } from './support/gateway.ts';
import { type Corporate, passwords } from './support/passwords.ts';

let place: Corporate;
let app: Application;
const lines: string[] = [];
beforeAll(async () => {
  place = await edgeServer();
  app = await application((_, response) => void response.end('{"ack":true}'));
});
beforeEach(() => {
  app.received.length = 0;
});
afterAll(async () => {
  await app.close();
  await place.server.close();
});

const bob = basicField('bob', passwords.first);

/** A gateway without a key: it signs nothing. */
async function gateway(options: Partial<GatewayOptions> = {}) {
  const status = { pollSeconds: 1 };
  const client = { issuer: place.server.issuer(), clientId: 'edge', clientSecret: edgeSecret, status };
  const started = await startWith(app.url, { client, accept: ['basic', 'session'], ...options }, (line) =>
    lines.push(line),
  );
  onTestFinished(() => started.stop());
  const ask = (headers: Readonly<Record<string, string>>, path = '/orders?x=1', init: RequestInit = {}) =>
    fetch(started.url + path, { ...init, headers });
  return { ...started, ask, get: (authorization: string) => ask({ authorization }) };
}

/** What the application makes of the request that reached it last. */
async function seen(audience = app.url) {
  const verifier = createSubjectVerifier({ issuer: place.server.issuer(), audience, accept: ['credential'] });
  const received = app.received.at(-1);
  const { authorization = '' } = received?.headers ?? {};
  const subject = await verifier.verify(authorization.replace('Bearer ', ''));
  if (subject.kind !== 'credential') throw new Error('no credential');
  return { subject, received };
}

async function codeOf(response: Response): Promise<string> {
  return `${response.status} ${((await response.json()) as { code: string }).code}`;
}

describe('a call with a name and a password', () => {
  test('reaches the application as the signed subject, verified by the keys of the realm, and nothing of the pair', async () => {
    const { url, ask } = await gateway();
    const body = 'any bytes';
    const answer = await ask(
      {
        authorization: bob,
        'x-callref': 'call-42',
        'x-countersign-subject': 'forged',
        'x-forwarded-for': '203.0.113.9',
      },
      '/orders?x=%20',
      { method: 'POST', body },
    );
    expect([answer.status, await answer.text()]).toEqual([200, '{"ack":true}']);
    const { subject, received } = await seen();
    expect(subject).toMatchObject({
      credential: { id: 'cred-2', code: 'bob' },
      identity: { id: 'corp-1' },
      transaction: 'call-42',
      audience: [app.url],
      requestContext: { address: '127.0.0.1' },
    });
    expect(received).toMatchObject({ method: 'POST', url: '/orders?x=%20' });
    expect(received?.body.toString()).toBe(body);
    expect(received?.headers['x-callref']).toBe('call-42');
    expect(received?.headers['x-forwarded-for']).toBe('127.0.0.1');
    expect(received?.headers['x-forwarded-host']).toBe(new URL(url).host);
    expect(received?.headers['x-countersign-subject']).toBeUndefined();
    expect(received?.rawHeaders.join('\n')).not.toContain(bob.slice(6));
    expect(answer.headers.get('x-jws-signature')).toBeNull();
  });

  test('shows the application the transaction that the realm made, where the caller named none', async () => {
    const { get } = await gateway();
    expect((await get(bob)).status).toBe(200);
    const { subject, received } = await seen();
    expect(received?.headers['x-callref']).toBe(subject.transaction);
  });

  test('has one transaction, however an application reads the names of fields', async () => {
    const { ask } = await gateway();
    const lies = { x_callref: 'a-lie', 'x.callref': 'a-lie' };
    expect((await ask({ authorization: bob, 'x-callref': 'call-43', ...lies })).status).toBe(200);
    const { subject, received } = await seen();
    expect(received?.rawHeaders.join()).not.toContain('a-lie');
    expect(received?.headers['x-callref']).toBe(subject.transaction);
  });

  test('costs one login however many come at once', async () => {
    const { get } = await gateway();
    const before = await place.admin('/auth/sessions/get', { credentialId: 'cred-2' });
    const answers = await Promise.all(Array.from({ length: 300 }, () => get(bob)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const after = await place.admin('/auth/sessions/get', { credentialId: 'cred-2' });
    expect((after.body.sessions as unknown[]).length).toBe((before.body.sessions as unknown[]).length + 1);
    expect(new Set(app.received.map(({ headers }) => headers.authorization)).size).toBe(1);
  });

  test('is for the audience that the gateway was told', async () => {
    const { get } = await gateway({ subjectAudience: 'https://orders.example' });
    expect((await get(bob)).status).toBe(200);
    expect((await seen('https://orders.example')).subject.audience).toEqual(['https://orders.example']);
  });

  test('is refused within ten seconds of a new password, and a forced end is noticed', async () => {
    const { get } = await gateway();
    expect((await get(bob)).status).toBe(200);
    const { subject } = await seen();
    await place.admin(`/auth/sessions/${subject.sessionId}/terminate`);
    await eventually(async () => {
      expect((await get(bob)).status).toBe(200);
      return (await seen()).subject.sessionId !== subject.sessionId;
    }, 10_000);
    const carol = basicField('carol@globex.example', passwords.first);
    expect((await get(carol)).status).toBe(200);
    const session = await place.session('carol@globex.example');
    const change = { oldPassword: { value: passwords.first }, password: { value: passwords.second } };
    await place.call('/passwords/cred-3/update', `Bearer ${session}`, change);
    await eventually(async () => (await get(carol)).status === 401, 10_000);
    expect(await codeOf(await get(carol))).toBe('401 login.failed');
    expect((await get(basicField('carol@globex.example', passwords.second))).status).toBe(200);
  });

  test('streams what the application answers, and hides nothing of its refusals', async () => {
    const answer = await application((_, response) => {
      response.writeHead(418, { 'x-own': 'yes', 'x-jws-signature': 'not ours' });
      response.write('a'.repeat(100_000));
      response.end('end');
    });
    onTestFinished(() => answer.close());
    const { get } = await gateway({ upstream: new URL(answer.url) });
    const response = await get(bob);
    expect([response.status, response.headers.get('x-own')]).toEqual([418, 'yes']);
    expect((await response.text()).length).toBe(100_003);
    expect(response.headers.get('x-jws-signature')).toBeNull();
  });
});

describe('a call with a session token', () => {
  test('reaches the application as the signed subject, until the session ends', async () => {
    const { get } = await gateway();
    const session = await place.session('bob');
    expect((await get(`Bearer ${session}`)).status).toBe(200);
    const { subject, received } = await seen();
    expect(subject.credential.id).toBe('cred-2');
    expect(received?.rawHeaders.join('\n')).not.toContain(session);
    await place.call('/auth/logout', `Bearer ${session}`, {});
    await eventually(async () => (await get(`Bearer ${session}`)).status === 401, 10_000);
    expect(await codeOf(await get(`Bearer ${session}`))).toBe('401 session.invalid');
  });
});

describe('who is not let in never reaches the application', () => {
  const longName = basicField('n'.repeat(300), 'x');
  const cases: [string, string, string | undefined][] = [
    ['nothing', '401 login.missing', undefined],
    ['a wrong password', '401 login.failed', basicField('bob', 'wrong')],
    ['an unknown name', '401 login.failed', basicField('nobody', passwords.first)],
    ['no Base64', '401 login.malformed', 'Basic ?'],
    ['no padding', '401 login.malformed', bob.replace(/=*$/, '').slice(0, -1)],
    ['no colon', '401 login.malformed', `Basic ${Buffer.from('bob').toString('base64')}`],
    ['NUL', '401 login.malformed', basicField('bob', 'a\0b')],
    ['Latin-1', '401 login.malformed', `Basic ${Buffer.from('bób:x', 'latin1').toString('base64')}`],
    ['a name that is too long', '401 login.malformed', longName],
    ['another scheme', '401 login.missing', 'Digest username="bob"'],
    ['a signed subject', '401 session.invalid', 'Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA'],
    ['no session', '401 session.invalid', `Bearer css_${'A'.repeat(43)}`],
    ['a megabyte', '431 ', `Basic ${'A'.repeat(1_000_000)}`],
  ];
  test.each(cases)('%s: %s', async (_, expected, authorization) => {
    const { url, ask } = await gateway();
    if (expected === '431 ') {
      const { status } = await send(url, { method: 'GET', path: '/', headers: ['authorization', authorization ?? ''] });
      expect([400, 431]).toContain(status);
    } else {
      const refused = await ask(authorization === undefined ? {} : { authorization });
      const scheme = refused.headers.get('www-authenticate');
      expect(await codeOf(refused)).toBe(expected);
      const isBasic = expected.includes('login.');
      expect(scheme).toBe(isBasic ? 'Basic realm="dev", charset="UTF-8"' : 'Bearer error="invalid_token"');
    }
    expect(app.received).toHaveLength(0);
  });

  test('two proofs, or one said twice', async () => {
    const { url } = await gateway();
    for (const other of [bob, 'Bearer css_x']) {
      const headers = ['authorization', bob, 'authorization', other];
      const { status, body } = await send(url, { method: 'GET', path: '/', headers });
      expect([status, (JSON.parse(body.toString()) as { code: string }).code]).toEqual([401, expect.any(String)]);
    }
    expect(app.received).toHaveLength(0);
  });

  test('who tries too often, each client for itself, behind a proxy that is trusted', async () => {
    const { ask } = await gateway({ trustedProxies: ['127.0.0.1/32'] });
    const guess = async (n: number, from: string) =>
      codeOf(await ask({ authorization: basicField(`guess ${n}`, 'a password'), 'x-forwarded-for': from }));
    const tried: string[] = [];
    for (let n = 0; n < 21; n++) tried.push(await guess(n, '198.51.100.1'));
    expect(tried.slice(0, 20)).toEqual(Array(20).fill('401 login.failed'));
    expect(tried[20]).toBe('429 login.throttled');
    expect(await guess(30, '198.51.100.2')).toBe('401 login.failed');
    // Nobody gets further by making addresses up: the last one is the proxy's.
    expect(await guess(31, '203.0.113.77, 198.51.100.1')).toBe('429 login.throttled');
    expect((await ask({ authorization: bob, 'x-forwarded-for': '198.51.100.2' })).status).toBe(200);
    expect(app.received.at(-1)?.headers['x-forwarded-for']).toBe('198.51.100.2');
    expect((await seen()).subject.requestContext.address).toBe('198.51.100.2');
  });

  test('nothing of a name, a password or a token is logged', () => {
    const written = lines.join('\n');
    expect(written).toContain('login.failed');
    expect(written).toContain('"credential":"credential:cred-2"');
    for (const secret of [passwords.first, bob.slice(6), 'css_', 'guess 1', 'a password', 'eyJ']) {
      expect([secret, written.includes(secret)]).toEqual([secret, false]);
    }
  });
});

describe('nothing is accepted that was not asked for', () => {
  test('by default neither a password nor a session', async () => {
    const network = await town();
    onTestFinished(() => network.close());
    const started = await gatewayOf(network, 'lender', app.url);
    onTestFinished(() => started.stop());
    for (const authorization of [bob, `Bearer css_${'A'.repeat(43)}`]) {
      const refused = await fetch(started.url, { headers: { authorization } });
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
        401,
        expect.stringMatching(/^Bearer/),
      ]);
    }
    expect(app.received).toHaveLength(0);
  });

  test('a session where only passwords are, and the other way round', async () => {
    const session = await place.session('bob');
    const passwordsOnly = await gateway({ accept: ['basic'] });
    expect(await codeOf(await passwordsOnly.get(`Bearer ${session}`))).toBe('401 login.missing');
    const sessionsOnly = await gateway({ accept: ['session'] });
    expect(await codeOf(await sessionsOnly.get(bob))).toBe('401 token.malformed');
    expect(app.received).toHaveLength(0);
  });

  test('signed messages and passwords side by side, each with its own proof', async () => {
    const network = await town();
    onTestFinished(() => network.close());
    const client = { issuer: place.server.issuer(), clientId: 'edge', clientSecret: edgeSecret };
    const started = await gatewayOf(network, 'lender', app.url, { client, accept: ['message', 'basic'] });
    onTestFinished(() => started.stop());
    const fields = await signedFields(network.sdk('agent'), started.url, { path: '/loans', body: 'loan' });
    const byMessage = await send(started.url, { method: 'POST', path: '/loans', body: 'loan', headers: fields });
    expect([byMessage.status, byMessage.headers['x-jws-signature'] !== undefined]).toEqual([200, true]);
    expect(app.received[0]?.headers.authorization).toBeUndefined();
    expect(app.received[0]?.headers['x-countersign-subject']).toBeDefined();
    const byLogin = await fetch(`${started.url}/loans`, { headers: { authorization: bob } });
    expect(byLogin.status).toBe(200);
    expect(app.received[1]?.headers['x-countersign-subject']).toBeUndefined();
    expect((await seen()).subject.credential.code).toBe('bob');
    // A message is not let in with a password instead of its token, nor a password with a signature beside it as a message.
    const mixed = [...fields.slice(2), 'authorization', basicField('bob', 'wrong')];
    expect((await send(started.url, { method: 'POST', path: '/loans', body: 'loan', headers: mixed })).status).toBe(
      401,
    );
    const bare = await fetch(`${started.url}/loans`);
    expect(bare.headers.get('www-authenticate')).toBe('Basic realm="dev", charset="UTF-8"');
    expect(app.received).toHaveLength(2);
  });
});

test('a gateway without a key is ready, and says so', async () => {
  const { adminUrl, forwardUrl } = await gateway();
  expect((await fetch(`${adminUrl}/readyz`)).status).toBe(200);
  expect(forwardUrl).toBeUndefined();
});

test('passwords over plain HTTP from other machines stop the start', async () => {
  await expect(gateway({ listen: { host: '0.0.0.0', port: 0 } })).rejects.toThrow('accept: passwords need TLS');
  const behind = await gateway({ listen: { host: '0.0.0.0', port: 0 }, publicUrl: 'https://api.example' });
  expect(behind.url).toContain('0.0.0.0');
});
