import { expect, test } from 'vitest';
import {
  type JwtClaims,
  maxActors,
  ProofError,
  subjectFromToken,
  subjectFromTransactionToken,
  tokenTypes,
} from '../src/index.ts';

const claims = {
  iss: 'https://auth.example/realms/dev',
  aud: 'https://ledger.example',
  sub: 'credential:cred-1',
  iat: 1_800_000_000,
  exp: 1_800_000_060,
  jti: 'j-1',
  txn: 'call-7',
  sid: 'session-1',
  acr: 'aal1',
  amr: ['pwd'],
  auth_time: 1_799_999_000,
  epoch: 3,
  realm: 'dev',
  credential: { type: 'ROOT', id: 'cred-1', code: 'alice@acme.example' },
  identity: { type: 'corporates', id: 'corp-1' },
  rctx: { req_ip: '203.0.113.9' },
  act: { sub: 's-2', client_id: 'second', gen: 4, act: { sub: 's-1', client_id: 'first' } },
} satisfies JwtClaims;

test('every claim finds its place', () => {
  expect(subjectFromTransactionToken(claims)).toEqual({
    kind: 'credential',
    issuer: 'https://auth.example/realms/dev',
    realm: 'dev',
    id: 'credential:cred-1',
    roles: [],
    resourceAccess: {},
    scopes: [],
    audience: ['https://ledger.example'],
    generation: 3,
    jti: 'j-1',
    issuedAt: 1_800_000_000,
    expiresAt: 1_800_000_060,
    actors: [
      { id: 's-2', clientId: 'second', generation: 4 },
      { id: 's-1', clientId: 'first', generation: 0 },
    ],
    ancestors: [],
    credential: { type: 'ROOT', id: 'cred-1', code: 'alice@acme.example' },
    identity: { type: 'corporates', id: 'corp-1' },
    sessionId: 'session-1',
    transaction: 'call-7',
    acr: 'aal1',
    amr: ['pwd'],
    authTime: 1_799_999_000,
    requestContext: { address: '203.0.113.9' },
  });
});

const chain = (length: number): object | undefined =>
  length === 0 ? undefined : { sub: `s-${length}`, act: chain(length - 1) };

const tolerated: readonly [string, object, object][] = [
  ['nobody acts', { act: undefined }, { actors: [] }],
  ['the longest chain', { act: chain(maxActors) }, { actors: expect.objectContaining({ length: maxActors }) }],
  [
    'an actor that is no client',
    { act: { sub: 's-1' } },
    { actors: [{ id: 's-1', clientId: undefined, generation: 0 }] },
  ],
  ['several audiences', { aud: ['a', 'b'] }, { audience: ['a', 'b'] }],
  ['no request context', { rctx: undefined }, { requestContext: { address: undefined } }],
  ['a request context of other things', { rctx: { via: 1 } }, { requestContext: { address: undefined } }],
  ['the first generation of all', { epoch: 0 }, { generation: 0 }],
];
test.each(tolerated)('%s is tolerated', (_name, change, shape) => {
  expect(subjectFromTransactionToken({ ...claims, ...change } as JwtClaims)).toMatchObject(shape);
});

test('it carries no role, no scope and no resource, whatever it says', () => {
  const hostile = { ...claims, scope: 'countersign:admin', realm_access: { roles: ['ADMIN'] }, roles: ['ADMIN'] };
  const subject = subjectFromTransactionToken(hostile);
  expect([subject.roles, subject.scopes, Object.keys(subject.resourceAccess)]).toEqual([[], [], []]);
  expect(subject.resourceAccess.constructor).toBeUndefined();
});

const refused: readonly [string, object, string | undefined][] = [
  ['a life of more than a minute', { exp: 1_800_000_061 }, undefined],
  ['no iat', { iat: undefined }, '/iat'],
  ['no aud', { aud: undefined }, '/aud'],
  ['an empty list of aud', { aud: [] }, '/aud'],
  ['an empty aud', { aud: [''] }, '/aud'],
  ['no sub', { sub: undefined }, '/sub'],
  ['an empty sub', { sub: '' }, '/sub'],
  ['no jti', { jti: undefined }, '/jti'],
  ['no txn', { txn: undefined }, '/txn'],
  ['an empty txn', { txn: '' }, '/txn'],
  ['a txn with a line break, which would end a header field', { txn: 'a\r\nx: y' }, '/txn'],
  ['a txn with a space', { txn: 'a b' }, '/txn'],
  ['a txn of 129 characters', { txn: 'x'.repeat(129) }, '/txn'],
  ['a txn that is a number', { txn: 7 }, '/txn'],
  ['no sid', { sid: undefined }, '/sid'],
  ['a sid that is a list', { sid: ['session-1'] }, '/sid'],
  ['no acr', { acr: undefined }, '/acr'],
  ['an acr that is a number', { acr: 2 }, '/acr'],
  ['no amr', { amr: undefined }, '/amr'],
  ['an amr that is a string', { amr: 'pwd' }, '/amr'],
  ['an empty amr', { amr: [] }, '/amr'],
  ['an amr with a null in it', { amr: ['pwd', null] }, '/amr'],
  ['no auth_time', { auth_time: undefined }, '/auth_time'],
  ['an auth_time that is a string', { auth_time: '1799999000' }, '/auth_time'],
  ['an auth_time before all time', { auth_time: -1 }, '/auth_time'],
  ['an auth_time of 1e400', { auth_time: Number.POSITIVE_INFINITY }, '/auth_time'],
  ['no epoch', { epoch: undefined }, '/epoch'],
  ['half an epoch', { epoch: 1.5 }, '/epoch'],
  ['no realm', { realm: undefined }, '/realm'],
  ['another realm than the issuer’s', { realm: 'bank' }, '/realm'],
  ['no credential', { credential: undefined }, '/credential'],
  ['a credential that is a list', { credential: [] }, '/credential'],
  ['a credential of another type', { credential: { ...claims.credential, type: 'ADMIN' } }, '/credential/type'],
  ['an inherited name as type', { credential: { ...claims.credential, type: 'constructor' } }, '/credential/type'],
  ['a credential without id', { credential: { type: 'ROOT', code: 'x' } }, '/credential/id'],
  ['a credential without code', { credential: { type: 'ROOT', id: 'x' } }, '/credential/code'],
  ['no identity', { identity: undefined }, '/identity'],
  ['an identity without type', { identity: { id: 'corp-1' } }, '/identity/type'],
  ['an identity without id', { identity: { type: 'corporates', id: 7 } }, '/identity/id'],
  ['a request context that is a string', { rctx: '203.0.113.9' }, '/rctx'],
  ['an address that is a list', { rctx: { req_ip: ['203.0.113.9'] } }, '/rctx/req_ip'],
  ['a null actor', { act: null }, '/act'],
  ['an actor that is a string', { act: 'service' }, '/act'],
  ['an actor without sub', { act: { client_id: 'c' } }, '/act'],
  ['an actor whose client is a number', { act: { sub: 's', client_id: 1 } }, '/act'],
  ['an actor of half a generation', { act: { sub: 's', gen: 0.5 } }, '/act'],
  ['an actor whose generation is null', { act: { sub: 's', gen: null } }, '/act'],
  ['a fault deep in the chain', { act: { sub: 's', act: { sub: '' } } }, '/act'],
  ['a chain that is too long', { act: chain(maxActors + 1) }, '/act'],
];
test.each(refused)('%s is refused', (_name, change, pointer) => {
  const code = pointer === undefined ? 'transaction_token.lifetime' : 'transaction_token.claim';
  expect(refusalOf(() => subjectFromTransactionToken({ ...claims, ...change } as JwtClaims))).toEqual({
    code,
    pointer,
  });
});

function refusalOf(read: () => unknown): { code: string; pointer: string | undefined } | undefined {
  try {
    read();
  } catch (error) {
    if (error instanceof ProofError) return { code: error.code, pointer: error.pointer };
    throw error;
  }
  return undefined;
}

const access = { iss: claims.iss, sub: 's-1', azp: 'c-1', iat: claims.iat, exp: claims.exp } satisfies JwtClaims;

const wallet = {
  ...{
    iss: claims.iss,
    aud: 'https://shop.example',
    sub: 'wallet:w-1',
    iat: claims.iat as number,
    exp: claims.exp,
    jti: 'j-1',
  },
  ...{ gen: 1, wallet: 'w-1', device: 'did:key:z', actions: ['read'], scope: 'wallet:read' },
  ...{ capability: 'urn:uuid:2', chain: ['urn:uuid:1', 'urn:uuid:2'] },
} satisfies JwtClaims;

test.each([
  ['txntoken+jwt', claims, 'credential'],
  ['application/txntoken+jwt', claims, 'credential'],
  ['TXNTOKEN+JWT', claims, 'credential'],
  ['JWT', access, 'client'],
  ['at+jwt', { ...access, participantId: 'p-1' }, 'participant'],
  ['wallet+jwt', wallet, 'wallet'],
])('%s says which subject it is', (typ, said, kind) => {
  expect(subjectFromToken({ header: { alg: 'ES256', typ }, claims: said }).kind).toBe(kind);
});

test.each([undefined, 'status+jwt', 'receipt+jwt', 'constructor', ''])('%s is no token to be let in with', (typ) => {
  const header = { alg: 'ES256', ...(typ === undefined ? {} : { typ }) };
  expect(refusalOf(() => subjectFromToken({ header, claims }))).toEqual({ code: 'jwt.typ', pointer: undefined });
});

test('one type is never read as another: each lacks what the other needs', () => {
  expect(tokenTypes).toEqual(['JWT', 'at+jwt', 'txntoken+jwt', 'wallet+jwt']);
  const refused = (typ: string, said: JwtClaims) =>
    refusalOf(() => subjectFromToken({ header: { alg: 'ES256', typ }, claims: said }))?.code;
  for (const said of [claims, wallet]) expect(refused('JWT', said)).toBe('access_token.client');
  for (const said of [access, wallet]) expect(refused('txntoken+jwt', said)).toBe('transaction_token.claim');
  for (const said of [access, claims]) expect(refused('wallet+jwt', said)).toBe('wallet_token.claim');
});

test.each<[string, object, string]>([
  ['/gen', { gen: -1 }, 'wallet_token.claim'],
  ['/gen', { gen: undefined }, 'wallet_token.claim'],
  ['/scope', { scope: 'wallet:read wallet:write' }, 'wallet_token.claim'],
  ['/scope', { scope: null }, 'wallet_token.claim'],
  ['/actions', { actions: [] }, 'wallet_token.claim'],
  ['/actions', { actions: 'read' }, 'wallet_token.claim'],
  ['/chain', { chain: [] }, 'wallet_token.claim'],
  ['/capability', { capability: 'urn:uuid:1' }, 'wallet_token.claim'],
  ['/sub', { sub: 'wallet:w-2' }, 'wallet_token.claim'],
  ['/aud', { aud: [] }, 'wallet_token.claim'],
  ['/cnf', { cnf: { jwk: {} } }, 'wallet_token.claim'],
  ['/cnf/jkt', { cnf: { jkt: '' } }, 'wallet_token.claim'],
  ['/act', { act: [] }, 'wallet_token.claim'],
])('a token of a wallet is read strictly: %s of %j', (pointer, change, code) => {
  const said = Object.fromEntries(Object.entries({ ...wallet, ...change }).filter(([, value]) => value !== undefined));
  const header = { alg: 'ES256', typ: 'wallet+jwt' };
  expect(refusalOf(() => subjectFromToken({ header, claims: said as JwtClaims }))).toEqual({ code, pointer });
});
