import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import type { JsonObject } from '@countersign/proof';
import { beforeAll, describe, expect, test } from 'vitest';
import type { KeyPair } from '../src/wallet/device-key.ts';
import { type KeyStore, parseProfile, profileText, Wallet, type WalletProfile } from '../src/wallet/index.ts';
import { unlock } from '../src/wallet/lock.ts';
import { scrypt as nodeScrypt } from '../src/wallet/node-scrypt.ts';
import { walletFile } from '../src/wallet/node-wallet-file.ts';
import { boundTo } from '../src/wallet/profile.ts';
import { seal, unseal } from '../src/wallet/seal.ts';
import { scrypt as webScrypt } from '../src/wallet/web-scrypt.ts';

const issuer = 'https://id.example/realms/dev';
const passphrase = 'pāss phrase ﬁve';
const cost = { N: 16_384, r: 8, p: 1 };
const lock = { passphrase, cost };

let profile: WalletProfile;
let document: JsonObject & { readonly did: string; readonly key: JsonObject & { readonly kdf: JsonObject } };
beforeAll(async () => {
  const waiting = await Wallet.prepare({ issuer, ...lock });
  profile = Wallet.accept(waiting, capabilityFor(waiting.did));
  document = JSON.parse(profileText(profile));
});

/** As far as a profile looks at one: the realm judges it. */
function capabilityFor(controller: string, invocationTarget = 'urn:countersign:wallet:1'): JsonObject {
  return { id: 'urn:uuid:1', controller, invocationTarget, allowedAction: ['read'] };
}

test('a profile is what its text says, and its text is what is kept', () => {
  expect(parseProfile(profileText(profile))).toEqual(profile);
  expect(parseProfile(Buffer.from(profileText(profile)))).toEqual(profile);
  expect(document).toMatchObject({ type: 'CountersignWallet', version: 1, issuer, key: { cipher: 'A256GCM' } });
});

test('opens with the passphrase, however its characters were typed, and with no other', async () => {
  const wallet = await Wallet.open(profile, { passphrase: passphrase.normalize('NFD').replace('ﬁ', 'fi') });
  expect(wallet.did).toBe(profile.did);
  const wrong = { code: 'profile.passphrase', message: expect.stringContaining('wrong') };
  await expect(Wallet.open(profile, { passphrase: `${passphrase} ` })).rejects.toMatchObject(wrong);
  await expect(Wallet.prepare({ issuer, passphrase: 'seven77', cost })).rejects.toMatchObject({
    code: 'profile.passphrase',
  });
});

test('costs what OWASP asks for unless a test says otherwise', async () => {
  const { key } = await Wallet.prepare({ issuer, passphrase });
  expect(key).toMatchObject({ kdf: { N: 131_072, r: 8, p: 1 } });
});

const other = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw';

describe('a hostile profile is refused by name, before anything is computed', () => {
  test.each<[string, (members: typeof document) => unknown, string]>([
    ['no object', () => [], 'type'],
    ['another type', (members) => ({ ...members, type: 'Wallet' }), 'type'],
    ['a later version', (members) => ({ ...members, version: 2 }), 'version'],
    ['a version in words', (members) => ({ ...members, version: '1' }), 'version'],
    ['a member that means something else', (members) => ({ ...members, proxy: 'https://evil.example' }), 'member'],
    ['no issuer', ({ issuer: _, ...members }) => members, 'issuer'],
    ['an issuer without TLS', (members) => ({ ...members, issuer: 'http://id.example/realms/dev' }), 'issuer'],
    [
      'an issuer that only looks local',
      (m) => ({ ...m, issuer: 'http://localhost.evil.example/realms/dev' }),
      'issuer',
    ],
    ['an issuer with a query', (members) => ({ ...members, issuer: `${issuer}?x` }), 'issuer'],
    ['an issuer with a user', (members) => ({ ...members, issuer: 'https://id.example@evil/realms/dev' }), 'issuer'],
    ['an issuer that is a script', (members) => ({ ...members, issuer: 'javascript:1//realms/dev' }), 'issuer'],
    ['an issuer that is no realm', (members) => ({ ...members, issuer: 'https://id.example' }), 'issuer'],
    ['no DID', ({ did: _, ...members }) => members, 'did'],
    ['a DID of another method', (members) => ({ ...members, did: 'did:web:evil.example' }), 'did'],
    ['a DID URL', (members) => ({ ...members, did: `${members.did}#key` }), 'did'],
    ['a capability of somebody else', (m) => ({ ...m, capability: capabilityFor(other) }), 'capability'],
    ['a capability for anything', (m) => ({ ...m, capability: capabilityFor(m.did, 'https://x/') }), 'capability'],
    ['a capability that is text', (members) => ({ ...members, capability: 'urn:uuid:1' }), 'capability'],
    ['a wallet for a realm', (m) => ({ ...m, realmCapability: capabilityFor(m.did) }), 'realmCapability'],
    ['no key', ({ key: _, ...members }) => members, 'key'],
    ['a key in the open', (m) => ({ ...m, key: { kty: 'OKP', crv: 'Ed25519', d: 'AAAA' } }), 'key'],
    ['another cipher', (members) => ({ ...members, key: { ...members.key, cipher: 'none' } }), 'key'],
    ['another KDF', (m) => ({ ...m, key: { ...m.key, kdf: { ...m.key.kdf, name: 'none' } } }), 'key'],
    ['a KDF that costs nothing', (m) => ({ ...m, key: { ...m.key, kdf: { ...m.key.kdf, N: 2 } } }), 'key'],
    ['a KDF that costs everything', (m) => ({ ...m, key: { ...m.key, kdf: { ...m.key.kdf, N: 2 ** 30 } } }), 'key'],
    ['a KDF that costs no power of two', (m) => ({ ...m, key: { ...m.key, kdf: { ...m.key.kdf, N: 20_000 } } }), 'key'],
    ['a KDF in many lanes', (m) => ({ ...m, key: { ...m.key, kdf: { ...m.key.kdf, p: 65_536 } } }), 'key'],
    ['a KDF in large blocks', (m) => ({ ...m, key: { ...m.key, kdf: { ...m.key.kdf, r: 4_096 } } }), 'key'],
    ['a short salt', (m) => ({ ...m, key: { ...m.key, kdf: { ...m.key.kdf, salt: 'AAAA' } } }), 'key'],
    ['a short nonce', (members) => ({ ...members, key: { ...members.key, iv: 'AAAA' } }), 'key'],
    ['a long secret', (members) => ({ ...members, key: { ...members.key, sealed: 'A'.repeat(90) } }), 'key'],
    ['padding', (members) => ({ ...members, key: { ...members.key, iv: `${members.key.iv}=` } }), 'key'],
    ['a key that says more', (members) => ({ ...members, key: { ...members.key, hint: 'x' } }), 'key'],
    ['a store without an id', (members) => ({ ...members, key: { store: 'keychain' } }), 'key'],
  ])('%s', async (_, change, named) => {
    const text = JSON.stringify(change(document));
    const refusal = { name: 'ClientError', code: expect.stringMatching(/^profile\.(malformed|version)$/) };
    await expect(Wallet.open(text, lock)).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining(named),
    });
  });

  test.each([
    ['nothing', ''],
    ['half of it', '{"type":"CountersignWallet","ver'],
    ['a member twice', '{"type":"CountersignWallet","type":"CountersignWallet"}'],
    ['a mark at the beginning', '\uFEFF{}'],
    ['too much', `{"type":"${'x'.repeat(300_000)}"}`],
    ['too deep', `${'['.repeat(100)}${']'.repeat(100)}`],
  ])('%s is no profile', async (_, text) => {
    await expect(Wallet.open(text, lock)).rejects.toMatchObject({ code: 'profile.malformed' });
  });
});

test('the key opens under its own realm and DID alone', async () => {
  const moved = { ...profile, issuer: 'https://evil.example/realms/dev' };
  await expect(Wallet.open(moved, lock)).rejects.toMatchObject({ code: 'profile.passphrase' });
  const renamed = { ...profile, did: other, capability: capabilityFor(other) };
  await expect(Wallet.open(renamed, lock)).rejects.toMatchObject({ code: 'profile.passphrase' });
});

test('a key that is not the one of the DID is refused, also where it was sealed with care', async () => {
  const { capability: _, ...mine } = profile;
  const key = await seal(new Uint8Array(32).fill(7), passphrase, boundTo(mine), cost);
  await expect(unlock({ ...mine, key }, lock)).rejects.toMatchObject({ code: 'signing_key.private' });
});

test('a device without a capability says what it waits for', async () => {
  const waiting = await Wallet.prepare({ issuer, ...lock });
  const refusal = { code: 'profile.waiting', message: expect.stringContaining(waiting.did) };
  await expect(Wallet.open(waiting, lock)).rejects.toMatchObject(refusal);
  expect(() => Wallet.accept(waiting, capabilityFor(other))).toThrow('another DID');
});

test('nothing that is printed, sent on or thrown shows the key', async () => {
  if ('store' in profile.key) throw new Error('sealed, for this test');
  const seed = Buffer.from(await unseal(profile.key, passphrase, boundTo(profile)));
  expect(seed).toHaveLength(32);
  const wallet = await Wallet.open(profile, lock);
  const seen = [JSON.stringify(wallet), inspect(wallet, { depth: 20, showHidden: true }), profileText(profile)].join();
  for (const secret of [seed.toString('base64url'), seed.toString('hex'), seed.toString('base64'), passphrase]) {
    expect(seen).not.toContain(secret);
  }
  expect(seen).not.toContain([...seed.subarray(0, 8)].join(', '));
});

test('both ways to scrypt are RFC 7914', async () => {
  // §12: scrypt ("pleaseletmein", "SodiumChloride", N=16384, r=8, p=1), its first 32 bytes.
  const expected = '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2';
  const ask = [Buffer.from('pleaseletmein'), Buffer.from('SodiumChloride'), cost] as const;
  for (const scrypt of [nodeScrypt, webScrypt])
    expect(Buffer.from(await scrypt(...ask)).toString('hex')).toBe(expected);
});

describe('a key store', () => {
  /** As a keychain would be, with keys that nobody can read. */
  function keychain(name = 'keychain'): KeyStore & { readonly keys: Map<string, KeyPair> } {
    const keys = new Map<string, KeyPair>();
    const stored = async (id: string, { publicKey, privateKey }: KeyPair) => ({
      id,
      publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)),
      sign: async (bytes: Uint8Array) =>
        new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, Uint8Array.from(bytes))),
    });
    return {
      name,
      keys,
      async create() {
        const pair = (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as KeyPair;
        keys.set('one', pair);
        return stored('one', pair);
      },
      async open(id) {
        const pair = keys.get(id);
        return pair && stored(id, pair);
      },
    };
  }

  test('holds the key; the profile says where it is', async () => {
    const keyStore = keychain();
    const waiting = await Wallet.prepare({ issuer, keyStore });
    expect(JSON.parse(profileText(waiting)).key).toEqual({ store: 'keychain', id: 'one' });
    const mine = Wallet.accept(waiting, capabilityFor(waiting.did));
    expect(await Wallet.open(mine, { keyStore })).toMatchObject({ did: waiting.did });
    const fields = (await Wallet.open(mine, { keyStore })).invoke('/a.B/C', new Uint8Array());
    expect(Object.keys(await fields)).toEqual(['capability-invocation']);
    await expect(Wallet.open(mine, lock)).rejects.toMatchObject({ code: 'profile.key_store' });
    await expect(Wallet.open(mine, { keyStore: keychain('other') })).rejects.toMatchObject({
      code: 'profile.key_store',
    });
    await expect(Wallet.open(mine, { keyStore: keychain() })).rejects.toMatchObject({ code: 'profile.key_missing' });
    await expect(Wallet.open(profile, { keyStore })).rejects.toMatchObject({ code: 'profile.key_store' });
    await keyStore.create();
    await expect(Wallet.open(mine, { keyStore })).rejects.toMatchObject({ code: 'signing_key.private' });
  });
});

describe('the file', () => {
  const path = () => join(mkdtempSync(join(tmpdir(), 'countersign-wallet-')), 'new', 'wallet.json');

  test('is its owner’s alone, whole, and never that of another device', async () => {
    const at = path();
    const file = walletFile(at);
    expect(await file.load()).toBeUndefined();
    const { capability: _, ...waiting } = profile;
    await file.save(waiting);
    await file.save(profile);
    expect(await file.load()).toEqual(profile);
    expect(statSync(at).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(at)).mode & 0o777).toBe(0o700);
    expect(readdirSync(dirname(at))).toEqual(['wallet.json']);
    const stranger = await Wallet.prepare({ issuer, ...lock });
    await expect(file.save(stranger)).rejects.toMatchObject({ code: 'profile.exists' });
    expect(readFileSync(at, 'utf8')).toBe(profileText(profile));
  });

  test('that is something else is neither read nor written over', async () => {
    const at = path();
    const file = walletFile(at);
    await file.save(profile);
    writeFileSync(at, '{"something":"else"}');
    await expect(file.load()).rejects.toMatchObject({ code: 'profile.malformed' });
    await expect(file.save(profile)).rejects.toMatchObject({ code: 'profile.malformed' });
    await expect(walletFile(dirname(at)).load()).rejects.toMatchObject({ code: 'profile.unreadable' });
  });
});
