import { type CryptoKey, exportJWK, importJWK, SignJWT } from 'jose';
import { expect, test } from 'vitest';
import {
  type AlgorithmName,
  accessTokenTypes,
  decodeBase64url,
  encodeBase64url,
  encodeTextBase64url,
  type JwtExpectation,
  type ProofCode,
  ProofError,
  verifyJwt,
} from '../src/index.ts';
import { signParts, signRaw, type TestKey, testKey } from './support/keys.ts';
import { webPort } from './support/web-port.ts';

const now = 1_800_000_000;
const issuer = 'https://auth.example/realms/dev';
const rs = await testKey('RS256', 'rs');
const ps = await testKey('PS256', 'ps');
const es = await testKey('ES256', 'es');
const ed = await testKey('EdDSA', 'ed');
const foreign = await testKey('ES256', 'es');

const expected: JwtExpectation = {
  crypto: webPort,
  keys: [rs, ps, es, ed].map((key) => key.parsed),
  algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
  typ: accessTokenTypes,
  issuer,
  audience: 'api',
  now,
  subjectRequired: true,
  maxLifetime: 86_400,
};

const goodHeader = { alg: 'ES256', kid: 'es', typ: 'JWT' };
const goodClaims = { iss: issuer, aud: 'api', sub: 's-1', iat: now - 10, nbf: now - 10, exp: now + 600, jti: 'j' };

/** A token that is good but for what is put over its header and its claims; undefined takes a member away. */
function token(header: object = {}, claims: object = {}, key: TestKey = es): Promise<string> {
  return signRaw(JSON.stringify({ ...goodHeader, ...header }), JSON.stringify({ ...goodClaims, ...claims }), key);
}

function codeOf(presented: unknown, overrides: Partial<JwtExpectation> = {}): Promise<ProofCode | 'accepted'> {
  const members = Object.entries({ ...expected, ...overrides }).filter(([, value]) => value !== undefined);
  return verifyJwt(presented as string, Object.fromEntries(members) as unknown as JwtExpectation).then(
    () => 'accepted',
    (error: unknown) => {
      if (!(error instanceof ProofError)) throw error;
      // The refusal must be fit for a log: nothing of the token in it.
      const text = JSON.stringify([error.message, error.cause, error.pointer]);
      for (const part of String(presented).split('.')) if (part.length > 8) expect(text).not.toContain(part);
      return error.code;
    },
  );
}

test.each<[AlgorithmName, TestKey]>([
  ['RS256', rs],
  ['PS256', ps],
  ['ES256', es],
  ['EdDSA', ed],
])('a token that jose signed with %s is accepted', async (alg, key) => {
  const signed = await new SignJWT(goodClaims)
    .setProtectedHeader({ alg, kid: key.publicJwk.kid as string, typ: 'at+jwt' })
    .sign(key.privateKey);
  const verified = await verifyJwt(signed, expected);
  expect(verified).toEqual({
    header: { alg, kid: key.publicJwk.kid, typ: 'at+jwt' },
    claims: goodClaims,
    kid: key.publicJwk.kid,
  });
});

const accepted: readonly [string, () => Promise<string>, Partial<JwtExpectation>?][] = [
  ['a token without kid', () => token({ kid: undefined })],
  ['Ed25519 under a key registered as EdDSA', () => token({ alg: 'Ed25519', kid: 'ed' }, {}, ed)],
  ['typ in another case', () => token({ typ: 'AT+JWT' })],
  ['typ with application/', () => token({ typ: 'application/at+jwt' })],
  ['no typ where that is expected', () => token({ typ: undefined }), { typ: [undefined] }],
  ['unknown header members', () => token({ x: { y: 1 } })],
  ['a kid of 256 characters', () => token({ kid: undefined, typ: 'JWT', cty: 'k'.repeat(256) })],
  ['an audience among others', () => token({}, { aud: ['other', 'api'] })],
  ['one of several audiences', () => token(), { audience: ['x', 'api'] }],
  ['no audience where none is expected', () => token({}, { aud: undefined }), { audience: undefined as never }],
  ['no subject where none is required', () => token({}, { sub: undefined }), { subjectRequired: false }],
  ['no iat without a maximum lifetime', () => token({}, { iat: undefined }), { maxLifetime: undefined as never }],
  ['no nbf', () => token({}, { nbf: undefined })],
  ['an expiry within the tolerance', () => token({}, { exp: now - 4 }), { clockTolerance: 5 }],
  ['nbf and iat within the tolerance', () => token({}, { nbf: now + 5, iat: now + 5 }), { clockTolerance: 5 }],
  ['fractions of a second', () => token({}, { exp: now + 0.5, iat: now - 0.5 })],
  ['a lifetime of exactly the maximum', () => token({}, { iat: now, exp: now + 86_400 })],
  ['deep claims within the limit', () => token({}, { deep: JSON.parse('['.repeat(31) + ']'.repeat(31)) })],
];
test.each(accepted)('%s is accepted', async (_name, make, overrides = {}) => {
  expect(await codeOf(await make(), overrides)).toBe('accepted');
});

/** Takes a good token apart. */
async function partsOf(presented: Promise<string> = token()): Promise<[string, string, string]> {
  return (await presented).split('.') as [string, string, string];
}

async function withSignature(change: (signature: Uint8Array) => Uint8Array, presented = token()): Promise<string> {
  const [header, payload, signature] = await partsOf(presented);
  return `${header}.${payload}.${encodeBase64url(change(decodeBase64url(signature, 1000) as Uint8Array))}`;
}

/** HMAC over the header and the payload under the text of the public key: what a confused verifier would accept. */
async function hmacUnderPublicKey(): Promise<string> {
  const spki = new Uint8Array(
    await crypto.subtle.exportKey('spki', (await importJWK({ ...rs.publicJwk, ext: true }, 'RS256')) as CryptoKey),
  );
  const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.from(spki).toString('base64')}\n-----END PUBLIC KEY-----\n`;
  return new SignJWT(goodClaims)
    .setProtectedHeader({ alg: 'HS256', kid: 'rs', typ: 'JWT' })
    .sign(new TextEncoder().encode(pem));
}

/** The RSA key that is registered for RS256 signs PSS. */
async function swapped(): Promise<string> {
  const jwk = { ...(await exportJWK(rs.privateKey)), alg: 'PS256' };
  return new SignJWT(goodClaims).setProtectedHeader({ alg: 'PS256', kid: 'rs', typ: 'JWT' }).sign(await importJWK(jwk));
}

/** RFC 8032 §5.1.7: S must be below the order of the group, or every signature has a second form. */
function addOrder(signature: Uint8Array): Uint8Array {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  let s = order + BigInt(`0x${Buffer.from(signature.slice(32)).reverse().toString('hex')}`);
  const out = Uint8Array.from(signature);
  for (let i = 32; i < 64; i++, s >>= 8n) out[i] = Number(s & 255n);
  return out;
}

function toDer(signature: Uint8Array): Uint8Array {
  const integer = (bytes: Uint8Array) => [2, 33, 0, ...bytes];
  const body = [...integer(signature.slice(0, 32)), ...integer(signature.slice(32))];
  return Uint8Array.from([0x30, body.length, ...body]);
}

const raw = (header: string, claims: string) => signRaw(header, claims, es);
const headerText = JSON.stringify(goodHeader);
const claimsText = JSON.stringify(goodClaims);

const hostile: readonly [string, ProofCode, () => unknown, Partial<JwtExpectation>?][] = [
  // The form.
  ['not a string', 'jws.malformed', () => ({ toString: () => 'a.b.c' })],
  ['nothing', 'jws.malformed', () => ''],
  ['two parts', 'jws.malformed', async () => (await partsOf()).slice(0, 2).join('.')],
  ['four parts', 'jws.malformed', async () => `${await token()}.`],
  ['a letter beyond ASCII', 'jws.malformed', async () => (await token()).replace(/^./, '\u0141')],
  ['five parts', 'jws.malformed', async () => `${await token()}.a.b`],
  ['a token of 1 MB', 'jws.too_large', async () => token({}, { pad: 'x'.repeat(1_000_000) })],
  ['a token one character over the limit', 'jws.too_large', () => token(), { maxBytes: 300 }],
  ['a space before', 'jws.header_base64url', async () => ` ${await token()}`],
  [
    'a padded header',
    'jws.header_base64url',
    () => signParts(`${btoa('{"alg":"ES256"} ')}`, encodeTextBase64url(claimsText), es),
  ],
  [
    'a padded payload',
    'jws.payload_base64url',
    () => signParts(encodeTextBase64url(headerText), btoa(`${claimsText}  `.slice(0, 3 * 40 + 1)), es),
  ],
  [
    'a line break in the payload',
    'jws.payload_base64url',
    () => signParts(encodeTextBase64url(headerText), 'e30\n', es),
  ],
  ['a line break after', 'jws.signature_base64url', async () => `${await token()}\n`],
  ['a padded signature', 'jws.signature_base64url', async () => `${await token()}==`],
  [
    'a signature respelled by its stray bits',
    'jws.signature_base64url',
    async () => (await token()).replace(/.$/, (c) => (c === 'B' ? 'C' : 'B')),
  ],
  // The header as JSON.
  ['a header that is no JSON', 'jws.header_syntax', () => raw('alg', claimsText)],
  [
    'a header with a member twice',
    'jws.header_duplicate_member',
    () => raw('{"alg":"none","alg":"ES256","kid":"es","typ":"JWT"}', claimsText),
  ],
  [
    'a header with a lone surrogate as kid',
    'jws.header_lone_surrogate',
    () => raw('{"alg":"ES256","kid":"\\ud800","typ":"JWT"}', claimsText),
  ],
  [
    'a deep header',
    'jws.header_depth',
    () => raw(`{"alg":"ES256","x":${'['.repeat(40)}${']'.repeat(40)}}`, claimsText),
  ],
  ['a header with a byte order mark', 'jws.header_bom', () => raw(`\ufeff${headerText}`, claimsText)],
  ['a header that is not UTF-8', 'jws.header_encoding', () => signParts('_w', 'e30', es)],
  ['a header that is an array', 'jws.header_not_object', () => raw('["ES256"]', claimsText)],
  ['a header that is null', 'jws.header_not_object', () => raw('null', claimsText)],
  // What a header may not bring.
  ['b64 false', 'jws.b64', () => token({ b64: false })],
  ['b64 true', 'jws.b64', () => token({ b64: true })],
  ['b64 with crit', 'jws.b64', () => token({ b64: false, crit: ['b64'] })],
  ['crit', 'jws.crit', () => token({ crit: ['exp'] })],
  ['an empty crit', 'jws.crit', () => token({ crit: [] })],
  ['a null crit', 'jws.crit', () => token({ crit: null })],
  ['jku', 'jws.jku', () => token({ jku: 'https://evil.example/jwks' })],
  ['jwk', 'jws.jwk', () => token({ jwk: foreign.publicJwk }, {}, foreign)],
  ['x5u', 'jws.x5u', () => token({ x5u: 'https://evil.example/chain' })],
  ['x5c', 'jws.x5c', () => token({ x5c: ['MIIB'] })],
  // Algorithm and key.
  ['no alg', 'jws.alg_missing', () => token({ alg: undefined })],
  ['alg as an array', 'jws.alg_missing', () => token({ alg: ['ES256'] })],
  ['alg under __proto__ only', 'jws.alg_missing', () => raw('{"__proto__":{"alg":"ES256"},"typ":"JWT"}', claimsText)],
  [
    'alg none',
    'jws.alg_not_allowed',
    async () => `${encodeTextBase64url('{"alg":"none","typ":"JWT"}')}.${(await partsOf())[1]}.`,
  ],
  ['alg nOnE', 'jws.alg_not_allowed', () => token({ alg: 'nOnE' })],
  ['HS256 under the public key', 'jws.alg_not_allowed', hmacUnderPublicKey],
  ['an inherited name as alg', 'jws.alg_not_allowed', () => token({ alg: 'constructor' })],
  ['an alg of the table that is not expected', 'jws.alg_not_allowed', () => token(), { algorithms: ['RS256'] }],
  ['the alg of another key', 'jws.alg_mismatch', () => token({ kid: 'rs' })],
  ['PS256 under a key registered for RS256', 'jws.alg_mismatch', swapped],
  ['a kid that nobody has', 'jws.kid_unknown', () => token({ kid: 'nobody' })],
  ['a kid that only a foreign set has', 'jws.kid_unknown', () => token({}, {}, foreign), { keys: [rs.parsed] }],
  ['a kid of 257 characters', 'jws.kid_invalid', () => token({ kid: 'k'.repeat(257) })],
  ['an empty kid', 'jws.kid_invalid', () => token({ kid: '' })],
  ['a null kid', 'jws.kid_invalid', () => token({ kid: null })],
  ['no kid and no key for the alg', 'jws.key_missing', () => token({ kid: undefined }), { keys: [rs.parsed] }],
  ['no keys at all', 'jws.key_missing', () => token({ kid: undefined }), { keys: [] }],
  // The signature.
  ['an empty signature', 'jws.signature_length', () => withSignature(() => new Uint8Array(0))],
  ['a DER signature', 'jws.signature_length', () => withSignature(toDer)],
  ['a signature with one more byte', 'jws.signature_length', () => withSignature((s) => Uint8Array.from([...s, 0]))],
  [
    'an RSA signature with a leading zero',
    'jws.signature_length',
    () => withSignature((s) => Uint8Array.from([0, ...s]), token({ alg: 'RS256', kid: 'rs' }, {}, rs)),
  ],
  ['r and s of zero', 'jws.signature', () => withSignature(() => new Uint8Array(64))],
  [
    'Ed25519 with S above the order',
    'jws.signature',
    () => withSignature(addOrder, token({ alg: 'EdDSA', kid: 'ed' }, {}, ed)),
  ],
  ['a foreign key under our kid', 'jws.signature', () => token({}, {}, foreign)],
  ['a foreign key without kid', 'jws.signature', () => token({ kid: undefined }, {}, foreign)],
  [
    'another payload',
    'jws.signature',
    async () => (([h, , s]) => `${h}.${encodeTextBase64url('{}')}.${s}`)(await partsOf()),
  ],
  [
    'another header',
    'jws.signature',
    async () => (([, p, s]) => `${encodeTextBase64url(`${headerText} `)}.${p}.${s}`)(await partsOf()),
  ],
  [
    'an RSA signature of zeros',
    'jws.signature',
    () => withSignature((s) => s.fill(0), token({ alg: 'RS256', kid: 'rs' }, {}, rs)),
  ],
  // The type.
  ['no typ', 'jwt.typ', () => token({ typ: undefined })],
  ['another typ', 'jwt.typ', () => token({ typ: 'status+jwt' })],
  ['typ of another tree', 'jwt.typ', () => token({ typ: 'application/application/JWT' })],
  ['typ that is not a string', 'jws.typ_invalid', () => token({ typ: ['JWT'] })],
  // The claims as JSON.
  ['claims that are no JSON', 'jwt.claims_syntax', () => raw(headerText, 'iss=me')],
  ['empty claims', 'jwt.claims_syntax', () => raw(headerText, '')],
  [
    'claims with a member twice',
    'jwt.claims_duplicate_member',
    () => raw(headerText, claimsText.replace('{', '{"sub":"admin",')),
  ],
  [
    'claims that are too deep',
    'jwt.claims_depth',
    () => raw(headerText, claimsText.replace('{', `{"x":${'['.repeat(500)}${']'.repeat(500)},`)),
  ],
  [
    'claims with a lone surrogate',
    'jwt.claims_lone_surrogate',
    () => raw(headerText, claimsText.replace('s-1', '\\udc00')),
  ],
  ['claims with a byte order mark', 'jwt.claims_bom', () => raw(headerText, `\ufeff${claimsText}`)],
  ['claims that are not UTF-8', 'jwt.claims_encoding', () => signParts(encodeTextBase64url(headerText), '_w', es)],
  ['claims that are an array', 'jwt.claims_not_object', () => raw(headerText, `[${claimsText}]`)],
  // The claims.
  ['no iss', 'jwt.issuer', () => token({}, { iss: undefined })],
  ['iss with a slash at the end', 'jwt.issuer', () => token({}, { iss: `${issuer}/` })],
  ['iss of another realm', 'jwt.issuer', () => token({}, { iss: `${issuer}2` })],
  ['iss as an array', 'jwt.issuer', () => token({}, { iss: [issuer] })],
  ['no aud', 'jwt.audience', () => token({}, { aud: undefined })],
  ['another aud', 'jwt.audience', () => token({}, { aud: 'other' })],
  ['aud that only begins like ours', 'jwt.audience', () => token({}, { aud: ['api2', 'ap'] })],
  ['an empty list of aud', 'jwt.audience', () => token({}, { aud: [] })],
  ['aud with a number in it', 'jwt.audience_invalid', () => token({}, { aud: ['api', 1] })],
  [
    'aud as an object, none expected',
    'jwt.audience_invalid',
    () => token({}, { aud: { api: 1 } }),
    { audience: undefined as never },
  ],
  ['a null aud', 'jwt.audience_invalid', () => token({}, { aud: null }), { audience: undefined as never }],
  ['no sub', 'jwt.subject', () => token({}, { sub: undefined })],
  ['an empty sub', 'jwt.subject', () => token({}, { sub: '' })],
  ['a number as sub, none required', 'jwt.subject', () => token({}, { sub: 1 }), { subjectRequired: false }],
  ['no exp', 'jwt.exp_missing', () => token({}, { exp: undefined })],
  ['exp as a string', 'jwt.exp_invalid', () => token({}, { exp: `${now + 600}` })],
  ['a null exp', 'jwt.exp_invalid', () => token({}, { exp: null })],
  ['exp of 1e400', 'jwt.exp_invalid', () => raw(headerText, claimsText.replace(`${now + 600}`, '1e400'))],
  ['expired', 'jwt.expired', () => token({}, { exp: now - 1 })],
  ['expired this second', 'jwt.expired', () => token({}, { exp: now })],
  ['expired beyond the tolerance', 'jwt.expired', () => token({}, { exp: now - 5 }), { clockTolerance: 5 }],
  ['not valid yet', 'jwt.not_yet_valid', () => token({}, { nbf: now + 1 })],
  ['nbf as a string', 'jwt.nbf_invalid', () => token({}, { nbf: '0' })],
  ['iat in the future', 'jwt.issued_in_future', () => token({}, { iat: now + 1 })],
  [
    'iat in the future beyond the tolerance',
    'jwt.issued_in_future',
    () => token({}, { iat: now + 6 }),
    { clockTolerance: 5 },
  ],
  ['iat as a string', 'jwt.iat_invalid', () => token({}, { iat: '0' })],
  ['iat of -1e400', 'jwt.iat_invalid', () => raw(headerText, claimsText.replace(`"iat":${now - 10}`, '"iat":-1e400'))],
  [
    'expires when it was issued',
    'jwt.exp_before_iat',
    () => token({}, { exp: now + 3, iat: now + 3 }),
    { clockTolerance: 5 },
  ],
  ['no iat under a maximum lifetime', 'jwt.iat_missing', () => token({}, { iat: undefined })],
  ['lives too long', 'jwt.lifetime', () => token({}, { iat: now - 1, exp: now + 86_400 })],
];
test.each(hostile)('%s: %s', async (_name, code, make, overrides = {}) => {
  expect(await codeOf(await make(), overrides)).toBe(code);
});

test('a port that answers at once is not awaited, and its false is final', async () => {
  const good = await token();
  expect(await codeOf(good, { crypto: { ...webPort, verify: () => true } })).toBe('accepted');
  expect(await codeOf(good, { crypto: { ...webPort, verify: () => false } })).toBe('jws.signature');
});

test('several keys under one kid are all tried', async () => {
  expect(await codeOf(await token(), { keys: [foreign.parsed, es.parsed] })).toBe('accepted');
});

test('a fault of JSON says where it is', async () => {
  const twice = await raw(headerText, claimsText.replace('{', '{"realm_access":{"roles":1,"roles":2},'));
  await expect(verifyJwt(twice, expected)).rejects.toMatchObject({
    pointer: '/realm_access/roles',
    message: 'The claims set names a member twice.',
  });
});
