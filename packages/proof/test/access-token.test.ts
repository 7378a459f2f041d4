import { expect, test } from 'vitest';
import { type JwtClaims, ProofError, subjectFromAccessToken } from '../src/index.ts';

const claims = {
  iss: 'https://auth.example/realms/dev',
  sub: 's-1',
  aud: ['https://auth.example/realms/dev', 'loan-api'],
  exp: 1_800_086_400,
  iat: 1_800_000_000,
  nbf: 1_800_000_000,
  jti: 'j-1',
  azp: 'client-1',
  client_id: 'client-1',
  scope: 'read write',
  typ: 'Bearer',
  participantId: 'role-1',
  realm_access: { roles: ['LENDER'] },
  resource_access: { 'loan-api': { roles: ['apply'] } },
  gen: 3,
} satisfies JwtClaims;

test('every claim finds its place', () => {
  expect(subjectFromAccessToken(claims)).toEqual({
    kind: 'participant',
    issuer: 'https://auth.example/realms/dev',
    realm: 'dev',
    id: 's-1',
    clientId: 'client-1',
    participantId: 'role-1',
    roles: ['LENDER'],
    resourceAccess: { 'loan-api': ['apply'] },
    scopes: ['read', 'write'],
    audience: ['https://auth.example/realms/dev', 'loan-api'],
    generation: 3,
    jti: 'j-1',
    issuedAt: 1_800_000_000,
    expiresAt: 1_800_086_400,
    actors: [],
    ancestors: [],
  });
});

test('a token of few claims is the subject of a client', () => {
  const { iss, sub, exp, iat, azp } = claims;
  expect(subjectFromAccessToken({ iss, sub, exp, iat, azp, aud: 'one', scope: '' })).toEqual({
    kind: 'client',
    issuer: iss,
    realm: 'dev',
    id: 's-1',
    clientId: 'client-1',
    roles: [],
    resourceAccess: {},
    scopes: [],
    audience: ['one'],
    generation: 0,
    jti: undefined,
    issuedAt: iat,
    expiresAt: exp,
    actors: [],
    ancestors: [],
  });
});

const tolerated: readonly [string, object, object][] = [
  ['client_id alone', { azp: undefined }, { clientId: 'client-1' }],
  ['azp alone', { client_id: undefined }, { clientId: 'client-1' }],
  ['no typ', { typ: undefined }, { kind: 'participant' }],
  ['typ in lower case', { typ: 'bearer' }, { kind: 'participant' }],
  ['an access without roles', { realm_access: {} }, { roles: [] }],
  ['an issuer without realms', { iss: 'https://issuer.example' }, { realm: 'https://issuer.example' }],
  ['no scope', { scope: undefined }, { scopes: [] }],
  ['scopes further apart', { scope: ' read  write ' }, { scopes: ['read', 'write'] }],
  ['an actor', { act: { sub: 's-2', client_id: 'c-2' } }, { actors: [{ id: 's-2', clientId: 'c-2', generation: 0 }] }],
  ['no audience', { aud: undefined }, { audience: [] }],
];
test.each(tolerated)('%s is tolerated', (_name, change, shape) => {
  expect(subjectFromAccessToken({ ...claims, ...change } as JwtClaims)).toMatchObject(shape);
});

test('a resource is there only when the token names it', () => {
  const hostile = { ...claims, resource_access: JSON.parse('{"__proto__":{"roles":["admin"]}}') };
  const { resourceAccess } = subjectFromAccessToken(hostile);
  expect(resourceAccess.constructor).toBeUndefined();
  expect(Object.keys(resourceAccess)).toEqual(['__proto__']);
  expect(({} as { roles?: unknown }).roles).toBeUndefined();
});

const refused: readonly [string, object, string, string | undefined][] = [
  ['an ID token', { typ: 'ID' }, 'access_token.typ', undefined],
  ['a typ that is not a string', { typ: ['Bearer'] }, 'access_token.typ', undefined],
  ['two clients', { client_id: 'client-2' }, 'access_token.client', undefined],
  ['no client', { azp: undefined, client_id: undefined }, 'access_token.client', undefined],
  ['an azp that is not a string', { azp: 1 }, 'access_token.claim', '/azp'],
  ['an empty client_id', { client_id: '' }, 'access_token.claim', '/client_id'],
  ['no sub', { sub: undefined }, 'access_token.claim', '/sub'],
  ['an empty sub', { sub: '' }, 'access_token.claim', '/sub'],
  ['no iat', { iat: undefined }, 'access_token.claim', '/iat'],
  ['a jti that is not a string', { jti: 7 }, 'access_token.claim', '/jti'],
  ['a participant that is not a string', { participantId: 1802 }, 'access_token.claim', '/participantId'],
  ['an empty participant', { participantId: '' }, 'access_token.claim', '/participantId'],
  ['a scope that is a list', { scope: ['read'] }, 'access_token.claim', '/scope'],
  ['roles that are no list', { realm_access: { roles: 'ADMIN' } }, 'access_token.claim', '/realm_access/roles'],
  ['a role that is not a string', { realm_access: { roles: [1] } }, 'access_token.claim', '/realm_access/roles'],
  ['an access that is no object', { realm_access: ['ADMIN'] }, 'access_token.claim', '/realm_access'],
  ['a resource access that is no object', { resource_access: [] }, 'access_token.claim', '/resource_access'],
  ['a resource entry that is no object', { resource_access: { a: ['x'] } }, 'access_token.claim', '/resource_access'],
  [
    'a resource role that is not a string',
    { resource_access: { a: { roles: [{}] } } },
    'access_token.claim',
    '/resource_access/roles',
  ],
  ['an actor that is no object', { act: 'gateway' }, 'access_token.claim', '/act'],
  ['an actor without a name', { act: { client_id: 'c-2' } }, 'access_token.claim', '/act'],
  ['a negative generation', { gen: -1 }, 'access_token.claim', '/gen'],
  ['half a generation', { gen: 1.5 }, 'access_token.claim', '/gen'],
];
test.each(refused)('%s is refused', (_name, change, code, pointer) => {
  let thrown: unknown;
  try {
    subjectFromAccessToken({ ...claims, ...change } as JwtClaims);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ProofError);
  expect(thrown).toMatchObject({ code, pointer });
});
