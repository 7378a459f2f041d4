import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  agreementKey,
  type OwnAgreementKey,
  pack,
  parseAgreementJwk,
  parsePrivateAgreementJwk,
  type UnpackExpectation,
  unpack,
} from '../src/didcomm/index.ts';
import { encodeBase64url, encodeTextBase64url, type ProofCode, ProofError } from '../src/index.ts';
import {
  aliceKey,
  altered,
  alteredHeader,
  anonymous,
  bob,
  bobKey,
  type Document,
  expecting,
  freshKey,
  good,
  now,
  packing,
  plaintext,
  privateJwk,
  sealed,
  type,
} from './support/didcomm.ts';
import { rounds } from './support/rounds.ts';

async function codeOf(presented: unknown, changes: Partial<UnpackExpectation> = {}): Promise<string | undefined> {
  try {
    await unpack(presented as string, expecting(changes));
    return undefined;
  } catch (refusal) {
    if (!(refusal instanceof ProofError)) throw refusal;
    return refusal.code;
  }
}

const first = ({ recipients }: Document) => recipients[0] as Document['recipients'][number];
const bytes = (length: number) => encodeBase64url(new Uint8Array(length).fill(7));
const isOpen = { modes: ['authcrypt', 'anoncrypt'] } as const;

describe('an envelope is refused', () => {
  const envelopes: [ProofCode, string | Uint8Array][] = [
    ['didcomm.envelope_syntax', ''],
    ['didcomm.envelope_syntax', good.slice(1)],
    ['didcomm.envelope_syntax', good.split('').reverse().join('')],
    ['didcomm.envelope_encoding', Uint8Array.of(0x7b, 0xff, 0x7d)],
    ['didcomm.envelope_bom', `\ufeff${good}`],
    ['didcomm.envelope_not_object', '[]'],
    ['didcomm.envelope_not_object', JSON.stringify(good)],
    ['didcomm.envelope_duplicate_member', good.replace('"iv":', '"tag":"AAAA","iv":')],
    ['didcomm.envelope_duplicate_member', good.replace('"iv":', '"\\u0069v":"AAAA","iv":')],
    ['didcomm.envelope_depth', altered(good, (one) => Object.assign(first(one).header, { kid: [[]] }))],
    ['didcomm.envelope_depth', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
    ['didcomm.envelope_too_large', `"${'a'.repeat(262_144)}"`],
    ['didcomm.envelope_member', altered(good, (one) => Object.assign(one, { unprotected: {} }))],
    ['didcomm.envelope_member', altered(good, (one) => Object.assign(one, { aad: 'AAAA' }))],
    ['didcomm.envelope_member', altered(good, (one) => Object.assign(one, { encrypted_key: bytes(72), header: {} }))],
    ['didcomm.protected', altered(good, (one) => Object.assign(one, { protected: undefined }))],
    ['didcomm.protected', altered(good, (one) => Object.assign(one, { protected: {} }))],
    ['didcomm.header_base64url', altered(good, (one) => Object.assign(one, { protected: `${one.protected}=` }))],
    ['didcomm.header_base64url', altered(good, (one) => Object.assign(one, { protected: 'A'.repeat(16_388) }))],
    ['didcomm.header_syntax', altered(good, (one) => Object.assign(one, { protected: encodeTextBase64url('{') }))],
    ['didcomm.header_not_object', altered(good, (one) => Object.assign(one, { protected: encodeTextBase64url('[]') }))],
    [
      'didcomm.header_duplicate_member',
      altered(good, (one) => Object.assign(one, { protected: encodeTextBase64url('{"alg":"none","alg":""}') })),
    ],
    ['didcomm.header_zip', alteredHeader(good, (header) => Object.assign(header, { zip: 'DEF' }))],
    ['didcomm.header_crit', alteredHeader(good, (header) => Object.assign(header, { crit: ['exp'] }))],
    ['didcomm.header_member', alteredHeader(good, (header) => Object.assign(header, { jku: 'https://evil.test' }))],
    ['didcomm.header_member', alteredHeader(good, (header) => Object.assign(header, { cty: 'didcomm-plain+json' }))],
    ['didcomm.header_member', alteredHeader(good, (header) => Object.assign(header, { kid: bobKey.kid }))],
    ['didcomm.typ', alteredHeader(good, (header) => Object.assign(header, { typ: undefined }))],
    ['didcomm.typ', alteredHeader(good, (header) => Object.assign(header, { typ: 'application/didcomm-plain+json' }))],
    ['didcomm.typ', alteredHeader(good, (header) => Object.assign(header, { typ: 'JWE' }))],
    ...['none', 'dir', 'ECDH-ES', 'ECDH-1PU', 'A256KW', 'RSA1_5', 'ECDH-1PU+A128KW', 'toString', '', null, 5].map(
      (alg): [ProofCode, string] => ['didcomm.alg', alteredHeader(good, (header) => Object.assign(header, { alg }))],
    ),
    ...['A256GCM', 'XC20P', 'A128CBC-HS256', 'none', 'constructor', null].map((enc): [ProofCode, string] => [
      'didcomm.enc',
      alteredHeader(good, (header) => Object.assign(header, { enc })),
    ]),
    ['didcomm.enc', alteredHeader(anonymous, (header) => Object.assign(header, { enc: 'A128GCM' }))],
    ['didcomm.iv', altered(good, (one) => Object.assign(one, { iv: bytes(12) }))],
    ['didcomm.iv', altered(good, (one) => Object.assign(one, { iv: undefined }))],
    ['didcomm.iv', altered(good, (one) => Object.assign(one, { iv: `${one.iv.slice(0, -1)}_` }))],
    ['didcomm.tag', altered(good, (one) => Object.assign(one, { tag: bytes(16) }))],
    ['didcomm.tag', altered(good, (one) => Object.assign(one, { tag: '' }))],
    ['didcomm.ciphertext', altered(good, (one) => Object.assign(one, { ciphertext: '' }))],
    ['didcomm.ciphertext', altered(good, (one) => Object.assign(one, { ciphertext: bytes(17) }))],
    ['didcomm.ciphertext', altered(good, (one) => Object.assign(one, { ciphertext: `${one.ciphertext} ` }))],
    ['didcomm.ciphertext', altered(good, (one) => Object.assign(one, { ciphertext: null }))],
  ];
  test.each(envelopes)('%s (%#)', async (code, presented) => {
    expect(await codeOf(presented, isOpen)).toBe(code);
  });

  test('what is no text at all', async () => {
    for (const presented of [new Uint8Array(), new Uint8Array(2_000_000)]) {
      expect(await codeOf(presented)).toMatch(/^didcomm[.]envelope_/);
    }
  });
});

describe('an ephemeral key is refused', () => {
  const p256 = privateJwk('P-256');
  const { d, ...point } = p256;
  /** RFC 7748 §6.1, with the canonical u of small order and two spellings that a masking receiver would take for others. */
  const smallOrders = [
    '00',
    '01',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    `ec${'ff'.repeat(30)}7f`,
  ];
  const respelled = [
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}7f`,
    `ff${'ff'.repeat(30)}7f`,
    `09${'00'.repeat(30)}80`,
    'ff'.repeat(32),
  ];
  const u = (hex: string) => encodeBase64url(Buffer.from(hex.padEnd(64, '0'), 'hex'));
  const okp = (members: object) => ({ kty: 'OKP', crv: 'X25519', x: u('09'), ...members });
  const keys: [ProofCode, unknown][] = [
    ['didcomm.epk_malformed', undefined],
    ['didcomm.epk_malformed', 'key'],
    ['didcomm.epk_malformed', []],
    ['didcomm.epk_malformed', {}],
    ['didcomm.epk_malformed', okp({ kty: 5 })],
    ['didcomm.epk_malformed', okp({ crv: undefined })],
    ['didcomm.epk_malformed', okp({ x: 5 })],
    ['didcomm.epk_malformed', okp({ x: undefined })],
    ['didcomm.epk_malformed', okp({ x: bytes(31) })],
    ['didcomm.epk_malformed', okp({ x: `${u('09')}=` })],
    ['didcomm.epk_malformed', okp({ y: u('09') })],
    ['didcomm.epk_malformed', okp({ alg: 'ECDH-ES' })],
    ['didcomm.epk_malformed', { ...point, y: undefined }],
    ['didcomm.epk_malformed', { ...point, x: bytes(33) }],
    ['didcomm.epk_private', okp({ d: bytes(32) })],
    ['didcomm.epk_private', p256],
    ['didcomm.epk_usage', okp({ use: 'sig' })],
    ['didcomm.epk_curve', okp({ crv: 'Ed25519' })],
    ['didcomm.epk_curve', okp({ crv: 'X448' })],
    ['didcomm.epk_curve', okp({ crv: 'hasOwnProperty' })],
    ['didcomm.epk_curve', { ...point, kty: 'OKP' }],
    ['didcomm.epk_curve', { ...point, crv: 'secp256k1' }],
    ['didcomm.epk_point', { ...point, y: point.x }],
    ['didcomm.epk_point', { ...point, x: bytes(32), y: bytes(32) }],
    ['didcomm.epk_point', { ...point, x: u('00'), y: u('00') }],
    ...[...smallOrders, ...respelled].map((hex): [ProofCode, unknown] => ['didcomm.epk_point', okp({ x: u(hex) })]),
  ];
  test.each(keys)('%s (%#)', async (code, epk) => {
    const presented = alteredHeader(good, (header) => Object.assign(header, { epk }));
    expect(await codeOf(presented, { curves: ['X25519', 'P-256'] })).toBe(code);
  });

  test('and no public key of our own or of a peer is one of these either', () => {
    expect(agreementKey('X25519', Buffer.from(smallOrders[2] ?? '', 'hex'))).toEqual({ ok: false, reason: 'point' });
    expect(agreementKey('X448' as 'X25519', new Uint8Array(32))).toEqual({ ok: false, reason: 'curve' });
    expect(agreementKey('P-256', new Uint8Array(33))).toEqual({ ok: false, reason: 'point' });
    expect(parseAgreementJwk(p256)).toEqual({ ok: false, reason: 'private' });
  });

  test('a compressed key of a NIST curve is the same key', () => {
    const parsed = parseAgreementJwk(point);
    if (!parsed.ok) throw new Error(parsed.reason);
    const { raw } = parsed.key;
    const compressed = Uint8Array.of(2 + ((raw.at(-1) ?? 0) & 1), ...raw.subarray(1, 33));
    expect(agreementKey('P-256', compressed)).toEqual(parsed);
  });

  test('a private key whose public part is another one, or none, is not taken', () => {
    const [one, other] = [privateJwk(), privateJwk()];
    const reason = (jwk: object) => {
      const result = parsePrivateAgreementJwk('did:example:a#1', jwk);
      return result.ok ? undefined : result.reason;
    };
    expect(reason({ ...one, x: other.x })).toBe('mismatch');
    expect(reason({ ...one, d: undefined })).toBe('malformed');
    expect(reason({ ...p256, d: u('00') })).toBe('malformed');
    expect(reason({ ...p256, d: u('ff'.repeat(32)) })).toBe('malformed');
    expect(reason(one)).toBeUndefined();
  });
});

describe('recipients and parties are refused', () => {
  const kids = (count: number) => Array.from({ length: count }, (_, at) => `${bob}#key-${at}`);
  const withKids = (list: string[]) =>
    altered(good, (one) => {
      one.recipients = list.map((kid) => ({ ...first(one), header: { kid } }));
    });
  const parties: [ProofCode, string][] = [
    ['didcomm.recipients', altered(good, (one) => Object.assign(one, { recipients: [] }))],
    ['didcomm.recipients', altered(good, (one) => Object.assign(one, { recipients: undefined }))],
    ['didcomm.recipients', altered(good, (one) => Object.assign(one, { recipients: first(one) }))],
    ['didcomm.recipients', withKids(kids(17))],
    ['didcomm.recipient', altered(good, (one) => Object.assign(one, { recipients: [null] }))],
    ['didcomm.recipient', altered(good, (one) => Object.assign(first(one), { header: [] }))],
    ['didcomm.recipient', altered(good, (one) => Object.assign(first(one).header, { alg: 'dir' }))],
    ['didcomm.recipient', altered(good, (one) => Object.assign(first(one).header, { epk: 'x' }))],
    ['didcomm.recipient', altered(good, (one) => Object.assign(first(one), { more: 1 }))],
    ...[
      '',
      'key-1',
      '#key-1',
      bob,
      `${bob}#`,
      `${bob}?a=b#1`,
      `${bob}/p#1`,
      `${bob}#a#b`,
      'did:example:#1',
      'did:example:a b#1',
      'DID:example:bob#1',
      `did:example:${'a'.repeat(5000)}#1`,
    ].map((kid): [ProofCode, string] => ['didcomm.recipient_kid', withKids([kid])]),
    ['didcomm.recipient_kid', altered(good, (one) => Object.assign(first(one).header, { kid: 5 }))],
    ['didcomm.recipient_repeated', withKids([bobKey.kid, bobKey.kid])],
    ['didcomm.recipient_key', altered(good, (one) => Object.assign(first(one), { encrypted_key: bytes(40) }))],
    ['didcomm.recipient_key', altered(good, (one) => Object.assign(first(one), { encrypted_key: undefined }))],
    ['didcomm.recipient_key', altered(good, (one) => Object.assign(first(one), { encrypted_key: `${bytes(72)}A` }))],
    ['didcomm.apv', alteredHeader(good, (header) => Object.assign(header, { apv: bytes(32) }))],
    ['didcomm.apv', alteredHeader(good, (header) => Object.assign(header, { apv: undefined }))],
    ['didcomm.apv', withKids([bobKey.kid, `${bob}#key-2`])],
    ['didcomm.skid', alteredHeader(good, (header) => Object.assign(header, { skid: undefined }))],
    ['didcomm.skid', alteredHeader(good, (header) => Object.assign(header, { skid: 'did:example:alice' }))],
    ['didcomm.apu', alteredHeader(good, (header) => Object.assign(header, { apu: undefined }))],
    ['didcomm.apu', alteredHeader(good, (header) => Object.assign(header, { skid: 'did:example:mallory#key-1' }))],
    ['didcomm.apu', alteredHeader(good, (header) => Object.assign(header, { apu: `${header.apu}=` }))],
    [
      'didcomm.sender_in_anoncrypt',
      alteredHeader(anonymous, (header) => Object.assign(header, { skid: aliceKey.kid })),
    ],
    ['didcomm.sender_in_anoncrypt', alteredHeader(anonymous, (header) => Object.assign(header, { apu: 'AAAA' }))],
    ['didcomm.sender_in_anoncrypt', alteredHeader(good, (header) => Object.assign(header, { alg: 'ECDH-ES+A256KW' }))],
  ];
  test.each(parties)('%s (%#)', async (code, presented) => {
    expect(await codeOf(presented, isOpen)).toBe(code);
  });
});

describe('what is not expected is refused', () => {
  const other = freshKey(bobKey.kid);
  const p256 = freshKey(bobKey.kid, 'P-256');
  const zeros: OwnAgreementKey = {
    ...bobKey,
    agree: (peer) => (peer === aliceKey.key ? new Uint8Array(32) : bobKey.agree(peer)),
  };
  const outcomes: [ProofCode, string, Partial<UnpackExpectation>][] = [
    ['didcomm.mode', anonymous, {}],
    ['didcomm.mode', good, { modes: ['anoncrypt'] }],
    ['didcomm.mode', good, { modes: [] }],
    ['didcomm.enc_not_accepted', good, { encryptions: ['XC20P'] }],
    ['didcomm.curve_not_accepted', good, { curves: ['P-256'] }],
    ['didcomm.envelope_too_large', good, { maxBytes: good.length - 1 }],
    ['didcomm.recipients', good, { maxRecipients: 0 }],
    ['didcomm.not_a_recipient', good, { keys: [] }],
    ['didcomm.not_a_recipient', good, { keys: [freshKey(`${bob}#key-2`)] }],
    ['didcomm.not_a_recipient', good, { keys: [p256] }],
    ['didcomm.not_a_recipient', good, { recipient: 'did:example:carol' }],
    ['didcomm.sender_other', good, { sender: 'did:example:mallory' }],
    ['didcomm.sender_other', anonymous, { ...isOpen, sender: 'did:example:alice' }],
    ['didcomm.sender_unknown', good, { senderKey: () => undefined }],
    ['didcomm.sender_curve', good, { senderKey: async () => p256.key }],
    ['didcomm.zero_secret', good, { keys: [{ ...bobKey, agree: () => new Uint8Array(32) }] }],
    ['didcomm.zero_secret', good, { keys: [zeros] }],
    ['didcomm.key_unwrap', good, { keys: [other] }],
    ['didcomm.key_unwrap', good, { senderKey: () => other.key }],
    ['didcomm.key_unwrap', altered(good, (one) => Object.assign(one, { tag: bytes(32) })), {}],
    ['didcomm.decrypt', altered(good, (one) => Object.assign(one, { iv: bytes(16) })), {}],
    ['didcomm.decrypt', altered(anonymous, (one) => Object.assign(one, { tag: bytes(32) })), isOpen],
    ['didcomm.decrypt', altered(good, (one) => Object.assign(one, { ciphertext: bytes(16) })), {}],
    // Authentic only with its header: the other spelling of typ is as good, and still not what was sealed.
    ['didcomm.decrypt', alteredHeader(good, (header) => Object.assign(header, { typ: 'didcomm-encrypted+json' })), {}],
    ['didcomm.type_unexpected', good, { type: `${type}/other` }],
    ['didcomm.thid_unexpected', good, { thid: 'request-1' }],
    ['didcomm.in_future', good, { now: now - 31 }],
    ['didcomm.in_future', good, { now: now - 1, clockTolerance: 0 }],
    ['didcomm.stale', good, { now: now + 11, maxAge: 10, clockTolerance: 0 }],
    ['didcomm.expired', good, { now: now + 60, clockTolerance: 0 }],
    ['didcomm.expired', good, { now: now + 90 }],
  ];
  test.each(outcomes)('%s (%#)', async (code, presented, changes) => {
    expect(await codeOf(presented, changes)).toBe(code);
  });

  test('a long message is stale before it expires', async () => {
    const long = await pack(packing({ expiresTime: now + 86_400 }));
    expect(await codeOf(long, { now: now + 330 })).toBeUndefined();
    expect(await codeOf(long, { now: now + 331 })).toBe('didcomm.stale');
    expect(await codeOf(long, { now: now + 331, maxAge: 3600 })).toBeUndefined();
  });

  test('at the very moments before', async () => {
    expect(await codeOf(good, { now: now + 59, clockTolerance: 0 })).toBeUndefined();
    expect(await codeOf(good, { now: now + 10, maxAge: 10, clockTolerance: 0 })).toBeUndefined();
    expect(await codeOf(good, { now, clockTolerance: 0 })).toBeUndefined();
    expect(await codeOf(good, { maxBytes: good.length })).toBeUndefined();
  });
});

describe('a plaintext is refused', () => {
  const plaintexts: [ProofCode, unknown][] = [
    ['didcomm.plaintext_syntax', 'hello'],
    ['didcomm.plaintext_encoding', Uint8Array.of(0xff)],
    ['didcomm.plaintext_not_object', []],
    ['didcomm.plaintext_duplicate_member', JSON.stringify(plaintext()).replace('"id":', '"id":"0","id":')],
    ['didcomm.plaintext_depth', plaintext({ body: JSON.parse(`${'{"a":'.repeat(32)}1${'}'.repeat(32)}`) })],
    ['didcomm.nested', good],
    ['didcomm.nested', { payload: 'AAAA', signatures: [] }],
    ['didcomm.nested', plaintext({ typ: 'application/didcomm-encrypted+json' })],
    ['didcomm.nested', plaintext({ typ: 'didcomm-signed+json' })],
    ['didcomm.plaintext_typ', plaintext({ typ: undefined })],
    ['didcomm.plaintext_typ', plaintext({ typ: 'application/json' })],
    ['didcomm.id', plaintext({ id: undefined })],
    ['didcomm.id', plaintext({ id: '' })],
    ['didcomm.id', plaintext({ id: 'a'.repeat(257) })],
    ['didcomm.id', plaintext({ id: 7 })],
    ['didcomm.type', plaintext({ type: undefined })],
    ['didcomm.type', plaintext({ type: 'lunch' })],
    ['didcomm.type', plaintext({ type: 'https://example.com/\n' })],
    ['didcomm.type', plaintext({ type: `https://example.com/${'a'.repeat(256)}` })],
    ['didcomm.thid', plaintext({ thid: '' })],
    ['didcomm.pthid', plaintext({ pthid: null })],
    ['didcomm.from_prior', plaintext({ from_prior: 'eyJ' })],
    ['didcomm.to', plaintext({ to: undefined })],
    ['didcomm.to', plaintext({ to: bob })],
    ['didcomm.to', plaintext({ to: [] })],
    ['didcomm.to', plaintext({ to: [bob, 5] })],
    ['didcomm.to', plaintext({ to: [bobKey.kid] })],
    ['didcomm.to', plaintext({ to: Array(17).fill(bob) })],
    ['didcomm.to_other', plaintext({ to: ['did:example:carol'] })],
    ['didcomm.from', plaintext({ from: undefined })],
    ['didcomm.from', plaintext({ from: 'did:example:mallory' })],
    ['didcomm.from', plaintext({ from: aliceKey.kid })],
    ['didcomm.created_time', plaintext({ created_time: undefined })],
    ['didcomm.created_time', plaintext({ created_time: `${now}` })],
    ['didcomm.created_time', plaintext({ created_time: now + 0.5 })],
    ['didcomm.created_time', plaintext({ created_time: -1 })],
    ['didcomm.expires_time', plaintext({ expires_time: undefined })],
    ['didcomm.expires_time', plaintext({ expires_time: now })],
    ['didcomm.expires_time', plaintext({ expires_time: 1e300 })],
    ['didcomm.body', plaintext({ body: undefined })],
    ['didcomm.body', plaintext({ body: [] })],
  ];
  test.each(plaintexts)('%s (%#)', async (code, content) => {
    expect(await codeOf(await sealed(content))).toBe(code);
  });

  test('an anonymous message proves no sender, whatever it says', async () => {
    const claim = await sealed(plaintext(), { sender: undefined });
    expect(await unpack(claim, expecting(isOpen))).toMatchObject({
      sender: undefined,
      senderKid: undefined,
      unprovenFrom: 'did:example:alice',
    });
    const nonsense = await sealed(plaintext({ from: 5 }), { sender: undefined });
    expect(await codeOf(nonsense, isOpen)).toBe('didcomm.from');
  });
});

test('any flipped bit of a packed message is refused', async () => {
  const whole = new TextEncoder().encode(good);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), async (place, bit) => {
      const flipped = whole.slice();
      flipped[place] = (flipped[place] as number) ^ (1 << bit);
      expect(await codeOf(flipped)).toMatch(/^didcomm[.]/);
    }),
    { numRuns: rounds(300) },
  );
});

test('any value in the place of any member is refused, and never with another error', async () => {
  const place = fc.constantFrom('protected', 'recipients', 'iv', 'ciphertext', 'tag');
  await fc.assert(
    fc.asyncProperty(place, fc.jsonValue(), async (member, value) => {
      expect(await codeOf(altered(good, (one) => Object.assign(one, { [member]: value })))).toMatch(/^didcomm[.]/);
      const header = alteredHeader(good, (one) => Object.assign(one, { [member === 'iv' ? 'epk' : 'alg']: value }));
      expect(await codeOf(header)).toMatch(/^didcomm[.]/);
    }),
    { numRuns: rounds(200) },
  );
});
