/** Digital Bazaar's implementation of eddsa-jcs-2022 and ours, each verifying what the other signed. */
import { DataIntegrityProof } from '@digitalbazaar/data-integrity';
import { generate, type KeyPair } from '@digitalbazaar/ed25519-multikey';
import { createSignCryptosuite, createVerifyCryptosuite } from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import {
  createDataIntegrityProof,
  type JsonObject,
  type JsonValue,
  parseDidKey,
  resolveDidKey,
  verifyDataIntegrityProof,
} from '../src/index.ts';
import { nodePort } from './support/message.ts';
import { rounds } from './support/rounds.ts';

const created = '2026-11-26T12:00:00Z';
const now = Date.parse(created);
let pair: KeyPair;
let verificationMethod: string;

beforeAll(async () => {
  pair = await generate({ seed: new Uint8Array(32).fill(7) });
  ({ verificationMethod } = parseDidKey(`did:key:${pair.publicKeyMultibase}`));
});

const documents: readonly JsonObject[] = [
  { '@context': ['https://www.w3.org/ns/credentials/v2'], id: 'urn:uuid:1', type: ['TokenRequest'], nonce: 'n' },
  { '@context': 'https://www.w3.org/ns/credentials/v2', list: [1e21, -0, 0.000001, true, null, [], {}] },
  { id: 'without context', '10': 1, '9': 2, '\u{1f600}': 3, '\ufb33': 4, 'tab\t"\\\u007f': '\u0001\u2028' },
];

async function theirs(document: JsonObject): Promise<JsonObject> {
  const signer = { ...pair.signer(), id: verificationMethod, algorithm: 'Ed25519' };
  const suite = new DataIntegrityProof({ signer, date: created, cryptosuite: createSignCryptosuite() });
  const purpose = {
    update: async (proof: object) => ({
      ...proof,
      proofPurpose: 'capabilityInvocation',
      capability: 'urn:zcap:root:a',
    }),
  };
  const proof = await suite.createProof({ document: structuredClone(document), purpose });
  return { ...document, proof: proof as JsonObject };
}

function ours(document: JsonObject) {
  const { sign } = pair.signer();
  const signer = { alg: 'Ed25519', crypto: nodePort, sign: (data: Uint8Array) => sign({ data }) } as const;
  const members = { capability: 'urn:zcap:root:a' };
  const options = { verificationMethod, purpose: 'capabilityInvocation', created: now, members };
  return createDataIntegrityProof(document, options, signer);
}

async function theyVerify(secured: JsonObject) {
  const { proof, ...document } = structuredClone(secured);
  const { did, multikey } = parseDidKey(verificationMethod.slice(0, verificationMethod.indexOf('#')));
  const method = { id: verificationMethod, type: 'Multikey', controller: did, publicKeyMultibase: multikey };
  return new DataIntegrityProof({ cryptosuite: createVerifyCryptosuite() }).verifyProof({
    proof: proof as object,
    document,
    documentLoader: async () => ({ document: method }),
  });
}

function weVerify(secured: JsonValue) {
  const expected = { crypto: nodePort, purpose: 'capabilityInvocation', now, resolve: resolveDidKey };
  return verifyDataIntegrityProof(secured, expected);
}

test.each(documents)('we verify what they signed: %j', async (document) => {
  expect((await weVerify(await theirs(document))).document).toEqual(document);
});

test.each(documents)('they verify what we signed: %j', async (document) => {
  expect(await theyVerify(await ours(document))).toMatchObject({ verified: true });
});

test('both sign the same of any document', async () => {
  const objects = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 8 });
  await fc.assert(
    fc.asyncProperty(objects, async (one) => {
      const document = JSON.parse(JSON.stringify({ ...one, proof: undefined, '@context': undefined })) as JsonObject;
      // Ed25519 is deterministic: equal values are equal inputs.
      expect((await ours(document)).proof.proofValue).toBe(((await theirs(document)).proof as JsonObject).proofValue);
    }),
    { numRuns: rounds(50) },
  );
});

test('both refuse what was changed, and a context that does not start with that of the proof', async () => {
  for (const secured of [await ours(documents[0] as JsonObject), await theirs(documents[0] as JsonObject)]) {
    for (const changed of [
      { ...secured, nonce: 'm' },
      { ...secured, '@context': ['https://other.test/'] },
    ]) {
      expect(await theyVerify(changed)).toMatchObject({ verified: false });
      await expect(weVerify(changed)).rejects.toMatchObject({ name: 'ProofError' });
    }
  }
});
