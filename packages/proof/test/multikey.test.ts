import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeMultibase,
  encodeMultibase,
  multikeyFromForeignJwk,
  multikeyFromJwk,
  multikeyOf,
  parseMultikey,
  x25519FromEd25519,
  x25519Jwk,
} from '../src/index.ts';
import { hostileMultikeys } from './support/hostile-keys.ts';
import { parsed } from './support/keys.ts';

describe('base58btc', () => {
  test('of draft-msporny-base58, test vectors', () => {
    const vectors: readonly [string, string][] = [
      ['48656c6c6f20576f726c6421', 'z2NEpo7TZRRrLZSi2U'],
      [
        Buffer.from('The quick brown fox jumps over the lazy dog.').toString('hex'),
        'zUSm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z',
      ],
      ['0000287fb4cd', 'z11233QC4'],
    ];
    for (const [hex, text] of vectors) {
      expect(encodeMultibase(Buffer.from(hex, 'hex'))).toBe(text);
      expect(Buffer.from(decodeMultibase(text, 100) ?? []).toString('hex')).toBe(hex);
    }
  });

  test('every byte string has its text, and every text of the alphabet its bytes', () => {
    const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
    const bytes = fc.tuple(fc.nat(6), fc.uint8Array({ maxLength: 120 })).map(([zeros, rest]) => {
      return Uint8Array.from([...new Uint8Array(zeros), ...rest]);
    });
    fc.assert(
      fc.property(bytes, (one) => {
        expect(decodeMultibase(encodeMultibase(one), 300)).toEqual(one);
      }),
    );
    const text = fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 120 }).map((rest) => `z${rest}`);
    fc.assert(
      fc.property(text, (one) => {
        expect(encodeMultibase(decodeMultibase(one, 300) ?? Uint8Array.of(0))).toBe(one);
      }),
    );
  });

  test.each(['', '2NEpo7', 'Z2NEpo7', 'z0', 'zO', 'zI', 'zl', 'z2 ', 'z2é', 'z2\u{1f600}', 'm2NEpo7'])(
    '%j is none',
    (text) => {
      expect(decodeMultibase(text, 100)).toBeUndefined();
    },
  );

  test('a text over the limit is not looked at', () => {
    const started = performance.now();
    expect(decodeMultibase(`z${'2'.repeat(10_000_000)}`, 136)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(50);
  });
});

describe('Multikey', () => {
  test.each(hostileMultikeys)('$name is refused: $stage', ({ multikey, stage }) => {
    expect(() => parseMultikey(multikey)).toThrow(expect.objectContaining({ code: stage }));
  });

  const ed = 'z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp';
  const p256 = 'zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv';

  test('to a JWK and back', () => {
    for (const text of [ed, p256]) {
      const { jwk, keyType, publicKey } = parseMultikey(text);
      if (jwk === undefined) throw new Error(text);
      expect(multikeyFromJwk(jwk).multikey).toBe(text);
      expect(multikeyFromForeignJwk({ ...jwk, alg: undefined }).multikey).toBe(text);
      expect(multikeyOf(keyType, publicKey).multikey).toBe(text);
    }
  });

  test('X25519 has a JWK of its own, BLS12-381 and RSA have no form on the other side', () => {
    const agreement = x25519FromEd25519(parseMultikey(ed));
    expect(agreement.multikey).toBe('z6LShs9GGnqk85isEBzzshkuVWrVKsRp24GnDuHk8QWkARMW');
    const jwk = x25519Jwk(agreement);
    expect(multikeyFromForeignJwk({ ...jwk }).multikey).toBe(agreement.multikey);
    const code = 'multikey.codec';
    expect(() => x25519Jwk(parseMultikey(ed))).toThrow(expect.objectContaining({ code }));
    expect(() => x25519FromEd25519(agreement)).toThrow(expect.objectContaining({ code }));
    expect(agreement.jwk).toBeUndefined();
    const n = `${'A'.repeat(0)}${Buffer.alloc(256, 0xff).toString('base64url')}`;
    expect(() => multikeyFromJwk(parsed({ kty: 'RSA', n, e: 'AQAB' }))).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    ['a private key', { kty: 'OKP', crv: 'X25519', x: Buffer.alloc(32, 9).toString('base64url'), d: 'AA' }],
    ['no text', { kty: 'OKP', crv: 'X25519', x: 1 }],
    [
      'a point off the curve',
      { kty: 'EC', crv: 'P-256', x: Buffer.alloc(32, 1).toString('base64url'), y: 'A'.repeat(43) },
    ],
    ['bytes of another length', { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' }],
    ['no object', 'z6Mk'],
  ])('a JWK with %s is refused', (_name, jwk) => {
    expect(() => multikeyFromForeignJwk(jwk)).toThrow(expect.objectContaining({ code: 'multikey.jwk' }));
  });

  test.each(['secp256k1', 'P-384', 'toString'])('a JWK on %s does not exist here', (crv) => {
    const code = 'multikey.codec';
    expect(() => multikeyFromForeignJwk({ kty: 'EC', crv, x: 'AA', y: 'AA' })).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
