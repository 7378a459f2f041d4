import { createPrivateKey, sign } from 'node:crypto';
import {
  type CryptoPort,
  edwardsFault,
  isStrictEd25519,
  type PublicJwk,
  parsePublicJwk,
  verifySignature,
} from '@countersign/proof';
import { describe, expect, test } from 'vitest';
import { readVector, vectorsPresent } from '../../proof/test/support/vectors.ts';
import { webCrypto } from '../src/index.ts';
import { cryptoPort as nodeCrypto } from '../src/node-crypto.ts';

const ports: readonly [string, CryptoPort][] = [
  ['node:crypto', nodeCrypto],
  ['WebCrypto', webCrypto],
];

const order = 2n ** 252n + 27742317777372353535851937790883648493n;
const p = 2n ** 255n - 19n;
/** RFC 8032 §7.1, test 3. */
const privateKey = createPrivateKey({
  key: {
    kty: 'OKP',
    crv: 'Ed25519',
    d: Buffer.from('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7', 'hex').toString('base64url'),
    x: Buffer.from('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025', 'hex').toString('base64url'),
  },
  format: 'jwk',
});
const message = Buffer.from('af82', 'hex');
const signature = Uint8Array.from(sign(null, message, privateKey));
const jwk = parsed(privateKey.export({ format: 'jwk' }).x ?? '');

const hex = (text: string) => Buffer.from(text, 'hex');

function parsed(x: string): PublicJwk {
  const result = parsePublicJwk({ kty: 'OKP', crv: 'Ed25519', x });
  if (!result.ok) throw new Error(result.reason);
  return result.key;
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse());
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

const withR = (r: Uint8Array) => Uint8Array.from([...r, ...signature.subarray(32)]);
const withS = (s: bigint) => Uint8Array.from([...signature.subarray(0, 32), ...littleEndian(s)]);

/** Chalkias et al. 2020, table 1, and the second spellings of RFC 8032 §5.1.3; the same as in the vectors beside the repository. */
const smallOrder = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
];
const nonCanonical = [
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];
const points = [...smallOrder, ...nonCanonical].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));

test.skipIf(!vectorsPresent)('the points are those of the shared vectors', () => {
  const vectors = readVector('ed25519/ed25519-edge.json') as Record<string, string[]>;
  expect(smallOrder).toEqual(vectors.smallOrderPublicKeysHex);
  expect(nonCanonical).toEqual(vectors.nonCanonicalEncodingsHex);
});

test.each(points.map((point) => [Buffer.from(point).toString('hex'), point] as const))(
  '%s is neither a key nor an R',
  (_hex, point) => {
    expect(edwardsFault(point)).toBeDefined();
    const x = Buffer.from(point).toString('base64url');
    expect(parsePublicJwk({ kty: 'OKP', crv: 'Ed25519', x }).ok).toBe(false);
    expect(isStrictEd25519(withR(point))).toBe(false);
  },
);

test('all y from p on are second spellings', () => {
  for (let y = p - 2n; y < 2n ** 255n; y++) {
    expect(edwardsFault(littleEndian(y))).toBe(y === p - 2n ? undefined : y < p ? 'small_order' : 'malformed');
  }
});

test('S is below the order: 0 and L - 1 pass the look at the bytes, L and all above do not', () => {
  for (const s of [0n, 1n, 2n ** 252n - 1n, 2n ** 252n, order - 1n]) expect(isStrictEd25519(withS(s))).toBe(true);
  const s = numberOf(signature.subarray(32));
  for (const above of [order, order + 1n, s + order, 2n ** 253n, 2n ** 255n + s, 2n ** 256n - 1n]) {
    expect(isStrictEd25519(withS(above))).toBe(false);
  }
});

test.each([0, 32, 63, 65])('%i bytes are no signature', (length) => {
  expect(isStrictEd25519(new Uint8Array(length))).toBe(false);
});

/** A port that believes everything: what it never hears of was refused before. */
const credulous: CryptoPort = { verify: () => true, sha256: () => new Uint8Array(32) };

test('no port is asked about what the rule refuses', () => {
  expect(verifySignature(credulous, 'Ed25519', jwk, message, signature)).toBe(true);
  for (const point of points) expect(verifySignature(credulous, 'EdDSA', jwk, message, withR(point))).toBe(false);
  const s = numberOf(signature.subarray(32));
  expect(verifySignature(credulous, 'Ed25519', jwk, message, withS(s + order))).toBe(false);
});

describe.each(ports)('%s', (_name, port) => {
  test('accepts RFC 8032 §7.1 test 3', async () => {
    expect(await verifySignature(port, 'Ed25519', jwk, message, signature)).toBe(true);
  });

  test('refuses every edge', async () => {
    const s = numberOf(signature.subarray(32));
    const edges = [...points.map(withR), withS(s + order), withS(0n), withS(order), withS(s ^ 1n)];
    for (const edge of edges) expect(await verifySignature(port, 'Ed25519', jwk, message, edge)).toBe(false);
  });

  test('judges without cofactor a key that has a part of small order', async () => {
    // A = [a]B + T, T of order 8; R = [r]B, S = r + ka. With a cofactor (noble, RFC 8032 as an option) this would verify.
    const key = parsed(hex('dd8952a66f04b15f61df8c66ce93471979a95c884f2dede0f89f1fc9f9b407b4').toString('base64url'));
    const mixed = hex(
      '684c0d53ab44de46d526ab4d33b5947bab9d77af687fe0a09518a5f6df4a86eb86e765e79f5b7d60360fa3c53bea7fa0086a20fffbc4aca7728ed440d2dd1901',
    );
    expect(isStrictEd25519(mixed)).toBe(true);
    expect(await verifySignature(port, 'Ed25519', key, hex('00'), mixed)).toBe(false);
  });
});
