import { createDidPeer4, type JsonObject, multikeyOf } from '@countersign/proof';
import { beforeAll, describe, expect, test } from 'vitest';
import { cryptoPort } from '../src/node-crypto.ts';
import { WalletService } from '../src/rpc.ts';
import { type OpenedWallet, Wallet, type WalletProfile } from '../src/wallet/index.ts';

const issuer = 'https://id.example/realms/dev';
const lock = { passphrase: 'correct horse battery', cost: { N: 16_384, r: 8, p: 1 } } as const;
const walletId = '0f8fad5b-d9cb-469f-a165-70867728950e';

let profile: WalletProfile;
beforeAll(async () => {
  const waiting = await Wallet.prepare({ issuer, ...lock });
  const target = `urn:countersign:wallet:${walletId}`;
  profile = Wallet.accept(waiting, {
    '@context': ['https://w3id.org/zcap/v1', 'https://w3id.org/security/data-integrity/v2'],
    id: 'urn:uuid:1c9e0d6c-0c6e-4d0e-9c0e-1c9e0d6c0c6e',
    controller: waiting.did,
    invocationTarget: target,
    parentCapability: `urn:zcap:root:${encodeURIComponent(target)}`,
    allowedAction: ['read', 'grant'],
    expires: '2036-01-01T00:00:00Z',
    proof: {
      type: 'DataIntegrityProof',
      cryptosuite: 'eddsa-jcs-2022',
      created: '2026-01-01T00:00:00Z',
      verificationMethod: `${waiting.did}#${waiting.did.slice('did:key:'.length)}`,
      proofPurpose: 'capabilityDelegation',
      capabilityChain: [`urn:zcap:root:${encodeURIComponent(target)}`],
      proofValue: `z${'1'.repeat(87)}`,
    },
  });
});

const good: Readonly<Record<string, unknown>> = {
  GetChallenge: { nonce: 'nonce', audience: issuer },
  AcquireToken: { walletToken: 'a.b.c', tokenType: 'Bearer', expiresIn: 300 },
};

/** A realm that answers as it likes: by the name of the method, a document, or a whole response. */
function realmThat(answers: Readonly<Record<string, unknown>>): Promise<OpenedWallet> {
  const fetch = async (url: string) => {
    const answer = { ...good, ...answers }[url.slice(url.lastIndexOf('/') + 1)];
    return answer instanceof Response ? answer : Response.json(answer);
  };
  return Wallet.open(profile, { ...lock, fetch });
}

const refusing = (body: unknown, status = 403) => ({ AcquireToken: Response.json(body, { status }) });

describe('an answer that is none is refused by name', () => {
  test.each<[string, Readonly<Record<string, unknown>>, string]>([
    [
      'a challenge for another realm',
      { GetChallenge: { nonce: 'n', audience: 'https://other' } },
      'challenge.audience',
    ],
    ['a challenge for nobody', { GetChallenge: { nonce: 'n' } }, 'challenge.audience'],
    ['a challenge without a nonce', { GetChallenge: { audience: issuer } }, 'rpc.malformed'],
    ['no JSON', { AcquireToken: new Response('<html>') }, 'http.json'],
    ['a list', { AcquireToken: [] }, 'rpc.malformed'],
    ['no token', { AcquireToken: { expiresIn: 300 } }, 'rpc.malformed'],
    ['a token without a life', { AcquireToken: { walletToken: 'a.b.c' } }, 'rpc.malformed'],
    ['a token that has lived', { AcquireToken: { walletToken: 'a.b.c', expiresIn: 0 } }, 'rpc.malformed'],
    ['another place', { AcquireToken: new Response(null, { status: 302 }) }, 'http.redirect'],
    ['too much', { AcquireToken: new Response('x'.repeat(4_194_305)) }, 'http.too_large'],
    ['a refusal without words', { AcquireToken: new Response(null, { status: 502 }) }, 'rpc.502'],
    ['a refusal of Connect', refusing({ code: 'permission_denied' }), 'rpc.permission_denied'],
    ['a code that is none', refusing({ code: '<script>' }), 'rpc.403'],
  ])('%s', async (_, answers, code) => {
    const wallet = await realmThat(answers);
    await expect(wallet.token()).rejects.toMatchObject({ name: 'ClientError', code });
  });

  test('the code of a refusal is the realm’s own, and of nobody else', async () => {
    const detail = (domain: string) => [{ type: 'google.rpc.ErrorInfo', debug: { reason: 'wallet.full', domain } }];
    const said = async (details: unknown) => {
      const wallet = await realmThat(refusing({ code: 'resource_exhausted', details }));
      return wallet.token().catch(({ code }: { code: string }) => code);
    };
    expect(await said(detail('countersign'))).toBe('wallet.full');
    expect(await said(detail('example.org'))).toBe('rpc.resource_exhausted');
    expect(await said([null, 1, {}])).toBe('rpc.resource_exhausted');
  });
});

describe('a call is packed for the realm’s own DID alone', () => {
  let document: JsonObject;
  let kid: string;
  beforeAll(async () => {
    const key = multikeyOf(
      'X25519',
      Uint8Array.from({ length: 32 }, (_, at) => at + 9),
    );
    const input = {
      verificationMethod: [{ id: '#key-2', type: 'Multikey', publicKeyMultibase: key.multikey }],
      keyAgreement: ['#key-2'],
    };
    const peer = await createDidPeer4(input, cryptoPort);
    document = peer.document.json;
    kid = `${peer.short}#key-2`;
  });

  test.each<[string, () => JsonObject, string]>([
    ['names no document', () => ({ keyAgreementKeyId: kid, audience: issuer }), 'realm.did'],
    [
      'does not prove its document',
      () => ({ didDocument: { ...document, alsoKnownAs: [] }, keyAgreementKeyId: kid, audience: issuer }),
      'realm.did',
    ],
    [
      'proves another document',
      () => {
        const [long] = document.alsoKnownAs as readonly string[];
        const forged = (long as string).replace(/.$/, (last) => (last === '2' ? '3' : '2'));
        return { didDocument: { ...document, alsoKnownAs: [forged] }, keyAgreementKeyId: kid, audience: issuer };
      },
      'did_peer.hash',
    ],
    [
      'names a key of another DID',
      () => ({ didDocument: document, keyAgreementKeyId: 'did:peer:4zQm#key-2', audience: issuer }),
      'realm.did',
    ],
    [
      'speaks for another realm',
      () => ({ didDocument: document, keyAgreementKeyId: kid, audience: 'https://other.example' }),
      'realm.did',
    ],
  ])('a realm that %s gets none', async (_, configuration, code) => {
    const wallet = await realmThat({ GetConfiguration: configuration() });
    await expect(wallet.pack(WalletService.method.getWallet, { walletId })).rejects.toMatchObject({ code });
  });

  test('an answer that is not sealed by it is none', async () => {
    const configuration = { didDocument: document, keyAgreementKeyId: kid, audience: issuer };
    const wallet = await realmThat({ GetConfiguration: configuration, Request: { message: btoa('{}') } });
    await expect(wallet.pack(WalletService.method.getWallet, { walletId })).rejects.toMatchObject({
      name: 'ProofError',
      code: expect.stringMatching(/^didcomm\./),
    });
  });
});
