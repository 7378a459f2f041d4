/** Whatever is put before the readers, they answer with a key, a document or a ProofError: no other error, no other reading. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  canonicalize,
  createDataIntegrityProof,
  createDidPeer4,
  dereferenceDidKey,
  didKeyOf,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  multikeyOf,
  ProofError,
  parseDidDocument,
  parseDidKey,
  parseDidPeer2,
  parseDidPeer4,
  parseDidUrl,
  parseDidWeb,
  parseMultikey,
  resolveDid,
  resolveDidKey,
  verifyDataIntegrityProof,
} from '../src/index.ts';
import { nodePort, sender, signBytes } from './support/message.ts';
import { rounds } from './support/rounds.ts';

const ed = 'z6Mkk7yqnGF3YwTrLpqrW6PGsKci7dNqh1CjnvMbzrMerSeL';
const key = parseDidKey(`did:key:${ed}`);
const input = { verificationMethod: [{ id: '#a', type: 'Multikey', publicKeyMultibase: ed }], authentication: ['#a'] };
const peer = await createDidPeer4(input, nodePort);
const seeds = [key.did, key.verificationMethod, peer.long, peer.short, `did:peer:2.V${ed}`, 'did:web:a.test%3A1:b', ed];

/** A text of ours with one stretch replaced, or any text. */
const texts = fc.oneof(
  fc
    .tuple(fc.constantFrom(...seeds), fc.nat(2_000), fc.nat(3), fc.string({ unit: 'binary', maxLength: 3 }))
    .map(([seed, at, length, middle]) => {
      const start = at % (seed.length + 1);
      return seed.slice(0, start) + middle + seed.slice(start + length);
    }),
  fc.string({ unit: 'binary' }),
);

async function answer<T>(act: () => T): Promise<Awaited<T> | ProofError> {
  try {
    return await act();
  } catch (refusal) {
    if (refusal instanceof ProofError) return refusal;
    throw refusal;
  }
}

test('any text is read as itself or refused', async () => {
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      const did = await answer(() => parseDidKey(text));
      if (!(did instanceof ProofError)) expect(did.did).toBe(text);
      const url = await answer(() => dereferenceDidKey(text, 'authentication'));
      if (!(url instanceof ProofError)) expect(url.verificationMethod).toBe(text);
      const one = await answer(() => parseMultikey(text));
      if (!(one instanceof ProofError)) expect(multikeyOf(one.keyType, one.publicKey).multikey).toBe(text);
      const parts = await answer(() => parseDidUrl(text));
      if (!(parts instanceof ProofError)) expect(parts.did + parts.fragment).toBe(text);
      const web = await answer(() => parseDidWeb(text));
      // One URL has one DID, and is what a URL parser makes of it.
      if (!(web instanceof ProofError)) expect(new URL(web.url).href).toBe(web.url);
      const long = await answer(() => parseDidPeer4(text, nodePort));
      if (!(long instanceof ProofError)) expect(long.long).toBe(text);
      const document = await answer(() => resolveDid(text, { crypto: nodePort }));
      if (!(document instanceof ProofError)) expect(document.id).toBe(text);
      const two = await answer(() => parseDidPeer2(text));
      if (!(two instanceof ProofError)) expect(two.id).toBe(text);
    }),
    { numRuns: rounds(2_000) },
  );
});

const names = [
  'id',
  'verificationMethod',
  'authentication',
  'type',
  'controller',
  'publicKeyMultibase',
  'publicKeyJwk',
];

/** Anything, under the names that a document has. */
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<JsonValue>(null, true, 1, 'did:a:b', 'did:a:b#a', '#a', 'Multikey', 'JsonWebKey', ed, ''),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 6 }),
  ),
}));

test('any document is read or refused, and gives out no key that it does not list', async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), value), async (members) => {
      const document = await answer(() => parseDidDocument({ ...members, id: 'did:a:b' }, 'did:a:b'));
      if (document instanceof ProofError) return;
      for (const id of document.verificationMethods.keys()) expect(JSON.stringify(members)).toContain(id.slice(7));
    }),
    { numRuns: rounds(1_000) },
  );
});

const alice = sender('Ed25519');
const x = alice.jwk.kty === 'OKP' ? alice.jwk.x : '';
const prover = didKeyOf(multikeyOf('Ed25519', Buffer.from(x, 'base64url')));
const now = Date.parse('2026-11-26T12:00:00Z');
const secured = await createDataIntegrityProof(
  { '@context': ['https://a.test/1', 'https://a.test/2'], id: 'urn:uuid:1', list: [{ a: 1 }, 'b'] },
  { verificationMethod: prover.verificationMethod, purpose: 'authentication', created: now, members: { nonce: 'n' } },
  { alg: 'Ed25519', crypto: nodePort, sign: (data) => signBytes(alice, data) },
);
const expected = { crypto: nodePort, purpose: 'authentication', now, resolve: resolveDidKey };

/** The value with what is at one of its places replaced. */
function replaced(from: JsonValue, place: number, by: JsonValue): JsonValue {
  let left = place;
  function visit(one: JsonValue): JsonValue {
    if (left-- === 0) return by;
    if (Array.isArray(one)) return one.map(visit);
    if (!isJsonObject(one)) return one;
    return Object.fromEntries(Object.entries(one).map(([name, inner]) => [name, visit(inner as JsonValue)]));
  }
  return visit(from);
}

test('a secured document with anything in any place is refused, or is what was signed', async () => {
  const { proof: _proof, ...document } = secured as JsonObject;
  await fc.assert(
    fc.asyncProperty(fc.nat(18), fc.oneof(value, fc.jsonValue({ maxDepth: 2 })), async (place, by) => {
      const verified = await answer(() =>
        verifyDataIntegrityProof(replaced(secured, place, by as JsonValue), expected),
      );
      if (!(verified instanceof ProofError)) expect(canonicalize(verified.document)).toBe(canonicalize(document));
    }),
    { numRuns: rounds(2_000) },
  );
});

test('a text of JSON with any character changed is refused, or says what was signed', async () => {
  const text = JSON.stringify(secured);
  const { proof: _proof, ...document } = secured as JsonObject;
  for (let at = 0; at < text.length; at++) {
    for (const character of ['', '0', 'a', '"', ',', '}']) {
      let presented: JsonValue;
      try {
        presented = JSON.parse(text.slice(0, at) + character + text.slice(at + 1)) as JsonValue;
      } catch {
        continue;
      }
      const verified = await answer(() => verifyDataIntegrityProof(presented, expected));
      if (!(verified instanceof ProofError)) expect(canonicalize(verified.document)).toBe(canonicalize(document));
    }
  }
});
