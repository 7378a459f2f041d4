/** Access tokens that a DPoP proof binds to a key (RFC 9449), and the requests that present them. */

import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, decodeJwt, SignJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  accessType,
  chainNetwork,
  exchanged,
  openTestSession,
  refusedExchange,
  secret,
  sessionType,
  transactionType,
} from './support/chain.ts';
import { eachDatabase } from './support/databases.ts';
import {
  assertionClaims,
  assertionForm,
  basic,
  errorOf,
  form,
  networkKeys,
  oauthNetwork,
  post,
  type SigningPair,
  secrets,
  signAssertion,
  signingPair,
  tokenUrl,
} from './support/oauth.ts';
import { administrator, type TestServer, testServer } from './support/server.ts';

type Doc = Readonly<Record<string, unknown>>;

async function proofBy({ jwk, privateKey }: SigningPair, claims: Doc, header: Doc = {}): Promise<string> {
  const { kid: _, use: __, alg, ...key } = jwk;
  const said = { htm: 'POST', iat: Math.floor(Date.now() / 1000), jti: randomUUID(), ...claims };
  return new SignJWT(said)
    .setProtectedHeader({ typ: 'dpop+jwt', alg: alg as string, jwk: key, ...header })
    .sign(privateKey);
}

const ath = (token: string) => createHash('sha256').update(token).digest('base64url');
const client = form({ grant_type: 'client_credentials', client_id: 'agent', client_secret: secrets.agent });

eachDatabase('a token bound to a key', (freshUrl) => {
  let server: TestServer;
  let holder: SigningPair;
  let thief: SigningPair;
  let assertionKey: SigningPair;

  beforeAll(async () => {
    const keys = await networkKeys();
    assertionKey = keys.es256;
    [holder, thief] = await Promise.all([signingPair('ES256', 'holder'), signingPair('Ed25519', 'thief')]);
    server = await testServer({ databaseUrl: await freshUrl(), network: oauthNetwork(keys) });
    return () => server.close();
  });

  const granted = async (body = client, realm = 'dev', by = holder) => {
    const dpop = await proofBy(by, { htu: tokenUrl(server, realm) });
    const response = await post(tokenUrl(server, realm), body, { dpop });
    return (await response.json()) as { access_token: string; token_type: string };
  };
  const entryUrl = () => `${server.issuer()}/service/participant-roles/p-lender`;
  const entry = async (headers: Record<string, string>) => {
    const response = await fetch(entryUrl(), { headers });
    const { code } = (await response.json()) as { code?: string };
    return { status: response.status, code, challenge: response.headers.get('www-authenticate') };
  };

  test('is given for client id and secret, and for an assertion, with a proof of the key', async () => {
    const jkt = await calculateJwkThumbprint(holder.jwk);
    const byKey = await signAssertion(assertionKey, assertionClaims(server.issuer(), 'agent'));
    for (const body of [client, assertionForm(byKey)]) {
      const { access_token: token, token_type } = await granted(body);
      expect(token_type).toBe('DPoP');
      expect(decodeJwt(token)).toMatchObject({ cnf: { jkt }, client_id: 'agent' });
      const told = await post(`${tokenUrl(server)}/introspect`, form({ token }), basic('checker', secrets.checker));
      expect(await told.json()).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt } });
    }
  });

  test('without a proof is given to no key', async () => {
    const response = await post(tokenUrl(server), client);
    const { access_token: token, token_type } = (await response.json()) as Record<string, string>;
    expect([token_type, decodeJwt(token ?? '').cnf]).toEqual(['Bearer', undefined]);
  });

  test('opens the registry with a proof for this request', async () => {
    const { access_token: token } = await granted();
    const proof = { htm: 'GET', htu: entryUrl(), ath: ath(token) };
    const good = { authorization: `DPoP ${token}`, dpop: await proofBy(holder, proof) };
    expect((await entry(good)).status).toBe(200);
    expect(await entry(good)).toMatchObject({ status: 401, code: 'dpop.invalid' });
    // RFC 3986 §6.2.2: other spellings of the same address; RFC 9449 §4.3: query and fragment do not count.
    for (const htu of [
      entryUrl().replace('http://localhost', 'HTTP://LocalHost').replace('p-lender', '%70-lender'),
      `${entryUrl()}?a=b#c`,
    ]) {
      const dpop = await proofBy(holder, { ...proof, htu });
      expect((await entry({ authorization: `dpop ${token}`, dpop })).status, htu).toBe(200);
    }
  });

  test('is refused in every other form', async () => {
    const { access_token: token } = await granted();
    const unbound = ((await (await post(tokenUrl(server), client)).json()) as { access_token: string }).access_token;
    const proof = { htm: 'GET', htu: entryUrl(), ath: ath(token) };
    const dpop = (by: SigningPair, claims: Doc = {}) => proofBy(by, { ...proof, ...claims });
    const now = Math.floor(Date.now() / 1000);
    const { htm: _, ...withoutMethod } = proof;
    const remembered = async () => (await server.context.store.db.selectFrom('used_once').selectAll().execute()).length;
    const before = await remembered();
    for (const [name, authorization, shown, code] of [
      ['as Bearer', `Bearer ${token}`, undefined, 'token.invalid'],
      ['as Bearer with a proof', `Bearer ${token}`, await dpop(holder), 'token.invalid'],
      ['an unbound token as DPoP', `DPoP ${unbound}`, await dpop(holder, { ath: ath(unbound) }), 'token.invalid'],
      ['without a proof', `DPoP ${token}`, undefined, 'dpop.missing'],
      ['by another key', `DPoP ${token}`, await dpop(thief), 'dpop.invalid'],
      ['for another token', `DPoP ${token}`, await dpop(holder, { ath: ath(unbound) }), 'dpop.invalid'],
      ['for no token', `DPoP ${token}`, await dpop(holder, { ath: undefined }), 'dpop.invalid'],
      ['for another method', `DPoP ${token}`, await dpop(holder, { htm: 'POST' }), 'dpop.invalid'],
      ['for another address', `DPoP ${token}`, await dpop(holder, { htu: `${entryUrl()}/x` }), 'dpop.invalid'],
      ['for another host', `DPoP ${token}`, await dpop(holder, { htu: 'https://other.example/x' }), 'dpop.invalid'],
      ['for an address that is none', `DPoP ${token}`, await dpop(holder, { htu: 'p-lender' }), 'dpop.invalid'],
      ['too old', `DPoP ${token}`, await dpop(holder, { iat: now - 91 }), 'dpop.invalid'],
      ['from the future', `DPoP ${token}`, await dpop(holder, { iat: now + 60 }), 'dpop.invalid'],
      ['expired', `DPoP ${token}`, await dpop(holder, { exp: now - 31 }), 'dpop.invalid'],
      ['not valid yet', `DPoP ${token}`, await dpop(holder, { nbf: now + 60 }), 'dpop.invalid'],
      ['with an end that is a text', `DPoP ${token}`, await dpop(holder, { exp: 'never' }), 'dpop.invalid'],
      ['of another type', `DPoP ${token}`, await proofBy(holder, proof, { typ: 'JWT' }), 'dpop.invalid'],
      [
        'without a method',
        `DPoP ${token}`,
        await proofBy(holder, { ...withoutMethod, htm: undefined }),
        'dpop.invalid',
      ],
      ['with two proofs', `DPoP ${token}`, `${await dpop(holder)}, ${await dpop(holder)}`, 'dpop.invalid'],
    ] as const) {
      const answer = await entry({ authorization, ...(shown === undefined ? {} : { dpop: shown }) });
      expect([answer.status, answer.code], name).toEqual([401, code]);
      expect(answer.challenge, name).toMatch(code.startsWith('dpop') ? /^DPoP .*algs="/ : /^Bearer /);
    }
    // A thief of the token makes any number of proofs by keys of its own.
    expect(await remembered()).toBe(before);
  });

  describe('at the token endpoint a wrong proof is invalid_dpop_proof', () => {
    test.each<[string, (now: number) => Doc]>([
      ['for another address', () => ({ htu: 'https://other.example/token' })],
      ['for another method', () => ({ htm: 'GET' })],
      ['too old', (now) => ({ iat: now - 91 })],
      ['without an identifier', () => ({ jti: undefined })],
    ])('%s', async (_name, claims) => {
      const dpop = await proofBy(holder, { htu: tokenUrl(server), ...claims(Math.floor(Date.now() / 1000)) });
      expect(await errorOf(await post(tokenUrl(server), client, { dpop }))).toBe('400 invalid_dpop_proof');
    });

    test('used twice, empty, or two of them', async () => {
      const dpop = await proofBy(holder, { htu: tokenUrl(server) });
      expect((await post(tokenUrl(server), client, { dpop })).status).toBe(200);
      for (const wrong of [dpop, '', `${await proofBy(holder, { htu: tokenUrl(server) })}, ${dpop}`, 'a.b.c'])
        expect(await errorOf(await post(tokenUrl(server), client, { dpop: wrong }))).toBe('400 invalid_dpop_proof');
    });
  });

  test('a proof of a request whose caller proves nothing is not remembered', async () => {
    const grant_type = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const unproved = (subject_token_type: string, headers: Record<string, string>) =>
      post(tokenUrl(server), form({ grant_type, subject_token: 'a.b.c', subject_token_type, audience: 'x' }), headers);
    for (const [type, status, by] of [
      [transactionType, 401, {}],
      [transactionType, 401, basic('agent', 'wrong')],
      [accessType, 401, {}],
      [sessionType, 400, {}],
    ] as const) {
      const dpop = await proofBy(holder, { htu: tokenUrl(server) });
      expect((await unproved(type, { ...by, dpop })).status, type).toBe(status);
      expect((await post(tokenUrl(server), client, { dpop })).status, type).toBe(200);
    }
  });

  test('of an administrator administers with a proof, and in no other form', async () => {
    const { id: client_id, secret: client_secret } = administrator;
    const body = form({ grant_type: 'client_credentials', client_id, client_secret });
    const { access_token: token } = await granted(body, 'system');
    const url = `${server.url}/admin/realms`;
    const dpop = await proofBy(holder, { htm: 'GET', htu: url, ath: ath(token) });
    const status = async (headers: Record<string, string>) => (await fetch(url, { headers })).status;
    for (const authorization of [`Bearer ${token}`, `X-TOKEN ${token}`, token])
      expect(await status({ authorization, dpop }), authorization.slice(0, 8)).toBe(401);
    expect(await status({ authorization: `DPoP ${token}`, dpop })).toBe(200);
  });
});

test('an exchange keeps the key of a bound token, and a proof binds a token that was bound to none', async () => {
  const server = await testServer({ network: chainNetwork });
  const [holder, service] = await Promise.all([signingPair('ES256', 'holder'), signingPair('ES256', 'service')]);
  const dpopOf = async (by: SigningPair) => ({ dpop: await proofBy(by, { htu: tokenUrl(server) }) });
  const bought = async (headers: Record<string, string>) => {
    const body = form({ grant_type: 'client_credentials', resource: 'https://ledger.example' });
    const answer = await post(tokenUrl(server), body, { ...basic('orders', secret), ...headers });
    return ((await answer.json()) as { access_token: string }).access_token;
  };
  const asked = (token: string, headers: Record<string, string> = {}) =>
    [
      server,
      { subject_token: token, subject_token_type: accessType, audience: 'https://archive.example' },
      { client: 'ledger', headers },
    ] as const;
  const bound = await bought(await dpopOf(holder));
  const kept = await exchanged(...asked(bound));
  expect(kept.token_type).toBe('DPoP');
  expect(decodeJwt(kept.access_token).cnf).toEqual(decodeJwt(bound).cnf);
  expect(await refusedExchange(...asked(bound, await dpopOf(service)))).toBe('400 invalid_dpop_proof');
  const taken = await exchanged(...asked(await bought({}), await dpopOf(service)));
  expect(taken.token_type).toBe('DPoP');
  expect(decodeJwt(taken.access_token).cnf).toEqual({ jkt: await calculateJwkThumbprint(service.jwk) });
  // The signed subject is bound to no key, but a wrong proof is refused here too.
  const session = (await openTestSession(server)).token;
  const wrong = { dpop: await proofBy(holder, { htu: 'https://other.example' }) };
  const subjectAsked = { subject_token: session, subject_token_type: sessionType };
  expect(await refusedExchange(server, subjectAsked, { headers: wrong })).toBe('400 invalid_dpop_proof');
  expect((await exchanged(server, subjectAsked, { headers: await dpopOf(holder) })).token_type).toBe('N_A');
  await server.close();
});
