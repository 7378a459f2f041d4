import { generateKeyPairSync, sign } from 'node:crypto';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { cryptoPort } from '@countersign/client/node-crypto';
import { AuthService } from '@countersign/client/rpc';
import { type KeyStore, Wallet, type WalletProfile } from '@countersign/client/wallet';
import {
  type CapabilitySigner,
  createDidPeer4,
  createInvocation,
  encodeMultibase,
  parseDidKey,
  parseDidPeer2,
  parseDidPeer4,
} from '@countersign/proof';
import { type OwnAgreementKey, pack, parsePrivateAgreementJwk, unpack } from '@countersign/proof/didcomm';
import { type DIDDoc, Message } from 'didcomm-node';
import { startCountersign, withDirectory } from './child.ts';
import { type Contender, ratio, rotate, spread } from './measure.ts';
import { perSecond, type Row, rateNote, times } from './report.ts';
import { contender } from './verification.ts';

const realm = 'bench-wallets';
const requests = 50;

/** Measures tokens for invocations, and the cost of DIDs and packed messages in this process. */
export async function measureWallets(rounds: number): Promise<readonly Row[]> {
  return [...(await measureAcquire(rounds)), ...(await measureDids(rounds)), ...(await measurePacking(rounds))];
}

/**
 * A challenge, an invocation over a chain of one delegation, a token, over both protocols: over HTTP with the SDK, over gRPC
 * with one channel and messages in protobuf. Only the server's time counts, not the caller's signatures.
 */
async function measureAcquire(rounds: number): Promise<readonly Row[]> {
  return withDirectory(async (dataDir) => {
    const settings = { walletCreation: 'open', walletTokens: 'bearer' };
    const server = await startCountersign({
      dataDir,
      network: { realms: [{ name: realm, profile: 'strict', settings }] },
    });
    const issuer = `http://localhost:${server.port}/realms/${realm}`;
    const { keyStore, signer } = heldKey();
    const { profile } = await Wallet.create({ issuer, keyStore });
    const perGrpc = await acquiringOverGrpc(server.port, issuer, profile, signer);
    const counted = async (ask: () => Promise<string>) => {
      const before = server.cpuSeconds();
      const tokens = new Set<string>();
      for (let i = 0; i < requests; i++) tokens.add(await ask());
      if (tokens.size !== requests) throw new Error('a token was given out twice');
      return requests / (server.cpuSeconds() - before);
    };
    const json = async () => {
      // The wallets are opened before the clock runs; none of them has a token yet.
      const wallets = await Promise.all(Array.from({ length: requests }, () => Wallet.open(profile, { keyStore })));
      return counted(() => (wallets.pop() as (typeof wallets)[number]).token());
    };
    const grpc = () => counted(perGrpc);
    await json();
    await grpc();
    const rates = await rotate<'json' | 'grpc'>(
      [
        { name: 'json', round: json },
        { name: 'grpc', round: grpc },
      ],
      rounds,
    );
    await server.stop();
    const what = 'GetChallenge and AcquireToken per CPU second, over';
    return [
      { what: `${what} HTTP/JSON`, measured: spread(rates.json), format: perSecond },
      { what: `${what} gRPC`, measured: spread(rates.grpc), format: perSecond },
    ];
  });
}

/** A key that signs for the SDK and for us. */
function heldKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const bytes = Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url');
  const key = {
    id: 'held',
    publicKey: new Uint8Array(bytes),
    sign: (data: Uint8Array) => sign(null, data, privateKey),
  };
  const keyStore: KeyStore = { name: 'bench', create: async () => key, open: async () => key };
  const multikey = encodeMultibase(Buffer.concat([Buffer.from([0xed, 0x01]), bytes]));
  const verificationMethod = `did:key:${multikey}#${multikey}`;
  const signer: CapabilitySigner = { alg: 'Ed25519', verificationMethod, crypto: cryptoPort, sign: key.sign };
  return { keyStore, signer };
}

async function acquiringOverGrpc(port: number, issuer: string, profile: WalletProfile, signer: CapabilitySigner) {
  const withRealm: Interceptor = (next) => (request) => {
    request.header.set('realm', realm);
    return next(request);
  };
  const transport = createGrpcTransport({ baseUrl: `http://localhost:${port}`, interceptors: [withRealm] });
  const auth = createClient(AuthService, transport);
  const { capability } = profile;
  if (capability === undefined) throw new Error('the wallet has no capability');
  return async () => {
    const { nonce } = await auth.getChallenge({});
    const id = `urn:uuid:${crypto.randomUUID()}`;
    const invocation = await createInvocation(
      { id, capability, action: 'read', request: { kind: 'token' }, nonce, audience: issuer, created: Date.now() },
      signer,
    );
    const { walletToken } = await auth.acquireToken({ invocation: Buffer.from(JSON.stringify(invocation)) });
    return walletToken;
  };
}

/** Resolves each DID once: a repeated one would cost only a look-up. */
async function measureDids(rounds: number): Promise<readonly Row[]> {
  const keys = resolving('key', newDidKey, (did) => void parseDidKey(did));
  const peers2 = resolving('peer:2', newDidPeer2, (did) => void parseDidPeer2(did));
  const peers4 = resolving('peer:4', newDidPeer4, async (did) => void (await parseDidPeer4(did, cryptoPort)));
  const rates = await rotate<'key' | 'peer:2' | 'peer:4'>([keys, peers2, peers4], rounds);
  return (['key', 'peer:2', 'peer:4'] as const).map((method) => ({
    what: `did:${method} resolutions per second, each seen for the first time`,
    measured: spread(rates[method]),
    format: perSecond,
  }));
}

function resolving<Name extends string>(
  name: Name,
  make: () => string | Promise<string>,
  resolve: (did: string) => void | Promise<void>,
): Contender<Name> {
  return {
    name,
    async round() {
      const dids = await Promise.all(Array.from({ length: 500 }, make));
      const begun = performance.now();
      for (const did of dids) await resolve(did);
      return (dids.length / (performance.now() - begun)) * 1000;
    },
  };
}

/** The DID as text, so that no cache has seen it. */
const newDidKey = () => `did:key:${newMultikey('ed25519')}`;

/** A key for authentication and one for key agreement, as in the examples of the specification. */
const newDidPeer2 = () => `did:peer:2.V${newMultikey('ed25519')}.E${newMultikey('x25519')}`;

async function newDidPeer4(): Promise<string> {
  const methods = (['ed25519', 'x25519'] as const).map((curve, at) => ({
    id: `#key-${at}`,
    type: 'Multikey',
    publicKeyMultibase: newMultikey(curve),
  }));
  const document = { verificationMethod: methods, authentication: ['#key-0'], keyAgreement: ['#key-1'] };
  return (await createDidPeer4(document, cryptoPort)).long;
}

function newMultikey(curve: 'ed25519' | 'x25519'): string {
  const { publicKey } = curve === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519');
  const { x } = publicKey.export({ format: 'jwk' });
  const prefix = Buffer.from([curve === 'ed25519' ? 0xed : 0xec, 0x01]);
  return encodeMultibase(Buffer.concat([prefix, Buffer.from(x as string, 'base64url')]));
}

const [alice, bob] = ['did:example:alice', 'did:example:bob'] as const;
const type = 'https://example.com/protocols/lunch/1.0/proposal';
const messages = 20;

/** Compares authcrypt over X25519, in both directions, with didcomm-node. */
async function measurePacking(rounds: number): Promise<readonly Row[]> {
  const [from, to] = [party(alice), party(bob)];
  const seconds = Math.floor(Date.now() / 1000);
  const packing = {
    ...{ id: 'message-1', type, body: { table: 4 }, createdTime: seconds, expiresTime: seconds + 3_600 },
    ...{ sender: from.key, recipients: [to.key] },
    random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)),
  };
  const expecting = {
    keys: [to.key],
    recipient: bob,
    modes: ['authcrypt'] as const,
    senderKey: () => from.key.key,
    now: seconds,
  };
  const theirs = peer([from, to]);
  const packed = await pack(packing);
  const rates = await rotate(
    [
      contender('pack', () => pack(packing), messages),
      contender('unpack', () => unpack(packed, { ...expecting, maxAge: 3_600 }), messages),
      contender('pack of didcomm-node', () => theirs.pack(), messages),
      contender('unpack of didcomm-node', () => theirs.unpack(packed), messages),
    ],
    rounds,
  );
  return (['pack', 'unpack'] as const).map((name) => ({
    what: `DIDComm ${name}, authcrypt over X25519 in pure JavaScript, against didcomm-node`,
    measured: ratio(rates[name], rates[`${name} of didcomm-node`]),
    format: times,
    ...(name === 'pack' ? { note: rateNote(rates) } : {}),
  }));
}

interface Party {
  readonly did: string;
  readonly jwk: Readonly<Record<string, unknown>>;
  readonly key: OwnAgreementKey;
}

function party(did: string): Party {
  const jwk = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const parsed = parsePrivateAgreementJwk(`${did}#key-1`, jwk);
  if (!parsed.ok) throw new Error(parsed.reason);
  return { did, jwk: jwk as Record<string, unknown>, key: parsed.key };
}

function peer(parties: readonly Party[]) {
  const documents = parties.map(({ did, jwk, key: { kid } }): DIDDoc => {
    const { d: _, ...publicKeyJwk } = jwk;
    const method = { id: kid, type: 'JsonWebKey2020', controller: did, publicKeyJwk };
    return { id: did, keyAgreement: [kid], authentication: [], verificationMethod: [method], service: [] };
  });
  const secrets = parties.map(({ key: { kid }, jwk }) => ({ id: kid, type: 'JsonWebKey2020', privateKeyJwk: jwk }));
  const dids = { resolve: async (did: string) => documents.find(({ id }) => id === did) ?? null };
  const keys = {
    get_secret: async (id: string) => secrets.find((one) => one.id === id) ?? null,
    find_secrets: async (ids: string[]) => ids.filter((id) => secrets.some((one) => one.id === id)),
  };
  const plain = {
    id: 'message-1',
    typ: 'application/didcomm-plain+json',
    type,
    from: alice,
    to: [bob],
    body: { table: 4 },
  };
  return {
    pack: () => new Message(plain).pack_encrypted(bob, alice, null, dids, keys, { forward: false }),
    unpack: (packed: string) => Message.unpack(packed, dids, keys, {}),
  };
}
