import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { encodeBase64url, isFactorable } from '../src/index.ts';
import { parsed, testKey } from './support/keys.ts';
import { rounds } from './support/rounds.ts';
import { publicJwkOf, weakKinds } from './support/weak-rsa.ts';

describe('an RSA key can be factored', () => {
  test.each(weakKinds)('%s', (_kind, make) => {
    expect(isFactorable(parsed(publicJwkOf(make())))).toBe(true);
  });

  test('with a bit of the modulus flipped, which leaves a small factor more often than not', () => {
    const { n } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
    const bytes = Buffer.from(n ?? '', 'base64url');
    const found = Array.from({ length: 64 }, (_, i) => {
      const flipped = Uint8Array.from(bytes);
      flipped[64 + i] = (flipped[64 + i] ?? 0) ^ 4;
      return isFactorable(parsed({ kty: 'RSA', n: encodeBase64url(flipped), e: 'AQAB' }));
    });
    expect(found.filter(Boolean).length).toBeGreaterThan(32);
  });
});

// OpenSSL takes most of a second for a long one.
test.each([
  [2048, rounds(4, 1)],
  [3072, rounds(2, 1)],
  [4096, 1],
])('keys of %i bits from OpenSSL cannot, which takes milliseconds to see', (modulusLength, length) => {
  const keys = Array.from({ length }, () =>
    parsed(generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' })),
  );
  const took = Array.from({ length: 12 / length }, () => keys)
    .flat()
    .map((key) => {
      const started = performance.now();
      expect(isFactorable(key)).toBe(false);
      return performance.now() - started;
    });
  // The fastest: what else runs on this machine is not the point.
  expect(Math.min(...took)).toBeLessThan(modulusLength === 2048 ? 5 : 20);
});

test('keys on curves have no modulus', async () => {
  for (const alg of ['ES256', 'EdDSA'] as const) expect(isFactorable((await testKey(alg)).parsed)).toBe(false);
});
