/** Requests that must not reach a handler, each with the reason for which it is refused. */
import { randomUUID } from 'node:crypto';
import type { PrivateJwk } from '../../src/index.ts';
import { compact, detached } from './forge.ts';
import type { RawRequest } from './raw-request.ts';
import { agent, lender } from './realm-server.ts';

/** What an attacker has: keys of its own, keys that were registered once, and tokens that were good once. */
export interface Arsenal {
  readonly issuer: string;
  /** The provider under attack. */
  readonly url: string;
  /** A signing key of the realm, so that every token but for its fault is a good one. */
  readonly issuerKey: PrivateJwk;
  readonly agentKey: PrivateJwk;
  readonly lenderKey: PrivateJwk;
  readonly strangerKey: PrivateJwk;
  readonly strangerEcKey: PrivateJwk;
  readonly ecKey: PrivateJwk;
  readonly retiredKey: PrivateJwk;
  readonly futureKey: PrivateJwk;
  readonly revokedToken: string;
  readonly suspendedToken: string;
}

export interface Attack {
  readonly name: string;
  readonly code: string;
  readonly status: number;
  readonly request: (arsenal: Arsenal) => RawRequest;
}

const path = '/blind';
const body = '{"loan":1000}';
const now = () => Math.floor(Date.now() / 1000);

interface Parts {
  /** Undefined: none is sent. */
  readonly token?: string | undefined;
  readonly signature?: string | undefined;
  readonly extra?: readonly string[];
  readonly body?: string;
  readonly path?: string;
  readonly method?: string;
  readonly chunked?: number;
}

const claims = (a: Arsenal, change: object = {}) => ({
  iss: a.issuer,
  sub: 'subject-of-attacks',
  aud: a.issuer,
  iat: now(),
  exp: now() + 600,
  jti: randomUUID(),
  typ: 'Bearer',
  azp: agent.clientId,
  client_id: agent.clientId,
  gen: 0,
  participantId: agent.id,
  ...change,
});
const tokenHeader = (change: object = {}) => ({ alg: 'RS256', typ: 'JWT', kid: 'test-as', ...change });
const tokenFor = (a: Arsenal, change: object = {}, header: object = {}) =>
  compact(tokenHeader(header), claims(a, change), a.issuerKey);
/** A token of another participant, whose client is named after it. */
const tokenOf = (a: Arsenal, id: string) =>
  tokenFor(a, { participantId: id, azp: `${id}-client`, client_id: `${id}-client` });

const header = (change: object = {}) => ({
  alg: 'RS256',
  kid: 'la-sig-2024-01',
  b64: false,
  crit: ['b64'],
  ...change,
});
const strictCrit = ['b64', 'htm', 'htu', 'aud', 'iat', 'jti'];
const strictHeader = (a: Arsenal, change: object = {}) =>
  header({
    crit: strictCrit,
    htm: 'POST',
    htu: a.url + path,
    aud: lender.id,
    iat: now(),
    jti: randomUUID(),
    ...change,
  });

/** Good but for what is given. */
function request(a: Arsenal, parts: Parts = {}): RawRequest {
  const token = 'token' in parts ? parts.token : tokenFor(a);
  const signature = 'signature' in parts ? parts.signature : detached(header(), body, a.agentKey);
  return {
    method: parts.method ?? 'POST',
    path: parts.path ?? path,
    body: parts.body ?? body,
    ...(parts.chunked === undefined ? {} : { chunked: parts.chunked }),
    headers: [
      ...['content-type', 'application/json'],
      ...(token === undefined ? [] : ['authorization', `Bearer ${token}`]),
      ...(signature === undefined ? [] : ['x-jws-signature', signature]),
      ...(parts.extra ?? []),
    ],
  };
}

type Make = (a: Arsenal) => RawRequest;
const attack = (name: string, code: string, make: Make, status = 401): Attack => ({
  name,
  code,
  status,
  request: make,
});

const byToken = (name: string, code: string, token: (a: Arsenal) => string | undefined) =>
  attack(name, code, (a) => request(a, { token: token(a) }));
const byClaims = (name: string, code: string, change: () => object) =>
  byToken(name, code, (a) => tokenFor(a, change()));
const byTokenHeader = (name: string, code: string, change: object) =>
  byToken(name, code, (a) => tokenFor(a, {}, change));
const bySignature = (name: string, code: string, signature: (a: Arsenal) => string, status?: number) =>
  attack(name, code, (a) => request(a, { signature: signature(a) }), status);
const byHeader = (name: string, code: string, change: object) =>
  bySignature(name, code, (a) => detached(header(change), body, a.agentKey));
const byStrict = (name: string, code: string, change: (a: Arsenal) => object) =>
  bySignature(name, code, (a) => detached(strictHeader(a, change(a)), body, a.agentKey));
/** Signed by a participant that is named after its fault. */
const byParticipant = (name: string, code: string, id: string, signature: (a: Arsenal) => string) =>
  attack(name, code, (a) => request(a, { token: tokenOf(a, id), signature: signature(a) }));

const good = (a: Arsenal) => detached(header(), body, a.agentKey);

const tokenAttacks: readonly Attack[] = [
  byToken('no token', 'token.missing', () => undefined),
  attack('a password instead of a token', 'token.malformed', (a) =>
    request(a, { token: undefined, extra: ['authorization', 'Basic YWJjOmRlZg=='] }),
  ),
  attack('two Authorization fields', 'token.malformed', (a) =>
    request(a, { extra: ['authorization', `Bearer ${tokenFor(a)}`] }),
  ),
  byToken('two tokens in one field', 'token.malformed', (a) => `${tokenFor(a)}, Bearer ${tokenFor(a)}`),
  byToken('a token of two parts', 'jws.malformed', (a) => tokenFor(a).split('.').slice(0, 2).join('.')),
  byToken('a header that is not base64url', 'jws.header_base64url', (a) => `e+${tokenFor(a)}`),
  byToken('a payload that is not base64url', 'jws.payload_base64url', (a) => tokenFor(a).replace('.', '.+')),
  byToken('a signature that is not base64url', 'jws.signature_base64url', (a) => `${tokenFor(a)}=`),
  byToken('a header that is not JSON', 'jws.header_syntax', (a) => compact('{"alg":', claims(a), a.issuerKey)),
  byToken('a header that says alg twice', 'jws.header_duplicate_member', (a) =>
    compact('{"alg":"RS256","alg":"none"}', claims(a), a.issuerKey),
  ),
  byTokenHeader('b64 in a token', 'jws.b64', { b64: false }),
  byTokenHeader('crit in a token', 'jws.crit', { crit: ['exp'] }),
  byTokenHeader('a key in the token', 'jws.jwk', { jwk: {} }),
  byTokenHeader('a key set named by the token', 'jws.jku', { jku: 'https://evil.example/jwks' }),
  byTokenHeader('a certificate named by the token', 'jws.x5u', { x5u: 'https://evil.example/x' }),
  byTokenHeader('a certificate in the token', 'jws.x5c', { x5c: [] }),
  byTokenHeader('no algorithm', 'jws.alg_missing', { alg: undefined }),
  byTokenHeader('algorithm none', 'jws.alg_not_allowed', { alg: 'none' }),
  byTokenHeader('a shared secret', 'jws.alg_not_allowed', { alg: 'HS256' }),
  byTokenHeader('another algorithm than that of the key', 'jws.alg_mismatch', { alg: 'PS256' }),
  byTokenHeader('a key id that is a number', 'jws.kid_invalid', { kid: 7 }),
  byTokenHeader('a key id of nobody', 'jws.kid_unknown', { kid: 'nobody' }),
  byTokenHeader('a type that is a list', 'jws.typ_invalid', { typ: ['JWT'] }),
  byToken('a token under the key of a stranger', 'jws.signature', (a) =>
    compact(tokenHeader(), claims(a), a.strangerKey),
  ),
  byToken('a token with changed claims', 'jws.signature', (a) => {
    const [head, , signature] = tokenFor(a).split('.');
    return `${head}.${tokenFor(a, { participantId: lender.id }).split('.')[1]}.${signature}`;
  }),
  byToken('a signature that is too short', 'jws.signature_length', (a) => tokenFor(a).slice(0, -2)),
  byTokenHeader('a statement of the status feed as a token', 'jwt.typ', { typ: 'status+jwt' }),
  byToken('claims that are a list', 'jwt.claims_not_object', (a) => compact(tokenHeader(), '[]', a.issuerKey)),
  byToken('claims that are no JSON', 'jwt.claims_syntax', (a) => compact(tokenHeader(), '{', a.issuerKey)),
  byToken('a claim said twice', 'jwt.claims_duplicate_member', (a) =>
    compact(tokenHeader(), `{"sub":"x",${JSON.stringify(claims(a)).slice(1)}`, a.issuerKey),
  ),
  byClaims('a token of another issuer', 'jwt.issuer', () => ({ iss: 'https://evil.test/realms/dev' })),
  byClaims('an expired token', 'jwt.expired', () => ({ iat: now() - 700, exp: now() - 100 })),
  byClaims('a token that never expires', 'jwt.exp_missing', () => ({ exp: undefined })),
  byClaims('an expiry that is text', 'jwt.exp_invalid', () => ({ exp: '9999999999' })),
  byClaims('a token for later', 'jwt.not_yet_valid', () => ({ nbf: now() + 3600 })),
  byClaims('a token from the future', 'jwt.issued_in_future', () => ({ iat: now() + 300 })),
  byClaims('a token that ends before it begins', 'jwt.exp_before_iat', () => ({ iat: now() + 3, exp: now() + 2 })),
  byClaims('a token of nobody', 'jwt.subject', () => ({ sub: '' })),
  byClaims('an audience that is a number', 'jwt.audience_invalid', () => ({ aud: 7 })),
  byClaims('a refresh token', 'access_token.typ', () => ({ typ: 'Refresh' })),
  byClaims('a token of two clients', 'access_token.client', () => ({ client_id: 'other' })),
  byClaims('roles that are text', 'access_token.claim', () => ({ realm_access: { roles: 'admin' } })),
  byClaims('a client without a participant', 'token.participant', () => ({ participantId: undefined })),
  byClaims('another client than that of the participant', 'participant.client', () => ({
    azp: lender.clientId,
    client_id: lender.clientId,
  })),
  byClaims('a participant that nobody knows', 'participant.unknown', () => ({ participantId: 'nobody' })),
  byClaims('an id that climbs to another path', 'participant.unknown', () => ({ participantId: '..' })),
  byParticipant('a suspended participant, as the registry says', 'participant.not_approved', 'suspended', good),
  byParticipant('a participant that only applied', 'participant.not_approved', 'applied', good),
  byToken('a token from before the suspension', 'token.subject_revoked', (a) => a.suspendedToken),
  byToken('a revoked token', 'token.revoked', (a) => a.revokedToken),
];

const fieldAttacks: readonly Attack[] = [
  attack('no signature', 'message.signature_missing', (a) => request(a, { signature: undefined }), 400),
  attack('an empty signature field', 'message.signature_missing', (a) => request(a, { signature: '' }), 400),
  attack(
    'two signature fields',
    'message.signature_repeated',
    (a) => request(a, { extra: ['x-jws-signature', good(a)] }),
    400,
  ),
  attack(
    'two values in one field',
    'message.signature_repeated',
    (a) => request(a, { signature: `${good(a)}, ${good(a)}` }),
    400,
  ),
  attack(
    'the field and its alias, even with the same value',
    'message.signature_repeated',
    (a) => request(a, { extra: ['signature', good(a)] }),
    400,
  ),
  attack(
    'the alias where it is a field of RFC 9421',
    'message.signature_missing',
    (a) => request(a, { signature: undefined, extra: ['signature', good(a), 'signature-input', 'sig=()'] }),
    400,
  ),
  attack(
    'the alias with something that is no JWS',
    'message.signature_missing',
    (a) => request(a, { signature: undefined, extra: ['signature', 'sig=:YWJj:'] }),
    400,
  ),
  attack('a strict signature under the alias', 'message.form', (a) =>
    request(a, { signature: undefined, extra: ['signature', detached(strictHeader(a), body, a.agentKey)] }),
  ),
];

const valueAttacks: readonly Attack[] = [
  bySignature('one dot', 'message.malformed', (a) => good(a).replace('..', '.')),
  bySignature('an embedded JWS over anything', 'message.payload_embedded', (a) =>
    compact({ alg: 'RS256' }, { anything: 1 }, a.agentKey),
  ),
  bySignature('the very body embedded', 'message.payload_embedded', (a) =>
    good(a).replace('..', `.${Buffer.from(body).toString('base64url')}.`),
  ),
  bySignature('no signature part', 'message.signature_empty', (a) => `${good(a).split('..')[0]}..`),
  bySignature('padding', 'message.signature_base64url', (a) => `${good(a)}==`),
  bySignature('plain base64', 'message.signature_base64url', (a) => `${good(a).slice(0, -1)}+`),
  bySignature('a header that is not base64url', 'message.header_base64url', (a) => `e+${good(a)}`),
  bySignature('a header that is not JSON', 'message.header_syntax', (a) => detached('{"alg"', body, a.agentKey)),
  bySignature('a header that is a list', 'message.header_not_object', (a) => detached('[]', body, a.agentKey)),
  bySignature('a header that says b64 twice', 'message.header_duplicate_member', (a) =>
    detached('{"alg":"RS256","b64":false,"b64":true}', body, a.agentKey),
  ),
  byHeader('a key in the header', 'message.jwk', { jwk: {} }),
  byHeader('a key set named by the header', 'message.jku', { jku: 'https://evil.example' }),
  byHeader('a certificate named by the header', 'message.x5u', { x5u: 'https://evil.example' }),
  byHeader('a certificate in the header', 'message.x5c', { x5c: [] }),
  bySignature('a signature over nothing, without b64', 'message.b64_absent', (a) =>
    detached({ alg: 'RS256' }, '', a.agentKey),
  ),
  byHeader('b64 true', 'message.b64_true', { b64: true }),
  byHeader('b64 as text', 'message.b64_invalid', { b64: 'false' }),
  byHeader('crit as text', 'message.crit_invalid', { crit: 'b64' }),
  byHeader('crit null', 'message.crit_invalid', { crit: null }),
  byHeader('crit without names', 'message.crit_empty', { crit: [] }),
  byHeader('crit with a name twice', 'message.crit_repeated', { crit: ['b64', 'b64'] }),
  byHeader('crit with an unknown name', 'message.crit_unknown', { crit: ['b64', 'nonce'], nonce: 1 }),
  byHeader('crit with a name that is not there', 'message.crit_absent', { crit: ['b64', 'aud'] }),
  byHeader('crit without b64', 'message.crit_without_b64', { crit: ['aud'], aud: lender.id }),
  byHeader('half of the strict form', 'message.crit_incomplete', { crit: ['b64', 'aud'], aud: lender.id }),
  byHeader('the signature of a response', 'message.kind', {
    crit: ['b64', 'sts', 'req', 'aud', 'iat'],
    sts: 200,
    req: 'x',
    aud: lender.id,
    iat: 1,
  }),
  byHeader('no algorithm', 'message.alg_missing', { alg: undefined }),
  byHeader('algorithm none', 'message.alg_none', { alg: 'none' }),
  byHeader('a shared secret', 'message.alg_symmetric', { alg: 'HS256' }),
  byHeader('an algorithm of the docs', 'message.alg_unknown', { alg: 'RSA256' }),
  byHeader('another algorithm than that of the key', 'message.alg_mismatch', { alg: 'PS256' }),
  byParticipant('an algorithm that the ocen form does not have', 'message.alg_form', 'ec', (a) =>
    detached({ alg: 'ES256', kid: 'ec', b64: false }, body, a.ecKey),
  ),
  byHeader('a key id that is a number', 'message.kid_invalid', { kid: 7 }),
  bySignature('a signature that is too short', 'message.signature_length', (a) => good(a).slice(0, -2)),
  bySignature('the key of another participant', 'message.signature', (a) =>
    detached(header({ kid: 'lender-sig-2024-01' }), body, a.lenderKey),
  ),
  bySignature('the key of a stranger under our key id', 'message.signature', (a) =>
    detached(header(), body, a.strangerKey),
  ),
  byParticipant('a participant without a key', 'message.key_missing', 'keyless', good),
  byParticipant('a retired key', 'message.key_retired', 'rotated', (a) =>
    detached(header({ alg: 'ES256', kid: 'retired' }), body, a.retiredKey),
  ),
  byParticipant('a key that is not valid yet', 'message.key_not_yet_valid', 'rotated', (a) =>
    detached(header({ alg: 'ES256', kid: 'future' }), body, a.futureKey),
  ),
  byParticipant('a curve of a stranger', 'message.signature', 'ec', (a) =>
    detached(header({ alg: 'ES256', kid: 'ec' }), body, a.strangerEcKey),
  ),
];

const bodyAttacks: readonly Attack[] = [
  attack('another body', 'message.signature', (a) => request(a, { body: '{"loan":9999}' })),
  attack('a shorter body', 'message.signature', (a) => request(a, { body: body.slice(0, -1) })),
  attack('a longer body', 'message.signature', (a) => request(a, { body: `${body}\n` })),
  attack('the same JSON in other bytes', 'message.signature', (a) => request(a, { body: '{"loan": 1000}' })),
  attack('no body', 'message.signature', (a) => request(a, { body: '' })),
  attack('another body, in chunks', 'message.signature', (a) => request(a, { body: '{"loan":9999}', chunked: 3 })),
  attack('a body with the signature of another path without one', 'message.signature', (a) =>
    request(a, { signature: detached(header(), '/echo', a.agentKey), body: '' }),
  ),
  attack('the signature of a body on a GET without one', 'message.signature', (a) =>
    request(a, { method: 'GET', body: '' }),
  ),
  attack('the query of another request', 'message.signature', (a) =>
    request(a, {
      method: 'GET',
      path: `${path}?all=1`,
      body: '',
      signature: detached(header(), path, a.agentKey),
    }),
  ),
  attack('more than is accepted', 'body.too_large', (a) => request(a, { body: 'x'.repeat(300_001) }), 413),
];

const strictAttacks: readonly Attack[] = [
  byStrict('a strict message to another method', 'message.htm', () => ({ htm: 'PUT' })),
  byStrict('its method in other letters', 'message.htm', () => ({ htm: 'post' })),
  byStrict('a strict message to another path', 'message.htu', (a) => ({ htu: `${a.url}/echo` })),
  byStrict('a strict message with another query', 'message.htu', (a) => ({ htu: `${a.url}${path}?x=1` })),
  byStrict('a strict message to another host', 'message.htu', () => ({ htu: `https://other.example${path}` })),
  byStrict('a strict message over another scheme', 'message.htu', (a) => ({
    htu: `${a.url.replace('http:', 'https:')}${path}`,
  })),
  byStrict('a path instead of a URI', 'message.htu', () => ({ htu: path })),
  attack('a strict message to whom the Host field names', 'message.htu', (a) => ({
    ...request(a, { signature: detached(strictHeader(a, { htu: `http://evil.example${path}` }), body, a.agentKey) }),
    host: 'evil.example',
  })),
  byStrict('a strict message to another participant', 'message.aud', () => ({ aud: agent.id })),
  byStrict('a strict message to a list', 'message.aud', () => ({ aud: [lender.id] })),
  byStrict('a strict message of long ago', 'message.stale', () => ({ iat: now() - 3600 })),
  byStrict('a strict message from the future', 'message.in_future', () => ({ iat: now() + 3600 })),
  byStrict('a time that is text', 'message.iat', () => ({ iat: `${now()}` })),
  byStrict('a nonce that is empty', 'message.jti', () => ({ jti: '' })),
  byStrict('a key id of nobody in the strict form', 'message.kid_unknown', () => ({ kid: 'nobody' })),
  attack('a strict body that spells its target', 'message.body_is_target', (a) =>
    request(a, { body: path, signature: detached(strictHeader(a), path, a.agentKey) }),
  ),
  attack('another body under a strict signature', 'message.signature', (a) =>
    request(a, { body: '{}', signature: detached(strictHeader(a), body, a.agentKey) }),
  ),
];

export const attacks: readonly Attack[] = [
  ...tokenAttacks,
  ...fieldAttacks,
  ...valueAttacks,
  ...bodyAttacks,
  ...strictAttacks,
];

/** What all attacks are variants of. */
export const harmless: Make = (a) => request(a);
export const harmlessStrict: Make = (a) => request(a, { signature: detached(strictHeader(a), body, a.agentKey) });
export const harmlessFor = (a: Arsenal, audience: string) =>
  request(a, { token: tokenFor(a, { aud: audience }), signature: detached(strictHeader(a), body, a.agentKey) });
export const harmlessAlias: Make = (a) => request(a, { signature: undefined, extra: ['signature', good(a)] });
