import { expect, test } from 'vitest';
import { decodeBase64url } from '../src/base64url.ts';
import { type EnvelopeExpectation, openEnvelope } from '../src/didcomm/encrypted.ts';
import {
  type AgreementKey,
  type CurveName,
  didKeyAgreement,
  type OwnAgreementKey,
  pack,
  type SignerKey,
  unpack,
  verifySigned,
} from '../src/didcomm/index.ts';
import type { PlaintextExpectation } from '../src/didcomm/plaintext.ts';
import { alice, bob, type Jwk, now, ownKey, packing, publicKey } from './support/didcomm.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';

/** DIDComm Messaging v2.1, appendices A (secrets), B (DID documents) and C (messages). */
interface Block {
  readonly section: string;
  readonly before: string;
  readonly block: unknown;
}
interface Method {
  readonly id: string;
  readonly publicKeyJwk: Jwk;
}
interface DidDocument {
  readonly id: string;
  readonly authentication?: readonly Method[];
  readonly keyAgreement: readonly Method[];
}

const blocks = vectorsPresent ? (readVector('didcomm-v2/spec-appendix-A-B-C.json') as Block[]) : [];
const of = (section: string) => blocks.filter((one) => one.section.startsWith(section));
const documents = of('B.').map(({ block }) => block as DidDocument);
const curves: readonly CurveName[] = ['X25519', 'P-256', 'P-384', 'P-521'];

/** The appendix spells the member of the recipient's secrets `kid `, with a space. */
function secrets(section: string): readonly OwnAgreementKey[] {
  const jwks = of(section).flatMap(({ block }) => block as Jwk[]);
  return jwks
    .filter(({ crv }) => curves.some((curve) => curve === crv))
    .map((jwk) => ownKey(jwk.kid ?? jwk['kid '] ?? '', jwk))
    .filter(({ kid }) => !/#key-[123]$/.test(kid));
}

const senderKey = (kid: string): AgreementKey | undefined => {
  const method = documents.flatMap(({ keyAgreement }) => keyAgreement).find(({ id }) => id === kid);
  return method && publicKey(method.publicKeyJwk);
};

function signerKey(kid: string): SignerKey | undefined {
  const jwk = documents.flatMap(({ authentication = [] }) => authentication).find(({ id }) => id === kid)?.publicKeyJwk;
  if (jwk === undefined) return undefined;
  const [x, y] = [jwk.x, jwk.y].map((text) => decodeBase64url(text ?? '', 64) as Uint8Array);
  const raw = jwk.kty === 'OKP' ? x : Buffer.concat([Buffer.from([4]), x as Uint8Array, y as Uint8Array]);
  return { crv: jwk.crv as SignerKey['crv'], raw: raw as Uint8Array };
}

function expecting(keys: readonly OwnAgreementKey[]) {
  return {
    keys,
    recipient: bob,
    now,
    modes: ['authcrypt', 'anoncrypt'],
    encryptions: ['A256CBC-HS512', 'A256GCM', 'XC20P'],
    curves,
    senderKey,
  } as const satisfies EnvelopeExpectation & PlaintextExpectation;
}

const signedForBob = { recipient: bob, now, signerKey };

const body = { messagespecificattribute: 'and its value' };

test.skipIf(!vectorsPresent)('the appendix has the keys and messages that are counted on here', () => {
  expect([of('C.2').length, of('C.3').length, secrets('A.1').length, secrets('A.2').length]).toEqual([3, 6, 3, 9]);
});

test.skipIf(!vectorsPresent)('C.2: signed messages with EdDSA, ES256 and ES256K', async () => {
  for (const { block } of of('C.2')) {
    const signed = await verifySigned(JSON.stringify(block), signedForBob);
    expect(signed).toMatchObject({ signer: alice, body, unprovenFrom: undefined });
  }
});

test.skipIf(!vectorsPresent)('C.3: plain messages in one envelope, with the key of every recipient', async () => {
  const outcomes: unknown[] = [];
  for (const { block } of of('C.3').slice(0, 4)) {
    const { recipients } = block as { recipients: { header: { kid: string } }[] };
    for (const { header } of recipients) {
      const key = secrets('A.2').filter(({ kid }) => kid === header.kid);
      const message = await unpack(JSON.stringify(block), expecting(key));
      expect(message).toMatchObject({ id: '1234567890', recipientKid: header.kid, to: [bob], body });
      outcomes.push([message.mode, message.sender, message.unprovenFrom]);
    }
  }
  const isAnonymous = ['anoncrypt', undefined, alice];
  const isProved = ['authcrypt', alice, undefined];
  expect(outcomes).toEqual([...Array(7).fill(isAnonymous), ...Array(3).fill(isProved)]);
});

test.skipIf(!vectorsPresent)('C.3: layers open one at a time, and unpack refuses what is not a plaintext', async () => {
  const all = expecting(secrets('A.2'));
  const [signedThenSealed, twiceSealed] = of('C.3')
    .slice(4)
    .map(({ block }) => JSON.stringify(block));
  await expect(unpack(signedThenSealed ?? '', all)).rejects.toMatchObject({ code: 'didcomm.nested' });
  await expect(unpack(twiceSealed ?? '', all)).rejects.toMatchObject({ code: 'didcomm.nested' });
  const outer = await openEnvelope(twiceSealed ?? '', all);
  expect(outer).toMatchObject({ mode: 'anoncrypt', senderKid: undefined });
  for (const envelope of [signedThenSealed ?? '', outer.content]) {
    const inner = await openEnvelope(envelope, all);
    expect(inner).toMatchObject({ mode: 'authcrypt', senderKid: expect.stringMatching(/^did:example:alice#key-/) });
    expect(await verifySigned(inner.content, signedForBob)).toMatchObject({ signer: alice, body });
  }
});

test.skipIf(!vectorsPresent)(
  'the keys of the appendix carry our own messages, on each curve and to several keys',
  async () => {
    for (const crv of curves) {
      const recipients = secrets('A.2').filter(({ key }) => key.crv === crv);
      const sender = secrets('A.1').find(({ key }) => key.crv === crv);
      const packed = await pack(packing({ sender, recipients }));
      for (const key of recipients) {
        expect(await unpack(packed, expecting([key]))).toMatchObject({ senderKid: sender?.kid, recipientKid: key.kid });
      }
    }
  },
);

test.skipIf(!vectorsPresent)('the did:key vectors derive the key agreement keys that we derive', () => {
  const vectors = readVector('did-key/ed25519-x25519.json') as Record<string, Record<string, unknown>>;
  const seeded = Object.entries(vectors).filter(([, { seed }]) => /^[0-9a-f]{64}$/.test(`${seed}`));
  expect(seeded.length).toBeGreaterThan(3);
  for (const [did, { seed, keyAgreementKeyPair }] of seeded) {
    const { id } = keyAgreementKeyPair as { id: string };
    expect(didKeyAgreement(Buffer.from(`${seed}`, 'hex')).kid).toBe(`${did}#${id.slice(id.indexOf('#') + 1)}`);
  }
});
