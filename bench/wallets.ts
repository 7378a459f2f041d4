import { generateKeyPairSync } from 'node:crypto';
import { Wallet } from '@countersign/client/wallet';
import { encodeMultibase, parseDidKey } from '@countersign/proof';
import { type OwnAgreementKey, pack, parsePrivateAgreementJwk, unpack } from '@countersign/proof/didcomm';
import { type DIDDoc, Message } from 'didcomm-node';
import { startCountersign, withDirectory } from './child.ts';
import { ratio, rotate, spread } from './measure.ts';
import { perSecond, type Row, rateNote, times } from './report.ts';
import { contender } from './verification.ts';

const realm = 'bench-wallets';
const requests = 50;
const lock = { passphrase: 'a benchmark', cost: { N: 2 ** 14, r: 8, p: 1 } } as const;

/** Tokens for invocations, and what DIDs and packed messages cost in this process. */
export async function measureWallets(rounds: number): Promise<readonly Row[]> {
  return [...(await measureAcquire(rounds)), ...(await measureDids(rounds)), ...(await measurePacking(rounds))];
}

/** A challenge, an invocation over a chain of one delegation, a token: as the SDK asks for it. */
async function measureAcquire(rounds: number): Promise<readonly Row[]> {
  return withDirectory(async (dataDir) => {
    const settings = { walletCreation: 'open', walletTokens: 'bearer' };
    const server = await startCountersign({
      dataDir,
      network: { realms: [{ name: realm, profile: 'strict', settings }] },
    });
    const issuer = `http://localhost:${server.port}/realms/${realm}`;
    const { profile } = await Wallet.create({ issuer, ...lock });
    const round = async () => {
      // Opened before the clock runs; none of them has a token yet.
      const wallets = await Promise.all(Array.from({ length: requests }, () => Wallet.open(profile, lock)));
      const before = server.cpuSeconds();
      const tokens = new Set<string>();
      for (const wallet of wallets) tokens.add(await wallet.token());
      if (tokens.size !== requests) throw new Error('a token was given out twice');
      return requests / (server.cpuSeconds() - before);
    };
    await round();
    const { tokens } = await rotate<'tokens'>([{ name: 'tokens', round }], rounds);
    await server.stop();
    const what = 'GetChallenge and AcquireToken per CPU second, over HTTP/JSON';
    return [{ what, measured: spread(tokens), format: perSecond }];
  });
}

/** Each once: whoever is seen again costs a look-up. */
async function measureDids(rounds: number): Promise<readonly Row[]> {
  const round = async () => {
    const dids = Array.from({ length: 500 }, newDidKey);
    const begun = performance.now();
    for (const did of dids) parseDidKey(did);
    return (dids.length / (performance.now() - begun)) * 1000;
  };
  await round();
  const { keys } = await rotate<'keys'>([{ name: 'keys', round }], rounds);
  return [
    { what: 'did:key resolutions per second, each seen for the first time', measured: spread(keys), format: perSecond },
  ];
}

/** As text: nothing of ours has seen it. */
function newDidKey(): string {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  return `did:key:${encodeMultibase(Buffer.concat([Buffer.from([0xed, 0x01]), Buffer.from(x as string, 'base64url')]))}`;
}

const [alice, bob] = ['did:example:alice', 'did:example:bob'] as const;
const type = 'https://example.com/protocols/lunch/1.0/proposal';
const messages = 20;

/** authcrypt over X25519, both ways, beside didcomm-node. */
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
