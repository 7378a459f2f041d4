import { describe, expect, test } from 'vitest';
import {
  createDidPeer4,
  dereference,
  didKeyDocument,
  didWebOf,
  encodeMultibase,
  type JsonObject,
  type JsonValue,
  keyResolver,
  mayServe,
  parseDidDocument,
  parseDidKey,
  parseDidUrl,
  parseDidWeb,
  resolveDid,
  type VerificationRelationship,
  verificationRelationships,
} from '../src/index.ts';
import { nodePort } from './support/message.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';

const did = 'did:web:example.com';
const ed = 'z6Mkk7yqnGF3YwTrLpqrW6PGsKci7dNqh1CjnvMbzrMerSeL';
const x = 'z6LSmj99jDmtGRf67cjCwaavf1oEdEwMcWZ8mh9Q7yTjWrP3';
const g2 =
  'zUC7DS4KhgobfZMRQNxGWnzutbeDhPitk9ykTAG7PxA1E3oD6UTGZRsdpVW729ViC1ddSNnqJJDm1QAQThYQ94F75cb8NstpHqAQLE175ZymdsWGfNT7H4pdhPhbziV6Vh98izV';
const p256 = parseDidKey('did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv');
const now = Date.parse('2026-11-26T00:00:00Z');

const refusal = (code: string) => expect.objectContaining({ name: 'ProofError', code });

function method(id: string, publicKeyMultibase: string, more: JsonObject = {}): JsonObject {
  return { id: did + id, type: 'Multikey', controller: did, publicKeyMultibase, ...more };
}

function read(members: JsonObject) {
  return parseDidDocument({ id: did, ...members }, did);
}

function find(members: JsonObject, id: string, relationship: VerificationRelationship = 'authentication', at = now) {
  return dereference(read(members), did + id, relationship, at);
}

describe('a key is found', () => {
  const sign = method('#a', ed);
  test('where the relationship lists it, by its absolute or its relative identifier, or holds it', () => {
    for (const authentication of [[`${did}#a`], ['#a']]) {
      expect(find({ verificationMethod: [sign], authentication }, '#a')).toMatchObject({
        keyType: 'Ed25519',
        id: `${did}#a`,
      });
    }
    expect(find({ authentication: [{ ...sign, id: '#a' }] }, '#a').multikey).toBe(ed);
  });

  test.each(verificationRelationships)('for %s only where that lists it', (name) => {
    const others = verificationRelationships.filter((one) => one !== name);
    const members = { verificationMethod: [sign], ...Object.fromEntries(others.map((one) => [one, ['#a']])) };
    expect(() => find(members, '#a', name)).toThrow(refusal('did.relationship'));
  });

  test('not where it is held for another purpose', () => {
    expect(() => find({ assertionMethod: [sign] }, '#a')).toThrow(refusal('did.relationship'));
  });

  test('not where another DID controls it, whoever lists it', () => {
    const foreign = { ...sign, controller: 'did:web:other.test' };
    expect(() => find({ verificationMethod: [foreign], authentication: ['#a'] }, '#a')).toThrow(
      refusal('did.method_controller'),
    );
  });

  test('not under the name of another document, in whatever spelling', () => {
    const members = { verificationMethod: [sign, method('#b', x)], authentication: ['#a', 'did:web:other.test#a'] };
    const document = read(members);
    for (const url of [
      'did:web:other.test#a',
      '#a',
      `${did}#A`,
      `${did}#%61`,
      `${did}?a=b#a`,
      `${did}/#a`,
      did,
      '__proto__',
    ]) {
      expect(() => dereference(document, url, 'authentication', now)).toThrow(refusal('did.method_unknown'));
    }
  });

  test.each<[string, VerificationRelationship]>([
    [x, 'authentication'],
    [x, 'capabilityInvocation'],
    [ed, 'keyAgreement'],
    [g2, 'authentication'],
    [g2, 'capabilityDelegation'],
  ])('of the type of %s not for %s, whatever the document says', (key, name) => {
    expect(() => find({ verificationMethod: [method('#a', key)], [name]: ['#a'] }, '#a', name)).toThrow(
      refusal('did.key_role'),
    );
  });

  test.each<[JsonObject, boolean]>([
    [{ expires: '2026-11-26T00:00:01Z' }, true],
    [{ revoked: '2027-01-01T00:00:00Z', expires: '2028-01-01T00:00:00Z' }, true],
    [{ expires: '2026-11-26T00:00:00Z' }, false],
    [{ revoked: '2020-01-01T00:00:00Z', expires: '2028-01-01T00:00:00Z' }, false],
    [{ revoked: 'yes' }, false],
    [{ revoked: null }, false],
    [{ expires: '2028-01-01' }, false],
  ])('until its end: %j', (end, isGood) => {
    const members = { verificationMethod: [method('#a', ed, end)], authentication: ['#a'] };
    if (isGood) expect(find(members, '#a').multikey).toBe(ed);
    else expect(() => find(members, '#a')).toThrow(refusal('did.method_ended'));
    expect(() => find(members, '#a', 'authentication', Number.NaN)).toThrow(refusal('did.method_ended'));
  });
});

describe('a method', () => {
  const { jwk = {} } = p256;
  const { alg: _alg, ...numbers } = jwk as JsonObject;
  test.each<[string, JsonObject, string]>([
    ['Multikey', { publicKeyMultibase: ed }, 'Ed25519'],
    ['Ed25519VerificationKey2020', { publicKeyMultibase: ed }, 'Ed25519'],
    ['X25519KeyAgreementKey2020', { publicKeyMultibase: x }, 'X25519'],
    ['JsonWebKey', { publicKeyJwk: numbers }, 'P-256'],
    ['JsonWebKey2020', { publicKeyJwk: numbers }, 'P-256'],
  ])('of the type %s', (type, material, keyType) => {
    const { verificationMethods } = read({ verificationMethod: [{ id: '#a', type, controller: did, ...material }] });
    expect(verificationMethods.get(`${did}#a`)).toMatchObject({ keyType });
  });

  test.each<[string, JsonObject]>([
    ['of a type that does not exist here', { type: 'EcdsaSecp256k1VerificationKey2019', publicKeyBase58: 'a' }],
    ['of a type of every object', { type: 'toString' }],
    [
      'with a key on another curve',
      { type: 'JsonWebKey', publicKeyJwk: { kty: 'EC', crv: 'secp256k1', x: 'a', y: 'b' } },
    ],
    ['with a key of RSA, which is in no Multikey', { type: 'Multikey', publicKeyMultibase: `z${'4'.repeat(400)}` }],
    [
      'with a codec that does not exist here',
      { type: 'Multikey', publicKeyMultibase: 'zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme' },
    ],
  ])('%s is left out, and the others stay', (_name, members) => {
    const unknown = { id: '#b', controller: did, ...members };
    const document = read({ verificationMethod: [unknown, method('#a', ed)], authentication: ['#b', '#a'] });
    expect([...document.verificationMethods.keys()]).toEqual([`${did}#a`]);
    expect(() => dereference(document, `${did}#b`, 'authentication', now)).toThrow(refusal('did.method_unknown'));
  });

  const a = { id: '#a', controller: did };
  const unsound = encodeMultibase(Uint8Array.from([0xed, 1, 1, ...new Uint8Array(31)]));
  test.each<[string, JsonValue, string]>([
    ['that is a text', ['#a'], 'did.document'],
    ['in no list', { ...a, type: 'Multikey', publicKeyMultibase: ed }, 'did.document'],
    ['without identifier', [{ controller: did, type: 'Multikey', publicKeyMultibase: ed }], 'did.document'],
    ['without fragment', [{ ...a, id: did, type: 'Multikey', publicKeyMultibase: ed }], 'did.document'],
    ['without type', [{ ...a, publicKeyMultibase: ed }], 'did.document'],
    ['without controller', [{ id: '#a', type: 'Multikey', publicKeyMultibase: ed }], 'did.document'],
    ['without key', [{ ...a, type: 'Multikey' }], 'did.document'],
    ['with two keys', [{ ...a, type: 'Multikey', publicKeyMultibase: ed, publicKeyJwk: numbers }], 'did.document'],
    [
      'with a key in the member of another type',
      [{ ...a, type: 'JsonWebKey', publicKeyMultibase: ed }],
      'did.document',
    ],
    [
      'with a key of another type',
      [{ ...a, type: 'Ed25519VerificationKey2020', publicKeyMultibase: x }],
      'did.document',
    ],
    ['with a private key', [{ ...a, type: 'JsonWebKey', publicKeyJwk: { ...numbers, d: 'AA' } }], 'multikey.jwk'],
    ['with an unsound key', [{ ...a, type: 'Multikey', publicKeyMultibase: unsound }], 'multikey.point'],
    ['with a key that is a number', [{ ...a, type: 'Multikey', publicKeyMultibase: 1 }], 'multikey.jwk'],
    ['twice', [method('#a', ed), { ...method('#a', x), id: '#a' }], 'did.method_repeated'],
    ['twice, once of an unknown type', [{ ...a, type: 'Unknown' }, method('#a', ed)], 'did.method_repeated'],
    ['seventeen times', Array.from({ length: 17 }, (_, i) => method(`#${i}`, ed)), 'did.document'],
    ['three times, slowly', Array.from({ length: 3 }, (_, i) => method(`#${i}`, g2)), 'did.document'],
    ['65 times', Array.from({ length: 65 }, () => method('#a', ed)), 'did.document'],
  ])('%s refuses the document', (_name, verificationMethod, code) => {
    expect(() => read({ verificationMethod })).toThrow(refusal(code));
  });

  test('that is held by two relationships under one name refuses the document', () => {
    const one = method('#a', ed);
    expect(() => read({ authentication: [one], assertionMethod: [one] })).toThrow(refusal('did.method_repeated'));
  });
});

test.each<[string, JsonValue, string]>([
  ['nothing', null, 'did.document'],
  ['a list', [], 'did.document'],
  ['no id', {}, 'did.document_id'],
  ['the id of another', { id: 'did:web:other.test' }, 'did.document_id'],
  ['a relationship that is a text', { id: did, authentication: '#a' }, 'did.document'],
  ['a reference that is a number', { id: did, authentication: [1] }, 'did.document'],
  ['a reference without fragment', { id: did, authentication: [did] }, 'did.document'],
])('a document that is %s is refused', (_name, json, code) => {
  expect(() => parseDidDocument(json, did)).toThrow(refusal(code));
});

describe('a DID URL', () => {
  test('is a DID and a fragment', () => {
    expect(parseDidUrl('did:web:a.test%3A1:b#key-1')).toEqual({ did: 'did:web:a.test%3A1:b', fragment: '#key-1' });
  });

  test.each([
    ...[
      '',
      '#a',
      'did:web:a.test',
      'did:web:a.test#',
      'did:web:a.test/p#a',
      'did:web:a.test?q#a',
      'did:web:a.test;s=1#a',
    ],
    ...['did:web:a.test#a?q', 'did:web:a.test#a#b', 'did:web:a.test#a/b', 'did:web:a.test#%61', 'DID:web:a.test#a'],
    ...['did:Web:a.test#a', 'did::a#a', 'did:web:#a', ' did:web:a.test#a', 'did:web:a.test#a\n', 'https://a.test#a'],
    ...[`did:web:a.test#${'a'.repeat(257)}`, `did:web:${'a'.repeat(1_000_000)}#a`],
  ])('is not %j', (url) => {
    expect(() => parseDidUrl(url)).toThrow(refusal('did.url'));
  });
});

describe('did:web', () => {
  test.each([
    ['did:web:example.com', 'https://example.com/.well-known/did.json', 'example.com', []],
    ['did:web:example.com%3A3000', 'https://example.com:3000/.well-known/did.json', 'example.com:3000', []],
    [
      'did:web:example.com%3A3000:user:Alice_1.b-c',
      'https://example.com:3000/user/Alice_1.b-c/did.json',
      'example.com:3000',
      ['user', 'Alice_1.b-c'],
    ],
    [
      'did:web:xn--bcher-kva.example',
      'https://xn--bcher-kva.example/.well-known/did.json',
      'xn--bcher-kva.example',
      [],
    ],
    [
      'did:web:localhost%3A8443:realms:dev',
      'https://localhost:8443/realms/dev/did.json',
      'localhost:8443',
      ['realms', 'dev'],
    ],
  ])('%s is at %s', (text, url, host, path) => {
    expect(parseDidWeb(text)).toEqual({ did: text, host, url });
    expect(didWebOf(host, path).did).toBe(text);
  });

  const host = 'did_web.host';
  const path = 'did_web.path';
  test.each([
    ['', 'did_web.malformed'],
    ['did:key:example.com', 'did_web.malformed'],
    [`did:web:${'a.'.repeat(1_000)}com`, 'did_web.malformed'],
    ['did:web:', host],
    ['did:web:Example.com', host],
    ['did:web:bücher.example', host],
    ['did:web:127.0.0.1', host],
    ['did:web:127.1', host],
    ['did:web:2130706433', host],
    ['did:web:0x7f000001', host],
    ['did:web:a.0x7f', host],
    ['did:web:[::1]', host],
    ['did:web:%5B::1%5D', host],
    ['did:web:example.com.', host],
    ['did:web:.example.com', host],
    ['did:web:a..b', host],
    ['did:web:-a.test', host],
    ['did:web:a-.test', host],
    ['did:web:a_b.test', host],
    [`did:web:${'a'.repeat(64)}.test`, host],
    [`did:web:${'a.'.repeat(126)}com`, host],
    ['did:web:user@a.test', host],
    ['did:web:a.test@b.test', host],
    ['did:web:a.test%2Fb', host],
    ['did:web:a.test%3a3000', host],
    ['did:web:a.test%3A', host],
    ['did:web:a.test%3A0', host],
    ['did:web:a.test%3A0443', host],
    ['did:web:a.test%3A443', host],
    ['did:web:a.test%3A65536', host],
    ['did:web:a.test%3A1%3A2', host],
    ['did:web:a.test#b', host],
    ['did:web:a.test/b', host],
    ['did:web:a.test?b', host],
    ['did:web:a.test:', path],
    ['did:web:a.test::b', path],
    ['did:web:a.test:.', path],
    ['did:web:a.test:..:b', path],
    ['did:web:a.test:%2e%2e', path],
    ['did:web:a.test:b%2Fc', path],
    ['did:web:a.test:b/c', path],
    ['did:web:a.test:b?c', path],
    ['did:web:a.test:b#c', path],
    ['did:web:a.test:b\\c', path],
    ['did:web:a.test:é', path],
    ['did:web:a.test:b\n', path],
  ])('%j is refused', (text, code) => {
    expect(() => parseDidWeb(text)).toThrow(refusal(code));
  });
});

describe('a resolver', () => {
  const source = { crypto: nodePort };

  test('knows what a DID says of itself, and asks for the rest', async () => {
    const asked: string[] = [];
    const known = (one: string) => {
      asked.push(one);
      return one === did
        ? read({
            verificationMethod: [method('#a', ed), method('#b', x), method('#c', g2)],
            authentication: ['#a', '#b'],
            assertionMethod: ['#c'],
          })
        : undefined;
    };
    const resolve = keyResolver({ crypto: nodePort, known }, now);
    expect(await resolve(p256.verificationMethod, 'authentication')).toMatchObject({ controller: p256.did });
    expect(asked).toEqual([]);
    expect(await resolve(`${did}#a`, 'authentication')).toMatchObject({ controller: did, jwk: { crv: 'Ed25519' } });
    await expect(resolve(`${did}#b`, 'authentication')).rejects.toEqual(refusal('did.key_role'));
    await expect(resolve(`${did}#c`, 'assertionMethod')).rejects.toEqual(refusal('did.key_role'));
    await expect(resolve(`${did}#a`, 'constructor')).rejects.toEqual(refusal('did.relationship'));
    await expect(resolve('did:web:other.test#a', 'authentication')).rejects.toEqual(refusal('did.unknown'));
    await expect(resolve(`${did}?versionId=1#a`, 'authentication')).rejects.toEqual(refusal('did.url'));
    expect(asked).toEqual([did, did, did, 'did:web:other.test']);
  });

  test('does not take the document of one DID for another', async () => {
    const known = async () => read({ verificationMethod: [method('#a', ed)], authentication: ['#a'] });
    const resolve = keyResolver({ crypto: nodePort, known }, now);
    await expect(resolve('did:web:other.test#a', 'authentication')).rejects.toEqual(refusal('did.document_id'));
  });

  test('says the short form of a did:peer:4 whichever is presented', async () => {
    const input = {
      verificationMethod: [{ id: '#a', type: 'Multikey', publicKeyMultibase: ed }],
      authentication: ['#a'],
    };
    const { long, short, document } = await createDidPeer4(input, nodePort);
    const known = (one: string) => (one === short ? document : undefined);
    const resolve = keyResolver({ crypto: nodePort, known }, now);
    for (const url of [`${long}#a`, `${short}#a`]) {
      expect((await resolve(url, 'authentication')).controller).toBe(short);
    }
    await expect(resolve(`${short}#b`, 'authentication')).rejects.toEqual(refusal('did.method_unknown'));
    const forged = `${long.slice(0, -1)}${long.endsWith('a') ? 'b' : 'a'}#a`;
    await expect(resolve(forged, 'authentication')).rejects.toEqual(refusal('did_peer.hash'));
  });

  test('gives a did:key a document that lists its key for what it is for', async () => {
    for (const text of [p256.did, `did:key:${ed}`, `did:key:${x}`, `did:key:${g2}`]) {
      const key = parseDidKey(text);
      const document = await resolveDid(text, source);
      expect(document.json.id).toBe(text);
      for (const name of verificationRelationships) {
        const own = mayServe(key.keyType, name);
        const derived = key.keyType === 'Ed25519' && name === 'keyAgreement';
        expect(document.relationships[name].size).toBe(own || derived ? 1 : 0);
        expect(document.relationships[name].has(key.verificationMethod)).toBe(own);
      }
    }
  });
});

test.skipIf(!vectorsPresent)(
  'the documents of did-method-key list the same keys, but for the roles that BLS12-381 has not',
  () => {
    for (const file of ['ed25519-x25519', 'bls12381']) {
      const vectors = readVector(`did-key/${file}.json`) as Record<string, { didDocument: JsonObject }>;
      for (const [text, { didDocument }] of Object.entries(vectors).filter(([one]) => !one.includes(':z5Tc'))) {
        const document = didKeyDocument(parseDidKey(text));
        for (const name of verificationRelationships) {
          const listed = [...document.relationships[name]];
          expect((didDocument[name] ?? []) as string[]).toEqual(expect.arrayContaining(listed));
          if (file !== 'bls12381') expect(listed).toEqual(didDocument[name]);
        }
      }
    }
  },
);
