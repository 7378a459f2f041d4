import { expect, test } from 'vitest';
import { blsKeysOf, blsSecretFromSeed, isSameBlsSecret, parseMultikey } from '../src/index.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const order = '73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001';

test.skipIf(!vectorsPresent)('the seed of the shared vectors makes their secret and their two keys', () => {
  const { seedVector } = readVector('bls/bls12381-didkey.json') as { seedVector: Record<string, string> };
  const { seedHex = '', skHexBigEndian = '', didG1, didG2 } = seedVector;
  const secret = blsSecretFromSeed(hex(seedHex));
  expect(Buffer.from(secret).toString('hex')).toBe(skHexBigEndian.padStart(64, '0'));
  const { g1, g2 } = blsKeysOf(secret);
  expect([g1, g2].map(({ multikey }) => `did:key:${multikey}`)).toEqual([didG1, didG2]);
});

test('two keys have one secret, or not', () => {
  const one = blsKeysOf(blsSecretFromSeed(new Uint8Array(32).fill(1)));
  const other = blsKeysOf(blsSecretFromSeed(new Uint8Array(32).fill(2)));
  expect(isSameBlsSecret(one.g1, one.g2)).toBe(true);
  expect(isSameBlsSecret(one.g1, other.g2)).toBe(false);
  expect(isSameBlsSecret(one.g2, one.g1)).toBe(false);
  expect(isSameBlsSecret(parseMultikey('z6Mkk7yqnGF3YwTrLpqrW6PGsKci7dNqh1CjnvMbzrMerSeL'), one.g2)).toBe(false);
});

test('a secret is written big-endian: the other way round is another', () => {
  const secret = hex('00'.repeat(31).concat('05'));
  expect(blsKeysOf(secret).g1.multikey).not.toBe(blsKeysOf(hex('05'.concat('00'.repeat(31)))).g1.multikey);
});

test.each([
  ['zero', '00'.repeat(32)],
  ['the order', order],
  ['above the order', 'ff'.repeat(32)],
  ['of 31 bytes', '01'.repeat(31)],
  ['of 33 bytes', `00${'01'.repeat(32)}`],
])('a secret that is %s has no keys', (_name, secret) => {
  expect(() => blsKeysOf(hex(secret))).toThrow(expect.objectContaining({ code: 'multikey.point' }));
});

test('a seed of less than 32 bytes makes no secret', () => {
  expect(() => blsSecretFromSeed(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'multikey.length' }));
});
