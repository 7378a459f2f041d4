import { createPrivateKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  agreementKey,
  dereferenceDidKey,
  didKeyOf,
  type JsonObject,
  parseDidKey,
  parseMultikey,
  resolveDidKey,
  verificationRelationships,
  x25519Jwk,
  x25519SecretFromEd25519,
} from '../src/index.ts';
import { hostileMultikeys } from './support/hostile-keys.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';

const ed = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp';
const edX = 'z6LShs9GGnqk85isEBzzshkuVWrVKsRp24GnDuHk8QWkARMW';
const bls = 'did:key:z3tEG7RQ27jrpS8XX8jBBL5o2FZaUUCx7UaHAJmhSsUPW8jNtqcS3QByh6fBmn3kXXhEn7';
const p256 = 'did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv';
const fragmentOf = (did: string) => did.slice('did:key:'.length);
const urlOf = (did: string) => `${did}#${fragmentOf(did)}`;

describe.skipIf(!vectorsPresent)('the vectors of did-method-key', () => {
  test('Ed25519, and the X25519 derived from it', () => {
    const vectors = readVector('did-key/ed25519-x25519.json') as Record<string, { didDocument: JsonObject }>;
    for (const [did, { didDocument }] of Object.entries(vectors)) {
      const key = parseDidKey(did);
      expect(key).toMatchObject({ keyType: 'Ed25519', did, multikey: fragmentOf(did), verificationMethod: urlOf(did) });
      expect(key.jwk).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'Ed25519' });
      expect(didDocument.keyAgreement).toEqual([agreementKey(key).verificationMethod]);
    }
  });

  test('the seeds make the keys', () => {
    const vectors = readVector('did-key/ed25519-x25519.json') as Record<string, { seed: string }>;
    for (const [did, { seed }] of Object.entries(vectors)) {
      const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(seed, 'hex')]);
      const { x } = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
      expect(parseDidKey(did).jwk).toMatchObject({ x });
    }
  });

  test('the seeds make the derived keys: their private halves agree with their public ones', () => {
    const vectors = readVector('did-key/ed25519-x25519.json') as Record<string, { seed: string }>;
    for (const [did, { seed }] of Object.entries(vectors)) {
      const d = Buffer.from(x25519SecretFromEd25519(Buffer.from(seed, 'hex')));
      const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), d]);
      const { x } = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
      expect(x25519Jwk(agreementKey(parseDidKey(did))).x).toBe(x);
    }
    expect(() => x25519SecretFromEd25519(new Uint8Array(31))).toThrow(
      expect.objectContaining({ code: 'multikey.length' }),
    );
  });

  test('X25519', () => {
    const { didDocument } = readVector('did-key/x25519.json') as { didDocument: Record<string, JsonObject> };
    for (const did of Object.keys(didDocument)) {
      const key = parseDidKey(did);
      expect(key.keyType).toBe('X25519');
      expect(key.jwk).toBeUndefined();
      expect(dereferenceDidKey(urlOf(did), 'keyAgreement')).toBe(key);
    }
  });

  test('P-256 to the coordinates; its larger sisters are refused', () => {
    type Nist = Record<string, { verificationMethod: { publicKeyJwk?: { crv: string } } }>;
    let accepted = 0;
    for (const [did, { verificationMethod }] of Object.entries(readVector('did-key/nist-curves.json') as Nist)) {
      const { publicKeyJwk } = verificationMethod;
      if (fragmentOf(did).startsWith('zDn')) {
        accepted++;
        expect(parseDidKey(did).jwk).toMatchObject(publicKeyJwk ?? { kty: 'EC', crv: 'P-256' });
      } else expect(() => parseDidKey(did)).toThrow(expect.objectContaining({ code: 'multikey.codec' }));
    }
    expect(accepted).toBe(3);
  });

  test('BLS12-381 G1 and G2; both in one are refused', () => {
    const vectors = readVector('did-key/bls12381.json') as JsonObject;
    for (const did of Object.keys(vectors)) {
      if (fragmentOf(did).startsWith('zUC7')) expect(parseDidKey(did).keyType).toBe('BLS12-381-G2');
      else expect(() => parseDidKey(did)).toThrow(expect.objectContaining({ code: 'did_key.too_large' }));
    }
    const { seedVector } = readVector('bls/bls12381-didkey.json') as { seedVector: Record<string, string> };
    const { didG1, didG2, publicG1Hex, publicG2Hex } = seedVector as Record<string, string>;
    expect(Buffer.from(parseDidKey(didG1 ?? '').publicKey).toString('hex')).toBe(publicG1Hex);
    expect(Buffer.from(parseDidKey(didG2 ?? '').publicKey).toString('hex')).toBe(publicG2Hex);
  });

  test('RSA and secp256k1 are refused', () => {
    for (const file of ['rsa', 'secp256k1']) {
      for (const did of Object.keys(readVector(`did-key/${file}.json`) as JsonObject)) {
        expect(() => parseDidKey(did)).toThrow(/longer than any|of a type that does not exist/);
      }
    }
  });
});

const malformed = 'did_key.malformed';
test.each([
  ['nothing', '', malformed],
  ['another method', ed.replace('key', 'web'), malformed],
  ['capitals', ed.replace('did:key', 'DID:KEY'), malformed],
  ['a version', ed.replace('did:key:', 'did:key:1.1:'), malformed],
  ['a fragment', urlOf(ed), 'did_key.malformed'],
  ['an empty fragment', `${ed}#`, malformed],
  ['a path', `${ed}/a`, malformed],
  ['a query', `${ed}?a=b`, malformed],
  ['parameters', `${ed};service=agent`, malformed],
  ['a percent-encoded character', ed.replace('z6M', 'z6%4D'), malformed],
  ['a space before it', ` ${ed}`, malformed],
  ['a line after it', `${ed}\n`, malformed],
  ['ten million characters', `did:key:z${'6'.repeat(10_000_000)}`, 'did_key.too_large'],
  ['a zero, which is no digit', `${ed.slice(0, -1)}0`, 'multikey.multibase'],
])('a did:key with %s is refused', (_name, did, code) => {
  expect(() => parseDidKey(did)).toThrow(expect.objectContaining({ code }));
});

test.each(hostileMultikeys)('a did:key of $name is refused', ({ multikey, stage }) => {
  expect(() => parseDidKey(`did:key:${multikey}`)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(`^(${stage}|did_key.malformed|did_key.too_large)$`) }),
  );
});

describe('a DID URL', () => {
  test.each(verificationRelationships)('of an Ed25519 key serves %s', (relationship) => {
    const agrees = relationship === 'keyAgreement';
    expect(dereferenceDidKey(agrees ? `${ed}#${edX}` : urlOf(ed), relationship).did).toBe(ed);
    const wrong = agrees ? urlOf(ed) : `${ed}#${edX}`;
    expect(() => dereferenceDidKey(wrong, relationship)).toThrow(expect.objectContaining({ code: 'did_key.fragment' }));
  });

  const fragment = 'did_key.fragment';
  test.each([
    ['no fragment', ed, 'did.url'],
    ['an empty fragment', `${ed}#`, fragment],
    ['the fragment of another key', `${ed}#${fragmentOf(p256)}`, fragment],
    ['a fragment in other case', `${ed}#${fragmentOf(ed).toLowerCase()}`, fragment],
    ['a fragment that goes on', `${urlOf(ed)}x`, fragment],
    ['two fragments', `${urlOf(ed)}#${fragmentOf(ed)}`, fragment],
    ['a query in the fragment', `${urlOf(ed)}?signedIetfJsonPatch=a`, fragment],
    ['a query', `${ed}?signedIetfJsonPatch=a#${fragmentOf(ed)}`, malformed],
    ['a path', `${ed}/a#${fragmentOf(ed)}`, malformed],
    ['a key alone', `#${fragmentOf(ed)}`, malformed],
    ['too many characters', `${ed}#${'z'.repeat(1_000_000)}`, 'did_key.too_large'],
  ])('with %s is refused', (_name, url, code) => {
    expect(() => dereferenceDidKey(url, 'authentication')).toThrow(expect.objectContaining({ code }));
  });

  const x25519 = `did:key:${edX}`;
  test.each([
    [x25519, 'authentication'],
    [x25519, 'assertionMethod'],
    [x25519, 'capabilityInvocation'],
    [x25519, 'capabilityDelegation'],
    [bls, 'authentication'],
    [bls, 'capabilityInvocation'],
    [bls, 'capabilityDelegation'],
    [bls, 'keyAgreement'],
  ] as const)('of %s does not serve %s', (did, relationship) => {
    expect(() => dereferenceDidKey(urlOf(did), relationship)).toThrow(
      expect.objectContaining({ code: 'did.key_role' }),
    );
  });

  test('is resolved to a key that signs, and to nothing else', () => {
    expect(resolveDidKey(urlOf(p256), 'assertionMethod')).toMatchObject({ controller: p256, jwk: { alg: 'ES256' } });
    const roles = [
      [urlOf(bls), 'assertionMethod', 'did.key_role'],
      [`${ed}#${edX}`, 'keyAgreement', 'did.key_role'],
      [urlOf(ed), 'toString', 'did.relationship'],
      [urlOf(ed), '', 'did.relationship'],
    ] as const;
    for (const [url, purpose, code] of roles) {
      expect(() => resolveDidKey(url, purpose)).toThrow(expect.objectContaining({ code }));
    }
  });
});

test('a key that was decoded is the same object again, as long as it is asked for', () => {
  const { jwk } = parseDidKey(ed);
  expect(parseDidKey(ed).jwk).toBe(jwk);
  expect(Object.isFrozen(parseDidKey(ed))).toBe(true);
  expect(didKeyOf(parseMultikey(fragmentOf(ed)))).toBe(parseDidKey(ed));
});
