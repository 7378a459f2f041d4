import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { base58, contexts, type Doc, instant, type Json, jcs } from '../../proof/test/support/capability.ts';
import { type GrpcClient, grpcClient } from './support/rpc.ts';
import { testServer } from './support/server.ts';
import {
  base64url,
  type Challenge,
  type Change,
  callInvocation,
  type Device,
  delegation,
  dpopProof,
  grantTo,
  json,
  newDevice,
  type OpenWallet,
  openWallet,
  tokenFor,
  tokenRequest,
  type WalletServer,
  withCalls,
} from './support/wallet.ts';

/** Each trap of the reference at least once: one answer outside, its own reason in the log. */

let server: WalletServer;
let grpc: GrpcClient;
let wallet: OpenWallet;
let other: OpenWallet;
let tablet: OpenWallet;
let revoked: OpenWallet;
let strictChallenge: Challenge;

beforeAll(async () => {
  const running = await testServer({ network: { realms: [{ name: 'other', profile: 'ocen4' }] } });
  grpc = grpcClient(running.url.replace('http://', ''), ['countersign/v1/wallet.proto']);
  server = withCalls(running, grpc);
  wallet = await openWallet(server);
  other = await openWallet(server);
  tablet = await grantTo(server, wallet, { members: { allowedAction: ['read', 'grant'] } });
  const middle = await grantTo(server, wallet, { members: { allowedAction: ['read', 'grant'] } });
  revoked = await grantTo(server, middle);
  const token = await tokenFor(server, wallet.device, wallet.zcap);
  const what = { wallet_id: wallet.id, capability_id: middle.zcap.id as string };
  await server.call('WalletService/RevokeAccess', what, token);
  strictChallenge = (await server.call('AuthService/GetChallenge', {}, { realm: 'other' })) as unknown as Challenge;
});
afterAll(async () => {
  grpc.close();
  await server.close();
});

/** Seconds. */
const now = () => Math.floor(Date.now() / 1000);
const ago = (seconds: number) => instant(now() - seconds);
const without = (document: Doc, name: string): Doc => ({ ...document, [name]: undefined });

/** What the log says of the newest refusal. */
function reason(): string {
  const line = server.logged.findLast((one) => one.includes('a request was refused')) as string;
  return (JSON.parse(line) as { cause: string }).cause;
}

const denied = { code: 7, details: 'The capability does not allow this.' };

async function refusedToken(bytes: Uint8Array): Promise<string> {
  await expect(server.call('AuthService/AcquireToken', { invocation: bytes })).rejects.toMatchObject(denied);
  return reason();
}

/** A token request of the first device, sound but for what is changed. */
async function request(change: Change = {}, device = wallet.device, zcap: Json = wallet.zcap): Promise<Doc> {
  const { members, proof } = change;
  const target = { invocationTarget: wallet.zcap.invocationTarget };
  return tokenRequest(device, zcap, await server.challenge(), {
    ...(members && { members }),
    proof: { ...target, ...proof },
  });
}

/** Of a device under another DID, to which the wallet was passed on. */
async function requestOf(did: string, method = '#key-1'): Promise<Doc> {
  const { device, zcap } = await grantTo(server, wallet, {}, { ...newDevice(), did });
  return request({ proof: { verificationMethod: did + method } }, device, zcap);
}

const didKey = ({ did }: Device) => did.slice('did:key:'.length);

const withProof = (document: Doc, change: Doc): Doc => ({
  ...document,
  proof: { ...(document.proof as Doc), ...change },
});

/** The request with another value than its signature. */
function resigned(document: Doc, device: Device, data: (config: Doc, rest: Doc) => Buffer): Doc {
  const { proof, ...rest } = document;
  const { proofValue: _, ...config } = proof as Doc;
  return withProof(document, { proofValue: `z${base58(sign(null, data(config, rest), device.privateKey))}` });
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();
const signatureOf = (document: Doc) => decode58(((document.proof as Doc).proofValue as string).slice(1));

function decode58(text: string): Buffer {
  let number = 0n;
  for (const letter of text)
    number = number * 58n + BigInt('123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'.indexOf(letter));
  return Buffer.from(number.toString(16).padStart(128, '0'), 'hex');
}

/** S + L (RFC 8032 §5.1.7): the same signature to whoever does not look. */
function plusOrder(signature: Buffer): Buffer {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order;
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()]);
}

const multikey = (...parts: readonly (Uint8Array | readonly number[])[]) =>
  `z${base58(Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))))}`;
const didOf = (key: string) => ({ verificationMethod: `did:key:${key}#${key}` });
const rawKey = () => decode58(wallet.device.did.slice('did:key:z'.length)).subarray(-32);

/** A chain below the first device's capability that nobody has registered. */
function chainOf(length: number): { readonly zcap: Doc; readonly device: Device } {
  let at: { zcap: Doc; device: Device } = wallet;
  for (let i = 0; i < length; i++) {
    const device = newDevice();
    at = { zcap: delegation(at.zcap, at.device, device), device };
  }
  return at;
}

type Make = () => Doc | Promise<Doc>;

/** Of a delegation to a device of the attacker's, that the first device has signed or seems to have. */
const delegated = (change: Change, by = () => wallet.device): Make => {
  const device = newDevice();
  return () => {
    const zcap = delegation(wallet.zcap, by(), device, change);
    return request({ proof: { capability: zcap } }, device);
  };
};

const documents: readonly (readonly [what: string, cause: string, make: Make])[] = [
  // 1: dialects of suites.
  ['another suite', 'integrity.cryptosuite at /proof', () => request({ proof: { cryptosuite: 'eddsa-rdfc-2022' } })],
  [
    'a suite for other keys',
    'integrity.cryptosuite at /proof',
    () => request({ proof: { cryptosuite: 'ecdsa-jcs-2019' } }),
  ],
  ['the suite of 2021', 'integrity.type at /proof', () => request({ proof: { type: 'JcsEd25519Signature2020' } })],
  ['no suite', 'integrity.cryptosuite at /proof', () => request({ proof: { cryptosuite: undefined } })],
  [
    'bare base58',
    'integrity.proof_value at /proof',
    async () => {
      const sound = await request();
      return withProof(sound, { proofValue: ((sound.proof as Doc).proofValue as string).slice(1) });
    },
  ],
  [
    'an attached signature of 96 bytes',
    'integrity.proof_value at /proof',
    async () => withProof(await request(), { proofValue: `z${base58(randomBytes(96))}` }),
  ],
  [
    'the text signed without hashing',
    'integrity.signature at /proof',
    async () => resigned(await request(), wallet.device, (config, rest) => Buffer.from(jcs(config) + jcs(rest))),
  ],
  [
    'the hashes the other way round',
    'integrity.signature at /proof',
    async () =>
      resigned(await request(), wallet.device, (config, rest) =>
        Buffer.concat([sha256(jcs(rest)), sha256(jcs(config))]),
      ),
  ],
  // 3: proofs.
  [
    'a list of proofs',
    'invocation.proof_several at /proof',
    async () => {
      const sound = await request();
      return { ...sound, proof: [sound.proof as Doc, sound.proof as Doc] };
    },
  ],
  ['no proof', 'invocation.proof_missing at /proof', async () => without(await request(), 'proof')],
  [
    'a proof that builds on another',
    'invocation.proof_several at /proof/previousProof',
    () => request({ proof: { previousProof: 'urn:x:1' } }),
  ],
  [
    'another purpose',
    'invocation.proof_purpose at /proof/proofPurpose',
    () => request({ proof: { proofPurpose: 'authentication' } }),
  ],
  [
    'a context of its own',
    'invocation.context at /@context',
    () => request({ proof: { '@context': [contexts[0] as string] } }),
  ],
  [
    'a context in place',
    'invocation.context at /@context',
    () => request({ members: { '@context': [contexts[0] as string, {}] } }),
  ],
  [
    'no context',
    'invocation.context at /@context',
    () => request({ members: { '@context': undefined }, proof: { '@context': undefined } }),
  ],
  ['a member that was added', 'integrity.signature at /proof', async () => ({ ...(await request()), more: 1 })],
  [
    'a member of the proof that was added',
    'integrity.signature at /proof',
    async () => withProof(await request(), { more: 1 }),
  ],
  [
    'a domain that is not ours',
    'integrity.domain at /proof',
    () => request({ proof: { domain: 'https://evil.example' } }),
  ],
  [
    'an action that was changed',
    'integrity.signature at /proof',
    async () => withProof(await request(), { capabilityAction: 'grant' }),
  ],
  // 4: time.
  [
    'no zone',
    'invocation.created_invalid at /proof/created',
    () => request({ proof: { created: ago(0).replace('Z', '') } }),
  ],
  ['no time', 'invocation.created_missing at /proof/created', () => request({ proof: { created: undefined } })],
  [
    'milliseconds for a time',
    'invocation.created_invalid at /proof/created',
    () => request({ proof: { created: Date.now() } }),
  ],
  ['the future', 'invocation.created_in_future at /proof/created', () => request({ proof: { created: ago(-120) } })],
  ['long ago', 'invocation.stale at /proof/created', () => request({ proof: { created: ago(600) } })],
  ['over', 'invocation.expired at /proof/expires', () => request({ proof: { created: ago(200), expires: ago(100) } })],
  ['over before it began', 'invocation.window at /proof/expires', () => request({ proof: { expires: ago(60) } })],
  ['good for an hour', 'invocation.window at /proof/expires', () => request({ proof: { expires: ago(-3_600) } })],
  [
    'no leap second',
    'invocation.expires_invalid at /proof/expires',
    () => request({ proof: { expires: '2026-12-31T23:59:60Z' } }),
  ],
  // 5: whom it is for, and once.
  [
    'another audience',
    'invocation.audience at /audience',
    () => request({ members: { audience: 'https://evil.example' } }),
  ],
  ['no audience', 'invocation.audience at /audience', () => request({ members: { audience: undefined } })],
  [
    'a list of audiences',
    'invocation.audience at /audience',
    () => request({ members: { audience: [server.issuer()] } }),
  ],
  [
    'another realm',
    'invocation.audience at /audience',
    () => request({ members: { audience: server.issuer('other') } }),
  ],
  ['no nonce', 'invocation.nonce at /nonce', () => request({ members: { nonce: undefined } })],
  ['an endless nonce', 'invocation.nonce at /nonce', () => request({ members: { nonce: 'n'.repeat(513) } })],
  [
    'a nonce of its own',
    'the nonce is no challenge of ours, or too old',
    () => request({ members: { nonce: 'mine' } }),
  ],
  [
    'a nonce of another realm',
    'the nonce is no challenge of ours, or too old',
    () => request({ members: { nonce: strictChallenge.nonce } }),
  ],
  [
    'a nonce with a later time',
    'the nonce is no challenge of ours, or too old',
    async () => {
      const { nonce } = await server.challenge();
      return request({ members: { nonce: (Date.now() + 10_000).toString(36) + nonce.slice(nonce.indexOf('.')) } });
    },
  ],
  ['another type', 'invocation.type at /type', () => request({ members: { type: 'RpcCall' } })],
  ['no id', 'invocation.id at /id', () => request({ members: { id: undefined } })],
  // 6: Ed25519.
  [
    'S beyond the order',
    'integrity.signature at /proof',
    async () => {
      const sound = await request();
      return withProof(sound, { proofValue: `z${base58(plusOrder(signatureOf(sound)))}` });
    },
  ],
  [
    'a signature of zeros',
    'integrity.signature at /proof',
    async () => withProof(await request(), { proofValue: multikey(new Uint8Array(64)) }),
  ],
  [
    'a key of small order, which signs everything',
    'multikey.point at /proof',
    async () =>
      withProof(await request(), {
        ...didOf(multikey([0xed, 1, 1], new Uint8Array(31))),
        proofValue: multikey([1], new Uint8Array(63)),
      }),
  ],
  [
    'a key that is no point',
    'multikey.point at /proof',
    () => request({ proof: didOf(multikey([0xed, 1, 2], new Uint8Array(31))) }),
  ],
  // 7: did:key.
  ['the key of another', 'invocation.invoker at /proof/verificationMethod', () => request({}, newDevice())],
  [
    'another fragment',
    'did_key.fragment at /proof',
    () => request({ proof: { verificationMethod: `${wallet.device.did}#${newDevice().did.slice(8)}` } }),
  ],
  ['no fragment', 'did.url at /proof', () => request({ proof: { verificationMethod: wallet.device.did } })],
  [
    'a query',
    'did_key.malformed at /proof',
    () =>
      request({
        proof: { verificationMethod: `${wallet.device.did}?signedIetfJsonPatch=e#${wallet.device.did.slice(8)}` },
      }),
  ],
  [
    'a path',
    'did_key.malformed at /proof',
    () => request({ proof: { verificationMethod: `${wallet.device.did}/a#b` } }),
  ],
  [
    'a varint that is longer than it need be',
    'multikey.varint at /proof',
    () => request({ proof: didOf(multikey([0xed, 0x81, 0x00], rawKey())) }),
  ],
  ['a byte more', 'multikey.length at /proof', () => request({ proof: didOf(multikey([0xed, 1], rawKey(), [0])) })],
  [
    'a codec that does not exist here',
    'multikey.codec at /proof',
    () => request({ proof: didOf(multikey([0xe7, 1], rawKey())) }),
  ],
  [
    'a key for key agreement',
    'did.key_role at /proof',
    () => request({ proof: didOf(multikey([0xec, 1, 9], new Uint8Array(31))) }),
  ],
  [
    'the derived key for key agreement',
    'did_key.fragment at /proof',
    () =>
      request({
        proof: { verificationMethod: `${wallet.device.did}#z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc` },
      }),
  ],
  [
    'a key of P-256',
    'integrity.key_type at /proof',
    () => {
      const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
      const odd = (Buffer.from(y as string, 'base64url')[31] as number) & 1;
      return request({ proof: didOf(multikey([0x80, 0x24, 2 + odd], Buffer.from(x as string, 'base64url'))) });
    },
  ],
  [
    'no method',
    'invocation.method_missing at /proof/verificationMethod',
    () => request({ proof: { verificationMethod: undefined } }),
  ],
  [
    'an endless method',
    'did_key.too_large at /proof',
    () => request({ proof: { verificationMethod: `did:key:z${'6'.repeat(8_000)}#a` } }),
  ],
  // 9: other DIDs.
  [
    'a DID that the capability was not given to, whose document nobody reads',
    'invocation.invoker at /proof/verificationMethod',
    () => request({ proof: { verificationMethod: `did:peer:2.V${didKey(newDevice())}#key-1` } }),
  ],
  [
    'the short form of one that never showed its document',
    'did_peer.unknown at /proof',
    () => requestOf(`did:peer:4${multikey([0x12, 0x20], randomBytes(32))}`),
  ],
  [
    'a long form of another hash',
    'did_peer.hash at /proof',
    () => requestOf(`did:peer:4${multikey([0x12, 0x20], randomBytes(32))}`, ':z1#key-1'),
  ],
  ['a did:web, which nobody fetches', 'did.unknown at /proof', () => requestOf('did:web:evil.example')],
  [
    'the owner itself, by a key that it never has',
    'did_peer.unknown at /proof',
    async () => {
      const { proof } = wallet.zcap as { proof: Doc };
      return request({
        proof: { verificationMethod: proof.verificationMethod, capability: (proof.capabilityChain as Json[])[0] },
      });
    },
  ],
  // 10: chains.
  [
    'a root that came along',
    'capability.root_unknown at /proof/capability',
    () =>
      request({
        proof: {
          capability: {
            '@context': contexts,
            id: `urn:zcap:root:${encodeURIComponent(wallet.zcap.invocationTarget as string)}`,
            controller: wallet.device.did,
            invocationTarget: wallet.zcap.invocationTarget,
          },
        },
      }),
  ],
  [
    'the id of the root alone',
    'invocation.invoker at /proof/verificationMethod',
    () => request({ proof: { capability: wallet.zcap.parentCapability } }),
  ],
  [
    'the root of no wallet',
    'capability.root_unknown at /proof/capability',
    () =>
      request({
        proof: { capability: `urn:zcap:root:${encodeURIComponent(`urn:countersign:wallet:${randomUUID()}`)}` },
      }),
  ],
  [
    'a root spelled otherwise',
    'capability.root_unknown at /proof/capability',
    () => request({ proof: { capability: `urn:zcap:root:${wallet.zcap.invocationTarget}` } }),
  ],
  ['no capability', 'invocation.capability at /proof/capability', () => request({ proof: { capability: undefined } })],
  [
    'a number for a capability',
    'invocation.capability at /proof/capability',
    () => request({ proof: { capability: 7 } }),
  ],
  [
    'a capability without a proof',
    'capability.root_unknown at /proof/capability',
    () => request({ proof: { capability: without(wallet.zcap, 'proof') } }),
  ],
  [
    'a capability whose controller was changed',
    'integrity.signature at /proof/capability/proof',
    () => request({ proof: { capability: { ...wallet.zcap, controller: other.device.did } } }, other.device),
  ],
  [
    'a delegation that a stranger signed',
    'capability.delegator at /proof/capability/proof/verificationMethod',
    delegated({}, () => stranger),
  ],
  [
    'a chain that is too long',
    'capability.too_long at /proof/capability/proof/capabilityChain',
    () => {
      const { zcap, device } = chainOf(9);
      return request({ proof: { capability: zcap } }, device);
    },
  ],
  [
    'a chain that says less than it is',
    'capability.root_unknown at /proof/capability',
    delegatedChain((chain) => chain.slice(1)),
  ],
  ['a chain of no entries', 'capability.root_unknown at /proof/capability', delegatedChain(() => [])],
  [
    'another ancestor',
    'capability.root_unknown at /proof/capability',
    delegatedChain((chain) => [`${chain[0]}x`, ...chain.slice(1)]),
  ],
  [
    'a parent by its id',
    'capability.chain_embedded at /proof/capability/proof/capabilityChain/1',
    delegatedChain((chain) => [chain[0] as Json, wallet.zcap.id as Json]),
  ],
  [
    'a parent that is itself',
    'capability.chain_parent at /proof/capability/parentCapability',
    delegated({ members: { parentCapability: 'urn:uuid:other' } }),
  ],
  [
    'the id of its parent',
    'capability.chain_repeated at /proof/capability/id',
    delegated({
      members: {
        get id() {
          return wallet.zcap.id;
        },
      },
    }),
  ],
  // 11: attenuation.
  [
    'no actions under a parent that has some',
    'capability.actions_missing at /proof/capability/allowedAction',
    delegated({ members: { allowedAction: undefined } }),
  ],
  [
    'an empty list of actions',
    'capability.actions_empty at /proof/capability/allowedAction',
    delegated({ members: { allowedAction: [] } }),
  ],
  [
    'more actions than the parent',
    'capability.actions_exceed at /proof/capability/allowedAction',
    delegated({ members: { allowedAction: ['read', 'administer'] } }),
  ],
  [
    'an action twice',
    'capability.actions_invalid at /proof/capability/allowedAction',
    delegated({ members: { allowedAction: ['read', 'read'] } }),
  ],
  [
    'a later end than the parent',
    'capability.expires_exceeds at /proof/capability/expires',
    delegated({ members: { expires: '2099-01-01T00:00:00Z' } }),
  ],
  ['no end', 'capability.expires_missing at /proof/capability/expires', delegated({ members: { expires: undefined } })],
  [
    'an end that is no time',
    'capability.expires_invalid at /proof/capability/expires',
    delegated({ members: { expires: 'tomorrow' } }),
  ],
  [
    'an end that has passed',
    'capability.expired at /proof/capability/expires',
    delegated({ members: { expires: ago(1) } }),
  ],
  [
    'a making before the parent was made',
    'capability.created_before_parent at /proof/capability/proof/created',
    delegated({ proof: { created: ago(86_400) } }),
  ],
  [
    'a making in the future',
    'capability.created_in_future at /proof/capability/proof/created',
    delegated({ proof: { created: ago(-3_600) } }),
  ],
  [
    'a caveat that nobody enforces',
    'capability.caveat at /proof/capability/caveat',
    delegated({ members: { caveat: [] } }),
  ],
  // 12: confused deputies.
  [
    'another wallet as its target',
    'invocation.target_unexpected at /proof/invocationTarget',
    () => request({ proof: { invocationTarget: other.zcap.invocationTarget } }),
  ],
  [
    'a wallet whose name goes on',
    'invocation.target_unexpected at /proof/invocationTarget',
    () => request({ proof: { invocationTarget: `${wallet.zcap.invocationTarget}2` } }),
  ],
  [
    'a part of a target that has none',
    'invocation.target_unexpected at /proof/invocationTarget',
    () => request({ proof: { invocationTarget: `${wallet.zcap.invocationTarget}/keys` } }),
  ],
  [
    'a target in capitals',
    'invocation.target_not_canonical at /proof/invocationTarget',
    () => request({ proof: { invocationTarget: 'URN:countersign:wallet:a' } }),
  ],
  [
    'a delegation of a wider target',
    'capability.target_exceeds at /proof/capability/invocationTarget',
    delegated({ members: { invocationTarget: 'urn:countersign:wallet:a' } }),
  ],
  [
    'no target',
    'invocation.target_missing at /proof/invocationTarget',
    () => request({ proof: { invocationTarget: undefined } }),
  ],
  [
    'no action',
    'invocation.action_missing at /proof/capabilityAction',
    () => request({ proof: { capabilityAction: undefined } }),
  ],
  [
    'an action that there is not',
    'invocation.action_unexpected at /proof/capabilityAction',
    () => request({ proof: { capabilityAction: 'administer' } }),
  ],
  [
    'an action that the chain does not allow',
    'invocation.action_not_allowed at /proof/capabilityAction',
    () => request({ proof: { capability: tablet.zcap, capabilityAction: 'write' } }, tablet.device),
  ],
  // 13: older drafts.
  ['an invoker', 'invocation.legacy_member at /invoker', () => request({ members: { invoker: wallet.device.did } })],
  [
    'a target of 2021',
    'invocation.legacy_member at /invocationTarget',
    () => request({ members: { invocationTarget: wallet.zcap.invocationTarget } }),
  ],
  ['a creator', 'invocation.legacy_member at /proof/creator', () => request({ proof: { creator: wallet.device.did } })],
  [
    'a delegator',
    'capability.legacy_member at /proof/capability/delegator',
    delegated({ members: { delegator: 'did:example:a' } }),
  ],
  // 14: what only we know.
  ['a delegation that nobody registered', 'link 2 of 2: not registered for this target', delegated({})],
  [
    'a link that was revoked in the middle',
    'link 2 of 3: revoked',
    () => request({ proof: { capability: revoked.zcap } }, revoked.device),
  ],
  [
    'another document of a registered id',
    'link 2 of 2: not the document that was registered',
    () => {
      const zcap = delegation(wallet.zcap, wallet.device, tablet.device, {
        members: { id: tablet.zcap.id, allowedAction: ['read', 'write', 'grant'] },
      });
      return request({ proof: { capability: zcap } }, tablet.device);
    },
  ],
];

const stranger = newDevice();

function delegatedChain(change: (chain: readonly Json[]) => readonly Json[]): Make {
  return () => {
    const device = newDevice();
    const chain = [wallet.zcap.parentCapability as Json, wallet.zcap];
    const zcap = delegation(wallet.zcap, wallet.device, device, { proof: { capabilityChain: change(chain) } });
    return request({ proof: { capability: zcap } }, device);
  };
}

describe('AcquireToken', () => {
  test.each(documents)('refuses %s: %s', async (_, cause, make) => {
    expect(await refusedToken(json(await make()))).toBe(cause);
  });

  test('takes what all of them are made from', async () => {
    const issued = await server.call('AuthService/AcquireToken', { invocation: json(await request()) });
    expect(issued.wallet_token).toBeTruthy();
    expect(documents.length).toBeGreaterThan(80);
  });

  const texts: readonly (readonly [what: string, cause: string, bytes: () => Promise<Uint8Array> | Uint8Array])[] = [
    [
      'a member that is there twice',
      'invocation.document_duplicate_member',
      async () => Buffer.from(JSON.stringify(await request()).replace('{', '{"audience":"a",')),
    ],
    ['no JSON', 'invocation.document_syntax', () => Buffer.from('{')],
    ['a list', 'invocation.document_not_object', () => Buffer.from('[]')],
    [
      'a byte order mark',
      'invocation.document_bom',
      async () => Buffer.from(`\ufeff${JSON.stringify(await request())}`),
    ],
    ['what is no UTF-8', 'invocation.document_encoding', () => Buffer.from([0x7b, 0xff, 0x7d])],
    ['half a character', 'invocation.document_lone_surrogate', () => Buffer.from('{"a":"\\ud800"}')],
    [
      'a depth of a thousand',
      'invocation.document_depth',
      () => Buffer.from(`{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`),
    ],
    [
      'more than 64 KiB',
      'invocation.document_too_large',
      async () => json({ ...(await request()), padding: 'a'.repeat(70_000) }),
    ],
  ];
  test.each(texts)('refuses %s: %s', async (_, cause, bytes) => {
    expect(await refusedToken(await bytes())).toContain(cause);
  });

  test('refuses the same request twice, and one challenge for two requests', async () => {
    const challenge = await server.challenge();
    const first = json(tokenRequest(wallet.device, wallet.zcap, challenge));
    await server.call('AuthService/AcquireToken', { invocation: first });
    expect(await refusedToken(first)).toBe('the nonce was used before');
    const second = json(tokenRequest(other.device, other.zcap, challenge));
    expect(await refusedToken(second)).toBe('the nonce was used before');
  });

  test('a refused request uses no challenge up', async () => {
    const challenge = await server.challenge();
    await refusedToken(json(tokenRequest(newDevice(), wallet.zcap, challenge)));
    const issued = await server.call('AuthService/AcquireToken', {
      invocation: json(tokenRequest(wallet.device, wallet.zcap, challenge)),
    });
    expect(issued.wallet_token).toBeTruthy();
  });

  test('says what is wrong with what surrounds the document', async () => {
    await expect(server.call('AuthService/AcquireToken', {})).rejects.toMatchObject({
      code: 3,
      details: expect.stringContaining('invocation'),
    });
    const invocation = json(await request());
    for (const actions of [['administer'], ['read', 'read', 'read', 'read', 'read']]) {
      await expect(server.call('AuthService/AcquireToken', { invocation, actions })).rejects.toMatchObject({ code: 3 });
    }
    // A token for what is allowed of what was asked for; for nothing of it, none.
    const some = json(await request({ proof: { capability: tablet.zcap } }, tablet.device));
    const issued = await server.call('AuthService/AcquireToken', { invocation: some, actions: ['write', 'read'] });
    expect(issued.actions).toEqual(['read']);
    const none = json(await request({ proof: { capability: tablet.zcap } }, tablet.device));
    await expect(
      server.call('AuthService/AcquireToken', { invocation: none, actions: ['write'] }),
    ).rejects.toMatchObject(denied);
  });

  test('looks at the size before anything else: 10 MB, 10 MB in gzip, a depth of 10,000', async () => {
    const send = async (body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) => {
      const response = await fetch(`${server.url}/countersign.v1.AuthService/AcquireToken`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      });
      return ((await response.json()) as { code: string }).code;
    };
    const invocation = (bytes: Uint8Array) =>
      Buffer.from(JSON.stringify({ invocation: Buffer.from(bytes).toString('base64') }));
    const large = invocation(Buffer.alloc(10_000_000, '['));
    expect(await send(gzipSync(large), { 'content-encoding': 'gzip' })).toBe('resource_exhausted');
    expect(await send(invocation(Buffer.alloc(1_000_000, '[')))).toBe('resource_exhausted');
    expect(await send(invocation(Buffer.alloc(100_000, '[')))).toBe('permission_denied');
    expect(reason()).toBe('invocation.document_too_large');
    expect(await send(invocation(Buffer.from(`{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)))).toBe(
      'permission_denied',
    );
    expect(reason()).toMatch(/^invocation\.document_depth/);
  });
});

describe('an invocation as metadata', () => {
  const procedure = '/countersign.v1.WalletService/GetWallet';
  /** A request over gRPC, whose message is the wallet id alone. */
  const message = (id: string) => Buffer.concat([Buffer.from([0x0a, id.length]), Buffer.from(id)]);
  const bound = () => ({ procedure, message: message(wallet.id), audience: server.issuer() });

  async function refusedCall(metadata: string, id = wallet.id): Promise<string> {
    const sent = { 'capability-invocation': metadata };
    await expect(server.call('WalletService/GetWallet', { wallet_id: id }, sent)).rejects.toMatchObject(denied);
    return reason();
  }
  const make = (change: Change = {}, opened = wallet, call = bound()) =>
    base64url(callInvocation(opened.device, opened.zcap, call, change));

  test('is good once, for the message that it was made for', async () => {
    const metadata = make();
    expect(
      await server.call('WalletService/GetWallet', { wallet_id: wallet.id }, { 'capability-invocation': metadata }),
    ).toMatchObject({ wallet_id: wallet.id });
    expect(await refusedCall(metadata)).toBe('the nonce was used before');
    const padded = Buffer.from(make(), 'base64url').toString('base64');
    expect(
      await server.call('WalletService/GetWallet', { wallet_id: wallet.id }, { 'capability-invocation': padded }),
    ).toMatchObject({ wallet_id: wallet.id });
  });

  const calls: readonly (readonly [what: string, cause: string, make: () => string, id?: () => string])[] = [
    [
      'another procedure',
      'invocation.procedure at /procedure',
      () => make({}, wallet, { ...bound(), procedure: '/countersign.v1.WalletService/ListCapabilities' }),
    ],
    ['other bytes', 'invocation.digest at /digest', () => make({}, wallet, { ...bound(), message: message(other.id) })],
    ['no digest', 'invocation.digest at /digest', () => make({ members: { digest: undefined } })],
    ['no end', 'invocation.expires_missing at /proof/expires', () => make({ proof: { expires: undefined } })],
    ['two minutes', 'invocation.window at /proof/expires', () => make({ proof: { expires: ago(-120) } })],
    [
      'another action',
      'invocation.action_unexpected at /proof/capabilityAction',
      () => make({ proof: { capabilityAction: 'write' } }),
    ],
    ['a request for a token', 'invocation.type at /type', () => make({ members: { type: 'TokenRequest' } })],
    [
      'a call over HTTP',
      'invocation.type at /type',
      () => make({ members: { type: 'HttpCall', method: 'POST', uri: 'https://a.example/' } }),
    ],
    [
      'another audience',
      'invocation.audience at /audience',
      () => make({ members: { audience: 'https://evil.example' } }),
    ],
    ['an empty nonce', 'invocation.nonce at /nonce', () => make({ members: { nonce: '' } })],
    [
      'the capability of another wallet',
      'invocation.target_unexpected at /proof/invocationTarget',
      () => make({}, other),
    ],
    [
      'the capability of another wallet, for this target',
      'invocation.target_outside at /proof/invocationTarget',
      () => make({ proof: { invocationTarget: wallet.zcap.invocationTarget } }, other),
    ],
    [
      'this capability, for another wallet',
      'invocation.target_unexpected at /proof/invocationTarget',
      () => make({}, wallet, { ...bound(), message: message(other.id) }),
      () => other.id,
    ],
    [
      'a wallet that there is not',
      'invocation.target_unexpected at /proof/invocationTarget',
      () => make({}, wallet, { ...bound(), message: message('00000000-0000-4000-8000-000000000000') }),
      () => '00000000-0000-4000-8000-000000000000',
    ],
    ['a revoked link', 'link 2 of 3: revoked', () => make({}, revoked)],
    ['no base64url', 'the metadata is no base64url', () => 'zcap id="urn:x",action="read"'],
    ['nothing', 'invocation.document_syntax', () => ''],
  ];
  const rows = calls.map(([what, cause, made, id = () => wallet.id]) => ({ what, cause, made, id }));
  test.each(rows)('is refused for $what: $cause', async ({ cause, made, id }) => {
    expect(await refusedCall(made(), id())).toBe(cause);
  });

  test('and a token are one too many', async () => {
    const token = await tokenFor(server, wallet.device, wallet.zcap);
    const both = { ...token, 'capability-invocation': make() };
    await expect(server.call('WalletService/GetWallet', { wallet_id: wallet.id }, both)).rejects.toMatchObject({
      code: 3,
    });
    await expect(server.call('WalletService/GetWallet', { wallet_id: wallet.id })).rejects.toMatchObject({ code: 16 });
    await expect(server.call('WalletService/GetWallet', { wallet_id: 'alice' }, token)).rejects.toMatchObject({
      code: 3,
      details: expect.stringContaining('wallet_id'),
    });
  });
});

describe('a token', () => {
  const get = (metadata: Record<string, string>, id = wallet.id) =>
    server.call('WalletService/GetWallet', { wallet_id: id }, metadata);
  const invalid = { code: 16, details: 'The token is not valid.' };

  test('is good for its wallet and its actions alone', async () => {
    const token = await tokenFor(server, wallet.device, wallet.zcap);
    expect(await get(token)).toMatchObject({ wallet_id: wallet.id });
    expect(await get(token, `urn:countersign:wallet:${wallet.id}`)).toMatchObject({ wallet_id: wallet.id });
    await expect(get(token, other.id)).rejects.toMatchObject(denied);
    expect(reason()).toBe('the token is for another wallet');
    await expect(get(token, randomUUID())).rejects.toMatchObject(denied);
    const writing = await tokenFor(server, wallet.device, wallet.zcap, ['write']);
    await expect(get(writing)).rejects.toMatchObject(denied);
    expect(reason()).toBe('the token lacks the action');
  });

  test('of another kind, another realm, altered or cut off is none', async () => {
    const { authorization = '' } = await tokenFor(server, wallet.device, wallet.zcap);
    const [header, claims, signature] = authorization.slice(7).split('.') as [string, string, string];
    const more = Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(claims, 'base64url').toString()), wallet: other.id }),
    ).toString('base64url');
    for (const presented of [
      ...[`${header}.${more}.${signature}`, `${header}.${claims}.`, `${header}.${claims}`, 'a.b.c'].map(
        (token) => `Bearer ${token}`,
      ),
      `Bearer ${await server.adminToken()}`,
      authorization.replace('Bearer', 'DPoP'),
      authorization.replace('Bearer', 'Basic'),
      authorization.slice(7),
    ]) {
      await expect(get({ authorization: presented })).rejects.toMatchObject(invalid);
    }
    await expect(get({ authorization, realm: 'other' })).rejects.toMatchObject(invalid);
    // And it opens nothing else.
    const admin = await fetch(`${server.issuer()}/admin/clients`, { headers: { authorization } });
    expect(admin.status).toBe(401);
    const registry = await fetch(`${server.issuer()}/service/participant-roles/x`, { headers: { authorization } });
    expect(registry.status).toBe(401);
  });

  test('that is bound to a key is good with a proof of that key, for this request, once', async () => {
    const path = '/countersign.v1.AuthService/AcquireToken';
    const key = newDevice();
    const acquire = async (dpop_proof: string) =>
      server.call('AuthService/AcquireToken', { invocation: json(await request()), dpop_proof });
    const issued = await acquire(dpopProof(key, { htu: server.url + path }));
    expect(issued).toMatchObject({ token_type: 'DPoP' });
    const token = issued.wallet_token as string;
    const htu = `${server.url}/countersign.v1.WalletService/GetWallet`;
    const ath = createHash('sha256').update(token).digest('base64url');
    const sound = dpopProof(key, { htu, ath });
    const bound = (dpop: string) => get({ authorization: `DPoP ${token}`, dpop });
    expect(await bound(sound)).toMatchObject({ wallet_id: wallet.id });
    expect(await bound(dpopProof(key, { htu, ath, iat: now() - 0.25 }))).toMatchObject({ wallet_id: wallet.id });
    expect(await bound(dpopProof(key, { htu: htu.replace(server.url, server.issuer()), ath }))).toMatchObject({
      wallet_id: wallet.id,
    });

    await expect(get({ authorization: `Bearer ${token}` })).rejects.toMatchObject(invalid);
    await expect(get({ authorization: `DPoP ${token}` })).rejects.toMatchObject({
      code: 16,
      details: 'A DPoP proof is required.',
    });
    // RFC 9449 §4.3: query and fragment do not count.
    expect(await bound(dpopProof(key, { htu: `${htu}?a=b#c`, ath }))).toMatchObject({ wallet_id: wallet.id });
    const refusals: readonly (readonly [string, string])[] = [
      ['the token is bound to another key', dpopProof(newDevice(), { htu, ath })],
      ['the DPoP proof was used before', sound],
      ['dpop.ath', dpopProof(key, { htu })],
      ['dpop.ath', dpopProof(key, { htu, ath: `${ath}A` })],
      ['dpop.htu', dpopProof(key, { htu: `${htu}/x?a=b`, ath })],
      ['dpop.htu', dpopProof(key, { htu: htu.replace('GetWallet', 'GrantAccess'), ath })],
      ['dpop.htu', dpopProof(key, { htu: htu.replace(server.url, 'https://evil.example'), ath })],
      ['dpop.htm', dpopProof(key, { htm: 'GET', htu, ath })],
      ['dpop.iat', dpopProof(key, { htu, ath, iat: now() - 120 })],
      ['dpop.iat', dpopProof(key, { htu, ath, iat: now() + 120 })],
      ['dpop.iat', dpopProof(key, { htu, ath, iat: undefined })],
      ['dpop.jti', dpopProof(key, { htu, ath, jti: '' })],
      ['dpop.typ', dpopProof(key, { htu, ath }, { typ: 'JWT' })],
      ['dpop.alg', dpopProof(key, { htu, ath }, { alg: 'none' })],
      ['dpop.alg', dpopProof(key, { htu, ath }, { alg: 'HS256' })],
      ['dpop.jwk', dpopProof(key, { htu, ath }, { alg: 'ES256' })],
      ['dpop.jwk', dpopProof(key, { htu, ath }, { jwk: undefined })],
      ['dpop.jwk', dpopProof(key, { htu, ath }, { jwk: key.privateKey.export({ format: 'jwk' }) as Doc })],
      ['dpop.header', dpopProof(key, { htu, ath }, { crit: ['b64'], b64: false })],
      ['dpop.signature', `${sound.slice(0, sound.lastIndexOf('.'))}.${randomBytes(64).toString('base64url')}`],
      ['dpop.malformed', 'a.b'],
      ['dpop.too_large', `${'a'.repeat(9_000)}.b.c`],
    ];
    for (const [cause, dpop] of refusals) {
      await expect(bound(dpop), cause).rejects.toMatchObject({ code: 16 });
      expect(reason()).toBe(cause);
    }
    await expect(acquire(dpopProof(key, { htu }))).rejects.toMatchObject({
      code: 16,
      details: expect.stringContaining('URI'),
    });
  });
});

test('no secret, no token and no signature of a refused request is in the log', () => {
  const log = server.logged.join('\n');
  expect(log).not.toMatch(/eyJ[A-Za-z0-9_-]{20}/);
  expect(log).not.toContain('proofValue');
  expect(log).not.toContain(wallet.device.did);
});
