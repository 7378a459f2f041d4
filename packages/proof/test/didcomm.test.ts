import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  agreementJwk,
  didKeyAgreement,
  didKeyRecipient,
  didKeySender,
  type Packing,
  pack,
  type SignerKey,
  unpack,
  verifySigned,
} from '../src/didcomm/index.ts';
import type { JsonObject } from '../src/index.ts';
import {
  alice,
  aliceKey,
  anonymous,
  bob,
  bobKey,
  expecting,
  freshKey,
  good,
  headerOf,
  now,
  packing,
  plaintext,
  sealed,
  type,
} from './support/didcomm.ts';
import { rounds } from './support/rounds.ts';

test('an authcrypt message proves its sender and says when it can be forgotten', async () => {
  expect(await unpack(good, expecting())).toEqual({
    mode: 'authcrypt',
    sender: alice,
    senderKid: aliceKey.kid,
    recipientKid: bobKey.kid,
    id: 'message-1',
    type,
    to: [bob],
    thid: undefined,
    pthid: undefined,
    createdTime: now,
    expiresTime: now + 60,
    unprovenFrom: undefined,
    body: { table: 4 },
    headers: {},
    rememberUntil: now + 90,
  });
  const long = await pack(packing({ expiresTime: now + 86_400 }));
  const { rememberUntil } = await unpack(long, expecting());
  await expect(unpack(long, expecting({ now: rememberUntil }))).rejects.toMatchObject({ code: 'didcomm.stale' });
  expect(await unpack(long, expecting({ now: rememberUntil - 1 }))).toMatchObject({ rememberUntil });
});

test('an envelope shows the algorithms, the sender to authcrypt alone, and never the message', () => {
  const [proved, hidden] = [good, anonymous].map((packed) => headerOf(JSON.parse(packed)));
  expect(proved).toMatchObject({ alg: 'ECDH-1PU+A256KW', enc: 'A256CBC-HS512', skid: aliceKey.kid });
  expect(hidden).toMatchObject({ alg: 'ECDH-ES+A256KW', enc: 'A256CBC-HS512' });
  expect(hidden).not.toHaveProperty('skid');
  expect(anonymous).not.toContain(alice);
});

test('headers that mean nothing here are handed on, and bytes are as good as text', async () => {
  const packed = await sealed(plaintext({ please_ack: [''], thid: 'a', pthid: 'b', typ: 'didcomm-plain+json' }));
  const message = await unpack(new TextEncoder().encode(packed), expecting({ thid: 'a', type }));
  expect(message).toMatchObject({ thid: 'a', pthid: 'b', headers: { please_ack: [''] } });
});

test('a message to several keys opens with each of them, and to several DIDs for each of these', async () => {
  const keys = [bobKey, freshKey(`${bob}#key-2`), freshKey('did:example:carol#key-1')];
  const packed = await pack(packing({ recipients: keys }));
  for (const key of keys) {
    const recipient = key.kid.slice(0, key.kid.indexOf('#'));
    const message = await unpack(packed, expecting({ keys: [key], recipient }));
    expect(message).toMatchObject({ recipientKid: key.kid, to: [bob, 'did:example:carol'] });
  }
});

test('a key that answers later is as good as one that answers at once', async () => {
  const later = { ...bobKey, agree: async (peer: Parameters<typeof bobKey.agree>[0]) => bobKey.agree(peer) };
  expect(await unpack(good, expecting({ keys: [later], senderKey: async () => aliceKey.key }))).toMatchObject({
    sender: alice,
  });
});

test('no two messages share an ephemeral key, a content key or an initialization vector', async () => {
  const [one, two] = [good, await pack(packing())].map((packed) => JSON.parse(packed));
  expect(one.iv).not.toBe(two.iv);
  expect(one.recipients[0].encrypted_key).not.toBe(two.recipients[0].encrypted_key);
  expect(headerOf(one).epk).not.toEqual(headerOf(two).epk);
});

test('the same bytes of randomness give the same message: nothing else is drawn from the platform', async () => {
  const fixed = (bytes: number) => new Uint8Array(bytes).fill(5);
  expect(await pack(packing({ random: fixed }))).toBe(await pack(packing({ random: fixed })));
});

test('a runtime that has key pairs of its own brings the ephemeral one', async () => {
  const brought = freshKey('did:example:nobody#1');
  const packed = await pack(packing({ ephemeral: async () => brought }));
  expect(headerOf(JSON.parse(packed)).epk).toEqual(agreementJwk(brought.key));
  expect(await unpack(packed, expecting())).toMatchObject({ sender: alice });
});

test('the largest of everything is still a message', async () => {
  const bounds = { id: 'i'.repeat(256), type: `a:${'b'.repeat(254)}`, thid: 't'.repeat(256) };
  const others = Array.from({ length: 15 }, (_, at) => ({ key: bobKey.key, kid: `did:example:bob${at}#key-1` }));
  const packed = await pack(packing({ ...bounds, recipients: [...others, bobKey], createdTime: 0, expiresTime: 1 }));
  const message = await unpack(packed, expecting({ now: 0 }));
  expect(message).toMatchObject({ ...bounds, createdTime: 0 });
  expect(message.to).toHaveLength(16);
});

test('the key of a did:key is found in the DID, under its one name and for its one purpose', () => {
  const own = didKeyAgreement(new Uint8Array(32).fill(7));
  const [did, fragment] = own.kid.split('#') as [string, string];
  expect(didKeyRecipient(did)).toEqual({ kid: own.kid, key: own.key });
  expect(didKeySender(own.kid)).toEqual(own.key);
  expect(didKeySender(`did:key:${fragment}#${fragment}`)).toEqual(own.key);
  expect(didKeySender(aliceKey.kid)).toBeUndefined();
  const signs = `${did}#${did.slice('did:key:'.length)}`;
  expect(() => didKeySender(signs)).toThrow(expect.objectContaining({ code: 'did_key.fragment' }));
  expect(() => didKeySender(did)).toThrow(expect.objectContaining({ code: 'did.url' }));
  // A key of BLS12-381 agrees on nothing.
  const bls =
    'did:key:zUC7EK3ZakmukHhuncwkbySmomv3FmrkmS36E4Ks5rsb6VQSRpoCrx6Hb8e2Nk6UvJFSdyw9NK1scFXJp21gNNYFjVWNgaqyGnkyhtagagCpQb5B7tagJu3HDbjQ8h5ypoHjwBb';
  expect(() => didKeyRecipient(bls)).toThrow(expect.objectContaining({ code: 'did.key_role' }));
});

const badKid = { ...bobKey, kid: 'key-1' };
const refusals: [string, Partial<Packing>][] = [
  ['packing.recipients', { recipients: [] }],
  ['packing.recipients', { recipients: [bobKey, bobKey] }],
  ['packing.recipients', { recipients: [bobKey, badKid] }],
  ['packing.recipients', { recipients: Array.from({ length: 17 }, (_, at) => ({ ...bobKey, kid: `${bob}#${at}` })) }],
  ['packing.sender', { sender: { ...aliceKey, kid: alice } }],
  ['packing.curve', { sender: freshKey(`${alice}#key-2`, 'P-256') }],
  ['packing.curve', { recipients: [bobKey, freshKey(`${bob}#key-2`, 'P-256')] }],
  ['packing.time', { expiresTime: now }],
  ['packing.time', { createdTime: now + 0.5 }],
  ['packing.time', { createdTime: -5 }],
  ['packing.time', { expiresTime: Number.POSITIVE_INFINITY }],
  ['packing.message', { id: '' }],
  ['packing.message', { type: 'lunch' }],
  ['packing.message', { thid: '' }],
  ['packing.message', { body: [] as unknown as JsonObject }],
  ['packing.message', { body: { lone: '\ud800' } }],
  ['packing.random', { random: () => new Uint8Array(8) }],
  ['packing.random', { random: (bytes) => new Uint8Array(bytes) }],
  ['packing.random', { ephemeral: () => freshKey(`${alice}#key-2`, 'P-256') }],
  ['packing.zero_secret', { sender: { ...aliceKey, agree: () => new Uint8Array(32) } }],
  ['packing.too_large', { body: { text: 'a'.repeat(262_144) } }],
  ['packing.too_large', { maxBytes: 400 }],
];
test.each(refusals)('pack refuses: %s (%#)', async (code, changes) => {
  await expect(pack(packing(changes))).rejects.toMatchObject({ name: 'ProofError', code });
});

test('a message that is one byte too large is not packed', async () => {
  await expect(pack(packing({ maxBytes: good.length - 1 }))).rejects.toMatchObject({ code: 'packing.too_large' });
  expect((await pack(packing({ maxBytes: good.length }))).length).toBe(good.length);
});

test('any message comes out as it went in', async () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  const body = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 4, stringUnit: 'grapheme' }));
  const curve = fc.constantFrom('X25519', 'P-256', 'P-384', 'P-521');
  await fc.assert(
    fc.asyncProperty(text, body, curve, fc.boolean(), async (id, content, crv, isProved) => {
      const [from, to] = [freshKey(`${alice}#1`, crv), freshKey(`${bob}#1`, crv)];
      const sender = isProved ? from : undefined;
      const packed = await pack(packing({ id, body: content as JsonObject, sender, recipients: [to] }));
      const expected = { keys: [to], curves: [crv], modes: [isProved ? 'authcrypt' : 'anoncrypt'] } as const;
      const message = await unpack(packed, expecting({ ...expected, senderKey: () => from.key }));
      expect(message.id).toBe(id);
      expect(message.body).toEqual(JSON.parse(JSON.stringify(content)));
      expect(message.sender).toBe(isProved ? alice : undefined);
    }),
    { numRuns: rounds(40) },
  );
});

const signing = { kid: `${alice}#sign-1`, ...generateKeyPairSync('ed25519') };
const signerRaw = Buffer.from(signing.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');

interface SignedDocument {
  payload: string;
  signatures: { protected: string; signature: string; header: { kid: string } }[];
}

const base64url = (text: string) => Buffer.from(text).toString('base64url');

function signed(content: unknown, header: object = { typ: 'application/didcomm-signed+json', alg: 'EdDSA' }) {
  const [payload, encoded] = [base64url(JSON.stringify(content)), base64url(JSON.stringify(header))];
  const signature = sign(null, Buffer.from(`${encoded}.${payload}`), signing.privateKey).toString('base64url');
  const document: SignedDocument = {
    payload,
    signatures: [{ protected: encoded, signature, header: { kid: signing.kid } }],
  };
  return document;
}

/** By the signer itself, who knows the scalar of its key: R is the identity, and S fits it. */
function withSmallR(document: SignedDocument): SignedDocument {
  const seed = Buffer.from(signing.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
  const { scalar } = ed25519.utils.getExtendedPublicKey(seed);
  const [one] = document.signatures as [SignedDocument['signatures'][number]];
  const r = Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 1 : 0));
  const data = Buffer.from(`${one.protected}.${document.payload}`);
  const hash = createHash('sha512').update(r).update(signerRaw).update(data).digest().reverse();
  const order = ed25519.Point.Fn.ORDER;
  const s = ((BigInt(`0x${hash.toString('hex')}`) % order) * scalar) % order;
  const value = Buffer.concat([r, Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()]);
  expect(ed25519.verify(value, data, signerRaw, { zip215: false })).toBe(true);
  return { ...document, signatures: [{ ...one, signature: value.toString('base64url') }] };
}

const signerKey = (kid: string): SignerKey | undefined =>
  kid === signing.kid ? { crv: 'Ed25519', raw: signerRaw } : undefined;

test('a signed message proves its signer', async () => {
  const document = JSON.stringify(signed(plaintext()));
  expect(await verifySigned(document, { recipient: bob, now, signerKey })).toMatchObject({
    signer: alice,
    body: { table: 4 },
  });
});

test('a signed message is refused, each fault with its own code', async () => {
  const base = signed(plaintext());
  const [one] = base.signatures;
  const changed = (changes: object) => ({ ...base, signatures: [{ ...one, ...changes }] });
  const offCurve: SignerKey = { crv: 'P-256', raw: new Uint8Array(65).fill(4) };
  const small: SignerKey = { crv: 'Ed25519', raw: new Uint8Array(32) };
  const outcomes: [string, unknown, ((kid: string) => SignerKey | undefined)?][] = [
    ['didcomm.signed_syntax', '{'],
    ['didcomm.signed_too_large', 'a'.repeat(262_145)],
    ['didcomm.signed_not_object', []],
    ['didcomm.signed_member', { ...base, more: 1 }],
    ['didcomm.signed_member', { payload: base.payload }],
    ['didcomm.signed_signature', changed({ header: { id: signing.kid } })],
    ['didcomm.signed_member', { payload: base.payload, ...one }],
    ['didcomm.signed_payload', { ...base, payload: `${base.payload}=` }],
    ['didcomm.signed_payload', { ...base, payload: 5 }],
    ['didcomm.signed_signatures', { ...base, signatures: [] }],
    ['didcomm.signed_signatures', { ...base, signatures: [one, one] }],
    ['didcomm.signed_signatures', { ...base, signatures: {} }],
    ['didcomm.signed_signature', changed({ more: 1 })],
    ['didcomm.signed_signature', changed({ header: { kid: signing.kid, alg: 'none' } })],
    ['didcomm.signed_kid', changed({ header: { kid: 'sign-1' } })],
    ['didcomm.signature', changed({ signature: '' })],
    ['didcomm.signature', changed({ signature: 5 })],
    ['didcomm.signature', withSmallR(base)],
    ['didcomm.header_base64url', changed({ protected: 5 })],
    ['didcomm.header_syntax', changed({ protected: base64url('{') })],
    ['didcomm.header_not_object', changed({ protected: base64url('[]') })],
    ['didcomm.header_member', signed(plaintext(), { typ: 'didcomm-signed+json', alg: 'EdDSA', b64: false })],
    ['didcomm.signed_typ', signed(plaintext(), { typ: 'JWS', alg: 'EdDSA' })],
    ['didcomm.signed_alg', signed(plaintext(), { typ: 'didcomm-signed+json', alg: 'none' })],
    ['didcomm.signed_alg', signed(plaintext(), { typ: 'didcomm-signed+json', alg: 'toString' })],
    ['didcomm.signer_unknown', base, () => undefined],
    ['didcomm.signer_curve', base, () => ({ crv: 'P-256', raw: signerRaw })],
    ['didcomm.signature', base, () => small],
    ['didcomm.signature', base, () => ({ crv: 'Ed25519', raw: aliceKey.key.raw })],
    [
      'didcomm.signature',
      signed(plaintext(), { typ: 'didcomm-signed+json', alg: 'ES256' }),
      () => ({ crv: 'P-256', raw: signerRaw }),
    ],
    ['didcomm.signature', signed(plaintext(), { typ: 'didcomm-signed+json', alg: 'ES256' }), () => offCurve],
    ['didcomm.signature', { ...base, payload: signed(plaintext({ id: '2' })).payload }],
    ['didcomm.from', signed(plaintext({ from: 'did:example:mallory' }))],
    ['didcomm.to_other', signed(plaintext({ to: ['did:example:carol'] }))],
    ['didcomm.nested', signed(base)],
  ];
  for (const [code, document, key = signerKey] of outcomes) {
    const presented = typeof document === 'string' ? document : JSON.stringify(document);
    await expect(verifySigned(presented, { recipient: bob, now, signerKey: key })).rejects.toMatchObject({ code });
  }
});
