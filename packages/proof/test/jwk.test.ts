import fc from 'fast-check';
import { calculateJwkThumbprint } from 'jose';
import { expect, test } from 'vitest';
import {
  type AlgorithmName,
  algorithms,
  encodeBase64url,
  isAlgorithmName,
  type JwkReason,
  parsePublicJwk,
  thumbprint,
  thumbprintInput,
} from '../src/index.ts';
import { parsed, testKey } from './support/keys.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';
import { webPort } from './support/web-port.ts';

const rsa = (await testKey('RS256', 'rsa')).publicJwk;
const { publicJwk: ec } = await testKey('ES256', 'ec');
const { publicJwk: okp } = await testKey('EdDSA', 'okp');

/** RFC 7638 §3.1. */
const rfc7638 = {
  kty: 'RSA',
  n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
};

test('the algorithm table has signatures only, under their exact names', () => {
  expect(Object.keys(algorithms).sort()).toEqual(['ES256', 'Ed25519', 'EdDSA', 'PS256', 'RS256']);
  expect(['none', 'HS256', 'rs256', 'constructor', '', undefined].filter(isAlgorithmName)).toEqual([]);
});

test.each([
  ['RSA', { kty: 'RSA', n: rsa.n, e: rsa.e }, 'RS256'],
  ['P-256', { kty: 'EC', crv: 'P-256', x: ec.x, y: ec.y }, 'ES256'],
  ['Ed25519', { kty: 'OKP', crv: 'Ed25519', x: okp.x }, 'EdDSA'],
])('a %s key without alg is registered for its own', (_name, jwk, alg) => {
  expect(parsePublicJwk(jwk)).toEqual({ ok: true, key: { ...jwk, alg } });
});

test('a key keeps its kid, use and alg, and nothing that is not its own', () => {
  const jwk = { ...rsa, alg: 'PS256', use: 'sig', key_ops: ['verify'], x5c: ['MIIB'], nbf: 1 };
  expect(parsed(jwk)).toEqual({ kty: 'RSA', n: rsa.n, e: rsa.e, alg: 'PS256', kid: 'rsa', use: 'sig' });
  expect(Object.isFrozen(parsed(jwk))).toBe(true);
  expect(parsed({ ...okp, alg: 'Ed25519' }).alg).toBe('Ed25519');
});

/** n of `bits` bits: odd and otherwise all ones, which is all that a parser can see. */
function modulus(bits: number, last = 0xff): string {
  const bytes = new Uint8Array(Math.ceil(bits / 8)).fill(0xff);
  bytes[0] = 0xff >> ((8 - (bits % 8)) % 8);
  bytes[bytes.length - 1] = last;
  return encodeBase64url(bytes);
}

test.each([2048, 2049, 4096, 8192])('a modulus of %i bits is accepted', (bits) => {
  expect(parsePublicJwk({ ...rsa, n: modulus(bits) }).ok).toBe(true);
});

const offCurve = encodeBase64url(new Uint8Array(32).fill(1));
const allOnes = encodeBase64url(new Uint8Array(32).fill(255));
const without = (jwk: object, member: string) => ({ ...jwk, [member]: undefined });

const refused: readonly [string, unknown, JwkReason, string][] = [
  ['null', null, 'not_an_object', ''],
  ['an array', [rsa], 'not_an_object', ''],
  ['text', JSON.stringify(rsa), 'not_an_object', ''],
  ...['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map((member): [string, unknown, JwkReason, string] => [
    `private ${member}`,
    { ...rsa, [member]: 'AQAB' },
    'private',
    member,
  ]),
  ['no kty', without(rsa, 'kty'), 'missing', 'kty'],
  ['kty of another type', { ...rsa, kty: 1 }, 'malformed', 'kty'],
  ['a symmetric key', { kty: 'oct' }, 'unsupported', 'kty'],
  ['kty in another case', { ...rsa, kty: 'rsa' }, 'unsupported', 'kty'],
  ['no crv', without(ec, 'crv'), 'missing', 'crv'],
  ['crv of another type', { ...ec, crv: ['P-256'] }, 'malformed', 'crv'],
  ['another curve', { ...ec, crv: 'secp256k1' }, 'unsupported', 'crv'],
  ['the curve of another kty', { ...ec, crv: 'Ed25519' }, 'unsupported', 'crv'],
  ['a key agreement curve', { ...okp, crv: 'X25519' }, 'unsupported', 'crv'],
  ['alg none', { ...rsa, alg: 'none' }, 'unsupported', 'alg'],
  ['alg HS256', { ...rsa, alg: 'HS256' }, 'unsupported', 'alg'],
  ['alg of another type', { ...rsa, alg: ['RS256'] }, 'unsupported', 'alg'],
  ['an inherited name as alg', { ...rsa, alg: 'toString' }, 'unsupported', 'alg'],
  ['an EC alg on an RSA key', { ...rsa, alg: 'ES256' }, 'alg_mismatch', 'alg'],
  ['an OKP alg on an EC key', { ...ec, alg: 'EdDSA' }, 'alg_mismatch', 'alg'],
  ['an RSA alg on an OKP key', { ...okp, alg: 'RS256' }, 'alg_mismatch', 'alg'],
  ['use enc', { ...rsa, use: 'enc' }, 'not_for_signatures', 'use'],
  ['use null', { ...rsa, use: null }, 'not_for_signatures', 'use'],
  ['key_ops of a signer', { ...rsa, key_ops: ['sign', 'verify'] }, 'not_for_signatures', 'key_ops'],
  ['key_ops of more than verify', { ...rsa, key_ops: ['verify', 'wrapKey'] }, 'not_for_signatures', 'key_ops'],
  ['key_ops without verify', { ...rsa, key_ops: ['encrypt'] }, 'not_for_signatures', 'key_ops'],
  ['empty key_ops', { ...rsa, key_ops: [] }, 'not_for_signatures', 'key_ops'],
  ['key_ops as text', { ...rsa, key_ops: 'verify' }, 'malformed', 'key_ops'],
  ['an empty kid', { ...rsa, kid: '' }, 'malformed', 'kid'],
  ['a number as kid', { ...rsa, kid: 1 }, 'malformed', 'kid'],
  ['a long kid', { ...rsa, kid: 'k'.repeat(257) }, 'malformed', 'kid'],
  ['a kid with half a character', { ...rsa, kid: '\ud800' }, 'malformed', 'kid'],
  ['no n', without(rsa, 'n'), 'missing', 'n'],
  ['no e', without(rsa, 'e'), 'missing', 'e'],
  ['n as a number', { ...rsa, n: 12345 }, 'malformed', 'n'],
  ['n in an array', { ...rsa, n: [rsa.n] }, 'malformed', 'n'],
  ['n with padding', { ...rsa, n: `${rsa.n}==` }, 'malformed', 'n'],
  ['an RSA key of 1024 bits', { ...rsa, n: modulus(1024) }, 'too_weak', 'n'],
  ['an RSA key of 2047 bits', { ...rsa, n: modulus(2047) }, 'too_weak', 'n'],
  ['an RSA key of 8193 bits', { ...rsa, n: modulus(8193) }, 'too_large', 'n'],
  ['an RSA key of a megabyte', { ...rsa, n: 'A'.repeat(1_000_000) }, 'too_large', 'n'],
  ['n with a leading zero', { ...rsa, n: encodeBase64url(new Uint8Array(257).fill(255, 1)) }, 'malformed', 'n'],
  ['an empty n', { ...rsa, n: '' }, 'malformed', 'n'],
  ['an even n', { ...rsa, n: modulus(2048, 0xfe) }, 'malformed', 'n'],
  ['e of 1', { ...rsa, e: 'AQ' }, 'too_weak', 'e'],
  ['e of 2', { ...rsa, e: 'Ag' }, 'too_weak', 'e'],
  ['an even e', { ...rsa, e: 'AQAA' }, 'malformed', 'e'],
  ['an empty e', { ...rsa, e: '' }, 'malformed', 'e'],
  ['e with a leading zero', { ...rsa, e: 'AAEAAQ' }, 'malformed', 'e'],
  ['e of five bytes', { ...rsa, e: 'AQAAAAE' }, 'too_large', 'e'],
  ['no x', without(ec, 'x'), 'missing', 'x'],
  ['no y', without(ec, 'y'), 'missing', 'y'],
  ['a short coordinate', { ...ec, x: 'AQAB' }, 'length', 'x'],
  ['a long coordinate', { ...ec, y: `${ec.y}AAAA` }, 'length', 'y'],
  ['a coordinate of a megabyte', { ...ec, y: 'A'.repeat(1_000_000) }, 'too_large', 'y'],
  ['a point beside the curve', { ...ec, x: offCurve, y: offCurve }, 'off_curve', 'x'],
  ['coordinates above p', { ...ec, x: allOnes, y: allOnes }, 'off_curve', 'x'],
  [
    'x of p instead of 0',
    { ...ec, x: '_____wAAAAEAAAAAAAAAAAAAAAD_______________8', y: 'ZkhceA4vg9ckM71dhKBrtlQcKvMdrocXKL-FahdPk_Q' },
    'off_curve',
    'x',
  ],
  [
    'y of p + 5 instead of 5',
    { ...ec, x: '1zJddkbNYNgKknOM6zRfhEz_rzWEECLKsXb2kt6N4dc', y: '_____wAAAAEAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAQ' },
    'off_curve',
    'x',
  ],
  ['no x in OKP', without(okp, 'x'), 'missing', 'x'],
  ['x of 31 bytes', { ...okp, x: encodeBase64url(new Uint8Array(31).fill(9)) }, 'length', 'x'],
  ['y above p in OKP', { ...okp, x: allOnes }, 'malformed', 'x'],
];
test.each(refused)('%s is refused', (_name, jwk, reason, member) => {
  expect(parsePublicJwk(jwk)).toEqual({ ok: false, reason, member });
});

test('whatever comes in, the answer is an answer', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(parsePublicJwk(value).ok).toBe(false);
    }),
  );
});

test('a member that only a prototype has is not there', () => {
  const inherited = Object.create(
    { n: rsa.n },
    { kty: { value: 'RSA', enumerable: true }, e: { value: 'AQAB', enumerable: true } },
  );
  expect(parsePublicJwk(inherited)).toEqual({ ok: false, reason: 'missing', member: 'n' });
  expect(parsePublicJwk(JSON.parse(`{"__proto__":${JSON.stringify(rsa)}}`))).toMatchObject({
    reason: 'missing',
    member: 'kty',
  });
});

test.skipIf(!vectorsPresent)('points of small order and points not in canonical form are no keys', () => {
  const edge = readVector('ed25519/ed25519-edge.json') as {
    smallOrderPublicKeysHex: string[];
    nonCanonicalEncodingsHex: string[];
  };
  const reasons = [...edge.smallOrderPublicKeysHex, ...edge.nonCanonicalEncodingsHex].map((hex) => {
    const result = parsePublicJwk({ ...okp, x: Buffer.from(hex, 'hex').toString('base64url') });
    return result.ok ? 'accepted' : result.reason;
  });
  expect(reasons).toEqual([...Array(8).fill('small_order'), 'malformed', 'malformed', 'small_order', 'small_order']);
});

test('the thumbprint of RFC 7638 §3.1', async () => {
  expect(thumbprintInput(parsed(rfc7638))).toBe(`{"e":"AQAB","kty":"RSA","n":"${rfc7638.n}"}`);
  expect(await thumbprint(parsed(rfc7638), webPort)).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
});

test('the thumbprint of RFC 8037 appendix A.3', async () => {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
  expect(await thumbprint(parsed(jwk), webPort)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
});

test.each<[AlgorithmName]>([['RS256'], ['ES256'], ['EdDSA']])(
  'jose agrees on the thumbprint of a %s key',
  async (alg) => {
    const key = await testKey(alg, 'any');
    expect(await thumbprint(key.parsed, webPort)).toBe(await calculateJwkThumbprint(key.publicJwk));
  },
);
