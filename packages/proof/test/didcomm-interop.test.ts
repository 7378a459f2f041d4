import { ed25519 } from '@noble/curves/ed25519.js';
import { type DIDDoc, Message } from 'didcomm-node';
import { calculateJwkThumbprint, GeneralEncrypt, generalDecrypt, importJWK } from 'jose';
import { expect, test } from 'vitest';
import { partyVInfo } from '../src/didcomm/envelope.ts';
import {
  agreementJwk,
  type CurveName,
  didKeyAgreement,
  didKeyRecipient,
  didKeySender,
  type OwnAgreementKey,
  pack,
  unpack,
} from '../src/didcomm/index.ts';
import { encodeBase64url } from '../src/index.ts';
import {
  alice,
  bob,
  expecting,
  type Jwk,
  now,
  ownKey,
  packing,
  plaintext,
  privateJwk,
  type,
} from './support/didcomm.ts';

interface Party {
  readonly did: string;
  readonly jwk: Jwk;
  readonly key: OwnAgreementKey;
}

function party(did: string, crv: CurveName): Party {
  const jwk = privateJwk(crv);
  return { did, jwk, key: ownKey(`${did}#key-1`, jwk) };
}

/** What didcomm-node asks for: DID documents and secrets. */
function ports(parties: readonly Party[]) {
  const documents = parties.map(({ did, key }): DIDDoc => {
    const method = { id: key.kid, type: 'JsonWebKey2020', controller: did, publicKeyJwk: agreementJwk(key.key) };
    return { id: did, keyAgreement: [key.kid], authentication: [], verificationMethod: [method], service: [] };
  });
  const secrets = parties.map(({ key, jwk }) => ({ id: key.kid, type: 'JsonWebKey2020', privateKeyJwk: jwk }));
  return {
    dids: { resolve: async (did: string) => documents.find(({ id }) => id === did) ?? null },
    keys: {
      get_secret: async (id: string) => secrets.find((one) => one.id === id) ?? null,
      find_secrets: async (ids: string[]) => ids.filter((id) => secrets.some((one) => one.id === id)),
    },
  };
}

const all = { modes: ['authcrypt', 'anoncrypt'], curves: ['X25519', 'P-256'] } as const;
const kinds = (['X25519', 'P-256'] as const).flatMap((crv) =>
  (['authcrypt', 'anoncrypt'] as const).map((mode) => ({ crv, mode })),
);

test.each(kinds)('didcomm-node packs and we unpack: $mode, $crv', async ({ crv, mode }) => {
  const [from, to] = [party(alice, crv), party(bob, crv)];
  const { dids, keys } = ports([from, to]);
  const isProved = mode === 'authcrypt';
  const encryptions = isProved
    ? (['A256cbcHs512EcdhEsA256kw'] as const)
    : (['A256cbcHs512EcdhEsA256kw', 'Xc20pEcdhEsA256kw', 'A256gcmEcdhEsA256kw'] as const);
  for (const enc_alg_anon of encryptions) {
    const message = new Message({
      ...plaintext(),
      id: 'theirs',
      typ: 'application/didcomm-plain+json',
      type,
      body: {},
    });
    const options = { forward: false, enc_alg_anon };
    const [packed] = await message.pack_encrypted(bob, isProved ? alice : null, null, dids, keys, options);
    const unpacked = await unpack(packed, {
      ...expecting({ keys: [to.key], senderKey: (kid) => (kid === from.key.kid ? from.key.key : undefined) }),
      ...all,
      encryptions: ['A256CBC-HS512', 'A256GCM', 'XC20P'],
    });
    expect(unpacked).toMatchObject({ id: 'theirs', mode, sender: isProved ? alice : undefined, to: [bob] });
  }
});

test.each(kinds)('we pack and didcomm-node unpacks: $mode, $crv', async ({ crv, mode }) => {
  const [from, to] = [party(alice, crv), party(bob, crv)];
  const { dids, keys } = ports([from, to]);
  const sender = mode === 'authcrypt' ? from.key : undefined;
  const body = { text: 'Grüße 👋', list: [1, 2, { three: null }] };
  const packed = await pack(packing({ sender, recipients: [to.key], body, thid: 'thread-1' }));
  const [message, metadata] = await Message.unpack(packed, dids, keys, {});
  expect(message.as_value()).toMatchObject({ type, body, to: [bob], created_time: now, thid: 'thread-1' });
  expect(metadata).toMatchObject({
    encrypted: true,
    authenticated: mode === 'authcrypt',
    anonymous_sender: mode === 'anoncrypt',
    encrypted_to_kids: [to.key.kid],
    ...(mode === 'authcrypt' ? { encrypted_from_kid: from.key.kid } : {}),
  });
});

test('the keys that are derived from the Ed25519 keys of two did:keys serve both ways', async () => {
  const seeds = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const [from, to] = seeds.map((seed): Party => {
    const key = didKeyAgreement(seed);
    const d = encodeBase64url(ed25519.utils.toMontgomerySecret(seed));
    return { did: key.kid.slice(0, key.kid.indexOf('#')), key, jwk: { ...agreementJwk(key.key), d } };
  }) as [Party, Party];
  const { dids, keys } = ports([from, to]);
  const packed = await pack(packing({ sender: from.key, recipients: [didKeyRecipient(to.did)] }));
  const [message, metadata] = await Message.unpack(packed, dids, keys, {});
  expect([message.as_value().from, metadata.encrypted_from_kid]).toEqual([from.did, from.key.kid]);

  const parties = { from: from.did, to: [to.did], typ: 'application/didcomm-plain+json', body: {}, id: 'theirs', type };
  const theirs = new Message({ ...plaintext(), ...parties });
  const [answer] = await theirs.pack_encrypted(to.did, from.did, null, dids, keys, { forward: false });
  const expected = expecting({ keys: [to.key], recipient: to.did, senderKey: didKeySender });
  expect(await unpack(answer, expected)).toMatchObject({ sender: from.did, senderKid: from.key.kid });
});

test('didcomm-node refuses an envelope of ours of which one character was changed', async () => {
  const [from, to] = [party(alice, 'X25519'), party(bob, 'X25519')];
  const { dids, keys } = ports([from, to]);
  const packed = JSON.parse(await pack(packing({ sender: from.key, recipients: [to.key] })));
  packed.tag = `${packed.tag[0] === 'A' ? 'B' : 'A'}${packed.tag.slice(1)}`;
  await expect(Message.unpack(JSON.stringify(packed), dids, keys, {})).rejects.toThrow();
});

test.each(['X25519', 'P-256', 'P-384', 'P-521'] as const)(
  'jose opens our anoncrypt, and we open its: %s',
  async (crv) => {
    const to = party(bob, crv);
    const secret = await importJWK(to.jwk, 'ECDH-ES+A256KW');
    const { plaintext: opened } = await generalDecrypt(
      JSON.parse(await pack(packing({ sender: undefined, recipients: [to.key] }))),
      secret,
    );
    expect(JSON.parse(new TextDecoder().decode(opened))).toEqual({ ...plaintext(), from: undefined });

    const publicKey = await importJWK({ ...agreementJwk(to.key.key) } as Jwk & { kty: string }, 'ECDH-ES+A256KW');
    for (const enc of ['A256CBC-HS512', 'A256GCM'] as const) {
      const theirs = await new GeneralEncrypt(new TextEncoder().encode(JSON.stringify(plaintext())))
        .setProtectedHeader({ typ: 'application/didcomm-encrypted+json', alg: 'ECDH-ES+A256KW', enc })
        .addRecipient(publicKey)
        .setUnprotectedHeader({ kid: to.key.kid })
        .setKeyManagementParameters({ apv: partyVInfo([to.key.kid]) })
        .encrypt();
      const expected = { ...expecting({ keys: [to.key] }), ...all, curves: [crv], encryptions: [enc] };
      expect(await unpack(JSON.stringify(theirs), expected)).toMatchObject({ mode: 'anoncrypt', unprovenFrom: alice });
    }
  },
);

test('a JWK of ours is the one that jose makes a thumbprint of', async () => {
  const { jwk, key } = party(alice, 'P-521');
  const ours = agreementJwk(key.key) as Jwk & { kty: string };
  expect(await calculateJwkThumbprint(ours)).toBe(await calculateJwkThumbprint(jwk as Jwk & { kty: string }));
  expect(encodeBase64url(key.key.raw.subarray(1, 67))).toBe(jwk.x);
});
