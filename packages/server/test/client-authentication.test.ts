import { randomUUID } from 'node:crypto';
import { exportJWK, exportSPKI, importJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { realmKey } from '../src/kernel/id.ts';
import { findClient } from '../src/registry/client.store.ts';
import { addSecret, storeSecret } from '../src/registry/client.ts';
import { retireKey } from '../src/registry/keys/participant-key.ts';
import { write } from '../src/store/write.ts';
import { reinstateSubject, suspendSubject } from '../src/subject/subject.ts';
import { eachDatabase } from './support/databases.ts';
import {
  assertionClaims,
  assertionForm,
  basic,
  errorOf,
  form,
  type NetworkKeys,
  type Nodes,
  networkKeys,
  oauthNetwork,
  post,
  secrets,
  signAssertion,
  signingPair,
  tokenUrl,
  twoNodes,
  until,
} from './support/oauth.ts';
import { type TestServer, testServer } from './support/server.ts';

let keys: NetworkKeys;
beforeAll(async () => {
  keys = await networkKeys();
});

/** Failures count by client and source. Rows that shall not be throttled come from an address each. */
const behindProxy = { COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1,::1' };
let addresses = 0;
function fromNewAddress(): { 'x-forwarded-for': string } {
  addresses += 1;
  return { 'x-forwarded-for': `10.0.${addresses >> 8}.${addresses & 255}` };
}

const bySecret = (id: string, secret: string) =>
  form({ grant_type: 'client_credentials', client_id: id, client_secret: secret });

eachDatabase('private_key_jwt', (freshUrl) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer({ databaseUrl: await freshUrl(), network: oauthNetwork(keys), env: behindProxy });
  });
  afterAll(() => server.close());

  const claims = (change: Record<string, unknown> = {}) => assertionClaims(server.issuer(), 'agent', change);
  const now = () => Math.floor(Date.now() / 1000);
  const withoutKid = { kid: undefined };

  const accepted: Record<string, () => Promise<string>> = {
    ES256: async () => assertionForm(await signAssertion(keys.es256, claims())),
    RS256: async () => assertionForm(await signAssertion(keys.rs256, claims())),
    Ed25519: async () => assertionForm(await signAssertion(keys.ed25519, claims())),
    'EdDSA, the older name of Ed25519': async () => {
      const key = await importJWK({ ...(await jwkOf(keys.ed25519)), alg: 'EdDSA' }, 'EdDSA');
      const token = await new SignJWT(claims() as never)
        .setProtectedHeader({ alg: 'EdDSA', kid: 'agent-ed25519' })
        .sign(key);
      return assertionForm(token);
    },
    'no kid': async () => assertionForm(await signAssertion(keys.es256, claims(), withoutKid)),
    'typ JWT': async () => assertionForm(await signAssertion(keys.es256, claims(), { typ: 'JWT' })),
    'the type of RFC 7523bis': async () =>
      assertionForm(await signAssertion(keys.es256, claims(), { typ: 'client-authentication+jwt' })),
    'the audience in a list of one': async () =>
      assertionForm(await signAssertion(keys.es256, claims({ aud: [server.issuer()] }))),
    'client_id beside it': async () => assertionForm(await signAssertion(keys.es256, claims()), { client_id: 'agent' }),
    'no iat': async () => assertionForm(await signAssertion(keys.es256, claims({ iat: undefined }))),
    'ten minutes': async () => assertionForm(await signAssertion(keys.es256, claims({ exp: now() + 600 }))),
    'fractions of a second': async () => assertionForm(await signAssertion(keys.es256, claims({ exp: now() + 60.25 }))),
  };

  test.each(Object.entries(accepted))('accepts %s', async (_, body) => {
    const response = await post(tokenUrl(server), await body());
    expect(response.status, await response.clone().text()).toBe(200);
  });

  const unknownClient = '401 invalid_client';
  const refused: Record<string, { body: () => Promise<string>; expected?: string }> = {
    'alg none': {
      body: async () => assertionForm(`${encode({ alg: 'none' })}.${encode(claims())}.`),
    },
    'HS256 with the public key as its secret': {
      body: async () => {
        const secret = new TextEncoder().encode(await exportSPKI((await importJWK(keys.rs256.jwk, 'RS256')) as never));
        return assertionForm(
          await new SignJWT(claims() as never).setProtectedHeader({ alg: 'HS256', kid: 'agent-rs256' }).sign(secret),
        );
      },
    },
    "HS256 with the client's secret": {
      body: async () =>
        assertionForm(
          await new SignJWT(claims() as never)
            .setProtectedHeader({ alg: 'HS256' })
            .sign(new TextEncoder().encode(secrets.agent.padEnd(32, '.'))),
        ),
    },
    'a kid that nobody has': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims(), { kid: 'x' })),
    },
    'the kid of another key': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims(), { kid: 'agent-rs256' })),
    },
    'a key that nobody registered': {
      body: async () => assertionForm(await signAssertion(await signingPair('ES256', 'agent-es256'), claims())),
    },
    "another participant's key": {
      body: async () => assertionForm(await signAssertion(keys.lender, claims(), withoutKid)),
    },
    'a retired key': { body: async () => assertionForm(await signAssertion(keys.retired, claims())) },
    'a retired key without its kid': {
      body: async () => assertionForm(await signAssertion(keys.retired, claims(), withoutKid)),
    },
    'an algorithm that the key is not registered for': {
      body: async () => {
        const key = await importJWK({ ...(await jwkOf(keys.rs256)), alg: 'PS256' }, 'PS256');
        return assertionForm(
          await new SignJWT(claims() as never).setProtectedHeader({ alg: 'PS256', kid: 'agent-rs256' }).sign(key),
        );
      },
    },
    'a jwk in the header': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims(), { jwk: keys.es256.jwk })),
    },
    'a jku in the header': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims(), { jku: 'http://127.0.0.1:1/jwks' })),
    },
    'an x5c in the header': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims(), { x5c: ['AAAA'] })),
    },
    'an x5u in the header': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims(), { x5u: 'http://127.0.0.1:1/x' })),
    },
    'b64 false': { body: async () => assertionForm(await rawAssertion({ alg: 'ES256', b64: false }, claims())) },
    'b64 true': { body: async () => assertionForm(await rawAssertion({ alg: 'ES256', b64: true }, claims())) },
    crit: { body: async () => assertionForm(await rawAssertion({ alg: 'ES256', crit: ['exp'], exp: 1 }, claims())) },
    'alg twice in the header': {
      body: async () => assertionForm(await rawAssertion('{"alg":"none","alg":"ES256"}', claims())),
    },
    'sub twice in the claims': {
      body: async () =>
        assertionForm(await rawAssertion({ alg: 'ES256' }, JSON.stringify(claims()).replace('{', '{"sub":"lender",'))),
    },
    'an access token as its type': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims(), { typ: 'at+jwt' })),
    },
    'the token endpoint as the audience': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ aud: tokenUrl(server) }))),
    },
    'the issuer and a slash as the audience': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ aud: `${server.issuer()}/` }))),
    },
    'two audiences, one of them right': {
      body: async () =>
        assertionForm(await signAssertion(keys.es256, claims({ aud: [server.issuer(), 'https://evil.example'] }))),
    },
    'the issuer twice': {
      body: async () =>
        assertionForm(await signAssertion(keys.es256, claims({ aud: [server.issuer(), server.issuer()] }))),
    },
    "another realm's issuer as the audience": {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ aud: server.issuer('bank') }))),
    },
    'no audience': { body: async () => assertionForm(await signAssertion(keys.es256, claims({ aud: undefined }))) },
    'an empty list of audiences': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ aud: [] }))),
    },
    'no end': { body: async () => assertionForm(await signAssertion(keys.es256, claims({ exp: undefined }))) },
    'an end in words': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ exp: 'tomorrow' }))),
    },
    'an end that reads as infinity': {
      body: async () =>
        assertionForm(
          await rawAssertion({ alg: 'ES256' }, JSON.stringify(claims({ exp: 0 })).replace('"exp":0', '"exp":1e999')),
        ),
    },
    'an end in the past': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ iat: undefined, exp: now() - 31 }))),
    },
    'an end in eleven minutes': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ exp: now() + 660 }))),
    },
    'a begin in the future': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ nbf: now() + 45 }))),
    },
    'an issue in the future': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ iat: now() + 45 }))),
    },
    'an issue long ago': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ iat: now() - 700 }))),
    },
    'no jti': { body: async () => assertionForm(await signAssertion(keys.es256, claims({ jti: undefined }))) },
    'an empty jti': { body: async () => assertionForm(await signAssertion(keys.es256, claims({ jti: '' }))) },
    'a jti that is a number': { body: async () => assertionForm(await signAssertion(keys.es256, claims({ jti: 7 }))) },
    'a jti of 300 characters': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ jti: 'j'.repeat(300) }))),
    },
    'another iss than sub': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ iss: 'lender' }))),
    },
    "another's sub": { body: async () => assertionForm(await signAssertion(keys.es256, claims({ sub: 'lender' }))) },
    'no iss': { body: async () => assertionForm(await signAssertion(keys.es256, claims({ iss: undefined }))) },
    'no sub': { body: async () => assertionForm(await signAssertion(keys.es256, claims({ sub: undefined }))) },
    'a sub that is the participant': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ iss: 'p-agent', sub: 'p-agent' }))),
    },
    'a sub with a NUL': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ iss: 'agent\0', sub: 'agent\0' }))),
    },
    'a participant without keys': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims({ iss: 'onlooker', sub: 'onlooker' }))),
    },
    'a changed signature': {
      body: async () => assertionForm((await signAssertion(keys.es256, claims())).replace(/.{4}$/, 'AAAA')),
    },
    padding: { body: async () => assertionForm(`${await signAssertion(keys.es256, claims())}==`) },
    'two parts': { body: async () => assertionForm('a.b') },
    'no JWT at all': { body: async () => assertionForm('x') },
    'an assertion of 100,000 characters': { body: async () => assertionForm(`a.${'b'.repeat(100_000)}.c`) },
    'another type of assertion': {
      body: async () =>
        assertionForm(await signAssertion(keys.es256, claims()), {
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
        }),
    },
    'no type of assertion': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims()), { client_assertion_type: '' }),
      expected: '400 invalid_request',
    },
    'another client_id beside it': {
      body: async () => assertionForm(await signAssertion(keys.es256, claims()), { client_id: 'lender' }),
      expected: '400 invalid_request',
    },
    'a secret beside it': {
      body: async () =>
        assertionForm(await signAssertion(keys.es256, claims()), { client_id: 'agent', client_secret: secrets.agent }),
      expected: '400 invalid_request',
    },
  };

  test.each(Object.entries(refused))('refuses %s', async (_, { body, expected = unknownClient }) => {
    const { status, error } = await answered(await body());
    expect(`${status} ${error}`).toBe(expected);
  });

  test('the refused assertions were good but for their one fault', async () => {
    expect(Object.keys(refused).length).toBeGreaterThan(45);
    expect((await answered(assertionForm(await signAssertion(keys.es256, claims())))).status).toBe(200);
  });

  test('refuses an assertion for another realm there, with the key of that realm', async () => {
    const teller = { ...keys.es256, jwk: { ...keys.es256.jwk, kid: 'teller-es256' } };
    const forBank = await signAssertion(teller, assertionClaims(server.issuer('bank'), 'teller'));
    expect((await post(tokenUrl(server, 'bank'), assertionForm(forBank))).status).toBe(200);
    const forDev = await signAssertion(teller, assertionClaims(server.issuer('dev'), 'teller'));
    expect(await errorOf(await post(tokenUrl(server, 'bank'), assertionForm(forDev)))).toBe(unknownClient);
  });

  test('takes an assertion once, and an unused id again only from another client', async () => {
    const jti = randomUUID();
    const assertion = assertionForm(await signAssertion(keys.es256, claims({ jti })));
    expect((await answered(assertion)).status).toBe(200);
    expect((await answered(assertion)).status).toBe(401);
    // The same id under another signature and end is the same id.
    const again = assertionForm(await signAssertion(keys.rs256, claims({ jti, exp: now() + 90 })));
    expect((await answered(again)).status).toBe(401);
    const lender = await signAssertion(keys.lender, assertionClaims(server.issuer(), 'lender', { jti }));
    expect((await answered(assertionForm(lender))).status).toBe(200);
  });

  test('an assertion that was refused has not used up its id', async () => {
    const jti = randomUUID();
    const forged = await signAssertion(await signingPair('ES256', 'agent-es256'), claims({ jti }));
    expect((await answered(assertionForm(forged))).status).toBe(401);
    expect((await answered(assertionForm(await signAssertion(keys.es256, claims({ jti }))))).status).toBe(200);
  });

  test('the key of a participant counts no longer once it is retired', async () => {
    const use = async () => (await answered(assertionForm(await signAssertion(keys.ed25519, claims())))).status;
    expect(await use()).toBe(200);
    await write(server.context, system, async (tx) => {
      const row = await tx.db
        .selectFrom('participant_key')
        .select('thumbprint')
        .where('jwk', 'like', '%agent-ed25519%')
        .executeTakeFirstOrThrow();
      expect(await retireKey(tx, 'dev', 'p-agent', row.thumbprint)).toBe('retired');
    });
    expect(await use()).toBe(401);
  });

  async function answered(body: string): Promise<{ status: number; error: string | undefined }> {
    const response = await post(tokenUrl(server), body, fromNewAddress());
    return { status: response.status, error: ((await response.json()) as { error?: string }).error };
  }

  async function jwkOf(pair: { privateKey: unknown }) {
    return exportJWK(pair.privateKey as never);
  }

  /** Signs what jose would not. */
  async function rawAssertion(header: object | string, payload: object | string): Promise<string> {
    const input = `${encode(header)}.${encode(payload)}`;
    const signature = await crypto.subtle.sign(
      { name: 'ECDSA', hash: 'SHA-256' },
      keys.es256.privateKey,
      new TextEncoder().encode(input),
    );
    return `${input}.${Buffer.from(signature).toString('base64url')}`;
  }

  function encode(part: object | string): string {
    return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
  }
});

describe('the throttle', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer({ network: oauthNetwork(keys), env: behindProxy });
  });
  afterAll(() => server.close());

  test('refuses a client id from a source after thirty failures, and nobody else', async () => {
    const here = fromNewAddress();
    const ask = (id: string, secret: string, from = here) => post(tokenUrl(server), bySecret(id, secret), from);
    for (let i = 0; i < 30; i++) expect((await ask('agent', `guess ${i}`)).status).toBe(401);
    const refused = await ask('agent', secrets.agent);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask('agent', secrets.agent, fromNewAddress())).status).toBe(200);
    expect((await ask('lender', secrets.lender)).status).toBe(200);
    // It holds for every endpoint and for every method of proof.
    const introspection = `${tokenUrl(server)}/introspect`;
    expect((await post(introspection, 'token=x', { ...basic('agent', secrets.agent), ...here })).status).toBe(429);
    const assertion = await signAssertion(keys.es256, assertionClaims(server.issuer(), 'agent'));
    expect((await post(tokenUrl(server), assertionForm(assertion), here)).status).toBe(429);
  });

  test('counts unknown clients too, and long ids by their beginning', async () => {
    const here = fromNewAddress();
    const id = 'x'.repeat(128);
    for (let i = 0; i < 30; i++)
      expect((await post(tokenUrl(server), bySecret(`${id}${i}`, 'guess'), here)).status).toBe(401);
    expect((await post(tokenUrl(server), bySecret(`${id}31`, 'guess'), here)).status).toBe(429);
  });

  test('never minds a burst of good requests', async () => {
    const here = fromNewAddress();
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => post(tokenUrl(server), bySecret('lender', secrets.lender), here)),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
  });
});

eachDatabase('two nodes', (freshUrl) => {
  let nodes: Nodes;
  let one: TestServer;
  beforeAll(async () => {
    nodes = await twoNodes({ databaseUrl: await freshUrl(), network: oauthNetwork(keys), env: behindProxy });
    one = nodes.one;
  });
  afterAll(() => nodes.close());

  const atTwo = () => nodes.atTwo(tokenUrl(one));

  test('take one assertion once, also at the same moment', async () => {
    for (let round = 0; round < 10; round++) {
      const body = assertionForm(await signAssertion(keys.es256, assertionClaims(one.issuer(), 'agent')));
      const answers = await Promise.all(
        [tokenUrl(one), atTwo(), tokenUrl(one), atTwo()].map((url) => post(url, body, fromNewAddress())),
      );
      expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401, 401]);
    }
  });

  test('a secret that one issues is good at the other at once', async () => {
    const use = (secret: string) => post(atTwo(), bySecret('onlooker', secret), fromNewAddress());
    expect((await use(secrets.lender)).status).toBe(200);
    const fresh = storeSecret(one.context, 'a secret of this very moment');
    await write(one.context, system, async (tx) => {
      const row = await findClient(tx.db, 'dev', 'onlooker');
      await addSecret(tx, row as NonNullable<typeof row>, fresh, 0);
    });
    expect((await use('a secret of this very moment')).status).toBe(200);
    // The old one has ended: here by the poll of the change log, at the latest two seconds later.
    const last = await until(
      () => use(secrets.lender),
      ({ status }) => status === 401,
      2_000,
    );
    expect(last.status).toBe(401);
  });

  test('a client that one suspends is refused by the other within two seconds, and lives again at once', async () => {
    const use = () => post(atTwo(), bySecret('lender', secrets.lender), fromNewAddress());
    expect((await use()).status).toBe(200);
    const subject = await write(one.context, system, async (tx) => {
      const row = await findClient(tx.db, 'dev', 'lender');
      await suspendSubject(tx, 'dev', row?.subject_id as string);
      tx.changed('client', realmKey('dev', 'lender'));
      return row?.subject_id as string;
    });
    expect((await post(tokenUrl(one), bySecret('lender', secrets.lender), fromNewAddress())).status).toBe(401);
    expect((await until(use, ({ status }) => status === 401, 2_000)).status).toBe(401);
    await write(one.context, system, async (tx) => {
      await reinstateSubject(tx, 'dev', subject);
      tx.changed('client', realmKey('dev', 'lender'));
    });
    expect((await use()).status).toBe(200);
  });
});
