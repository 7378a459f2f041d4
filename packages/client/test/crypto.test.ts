import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type AlgorithmName, algorithms, type CryptoPort, type PublicJwk, parsePublicJwk } from '@countersign/proof';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClientError, webCrypto } from '../src/index.ts';
import { derFromSignature, cryptoPort as nodeCrypto, signatureFromDer } from '../src/node-crypto.ts';

interface Signer {
  readonly alg: AlgorithmName;
  readonly jwk: PublicJwk;
  sign(message: Uint8Array): Uint8Array;
}

function signer(alg: AlgorithmName, pair: { publicKey: KeyObject; privateKey: KeyObject }): Signer {
  const parsed = parsePublicJwk({ ...pair.publicKey.export({ format: 'jwk' }), alg, kid: 'k', use: 'sig' });
  if (!parsed.ok) throw new Error(parsed.reason);
  const options = {
    RS256: { key: pair.privateKey },
    PS256: { key: pair.privateKey, padding: 6, saltLength: 32 },
    ES256: { key: pair.privateKey, dsaEncoding: 'ieee-p1363' as const },
    EdDSA: { key: pair.privateKey },
    Ed25519: { key: pair.privateKey },
  }[alg];
  return { alg, jwk: parsed.key, sign: (message) => new Uint8Array(sign(algorithms[alg].node.hash, message, options)) };
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rs = signer('RS256', rsa);
const ps = signer('PS256', rsa);
const es = signer('ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const ed = signer('EdDSA', generateKeyPairSync('ed25519'));
const ed25519 = signer('Ed25519', generateKeyPairSync('ed25519'));
const signers = [rs, ps, es, ed, ed25519];

const message = new TextEncoder().encode('eyJhbGciOiJFUzI1NiJ9.e30');
const order = {
  p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ed25519: 2n ** 252n + 27742317777372353535851937790883648493n,
};

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function toBytes(value: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));
}

const ports: readonly [string, CryptoPort][] = [
  ['node:crypto', nodeCrypto],
  ['WebCrypto', webCrypto],
];
describe.each(ports)('%s', (_name, port) => {
  test.each(signers.map((one) => [one.alg, one] as const))(
    'verifies %s, again and again',
    async (alg, { jwk, sign }) => {
      expect(await port.verify(alg, jwk, message, sign(message))).toBe(true);
      expect(await port.verify(alg, jwk, message, sign(message))).toBe(true);
    },
  );

  test.each(signers.map((one) => [one.alg, one] as const))(
    'refuses a changed %s signature or message',
    async (alg, { jwk, sign }) => {
      const signature = sign(message);
      const changed = Uint8Array.from(signature);
      changed[20] = (changed[20] as number) ^ 1;
      expect(await port.verify(alg, jwk, message, changed)).toBe(false);
      expect(await port.verify(alg, jwk, message.slice(1), signature)).toBe(false);
      expect(await port.verify(alg, jwk, message, new Uint8Array(signature.length))).toBe(false);
      expect(await port.verify(alg, jwk, message, new Uint8Array(signature.length).fill(255))).toBe(false);
    },
  );

  test('PKCS1 and PSS signatures of one RSA key are not taken for each other', async () => {
    expect(await port.verify('PS256', ps.jwk, message, rs.sign(message))).toBe(false);
    expect(await port.verify('RS256', rs.jwk, message, ps.sign(message))).toBe(false);
  });

  test('PSS with another salt length is not PS256', async () => {
    const short = new Uint8Array(sign('sha256', message, { key: rsa.privateKey, padding: 6, saltLength: 20 }));
    expect(await port.verify('PS256', ps.jwk, message, short)).toBe(false);
  });

  test('ES256 refuses r or s of zero and of the order', async () => {
    const signature = es.sign(message);
    const [r, s] = [signature.slice(0, 32), signature.slice(32)];
    const bad = [
      [toBytes(0n), s],
      [r, toBytes(0n)],
      [toBytes(order.p256), s],
      [r, toBytes(order.p256)],
    ] as const;
    for (const [one, two] of bad) {
      expect(await port.verify('ES256', es.jwk, message, Uint8Array.from([...one, ...two]))).toBe(false);
    }
  });

  test('Ed25519 refuses S above the order: RFC 8032 §5.1.7', async () => {
    const signature = ed.sign(message);
    const s = order.ed25519 + toNumber(signature.slice(32).reverse());
    const second = Uint8Array.from([...signature.slice(0, 32), ...toBytes(s).reverse()]);
    expect(await port.verify('EdDSA', ed.jwk, message, second)).toBe(false);
  });

  test('verifies a view into a larger buffer', async () => {
    const large = new Uint8Array(100);
    large.set(message, 7);
    expect(await port.verify('ES256', es.jwk, large.subarray(7, 7 + message.length), es.sign(message))).toBe(true);
  });

  test('hashes', async () => {
    expect(new Uint8Array(await port.sha256(message))).toEqual(
      new Uint8Array(createHash('sha256').update(message).digest()),
    );
  });
});

test('node:crypto answers at once', () => {
  expect(nodeCrypto.verify('ES256', es.jwk, message, es.sign(message))).toBe(true);
  expect(nodeCrypto.sha256(message)).toHaveLength(32);
});

test('r||s and DER are two spellings of one signature', () => {
  const coordinate = fc.oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc
      .uint8Array({ minLength: 1, maxLength: 4 })
      .map((end) => Uint8Array.from([...new Uint8Array(32 - end.length), ...end])),
  );
  fc.assert(
    fc.property(coordinate, coordinate, (r, s) => {
      const signature = Uint8Array.from([...r, ...s]);
      expect(signatureFromDer(derFromSignature(signature))).toEqual(signature);
    }),
  );
});

test('OpenSSL reads our DER, and we read its', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const parsed = parsePublicJwk(key.publicKey.export({ format: 'jwk' }));
  if (!parsed.ok) throw new Error(parsed.reason);
  for (let i = 0; i < 50; i++) {
    const signature = signatureFromDer(sign('sha256', message, key.privateKey));
    expect(nodeCrypto.verify('ES256', parsed.key, message, signature)).toBe(true);
  }
});

const der = (...bytes: number[]) => Uint8Array.from([0x30, bytes.length, ...bytes]);
test.each([
  ['nothing', new Uint8Array(0)],
  ['another tag', Uint8Array.from([0x31, 6, 2, 1, 1, 2, 1, 1])],
  ['a length that is too long', Uint8Array.from([0x30, 7, 2, 1, 1, 2, 1, 1])],
  ['a byte after the end', Uint8Array.from([...der(2, 1, 1, 2, 1, 1), 0])],
  ['a byte after the integers', der(2, 1, 1, 2, 1, 1, 0)],
  ['a third integer', der(2, 1, 1, 2, 1, 1, 2, 1, 1)],
  ['one integer', der(2, 1, 1)],
  ['an integer of another tag', der(3, 1, 1, 2, 1, 1)],
  ['an empty integer', der(2, 0, 2, 1, 1)],
  ['a negative integer', der(2, 1, 0x80, 2, 1, 1)],
  ['a needless zero', der(2, 2, 0, 1, 2, 1, 1)],
  ['an integer past the end', der(2, 1, 1, 2, 9, 1)],
  ['an integer of 33 bytes', der(2, 33, ...new Array<number>(33).fill(1), 2, 1, 1)],
  ['a second integer of 33 bytes', der(2, 1, 1, 2, 33, ...new Array<number>(33).fill(1))],
])('%s is no DER signature', (_name, bytes) => {
  expect(() => signatureFromDer(bytes)).toThrow(ClientError);
});

test.each([0, 63, 65, 70])('%i bytes are no r||s', (length) => {
  expect(() => derFromSignature(new Uint8Array(length))).toThrow(ClientError);
});
