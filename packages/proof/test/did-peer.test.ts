import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  createDidPeer4,
  dereference,
  encodeMultibase,
  isDidPeer4,
  isShortDidPeer4,
  type JsonObject,
  type JsonValue,
  keyResolver,
  parseDidPeer2,
  parseDidPeer4,
  resolveDid,
  verifyDataIntegrityProof,
} from '../src/index.ts';
import { nodePort } from './support/message.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';
import { webPort } from './support/web-port.ts';

const ed = 'z6Mkk7yqnGF3YwTrLpqrW6PGsKci7dNqh1CjnvMbzrMerSeL';
const x = 'z6LSmj99jDmtGRf67cjCwaavf1oEdEwMcWZ8mh9Q7yTjWrP3';
const g1 = 'z3tEG7RQ27jrpS8XX8jBBL5o2FZaUUCx7UaHAJmhSsUPW8jNtqcS3QByh6fBmn3kXXhEn7';
const g2 =
  'zUC7DS4KhgobfZMRQNxGWnzutbeDhPitk9ykTAG7PxA1E3oD6UTGZRsdpVW729ViC1ddSNnqJJDm1QAQThYQ94F75cb8NstpHqAQLE175ZymdsWGfNT7H4pdhPhbziV6Vh98izV';

const method = (id: string, publicKeyMultibase: string) => ({ id, type: 'Multikey', publicKeyMultibase });
const input: JsonObject = {
  '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
  verificationMethod: [method('#sign', ed), method('#agree', x), method('#g1', g1), method('#g2', g2)],
  authentication: ['#sign'],
  assertionMethod: ['#sign', '#g2'],
  keyAgreement: ['#agree'],
  capabilityInvocation: ['#sign'],
  capabilityDelegation: ['#sign'],
};

/** A long form of any bytes, with a hash that is right: someone who can hash and has no manners. */
function longOf(json: string, prefix = '8004'): string {
  const encoded = encodeMultibase(Buffer.concat([Buffer.from(prefix, 'hex'), Buffer.from(json)]));
  const digest = createHash('sha256').update(encoded).digest();
  return `did:peer:4${encodeMultibase(Buffer.concat([Buffer.from([0x12, 0x20]), digest]))}:${encoded}`;
}

const refusal = (code: string) => expect.objectContaining({ name: 'ProofError', code });
const now = 0;

describe('did:peer:4', () => {
  test.each([nodePort, webPort])('is made, and its document has both names', async (port) => {
    const { long, short, document, longDocument } = await createDidPeer4(input, port);
    expect(long.startsWith(`${short}:z`)).toBe(true);
    expect([isShortDidPeer4(short), isShortDidPeer4(long), isDidPeer4(short), isDidPeer4(long)]).toEqual([
      ...[true, false, true, true],
    ]);
    expect(document.json).toMatchObject({
      ...input,
      id: short,
      alsoKnownAs: [long],
      verificationMethod: [{ controller: short }, {}, {}, {}],
    });
    expect(longDocument.json).toMatchObject({ id: long, alsoKnownAs: [short] });
    expect(dereference(document, `${short}#sign`, 'capabilityDelegation', now)).toMatchObject({
      keyType: 'Ed25519',
      controller: short,
    });
    expect((await parseDidPeer4(long, port)).short).toBe(short);
  });

  test('has no other hash than that of its document, and no other document than that of its hash', async () => {
    const one = await createDidPeer4(input, nodePort);
    const other = await createDidPeer4({ ...input, authentication: [] }, nodePort);
    const [, encoded] = one.long.slice('did:peer:4'.length).split(':') as [string, string];
    for (const mixed of [
      `${other.short}:${encoded}`,
      `${one.long.slice(0, -1)}${one.long.endsWith('a') ? 'b' : 'a'}`,
    ]) {
      await expect(parseDidPeer4(mixed, nodePort)).rejects.toEqual(refusal('did_peer.hash'));
    }
  });

  test('is hashed as it stands: spaces and the order of members make another DID', async () => {
    const { short } = await createDidPeer4(input, nodePort);
    const spaced = await parseDidPeer4(longOf(JSON.stringify(input, null, 1)), nodePort);
    expect(spaced.short).not.toBe(short);
    expect((await parseDidPeer4(longOf(JSON.stringify(input)), nodePort)).short).toBe(short);
  });

  const text = JSON.stringify(input);
  const hostile: readonly [string, () => string, string][] = [
    ['nothing', () => 'did:peer:4', 'did_peer.malformed'],
    ['another method', () => longOf(text).replace('peer:4', 'peer:3'), 'did_peer.malformed'],
    ['a short form, which says nothing', () => longOf(text).split(':', 3).join(':'), 'did_peer.unknown'],
    ['a hash of another kind', () => `did:peer:4${encodeMultibase(Buffer.alloc(34, 7))}:z2`, 'did_peer.malformed'],
    ['a hash in base64url', () => longOf(text).replace('zQm', 'uQm'), 'did_peer.malformed'],
    ['a part more', () => `${longOf(text)}:z2`, 'did_peer.malformed'],
    ['a fragment', () => `${longOf(text)}#sign`, 'did_peer.hash'],
    ['a query', () => `${longOf(text)}?signedIetfJsonPatch=a`, 'did_peer.hash'],
    [
      'more than 8,192 characters',
      () => longOf(JSON.stringify({ ...input, note: 'a'.repeat(7_000) })),
      'did_peer.too_large',
    ],
    ['ten million characters', () => `${longOf(text)}${'z'.repeat(10_000_000)}`, 'did_peer.too_large'],
    ['no codec', () => longOf(text, ''), 'did_peer.encoding'],
    ['the codec of CBOR', () => longOf(text, '51'), 'did_peer.encoding'],
    ['a codec of three bytes', () => longOf(text, '808400'), 'did_peer.encoding'],
    ['no JSON', () => longOf('{'), 'did_peer.encoding'],
    ['a list', () => longOf('[]'), 'did_peer.encoding'],
    ['a byte order mark', () => longOf(`\ufeff${text}`), 'did_peer.encoding'],
    ['a member twice', () => longOf('{"authentication":[],"authentication":["#sign"]}'), 'did_peer.encoding'],
    ['1,000 levels', () => longOf(`{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`), 'did_peer.encoding'],
    ['an id of its own', () => longOf(JSON.stringify({ ...input, id: 'did:peer:4zQm' })), 'did.document'],
    [
      'an absolute method',
      () => longOf(JSON.stringify({ verificationMethod: [method('did:a:b#sign', ed)] })),
      'did.document',
    ],
    [
      'an absolute reference',
      () => longOf(JSON.stringify({ ...input, authentication: ['did:a:b#sign'] })),
      'did.document',
    ],
    ['an absolute service', () => longOf(JSON.stringify({ ...input, service: [{ id: 'did:a:b#s' }] })), 'did.document'],
    ['a reference with a query', () => longOf(JSON.stringify({ ...input, authentication: ['#a?b'] })), 'did.document'],
    ['methods that are no list', () => longOf('{"verificationMethod":{"id":"#sign"}}'), 'did.document'],
    ['names that are no list', () => longOf('{"alsoKnownAs":"did:a:b"}'), 'did.document'],
    [
      'a key that is no point',
      () =>
        longOf(
          JSON.stringify({
            verificationMethod: [method('#a', encodeMultibase(Buffer.from(`ea01c0${'00'.repeat(47)}`, 'hex')))],
          }),
        ),
      'multikey.point',
    ],
  ];
  test.each(hostile)('with %s is refused', async (_name, did, code) => {
    await expect(parseDidPeer4(did(), nodePort)).rejects.toEqual(refusal(code));
  });

  test('as many keys of the costliest kind as fit are refused before they are looked at', async () => {
    const many = Array.from({ length: 17 }, (_, i) => method(`#${i}`, ed));
    await expect(parseDidPeer4(longOf(JSON.stringify({ verificationMethod: many })), nodePort)).rejects.toEqual(
      refusal('did.document'),
    );
  });

  test('that makes no document is not made', async () => {
    await expect(createDidPeer4({ id: 'a' }, nodePort)).rejects.toEqual(refusal('did.document'));
  });
});

describe('did:peer:2', () => {
  const service = (value: JsonValue) => `.S${Buffer.from(JSON.stringify(value)).toString('base64url')}`;
  const did = `did:peer:2.V${ed}.A${ed}.E${x}.A${g1}.A${g2}${service({ t: 'dm', s: { uri: 'https://a.test', a: ['didcomm/v2'], r: [] } })}`;

  test('lists each key for the purpose of its letter alone, numbered in their order', () => {
    const document = parseDidPeer2(did);
    expect(document.json).toMatchObject({
      authentication: ['#key-1'],
      assertionMethod: ['#key-2', '#key-4', '#key-5'],
      keyAgreement: ['#key-3'],
      service: [
        {
          id: '#service',
          type: 'DIDCommMessaging',
          serviceEndpoint: { uri: 'https://a.test', accept: ['didcomm/v2'], routingKeys: [] },
        },
      ],
    });
    expect(dereference(document, `${did}#key-1`, 'authentication', now).multikey).toBe(ed);
    expect(() => dereference(document, `${did}#key-1`, 'assertionMethod', now)).toThrow(refusal('did.relationship'));
    expect(() => dereference(document, `${did}#key-6`, 'authentication', now)).toThrow(refusal('did.method_unknown'));
  });

  test('names the services that have no name', () => {
    const three = service({ t: 'a' }) + service({ t: 'b', id: '#own' }) + service({ t: 'c' });
    expect(parseDidPeer2(`did:peer:2.V${ed}${three}`).json.service).toMatchObject([
      ...[{ id: '#service' }, { id: '#own' }, { id: '#service-1' }],
    ]);
  });

  test.each([
    ['no elements', 'did:peer:2', 'did_peer.malformed'],
    ['no dot', `did:peer:2V${ed}`, 'did_peer.malformed'],
    ['an empty element', `did:peer:2..V${ed}`, 'did_peer.malformed'],
    ['an unknown letter', `did:peer:2.X${ed}`, 'did_peer.malformed'],
    ['a letter of every object', `did:peer:2.c${ed}`, 'did_peer.malformed'],
    ['a fragment', `did:peer:2.V${ed}#key-1`, 'multikey.multibase'],
    ['an X25519 key to log in with', `did:peer:2.V${x}`, 'did.key_role'],
    ['an Ed25519 key to agree with', `did:peer:2.E${ed}`, 'did.key_role'],
    ['a BLS12-381 key to act with', `did:peer:2.I${g2}`, 'did.key_role'],
    ['padding', `did:peer:2.V${ed}.Se30=`, 'did_peer.encoding'],
    ['standard base64', `did:peer:2.V${ed}.S${Buffer.from('{"t":"???"}').toString('base64')}+/`, 'did_peer.encoding'],
    ['a list of services', `did:peer:2.V${ed}${service([{ t: 'dm' }])}`, 'did_peer.encoding'],
    ['a service twice spelled', `did:peer:2.V${ed}${service({ t: 'dm', type: 'x' })}`, 'did_peer.encoding'],
    ['an absolute service', `did:peer:2.V${ed}${service({ id: 'did:a:b#s' })}`, 'did_peer.encoding'],
    [
      'a deep service',
      `did:peer:2.V${ed}.S${Buffer.from(`{"a":${'['.repeat(99)}${']'.repeat(99)}}`).toString('base64url')}`,
      'did_peer.encoding',
    ],
    ['three keys that take long', `did:peer:2${`.A${g2}`.repeat(3)}`, 'did_peer.too_large'],
    ['17 keys', `did:peer:2${`.V${ed}`.repeat(17)}`, 'did_peer.too_large'],
    ['ten million characters', `did:peer:2.V${ed}${'.'.repeat(10_000_000)}`, 'did_peer.too_large'],
    ['a service of ten million characters', `did:peer:2.V${ed}.S${'e'.repeat(10_000_000)}`, 'did_peer.too_large'],
  ])('with %s is refused', (_name, text, code) => {
    expect(() => parseDidPeer2(text)).toThrow(refusal(code));
  });
});

describe.skipIf(!vectorsPresent)('the shared vectors', () => {
  interface Peer4 {
    readonly long: string;
    readonly short: string;
    readonly json: string;
  }
  const owner = () =>
    readVector('did-peer/wallet-owner.json') as {
      specExamples: {
        peer4: { long: string; short: string; inputDocumentJsonExact: string };
        peer2: string;
        peer2to3: { numalgo2: string };
      };
      walletOwner: { peer4: Peer4; peer2: string };
    };

  test('did:peer:4 of the specification and of a wallet owner', async () => {
    const { specExamples, walletOwner } = owner();
    const { long, short, inputDocumentJsonExact } = specExamples.peer4;
    expect(longOf(inputDocumentJsonExact)).toBe(long);
    const parsed = await parseDidPeer4(long, nodePort);
    expect(parsed.short).toBe(short);
    expect(dereference(parsed.document, `${short}#6MkrCD1c`, 'authentication', now).keyType).toBe('Ed25519');
    expect(dereference(parsed.longDocument, `${long}#6LSqPZfn`, 'keyAgreement', now).keyType).toBe('X25519');
    const { json, ...names } = walletOwner.peer4;
    expect(await createDidPeer4(JSON.parse(json) as JsonObject, nodePort)).toMatchObject(names);
  });

  test('did:peer:2 of the specification and of a wallet owner', () => {
    const { specExamples, walletOwner } = owner();
    expect(parseDidPeer2(specExamples.peer2).json).toMatchObject({
      keyAgreement: ['#key-2'],
      service: [{ id: '#service' }, { id: '#service-1' }],
    });
    expect(parseDidPeer2(specExamples.peer2to3.numalgo2).json).toMatchObject({ authentication: ['#key-2', '#key-3'] });
    expect(parseDidPeer2(walletOwner.peer2).relationships.assertionMethod.size).toBe(3);
  });

  test('every did:peer:1, well-formed or not, is of a method that is not read here', async () => {
    const files = Object.values(readVector('did-peer/peer-spec-level1-syntax.json') as Record<string, string>);
    for (const did of files.flatMap((file) => file.trim().split('\n'))) {
      expect(() => parseDidPeer2(did)).toThrow(refusal('did_peer.malformed'));
      await expect(parseDidPeer4(did, nodePort)).rejects.toEqual(refusal('did_peer.malformed'));
      await expect(resolveDid(did, { crypto: nodePort })).rejects.toMatchObject({ name: 'ProofError' });
    }
  });

  test('proofs of an owner that is known by its short form', async () => {
    const { accept, ownerDid } = readVector('zcap/zcap-v03-eddsa-jcs.json') as {
      accept: { doc: JsonObject }[];
      ownerDid: { long: string; short: string };
    };
    const at = Date.parse('2026-11-22T00:05:30Z');
    const { document } = await parseDidPeer4(ownerDid.long, nodePort);
    const source = { crypto: nodePort, known: (did: string) => (did === ownerDid.short ? document : undefined) };
    const expected = { crypto: nodePort, purpose: 'capabilityInvocation', now: at, resolve: keyResolver(source, at) };
    for (const { doc } of accept) expect((await verifyDataIntegrityProof(doc, expected)).controller).toMatch(/^did:/);
    const [first] = accept;
    expect((await verifyDataIntegrityProof(first?.doc ?? null, expected)).controller).toBe(ownerDid.short);
    const unknown = { ...expected, resolve: keyResolver({ crypto: nodePort }, at) };
    await expect(verifyDataIntegrityProof(first?.doc ?? null, unknown)).rejects.toEqual(refusal('did_peer.unknown'));
  });
});
