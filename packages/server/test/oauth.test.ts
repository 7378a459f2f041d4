import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { tester } from './support/context.ts';
import {
  basic,
  errorOf,
  form,
  formType,
  networkKeys,
  oauthNetwork,
  post,
  scopeOfAgent,
  secrets,
  tokenUrl,
} from './support/oauth.ts';
import { type TestServer, testServer } from './support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await testServer({ network: oauthNetwork(await networkKeys()) });
});
afterAll(() => server.close());

const agent = { grant_type: 'client_credentials', client_id: 'agent', client_secret: secrets.agent };

async function granted(body: string, realm = 'dev', headers: Record<string, string> = {}) {
  const response = await post(tokenUrl(server, realm), body, headers);
  const answer = (await response.json()) as { access_token: string; scope: string; expires_in: number };
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return {
    response,
    answer,
    claims: decodeJwt(answer.access_token),
    header: decodeProtectedHeader(answer.access_token),
  };
}

describe('client_credentials', () => {
  test("gives OCEN's participants a token of OCEN's shape", async () => {
    const { response, answer, claims, header } = await granted(form(agent));
    expect(answer).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 86_400,
      scope: scopeOfAgent,
      refresh_expires_in: 0,
      'not-before-policy': 0,
    });
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('pragma')).toBe('no-cache');
    expect(header).toMatchObject({ alg: 'RS256', typ: 'JWT' });
    expect(claims).toEqual({
      iss: server.issuer(),
      sub: expect.any(String),
      aud: server.issuer(),
      iat: expect.any(Number),
      nbf: claims.iat,
      exp: (claims.iat as number) + 86_400,
      jti: expect.any(String),
      typ: 'Bearer',
      azp: 'agent',
      client_id: 'agent',
      participantId: 'p-agent',
      scope: scopeOfAgent,
      gen: 1,
      realm_access: { roles: ['LOAN_AGENT'] },
      resource_access: { 'loan-api': { roles: ['apply', 'read'] }, 'https://ledger.example': { roles: ['read'] } },
    });
  });

  test('follows the profile strict: ES256, at+jwt, ten minutes, nothing of Keycloak', async () => {
    const { answer, header } = await granted(
      form({ grant_type: 'client_credentials', client_id: 'teller', client_secret: secrets.other }),
      'bank',
    );
    expect(header).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(answer).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'accounts:read',
    });
  });

  test('decodes Basic credentials as a form', async () => {
    const { claims } = await granted('grant_type=client_credentials', 'dev', basic('lender', secrets.lender));
    expect(claims.client_id).toBe('lender');
  });

  test('takes a client_id beside Basic credentials that name the same', async () => {
    await granted('grant_type=client_credentials&client_id=agent', 'dev', basic('agent', secrets.agent));
  });

  test('the scheme of Basic has no case, and neither has the media type', async () => {
    const { authorization } = basic('agent', secrets.agent);
    await granted('grant_type=client_credentials', 'dev', {
      authorization: authorization.replace('Basic', 'bAsIC'),
      'content-type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8',
    });
  });

  test.each([
    ['loans:read', 'loans:read'],
    ['loans:write loans:read loans:write', 'loans:write loans:read'],
    ['openid', ''],
    ['openid loans:read', 'loans:read'],
  ])('scope=%s gives "%s"', async (asked, given) => {
    const { answer, claims } = await granted(form({ ...agent, scope: asked }));
    expect(answer.scope).toBe(given);
    expect(claims.scope).toBe(given);
  });

  test('a resource becomes the audience and narrows what the token opens', async () => {
    const { claims } = await granted(form({ ...agent, resource: 'loan-api' }));
    expect(claims.aud).toBe('loan-api');
    expect(claims.resource_access).toEqual({ 'loan-api': { roles: ['apply', 'read'] } });
  });

  test('several resources, one said twice, and one that only names an audience', async () => {
    const { claims } = await granted(
      `${form(agent)}&resource=loan-api&resource=https%3A%2F%2Flender.example&resource=loan-api`,
    );
    expect(claims.aud).toEqual(['loan-api', 'https://lender.example']);
    expect(claims.resource_access).toEqual({ 'loan-api': { roles: ['apply', 'read'] } });
  });

  test('no token is given that is too long for every verifier, and one for a resource is', async () => {
    const resources = Array.from({ length: 300 }, (_, i) => ({
      resource: `https://service-${i}.example/api`,
      roles: ['r'],
    }));
    const client = { id: 'wide', secret: secrets.agent };
    const participant = { id: 'p-wide', role: 'LENDER', client, resources };
    await applyNetwork(server.context, { realms: [{ name: 'dev', participants: [participant] }] }, tester);
    const wide = { grant_type: 'client_credentials', client_id: 'wide', client_secret: secrets.agent };
    expect(await errorOf(await post(tokenUrl(server), form(wide)))).toBe('400 invalid_target');
    const { claims } = await granted(form({ ...wide, resource: 'https://service-7.example/api' }));
    expect(claims.aud).toBe('https://service-7.example/api');
  });

  test('the issuer as the resource opens nothing else', async () => {
    const { claims } = await granted(form({ ...agent, resource: server.issuer() }));
    expect(claims.aud).toBe(server.issuer());
    expect(claims.resource_access).toEqual({});
  });

  test('takes JSON where the realm does, resource as a list', async () => {
    const { claims } = await granted(
      JSON.stringify({ ...agent, resource: ['loan-api', 'https://ledger.example'] }),
      'dev',
      {
        'content-type': 'application/json',
      },
    );
    expect(claims.aud).toEqual(['loan-api', 'https://ledger.example']);
  });
});

/** What arrives, and what it gets. `agent` may be named by rows that fail before its secret counts: see the throttle. */
interface Row {
  readonly body?: string | Uint8Array | (() => ReadableStream);
  readonly headers?: Record<string, string>;
  readonly path?: string;
  readonly expected: string;
}

const good = form(agent);
const json = { 'content-type': 'application/json' };
const withBasic = (text: string | Uint8Array) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
const bare = 'grant_type=client_credentials';
const at = (realm: string) => `/realms/${realm}/protocol/openid-connect/token`;
const stream = (bytes: number) => () => {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close();
      const chunk = new Uint8Array(Math.min(left, 65_536)).fill(97);
      left -= chunk.length;
      controller.enqueue(chunk);
    },
  });
};
const credentialsOf = (id: string, secret: string) =>
  form({ grant_type: 'client_credentials', client_id: id, client_secret: secret });

const hostile: Record<string, Row> = {
  // The path.
  'an unknown realm': { path: at('nowhere'), body: good, expected: '404 invalid_request' },
  'a realm in capitals': { path: at('DEV'), body: good, expected: '404 invalid_request' },
  'an encoded slash in the realm': { path: at('dev%2F..%2Fsystem'), body: good, expected: '404 invalid_request' },
  'an encoded NUL in the realm': { path: at('dev%00'), body: good, expected: '404 invalid_request' },
  'a realm that is no UTF-8': { path: at('dev%FF'), body: good, expected: '404 invalid_request' },
  'a realm named __proto__': { path: at('__proto__'), body: good, expected: '404 invalid_request' },
  'a realm of 10,000 characters': { path: at('d'.repeat(10_000)), body: good, expected: '404 invalid_request' },
  // The media type.
  'no media type': {
    body: new TextEncoder().encode(good),
    headers: { 'content-type': '' },
    expected: '415 invalid_request',
  },
  multipart: {
    body: good,
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    expected: '415 invalid_request',
  },
  text: { body: good, headers: { 'content-type': 'text/plain' }, expected: '415 invalid_request' },
  'JSON where the realm takes none': {
    path: at('bank'),
    body: JSON.stringify({ grant_type: 'client_credentials', client_id: 'teller', client_secret: secrets.other }),
    headers: json,
    expected: '415 invalid_request',
  },
  'a form that says it is JSON': { body: good, headers: json, expected: '400 invalid_request' },
  'JSON that says it is a form': { body: JSON.stringify(agent), expected: '400 invalid_request' },
  // The size.
  '5 MB with their length': { body: new Uint8Array(5_000_000).fill(97), expected: '413 invalid_request' },
  '5 MB without their length': { body: stream(5_000_000), expected: '413 invalid_request' },
  'a megabyte of parameters': {
    body: Array.from({ length: 60_000 }, (_, i) => `p${i}=${i}`).join('&'),
    expected: '400 invalid_request',
  },
  'a megabyte of ampersands': { body: '&'.repeat(1_000_000), expected: '400 invalid_request' },
  '65 parameters': {
    body: `${good}&${Array.from({ length: 62 }, (_, i) => `p${i}=`).join('&')}`,
    expected: '400 invalid_request',
  },
  '65 resources': { body: `${good}${'&resource=loan-api'.repeat(62)}`, expected: '400 invalid_request' },
  'a client id of half a megabyte': { body: credentialsOf('x'.repeat(500_000), 'y'), expected: '401 invalid_client' },
  'a secret of half a megabyte': {
    body: credentialsOf('unknown-1', 'y'.repeat(500_000)),
    expected: '401 invalid_client',
  },
  // The encoding.
  'an empty body': { body: '', expected: '400 invalid_request' },
  'an empty body of no length': { body: stream(0), expected: '400 invalid_request' },
  'a broken escape': { body: `${good}&x=%`, expected: '400 invalid_request' },
  'an escape of no hex': { body: `${good}&x=%zz`, expected: '400 invalid_request' },
  'an escape in a name': { body: `${good}&%E0%A4%A=1`, expected: '400 invalid_request' },
  'escaped bytes that are no UTF-8': { body: `${good}&x=%ff%fe`, expected: '400 invalid_request' },
  'an overlong slash': { body: `${good}&x=%c0%af`, expected: '400 invalid_request' },
  'an escaped surrogate': { body: `${good}&x=%ed%a0%80`, expected: '400 invalid_request' },
  'an escaped NUL': {
    body: credentialsOf('agent', secrets.agent).replace('id=agent', 'id=agent%00'),
    expected: '400 invalid_request',
  },
  'a raw NUL': { body: `${good}\0`, expected: '400 invalid_request' },
  'raw UTF-8': { body: `${good}&x=é`, expected: '400 invalid_request' },
  'raw bytes that are no UTF-8': {
    body: Uint8Array.of(...new TextEncoder().encode(`${good}&x=`), 0xff),
    expected: '400 invalid_request',
  },
  'a line break': { body: `${good}\r\n`, expected: '400 invalid_request' },
  // Repetition.
  'client_id twice': { body: `${good}&client_id=x`, expected: '400 invalid_request' },
  'the same client_id twice': { body: `${good}&client_id=agent`, expected: '400 invalid_request' },
  'client_id twice, once spelled otherwise': { body: `${good}&client%5Fid=agent`, expected: '400 invalid_request' },
  'grant_type twice': { body: `${good}&grant_type=client_credentials`, expected: '400 invalid_request' },
  'scope twice': { body: `${good}&scope=loans:read&scope=loans:read`, expected: '400 invalid_request' },
  'an unknown parameter twice': { body: `${good}&x=1&x=2`, expected: '400 invalid_request' },
  'client_id empty and then named': { body: `client_id=&${good}`, expected: '400 invalid_request' },
  // The grant.
  'no grant': { body: form({ client_id: 'agent', client_secret: secrets.agent }), expected: '400 invalid_request' },
  'an empty grant': { body: form({ ...agent, grant_type: '' }), expected: '400 invalid_request' },
  'a grant in capitals': {
    body: form({ ...agent, grant_type: 'CLIENT_CREDENTIALS' }),
    expected: '400 unsupported_grant_type',
  },
  'the password grant': { body: form({ ...agent, grant_type: 'password' }), expected: '400 unsupported_grant_type' },
  'a grant named constructor': {
    body: form({ ...agent, grant_type: 'constructor' }),
    expected: '400 unsupported_grant_type',
  },
  'a grant named __proto__': {
    body: form({ ...agent, grant_type: '__proto__' }),
    expected: '400 unsupported_grant_type',
  },
  // Credentials.
  none: { body: bare, expected: '401 invalid_client' },
  'an id alone': { body: `${bare}&client_id=agent`, expected: '401 invalid_client' },
  'an id with an empty secret': { body: `${bare}&client_id=agent&client_secret=`, expected: '401 invalid_client' },
  'a secret alone': { body: `${bare}&client_secret=${secrets.agent}`, expected: '400 invalid_request' },
  'Basic and form together': { body: good, headers: basic('agent', secrets.agent), expected: '400 invalid_request' },
  'Basic and a secret alone': {
    body: `${bare}&client_secret=${secrets.agent}`,
    headers: basic('agent', secrets.agent),
    expected: '400 invalid_request',
  },
  'Basic and another client_id': {
    body: `${bare}&client_id=lender`,
    headers: basic('agent', secrets.agent),
    expected: '400 invalid_request',
  },
  'Basic and an assertion': {
    body: `${bare}&client_assertion=a.b.c`,
    headers: basic('agent', secrets.agent),
    expected: '400 invalid_request',
  },
  'a secret and an assertion': { body: `${good}&client_assertion=a.b.c`, expected: '400 invalid_request' },
  'Basic without anything': { body: bare, headers: { authorization: 'Basic' }, expected: '400 invalid_request' },
  'Basic that is no base64': { body: bare, headers: { authorization: 'Basic @@@' }, expected: '400 invalid_request' },
  'Basic in base64url': {
    body: bare,
    headers: { authorization: 'Basic YT4_Ojo_Pz8' },
    expected: '400 invalid_request',
  },
  'Basic with a space inside': {
    body: bare,
    headers: { authorization: 'Basic YWdl bnQ6eA==' },
    expected: '400 invalid_request',
  },
  'Basic without a colon': { body: bare, headers: withBasic('agent'), expected: '400 invalid_request' },
  'Basic without an id': { body: bare, headers: withBasic(':secret'), expected: '400 invalid_request' },
  'Basic that is no UTF-8': {
    body: bare,
    headers: withBasic(Uint8Array.of(0xff, 0x3a, 0x61)),
    expected: '400 invalid_request',
  },
  'Basic with a broken escape': { body: bare, headers: withBasic('agent:100%'), expected: '400 invalid_request' },
  'Basic with a NUL': { body: bare, headers: withBasic('agent\0:x'), expected: '400 invalid_request' },
  'Basic with an escaped NUL': { body: bare, headers: withBasic('agent%00:x'), expected: '400 invalid_request' },
  'Basic with an empty secret': { body: bare, headers: withBasic('agent:'), expected: '401 invalid_client' },
  'a bearer token instead': { body: bare, headers: { authorization: 'Bearer a.b.c' }, expected: '401 invalid_client' },
  'a scheme of its own': { body: bare, headers: { authorization: 'Negotiate abc' }, expected: '401 invalid_client' },
  'a wrong secret': { body: credentialsOf('agent', 'wrong'), expected: '401 invalid_client' },
  'the secret and a space': { body: credentialsOf('agent', `${secrets.agent} `), expected: '401 invalid_client' },
  'the secret in capitals': {
    body: credentialsOf('agent', secrets.agent.toUpperCase()),
    expected: '401 invalid_client',
  },
  'the id in capitals': { body: credentialsOf('AGENT', secrets.agent), expected: '401 invalid_client' },
  'the secret of another client': { body: credentialsOf('agent', secrets.lender), expected: '401 invalid_client' },
  'an unknown client': { body: credentialsOf('nobody', 'wrong'), expected: '401 invalid_client' },
  'a client named __proto__': { body: credentialsOf('__proto__', 'wrong'), expected: '401 invalid_client' },
  'a client of another realm': { body: credentialsOf('teller', secrets.other), expected: '401 invalid_client' },
  'a client of this realm elsewhere': { path: at('bank'), body: good, expected: '401 invalid_client' },
  'the administrator in a realm of others': {
    body: credentialsOf('admin', 'administrator-secret-for-tests'),
    expected: '401 invalid_client',
  },
  'one who has applied': { body: credentialsOf('client-APPLIED', secrets.asleep), expected: '401 invalid_client' },
  'one under review': { body: credentialsOf('client-UNDER_REVIEW', secrets.asleep), expected: '401 invalid_client' },
  'one rejected': { body: credentialsOf('client-REJECTED', secrets.asleep), expected: '401 invalid_client' },
  'one suspended': { body: credentialsOf('client-SUSPENDED', secrets.asleep), expected: '401 invalid_client' },
  'one offboarded': { body: credentialsOf('client-OFFBOARDED', secrets.asleep), expected: '401 invalid_client' },
  // JSON.
  'a duplicate member': {
    body: `{"grant_type":"client_credentials","client_id":"agent","client_id":"agent","client_secret":"${secrets.agent}"}`,
    headers: json,
    expected: '400 invalid_request',
  },
  'JSON a thousand levels deep': {
    body: `${'['.repeat(1_000)}${']'.repeat(1_000)}`,
    headers: json,
    expected: '400 invalid_request',
  },
  'a JSON array': { body: '[]', headers: json, expected: '400 invalid_request' },
  'JSON null': { body: 'null', headers: json, expected: '400 invalid_request' },
  'a number for a secret': {
    body: JSON.stringify({ ...agent, client_secret: 1 }),
    headers: json,
    expected: '400 invalid_request',
  },
  'a list of scopes': {
    body: JSON.stringify({ ...agent, scope: ['loans:read'] }),
    headers: json,
    expected: '400 invalid_request',
  },
  'a resource in a list in a list': {
    body: JSON.stringify({ ...agent, resource: [['loan-api']] }),
    headers: json,
    expected: '400 invalid_request',
  },
  'JSON with a NUL': {
    body: JSON.stringify({ ...agent, client_id: 'agent\0' }),
    headers: json,
    expected: '400 invalid_request',
  },
  'JSON with half a character': {
    body: JSON.stringify({ ...agent, client_id: 'agent\ud800' }),
    headers: json,
    expected: '400 invalid_request',
  },
  'JSON cut short': { body: JSON.stringify(agent).slice(0, -1), headers: json, expected: '400 invalid_request' },
  // Scope and resource.
  'a scope it does not have': { body: form({ ...agent, scope: 'loans:delete' }), expected: '400 invalid_scope' },
  'one scope too many': {
    body: form({ ...agent, scope: `${scopeOfAgent} loans:delete` }),
    expected: '400 invalid_scope',
  },
  'the scope of administrators': {
    body: form({ ...agent, scope: 'countersign:admin' }),
    expected: '400 invalid_scope',
  },
  'two spaces in the scope': {
    body: form({ ...agent, scope: 'loans:read  loans:write' }),
    expected: '400 invalid_scope',
  },
  'a quote in the scope': { body: form({ ...agent, scope: '"loans:read"' }), expected: '400 invalid_scope' },
  'a tab in the scope': { body: form({ ...agent, scope: 'loans:read\tloans:write' }), expected: '400 invalid_scope' },
  'openid where there is none': {
    path: at('bank'),
    body: `${credentialsOf('teller', secrets.other)}&scope=openid`,
    expected: '400 invalid_scope',
  },
  'a resource it cannot reach': {
    body: form({ ...agent, resource: 'https://vault.example' }),
    expected: '400 invalid_target',
  },
  'one good resource and a bad one': { body: `${good}&resource=loan-api&resource=x`, expected: '400 invalid_target' },
  'a resource named constructor': { body: form({ ...agent, resource: 'constructor' }), expected: '400 invalid_target' },
  'a resource named __proto__': { body: form({ ...agent, resource: '__proto__' }), expected: '400 invalid_target' },
  "another realm's issuer as the resource": {
    body: form({ ...agent, resource: 'http://localhost:1/realms/bank' }),
    expected: '400 invalid_target',
  },
};

describe('refuses', () => {
  test.each(Object.entries(hostile))('%s', async (_, { body = '', headers = {}, path = at('dev'), expected }) => {
    const response = await post(server.url + path, typeof body === 'function' ? body() : body, {
      'content-type': formType,
      ...headers,
    });
    const answer = (await response.json()) as { error: string; error_description: string };
    expect(`${response.status} ${answer.error}`).toBe(expected);
    expect(response.headers.get('cache-control')).toBe('no-store');
    // RFC 6749 §5.2: the description is printable ASCII without quote and backslash.
    expect(answer.error_description).toMatch(/^[ !#-[\]-~]+$/);
    if (response.status === 401) expect(response.headers.get('www-authenticate')).toMatch(/^Basic realm="/);
  });

  test('a wrong method, and says which is right', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await fetch(tokenUrl(server), { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST');
    }
  });

  test('unknown, wrong, suspended and offboarded with the very same answer', async () => {
    const answers = await Promise.all(
      [
        ['nobody', 'wrong'],
        ['lender', 'wrong'],
        ['client-SUSPENDED', secrets.asleep],
        ['client-OFFBOARDED', secrets.asleep],
        ['client-APPLIED', secrets.asleep],
      ].map(async ([id, secret]) => {
        const response = await post(tokenUrl(server), credentialsOf(id as string, secret as string));
        const headers = Object.fromEntries(response.headers);
        for (const name of ['date', 'x-request-id']) delete headers[name];
        return { status: response.status, headers, body: await response.text() };
      }),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  test('and never lets a secret reach the log', () => {
    const logged = server.logged.join('\n');
    expect(logged).toContain('oauth.invalid_client');
    for (const secret of Object.values(secrets)) expect(logged).not.toContain(secret);
  });
});

describe('discovery', () => {
  test.each(['/realms/dev/.well-known/openid-configuration', '/.well-known/oauth-authorization-server/realms/dev'])(
    '%s claims exactly what is there',
    async (path) => {
      const response = await fetch(server.url + path);
      expect(response.status).toBe(200);
      const metadata = (await response.json()) as Record<string, string>;
      expect(metadata).toMatchObject({
        issuer: server.issuer(),
        grant_types_supported: ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
        response_types_supported: [],
        id_token_signing_alg_values_supported: ['RS256'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      });
      // Every endpoint exists: asked with a wrong method or without proof, it does not answer 404.
      for (const [name, url] of Object.entries(metadata)) {
        if (!/endpoint$|_uri$|documentation$/.test(name)) continue;
        expect((await fetch(url)).status, name).not.toBe(404);
      }
      expect(Object.keys(metadata)).not.toContain('authorization_endpoint');
    },
  );

  test('does not know other realms', async () => {
    expect((await fetch(`${server.url}/realms/nowhere/.well-known/openid-configuration`)).status).toBe(404);
    expect((await fetch(`${server.url}/.well-known/oauth-authorization-server/realms/nowhere`)).status).toBe(404);
    expect((await fetch(`${server.url}/realms/nowhere/protocol/openid-connect/certs`)).status).toBe(404);
  });

  test('publishes public members only, and a version that need not be sent twice', async () => {
    const url = `${server.issuer()}/protocol/openid-connect/certs`;
    const response = await fetch(url);
    const { keys } = (await response.json()) as { keys: Record<string, string>[] };
    expect(keys.length).toBeGreaterThanOrEqual(2);
    for (const key of keys) {
      expect(key).toMatchObject({ kid: expect.any(String), alg: expect.any(String), use: 'sig' });
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(member);
    }
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    const etag = response.headers.get('etag') as string;
    expect(etag).toMatch(/^"/);
    for (const given of [etag, `"x", ${etag}`, `W/${etag}`, '*']) {
      const again = await fetch(url, { headers: { 'if-none-match': given } });
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    }
    expect((await fetch(url, { headers: { 'if-none-match': '"x"' } })).status).toBe(200);
    const elsewhere = await fetch(`${server.issuer('bank')}/protocol/openid-connect/certs`, {
      headers: { 'if-none-match': etag },
    });
    expect(elsewhere.status).toBe(200);
  });
});
