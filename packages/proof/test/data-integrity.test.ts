import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type CryptoPort,
  createDataIntegrityProof,
  type DataIntegrityExpectation,
  type DataIntegrityOptions,
  type DataIntegritySigner,
  didKeyOf,
  encodeMultibase,
  formatInstant,
  type JsonObject,
  type JsonValue,
  multikeyFromJwk,
  parseDidKey,
  parseJson,
  resolveDidKey,
  verifyDataIntegrityProof,
} from '../src/index.ts';
import { parsed } from './support/keys.ts';
import { nodePort } from './support/message.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';
import { webPort } from './support/web-port.ts';

interface Prover {
  readonly did: string;
  readonly verificationMethod: string;
  readonly signer: DataIntegritySigner;
}

function prover(alg: 'Ed25519' | 'ES256'): Prover {
  const pair = alg === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { did, verificationMethod } = didKeyOf(multikeyFromJwk(parsed(pair.publicKey.export({ format: 'jwk' }))));
  return { did, verificationMethod, signer: { alg, crypto: nodePort, sign: signing(alg, pair.privateKey) } };
}

function signing(alg: 'Ed25519' | 'ES256', key: KeyObject): DataIntegritySigner['sign'] {
  if (alg === 'Ed25519') return (data) => sign(null, data, key);
  return (data) => sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
}

const alice = prover('Ed25519');
const bob = prover('ES256');
const now = Date.parse('2026-11-26T12:00:00Z');
const document: JsonObject = {
  '@context': ['https://w3id.org/zcap/v1', 'https://w3id.org/security/data-integrity/v2'],
  id: 'urn:uuid:1',
  list: [1, 2.5, null, { b: 'ü', a: '\u0000' }],
};

function secure(changes: Partial<DataIntegrityOptions> = {}, by = alice, from: JsonObject = document) {
  const options = { verificationMethod: by.verificationMethod, purpose: 'capabilityInvocation', created: now };
  return createDataIntegrityProof(from, { ...options, ...changes }, by.signer);
}

const expected: DataIntegrityExpectation = {
  crypto: nodePort,
  purpose: 'capabilityInvocation',
  now,
  resolve: resolveDidKey,
};

function verifying(secured: JsonValue, changes: Partial<DataIntegrityExpectation> = {}) {
  return verifyDataIntegrityProof(secured, { ...expected, ...changes });
}

function refusal(code: string) {
  return expect.objectContaining({ name: 'ProofError', code });
}

/** Signs whatever configuration it is given: a prover that has the key and no manners. */
async function signRaw(config: JsonObject, body: JsonObject, by = alice): Promise<JsonObject> {
  let data: Uint8Array = new Uint8Array();
  const spy: CryptoPort = {
    ...nodePort,
    verify: (_alg, _jwk, signed) => {
      data = signed;
      return true;
    },
  };
  const lenient = { ...expected, crypto: spy, resolve: () => ({ jwk: jwkOf(by), controller: by.did }) };
  const placeholder = { ...body, proof: { ...config, proofValue: encodeMultibase(new Uint8Array(64).fill(7)) } };
  await verifyDataIntegrityProof(placeholder, { ...lenient, ...lenience(config) });
  return { ...body, proof: { ...config, proofValue: encodeMultibase(await by.signer.sign(data)) } };
}

function jwkOf({ did }: Prover) {
  const { jwk } = parseDidKey(did);
  if (jwk === undefined) throw new Error(did);
  return jwk;
}

function lenience({ proofPurpose, domain, challenge }: JsonObject): Partial<DataIntegrityExpectation> {
  const one = Array.isArray(domain) ? domain[0] : domain;
  return {
    purpose: proofPurpose as string,
    domain: one as string | undefined,
    challenge: challenge as string | undefined,
  };
}

describe('what was signed verifies', () => {
  test.each([
    ['eddsa-jcs-2022', alice, nodePort],
    ['eddsa-jcs-2022', alice, webPort],
    ['ecdsa-jcs-2019', bob, nodePort],
    ['ecdsa-jcs-2019', bob, webPort],
  ] as const)('%s', async (cryptosuite, by, crypto) => {
    const secured = await secure({}, by);
    const { did: controller, verificationMethod } = by;
    const verified = await verifying(secured, { crypto });
    expect(verified).toMatchObject({ cryptosuite, verificationMethod, controller, document, created: now });
    expect(verified.proof).toBe(secured.proof);
    expect(verified.key).toBe(jwkOf(by));
    expect('proof' in verified.document).toBe(false);
  });

  test('in any order of members and spelling of JSON', async () => {
    const secured = await secure();
    const entries = Object.entries(secured).reverse();
    const text = JSON.stringify(Object.fromEntries(entries), null, 3)
      .replaceAll('2.5', '25e-1')
      .replace('ü', '\\u00fc');
    const read = parseJson(text);
    if (!read.ok) throw new Error(read.reason);
    expect((await verifying(read.value)).document).toEqual(document);
  });

  test('members of the proof that mean nothing here are signed and kept', async () => {
    const secured = await secure({ members: { capability: 'urn:zcap:root:a', 'x-other': { deep: [1] }, nonce: 'n' } });
    const { proof } = await verifying(secured);
    expect(proof).toMatchObject({ capability: 'urn:zcap:root:a', 'x-other': { deep: [1] }, nonce: 'n' });
    for (const name of ['capability', 'x-other', 'nonce']) {
      const { [name]: _gone, ...rest } = secured.proof;
      await expect(verifying({ ...secured, proof: rest })).rejects.toEqual(refusal('integrity.signature'));
    }
    await expect(verifying({ ...secured, proof: { ...secured.proof, more: 1 } })).rejects.toEqual(
      refusal('integrity.signature'),
    );
  });

  test('a proof replaces the one that is there', async () => {
    const twice = await createDataIntegrityProof(
      await secure({ purpose: 'authentication' }),
      { verificationMethod: alice.verificationMethod, purpose: 'capabilityInvocation', created: now },
      alice.signer,
    );
    expect((await verifying(twice)).document).toEqual(document);
  });

  test('no member of the document may change, come or go', async () => {
    const secured = await secure();
    const changed: JsonObject[] = [
      { ...secured, id: 'urn:uuid:2' },
      { ...secured, more: null },
      { ...secured, list: [2.5, 1, null, { b: 'ü', a: '\u0000' }] },
      { ...secured, list: undefined },
      { ...secured, list: [1, 2.5, null, { b: 'u\u0308', a: '\u0000' }] },
      JSON.parse(JSON.stringify(secured).replace('{', '{"__proto__":{"id":1},')) as JsonObject,
    ];
    for (const one of changed) await expect(verifying(one)).rejects.toEqual(refusal('integrity.signature'));
  });

  test('not by another key, nor by a key of another suite', async () => {
    const secured = await secure();
    const another = prover('Ed25519');
    await expect(
      verifying(secured, { resolve: () => ({ jwk: jwkOf(another), controller: another.did }) }),
    ).rejects.toEqual(refusal('integrity.signature'));
    await expect(verifying(secured, { resolve: () => ({ jwk: jwkOf(bob), controller: bob.did }) })).rejects.toEqual(
      refusal('integrity.key_type'),
    );
    await expect(verifying(secured, { resolve: () => undefined })).rejects.toEqual(refusal('integrity.key_unknown'));
    await expect(verifying(secured, { resolve: async () => undefined })).rejects.toEqual(
      refusal('integrity.key_unknown'),
    );
  });
});

const base = {
  type: 'DataIntegrityProof',
  cryptosuite: 'eddsa-jcs-2022',
  created: formatInstant(now),
  verificationMethod: alice.verificationMethod,
  proofPurpose: 'capabilityInvocation',
};

describe('the context', () => {
  const [one, two, three] = ['https://a.test/1', 'https://a.test/2', { '@vocab': 'https://a.test/' }];

  test.each<[string, JsonValue, JsonValue]>([
    ['the same list', [one, two], [one, two]],
    ['the start of the list', [one, two, three], [one, two]],
    ['the start of the list, alone', [one, two], one],
    ['the only one, alone', [one], one],
    ['the only one, as a list', one, [one]],
    ['an object as well', [one, three], [one, { '@vocab': 'https://a.test/' }]],
  ])('of the proof is %s: it is the one that was signed', async (_name, presented, signed) => {
    const secured = await signRaw({ ...base, '@context': signed }, { '@context': signed, id: 'a' });
    const verified = await verifying({ ...secured, '@context': presented });
    expect(verified.document).toEqual({ '@context': signed, id: 'a' });
  });

  test.each<[string, JsonValue | undefined]>([
    ['is absent', undefined],
    ['is in another order', [two, one]],
    ['is shorter', [one]],
    ['starts with another', [three, one, two]],
    ['is a text of both', `${one},${two}`],
    ['is null', null],
  ])('of the document %s: refused', async (_name, presented) => {
    const secured = await signRaw({ ...base, '@context': [one, two] }, { '@context': [one, two], id: 'a' });
    await expect(verifying({ ...secured, '@context': presented })).rejects.toEqual(refusal('integrity.context'));
  });

  test('that the proof does not have is covered by the document', async () => {
    const secured = await signRaw(base, { '@context': [one, two], id: 'a' });
    expect((await verifying(secured)).document).toEqual({ '@context': [one, two], id: 'a' });
    await expect(verifying({ ...secured, '@context': [one] })).rejects.toEqual(refusal('integrity.signature'));
  });

  test('is not invented where the document has none', async () => {
    const secured = await secure({}, alice, { id: 'a' });
    expect('@context' in secured.proof).toBe(false);
    expect((await verifying(secured)).document).toEqual({ id: 'a' });
  });
});

describe('refused, each with its own reason', () => {
  const good = secure();
  async function withProof(changes: JsonObject): Promise<JsonObject> {
    const secured = await good;
    return { ...secured, proof: { ...secured.proof, ...changes } };
  }

  test.each<[string, JsonValue, string]>([
    ['no document', null, 'integrity.document'],
    ['a text', 'a', 'integrity.document'],
    ['a list', [], 'integrity.document'],
    ['no proof', { id: 'a' }, 'integrity.proof_missing'],
    ['a proof that is null', { proof: null }, 'integrity.proof_missing'],
    ['a proof that is a text', { proof: 'z' }, 'integrity.proof_missing'],
    ['no proof in a list', { proof: [] }, 'integrity.proof_set'],
    ['a proof in a list', { proof: [base] }, 'integrity.proof_set'],
  ])('%s', async (_name, secured, code) => {
    await expect(verifying(secured)).rejects.toEqual(refusal(code));
  });

  const value64 = encodeMultibase(new Uint8Array(64).fill(1));
  test.each<[string, JsonObject, string]>([
    ['another type', { type: 'Ed25519Signature2020' }, 'integrity.type'],
    ['a list of types', { type: ['DataIntegrityProof'] }, 'integrity.type'],
    ['no suite', { cryptosuite: undefined }, 'integrity.cryptosuite'],
    ['a suite of RDF', { cryptosuite: 'eddsa-rdfc-2022' }, 'integrity.cryptosuite'],
    ['a name of every object', { cryptosuite: 'toString' }, 'integrity.cryptosuite'],
    ['the other suite', { cryptosuite: 'ecdsa-jcs-2019' }, 'integrity.key_type'],
    ['a proof before it', { previousProof: 'urn:uuid:2' }, 'integrity.previous_proof'],
    ['no value', { proofValue: undefined }, 'integrity.proof_value'],
    ['a value without prefix', { proofValue: value64.slice(1) }, 'integrity.proof_value'],
    ['a value in base64url', { proofValue: `u${Buffer.alloc(64, 1).toString('base64url')}` }, 'integrity.proof_value'],
    ['a value of 63 bytes', { proofValue: encodeMultibase(Buffer.alloc(63, 1)) }, 'integrity.proof_value'],
    ['a value of 65 bytes', { proofValue: encodeMultibase(Buffer.alloc(65, 1)) }, 'integrity.proof_value'],
    ['a zero byte before the value', { proofValue: `z1${value64.slice(1)}` }, 'integrity.proof_value'],
    ['a value of ten million characters', { proofValue: `z${'2'.repeat(10_000_000)}` }, 'integrity.proof_value'],
    ['a list of values', { proofValue: [value64] }, 'integrity.proof_value'],
    ['the value of something else', { proofValue: value64 }, 'integrity.signature'],
    ['no purpose', { proofPurpose: undefined }, 'integrity.purpose'],
    ['another purpose', { proofPurpose: 'authentication' }, 'integrity.purpose'],
    ['a list of purposes', { proofPurpose: ['capabilityInvocation'] }, 'integrity.purpose'],
    ['a domain', { domain: 'a.test' }, 'integrity.domain'],
    ['a domain that is null', { domain: null }, 'integrity.domain'],
    ['a list of no domain', { domain: [null] }, 'integrity.domain'],
    ['a challenge', { challenge: 'c' }, 'integrity.challenge'],
    ['no verification method', { verificationMethod: undefined }, 'integrity.verification_method'],
    ['a method in full', { verificationMethod: { id: 'did:key:z' } }, 'integrity.verification_method'],
    ['a method of 20,000 characters', { verificationMethod: 'd'.repeat(20_000) }, 'integrity.verification_method'],
    ['a method that is a DID', { verificationMethod: alice.did }, 'did.url'],
    ['no time', { created: undefined }, 'integrity.created'],
    ['a time without zone', { created: '2026-11-26T12:00:00' }, 'integrity.created'],
    ['a time as a number', { created: now }, 'integrity.created'],
    ['a time to come', { created: '2026-11-26T12:00:00.001Z' }, 'integrity.created_in_future'],
    ['an end without zone', { expires: '2026-11-27T12:00:00' }, 'integrity.expires'],
    ['an end that is null', { expires: null }, 'integrity.expires'],
    ['an end at its start', { expires: '2026-11-26T12:00:00Z' }, 'integrity.expires'],
    ['another end', { expires: '2026-11-27T12:00:00Z' }, 'integrity.signature'],
  ])('%s', async (_name, changes, code) => {
    await expect(verifying(await withProof(changes))).rejects.toEqual(refusal(code));
  });

  test('a suite that is not allowed here', async () => {
    await expect(verifying(await good, { cryptosuites: ['ecdsa-jcs-2019'] })).rejects.toEqual(
      refusal('integrity.cryptosuite'),
    );
  });

  test('a document that is nested too deeply', async () => {
    const secured = await good;
    const deep = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as JsonValue;
    await expect(verifying({ ...secured, deep })).rejects.toEqual(refusal('jcs.depth'));
    await expect(verifying(await withProof({ deep }))).rejects.toEqual(refusal('jcs.depth'));
  });

  test('a number that no text stands for', async () => {
    await expect(verifying({ ...(await good), n: Number.POSITIVE_INFINITY })).rejects.toEqual(refusal('jcs.number'));
  });
});

describe('domain and challenge', () => {
  test('are those that we expect', async () => {
    const secured = await secure({ domain: 'https://wallet.test', challenge: 'c-1' });
    const ours = { domain: 'https://wallet.test', challenge: 'c-1' };
    await expect(verifying(secured, ours)).resolves.toMatchObject({ document });
    await expect(verifying(secured, { ...ours, domain: 'https://wallet.test/' })).rejects.toEqual(
      refusal('integrity.domain'),
    );
    await expect(verifying(secured, { ...ours, challenge: 'c-2' })).rejects.toEqual(refusal('integrity.challenge'));
    await expect(verifying(secured, { domain: ours.domain })).rejects.toEqual(refusal('integrity.challenge'));
    await expect(verifying(await secure(), ours)).rejects.toEqual(refusal('integrity.domain'));
  });

  test('of several domains one is ours', async () => {
    const secured = await signRaw({ ...base, domain: ['a.test', 'b.test'] }, { id: 'a' });
    for (const domain of ['a.test', 'b.test']) expect((await verifying(secured, { domain })).document.id).toBe('a');
    await expect(verifying(secured, { domain: 'a.test,b.test' })).rejects.toEqual(refusal('integrity.domain'));
    await expect(verifying(secured)).rejects.toEqual(refusal('integrity.domain'));
  });
});

describe('time', () => {
  test('a proof is good from its creation to before its end, give or take the tolerance', async () => {
    const secured = await secure({ expires: now + 60_000 });
    const clockTolerance = 5_000;
    for (const at of [0, 59_999]) expect((await verifying(secured, { now: now + at })).expires).toBe(now + 60_000);
    await expect(verifying(secured, { now: now - 1 })).rejects.toEqual(refusal('integrity.created_in_future'));
    await expect(verifying(secured, { now: now + 60_000 })).rejects.toEqual(refusal('integrity.expired'));
    for (const at of [-5_000, 64_999])
      expect((await verifying(secured, { now: now + at, clockTolerance })).created).toBe(now);
    await expect(verifying(secured, { now: now - 5_001, clockTolerance })).rejects.toEqual(
      refusal('integrity.created_in_future'),
    );
    await expect(verifying(secured, { now: now + 65_000, clockTolerance })).rejects.toEqual(
      refusal('integrity.expired'),
    );
  });

  test('a proof is no older than we allow', async () => {
    const secured = await secure();
    await expect(verifying(secured, { now: now + 60_000, maxAge: 60_000 })).resolves.toMatchObject({ created: now });
    await expect(verifying(secured, { now: now + 60_001, maxAge: 60_000 })).rejects.toEqual(refusal('integrity.stale'));
    await expect(verifying(secured, { now: now + 10 ** 12 })).resolves.toMatchObject({ expires: undefined });
  });

  test('a present that is not a number accepts nothing', async () => {
    const secured = await secure({ expires: now + 60_000 });
    await expect(verifying(secured, { now: Number.NaN })).rejects.toEqual(refusal('integrity.created_in_future'));
    await expect(verifying(secured, { maxAge: Number.NaN })).rejects.toEqual(refusal('integrity.stale'));
  });
});

describe('no proof is made', () => {
  test.each([
    ['at no time', { created: Number.NaN }, 'integrity.created'],
    ['between two milliseconds', { created: now + 0.5 }, 'integrity.created'],
    ['in the year 10000', { created: Date.UTC(10_000, 0) }, 'integrity.created'],
    ['that ends at no time', { expires: Number.POSITIVE_INFINITY }, 'integrity.expires'],
    ['that ends before it starts', { expires: now }, 'integrity.expires'],
    ['with a member that it has anyway', { members: { proofPurpose: 'authentication' } }, 'integrity.member'],
    ['with a value of its own', { members: { proofValue: 'z' } }, 'integrity.member'],
    ['with a lone surrogate', { challenge: '\ud800' }, 'jcs.lone_surrogate'],
  ])('%s', async (_name, changes, code) => {
    await expect(secure(changes)).rejects.toEqual(refusal(code));
  });

  test('by an RSA key, or by a port that answers in DER', async () => {
    const options = { verificationMethod: alice.verificationMethod, purpose: 'authentication', created: now };
    const rsa = { ...alice.signer, alg: 'RS256' } as const;
    await expect(createDataIntegrityProof(document, options, rsa)).rejects.toEqual(refusal('integrity.key_type'));
    const der = { ...bob.signer, sign: () => new Uint8Array(71) };
    await expect(createDataIntegrityProof(document, options, der)).rejects.toEqual(
      refusal('integrity.signature_length'),
    );
  });
});

describe.skipIf(!vectorsPresent)('the test vectors of vc-di-eddsa', () => {
  test('eddsa-jcs-2022, with every hash on the way', async () => {
    const vectors = readVector('data-integrity/vc-di-eddsa-TestVectors.json') as Record<string, JsonValue>;
    const named = (name: string) => vectors[`eddsa-jcs-2022/${name}`] as JsonValue;
    const hashes: string[] = [];
    const inputs: string[] = [];
    let signed: string | undefined;
    const watched: CryptoPort = {
      sha256: (bytes) => {
        inputs.push(new TextDecoder().decode(bytes));
        const digest = nodePort.sha256(bytes) as Uint8Array;
        hashes.push(Buffer.from(digest).toString('hex'));
        return digest;
      },
      verify: (alg, jwk, data, signature) => {
        signed = Buffer.from(data).toString('hex');
        expect(Buffer.from(signature).toString('hex')).toBe(named('sigHexJCS.txt'));
        return nodePort.verify(alg, jwk, data, signature);
      },
    };
    const verified = await verifying(named('signedJCS.json'), { crypto: watched, purpose: 'assertionMethod' });
    expect(hashes).toEqual([named('proofHashJCS.txt'), named('docHashJCS.txt')]);
    expect(inputs.map((text) => JSON.parse(text))).toEqual([named('proofCanonJCS.txt'), named('canonDocJCS.txt')]);
    expect(signed).toBe(named('combinedHashJCS.txt'));
    const { proofValue, ...config } = verified.proof;
    expect(proofValue).toBe(named('sigBTC58JCS.txt'));
    expect(config).toEqual(named('proofConfigJCS.json'));
  });

  test('proofs of other suites, sets and chains are refused', async () => {
    const vectors = readVector('data-integrity/vc-di-eddsa-TestVectors.json') as Record<string, JsonObject>;
    const others = Object.entries(vectors).filter(([name, value]) => {
      return !name.startsWith('eddsa-jcs') && typeof value === 'object' && value.proof !== undefined;
    });
    expect(others.length).toBeGreaterThan(5);
    for (const [, secured] of others) {
      await expect(verifying(secured, { purpose: 'assertionMethod' })).rejects.toMatchObject({
        code: expect.stringMatching(/^integrity\.(type|cryptosuite|proof_set|previous_proof)$/),
      });
    }
  });

  test('the capabilities of the shared vectors, each of their proofs', async () => {
    const { accept } = readVector('zcap/zcap-v03-eddsa-jcs.json') as { accept: { doc: JsonObject }[] };
    const delegated = accept.map(({ doc }) => doc).filter(({ proof }) => methodOf(proof).startsWith('did:key:'));
    expect(delegated.length).toBeGreaterThan(1);
    for (const doc of delegated) {
      const at = Date.parse('2026-11-22T00:05:30Z');
      expect((await verifying(doc, { now: at })).controller).toMatch(/^did:key:/);
    }
  });
});

function methodOf(proof: JsonValue | undefined): string {
  return (proof as { verificationMethod: string }).verificationMethod;
}
