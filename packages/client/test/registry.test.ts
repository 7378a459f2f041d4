import { exportJWK, generateKeyPair } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRegistry } from '../src/index.ts';
import { realm, startIssuer, type TestIssuer } from './support/issuer.ts';

let server: TestIssuer;
beforeEach(async () => {
  server = await startIssuer();
});
afterEach(() => server[Symbol.asyncDispose]());

const token = { token: async () => 'token-1' };
const registry = () => createRegistry({ issuer: server.issuer, token });
const rolePath = (id: string) => `${realm}/service/participant-roles/${id}`;
const networkPath = `${realm}/service/product-networks/net-1/participants`;

async function publicJwk(kid: string) {
  return { ...(await exportJWK((await generateKeyPair('ES256')).publicKey)), kid, alg: 'ES256' };
}

function entry(change: object = {}) {
  return {
    id: 'role-1',
    participantRole: 'LENDER',
    participantRoleStatus: 'APPROVED',
    isApproved: true,
    approved: true,
    approvedBy: null,
    approvedOn: '2026-11-01T10:00:00Z',
    baseUrl: 'https://lender.example',
    publicKey: null,
    publicKeys: null,
    kcClientId: 'client-1',
    createdOn: null,
    updatedOn: null,
    participant: { id: 'org-1', participantName: 'Lender', participantEmail: null },
    ...change,
  };
}

test('a participant, with the keys of the set and their windows', async () => {
  const [first, second] = [await publicJwk('a'), await publicJwk('b')];
  const publicKeys = {
    keys: [
      { ...first, nbf: 1, exp: 2 },
      second,
      { ...second, d: 'AQAB' },
      { ...second, exp: 'never' },
      { ...second, nbf: '0' },
    ],
  };
  let authorization: string | undefined;
  server.routes[rolePath('role-1')] = (request, response) => {
    authorization = request.headers.authorization;
    response.end(JSON.stringify(entry({ publicKey: JSON.stringify(second), publicKeys })));
  };
  const detail = await registry().participant('role-1');
  expect(authorization).toBe('Bearer token-1');
  expect(detail).toMatchObject({
    id: 'role-1',
    participantRole: 'LENDER',
    approved: true,
    baseUrl: 'https://lender.example',
    kcClientId: 'client-1',
    participant: { id: 'org-1', participantName: 'Lender', participantEmail: null, participantPhone: null },
  });
  expect(detail.keys).toEqual([
    { key: first, notBefore: 1, notAfter: 2 },
    { key: second, notBefore: undefined, notAfter: undefined },
  ]);
});

test('publicKey serves where there is no set, and does not revive what a set holds back', async () => {
  const jwk = await publicJwk('a');
  const keysWith = async (change: object) => {
    server.routes[rolePath('role-1')] = { body: entry(change) };
    return (await registry().participant('role-1')).keys.map(({ key }) => key.kid);
  };
  expect(await keysWith({ publicKey: ` ${JSON.stringify(jwk, null, 1)}` })).toEqual(['a']);
  expect(await keysWith({ publicKey: JSON.stringify(jwk), publicKeys: { keys: [] } })).toEqual([]);
  expect(await keysWith({ publicKey: JSON.stringify({ ...jwk, d: 'AQAB' }) })).toEqual([]);
  expect(await keysWith({ publicKey: '-----BEGIN CERTIFICATE-----' })).toEqual([]);
  expect(await keysWith({ publicKey: jwk })).toEqual([]);
  expect(await keysWith({ publicKeys: { keys: 'a' } })).toEqual([]);
});

test('the spelling isApproved alone is understood, and only true is approval', async () => {
  const approvedWith = async (change: object) => {
    server.routes[rolePath('role-1')] = { body: entry(change) };
    return (await registry().participant('role-1')).approved;
  };
  expect(await approvedWith({ approved: undefined, isApproved: true })).toBe(true);
  expect(await approvedWith({ approved: 'true', isApproved: undefined })).toBe(false);
});

test('the participants of a network by role', async () => {
  server.routes[networkPath] = { body: { LENDER: [entry()], LOAN_AGENT: [] } };
  const network = await registry().network('net-1');
  expect(Object.keys(network)).toEqual(['LENDER', 'LOAN_AGENT']);
  expect(network.LENDER?.[0]).toMatchObject({ id: 'role-1' });
  expect(network.constructor).toBeUndefined();
});

test('an id is one segment of the path', async () => {
  server.routes[rolePath('..%2F..%2Fadmin%3Fa%23b')] = { body: entry({ id: '../../admin?a#b' }) };
  expect(await registry().participant('../../admin?a#b')).toMatchObject({ id: '../../admin?a#b' });
});

test.each(['', '.', '..', '\ud800'])('"%s" is no id, and no request is made', async (id) => {
  await expect(registry().participant(id)).rejects.toMatchObject({ code: 'registry.id' });
  await expect(registry().network(id)).rejects.toMatchObject({ code: 'registry.id' });
  expect(server.seen).toEqual({});
});

const refused: readonly [string, TestIssuer['routes'][string], string][] = [
  ['an unknown id', { status: 404 }, 'registry.not_found'],
  ['a refused token', { status: 401 }, 'registry.refused'],
  ['a token of another realm', { status: 403 }, 'registry.refused'],
  ['a failure', { status: 503, body: 'down' }, 'registry.unavailable'],
  ['a redirect', { status: 301, headers: { location: '/' } }, 'http.redirect'],
  ['garbage', { body: '<html>' }, 'http.json'],
  ['an array', { body: [entry()] }, 'registry.malformed'],
  ['another participant', { body: entry({ id: 'role-2' }) }, 'registry.malformed'],
  ['no id', { body: entry({ id: undefined }) }, 'registry.malformed'],
  ['a number as client', { body: entry({ kcClientId: 7 }) }, 'registry.malformed'],
];
test.each(refused)('%s is a clear refusal', async (_name, route, code) => {
  server.routes[rolePath('role-1')] = route;
  await expect(registry().participant('role-1')).rejects.toMatchObject({ name: 'ClientError', code });
});

test.each([
  ['a list', [entry()]],
  ['a role that is no list', { LENDER: entry() }],
  ['an entry that is no object', { LENDER: ['role-1'] }],
  ['an entry that is null', { LENDER: [null] }],
  ['an entry without id', { LENDER: [entry({ id: undefined })] }],
  ['an entry with an empty id', { LENDER: [entry({ id: '' })] }],
  ['an entry with a number as id', { LENDER: [entry({ id: 1802 })] }],
])('a network that is %s is refused', async (_name, body) => {
  server.routes[networkPath] = { body };
  await expect(registry().network('net-1')).rejects.toMatchObject({ code: 'registry.malformed' });
});

test('an issuer over plain http never sees the token', () => {
  expect(() => createRegistry({ issuer: 'http://issuer.example', token })).toThrow('https URL');
});
