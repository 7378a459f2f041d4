import { createPrivateKey } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { rounds } from '../../proof/test/support/rounds.ts';
import { loadConfig } from '../src/config.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import { systemRandom } from '../src/kernel/random.ts';
import { createContext } from '../src/server.ts';
import { ensureRealms } from '../src/start.ts';
import { openStore } from '../src/store/open.ts';
import { layNextMasterKey, masterKeyOf, masterKeyPath } from '../src/subject/secrets/master-key.ts';
import { openVault, reseal, signingKeyBinding } from '../src/subject/secrets/vault.ts';
import { signingKeys } from '../src/subject/tokens/signing-key.ts';
import { masterKey, openContext, temporaryDir } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { run } from './support/serve.ts';

const log = createLog('silent');
const otherKey = Buffer.alloc(32, 7);
const key = Buffer.from(masterKey, 'base64url');

async function openSqlite() {
  const store = await openStore(`sqlite:${join(temporaryDir(), 'countersign.db')}`, systemClock, log);
  onTestFinished(() => store.close());
  return store;
}

describe('an envelope', () => {
  test('opens to what was sealed, whatever it was', async () => {
    const vault = await openVault(await openSqlite(), key);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (plain, bound) => {
        const envelope = vault.seal(plain, bound);
        expect(vault.open(envelope, bound)).toBe(plain);
        expect(envelope).toMatch(/^v1\.[A-Za-z0-9_-]{11}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$/);
      }),
    );
  });

  test('is never the same twice', async () => {
    const vault = await openVault(await openSqlite(), key);
    const envelopes = Array.from({ length: 1_000 }, () => vault.seal('same', 'same'));
    expect(new Set(envelopes).size).toBe(1_000);
  });

  test('does not open when it is moved to another place', async () => {
    const vault = await openVault(await openSqlite(), key);
    const envelope = vault.seal('private', signingKeyBinding('a', 'b'));
    for (const elsewhere of [
      signingKeyBinding('b', 'b'),
      signingKeyBinding('a', 'c'),
      signingKeyBinding('a\0b', ''),
      '',
    ]) {
      expect(() => vault.open(envelope, elsewhere)).toThrow(expect.objectContaining({ code: 'internal' }));
    }
  });

  test('does not open when any bit of any letter is flipped', async () => {
    const vault = await openVault(await openSqlite(), key);
    const envelope = vault.seal('{"d":"private"}', 'place');
    fc.assert(
      fc.property(fc.nat(envelope.length - 1), fc.nat(6), (at, bit) => {
        const flipped = String.fromCharCode(envelope.charCodeAt(at) ^ (1 << bit));
        const altered = envelope.slice(0, at) + flipped + envelope.slice(at + 1);
        expect(() => vault.open(altered, 'place')).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^(internal|config\.invalid)$/) }),
        );
      }),
      { numRuns: rounds(1_000) },
    );
  });

  test('does not open when it is cut, padded, doubled or of another version', async () => {
    const vault = await openVault(await openSqlite(), key);
    const envelope = vault.seal('private', 'place');
    const [version, id, nonce, body] = envelope.split('.') as [string, string, string, string];
    const altered = [
      '',
      '...',
      `${envelope}.`,
      `${envelope}=`,
      `${envelope} `,
      envelope.slice(0, -1),
      `${version}.${id}.${nonce}.`,
      `${version}.${id}.${nonce}.AAAA`,
      `${version}.${id}..${body}`,
      `v2.${id}.${nonce}.${body}`,
      `${version}.${id}.${nonce}.${Buffer.from(body, 'base64url').subarray(0, 20).toString('base64url')}`,
    ];
    for (const text of altered)
      expect(() => vault.open(text, 'place')).toThrow(expect.objectContaining({ code: 'internal' }));
  });

  test('tells nothing of what it holds when it does not open', async () => {
    const vault = await openVault(await openSqlite(), key);
    const envelope = vault.seal('s3cret', 'place');
    expect(() => vault.open(envelope, 'elsewhere')).not.toThrow('s3cret');
  });
});

describe('a digest', () => {
  test('matches its secret for its purpose only', async () => {
    const vault = await openVault(await openSqlite(), key);
    const digest = vault.digest('client-secret', 'a secret');
    expect(vault.matches('client-secret', 'a secret', digest)).toBe(true);
    expect(vault.matches('pick-up', 'a secret', digest)).toBe(false);
    expect(vault.matches('client-secret', 'a secreT', digest)).toBe(false);
    // Of the last letter's six bits the digest uses four: decoded, each of these would be the same bytes.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(digest.slice(-1));
    const otherSpellings = [1, 2, 3].map((bits) => digest.slice(0, -1) + alphabet[last + bits]);
    for (const broken of ['', digest.slice(0, -2), `${digest}AAAA`, `${digest}=`, ...otherSpellings]) {
      expect(vault.matches('client-secret', 'a secret', broken), broken).toBe(false);
    }
  });

  test('is another in another database under the same master key', async () => {
    const [one, two] = [await openVault(await openSqlite(), key), await openVault(await openSqlite(), key)];
    expect(one.digest('client-secret', 'x')).not.toBe(two.digest('client-secret', 'x'));
  });
});

eachDatabase('the vault', (freshUrl) => {
  test('opens with the same key again, and with the same key on two nodes at once', async () => {
    const url = await freshUrl();
    const [one, two] = await Promise.all([openContext(url), openContext(url)]);
    const digest = one.vault.digest('client-secret', 'x');
    expect(two.vault.matches('client-secret', 'x', digest)).toBe(true);
    expect(two.vault.open(one.vault.seal('plain', 'place'), 'place')).toBe('plain');
    expect((await openContext(url)).vault.matches('client-secret', 'x', digest)).toBe(true);
  });

  test('does not open with another master key: the start stops and says why', async () => {
    const url = await freshUrl();
    await openContext(url);
    const wrong = openContext(url, {}, { COUNTERSIGN_MASTER_KEY: otherKey.toString('base64url') });
    await expect(wrong).rejects.toMatchObject({ code: 'config.invalid' });
    await expect(wrong).rejects.toThrow(/^COUNTERSIGN_MASTER_KEY does not match this database/);
  });

  test('sealed again under another key keeps client secrets and signing keys working, and forgets the old key', async () => {
    const url = await freshUrl();
    const before = await openContext(url);
    await ensureRealms(before);
    const digest = before.vault.digest('client-secret', 'x');
    const kids = (await signingKeys(before, 'dev')).map(({ kid }) => kid);
    const sealed = await before.store.db.selectFrom('signing_key').select('kid').execute();
    expect(await reseal(before.store, key, otherKey, [])).toBe(2 + sealed.length);
    await expect(openContext(url)).rejects.toThrow('COUNTERSIGN_MASTER_KEY');
    const after = await openContext(url, {}, { COUNTERSIGN_MASTER_KEY: otherKey.toString('base64url') });
    expect(after.vault.matches('client-secret', 'x', digest)).toBe(true);
    const keys = await signingKeys(after, 'dev');
    expect(keys.map(({ kid }) => kid)).toEqual(kids);
    for (const { privateKey } of keys) expect(privateKey.type).toBe('private');
  });

  test('sealed again with a wrong old key, or with a new one that is none, changes nothing', async () => {
    const url = await freshUrl();
    const context = await openContext(url);
    await ensureRealms(context);
    const kids = (await signingKeys(context, 'dev')).map(({ kid }) => kid);
    await expect(reseal(context.store, otherKey, Buffer.alloc(32, 9), [])).rejects.toThrow('COUNTERSIGN_MASTER_KEY');
    await expect(reseal(context.store, key, Buffer.alloc(31), [])).rejects.toThrow();
    const keys = await signingKeys(await openContext(url), 'dev');
    expect(keys.map(({ kid }) => kid)).toEqual(kids);
    expect(kids.length).toBeGreaterThan(0);
  });

  test('holds no private key in the clear', async () => {
    const context = await openContext(await freshUrl());
    await ensureRealms(context);
    const rows = await context.store.db.selectFrom('signing_key').selectAll().execute();
    expect(new Set(rows.map(({ realm, purpose }) => `${realm} ${purpose}`)).size).toBeGreaterThanOrEqual(4);
    for (const row of rows) {
      expect(row.sealed_jwk).toMatch(/^v1\./);
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])
        expect(JSON.parse(row.public_jwk)).not.toHaveProperty(member);
      const jwk = JSON.parse(context.vault.open(row.sealed_jwk, signingKeyBinding(row.realm, row.kid)));
      expect(createPrivateKey({ key: jwk, format: 'jwk' }).type).toBe('private');
    }
  });
});

describe('the master key of an embedded database', () => {
  const configOf = (dataDir: string) => loadConfig({ COUNTERSIGN_DATA_DIR: dataDir }).config;

  test('is made at the first start, in a file of its owner’s alone', async () => {
    const dataDir = join(temporaryDir(), 'fresh');
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    const context = await createContext(configOf(dataDir), { log });
    await context.store.close();
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'master.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dataDir, 'master.key'), 'utf8')).toMatch(/^[A-Za-z0-9_-]{43}\n$/);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('master.key'))).toEqual(['master.key']);
  });

  test('is one, however many processes make their first start at once', async () => {
    const dataDir = temporaryDir();
    const file = join(temporaryDir(), 'network.json');
    writeFileSync(file, '{"realms":[]}');
    const apply = ['apply', '--offline', '-f', file];
    const ends = await Promise.all(Array.from({ length: 4 }, () => run(apply, { COUNTERSIGN_DATA_DIR: dataDir })));
    expect(ends.map(({ code, stderr }) => [code, stderr])).toEqual(ends.map(() => [0, '']));
    expect(await createContext(configOf(dataDir), { log }).then(({ store }) => store.close())).toBeUndefined();
  }, 60_000);

  test('is not replaced silently when it has gone', async () => {
    const dataDir = temporaryDir();
    await (await createContext(configOf(dataDir), { log })).store.close();
    rmSync(join(dataDir, 'master.key'));
    const { code, stderr } = await run(['serve'], { COUNTERSIGN_DATA_DIR: dataDir });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^countersign: .*master\.key is missing, and COUNTERSIGN_MASTER_KEY is not set.*\n$/);
    expect(existsSync(join(dataDir, 'master.key'))).toBe(false);
  });

  test.each(['', 'short', `${masterKey}${masterKey}`])('is refused when its file holds %j', async (content) => {
    const dataDir = temporaryDir();
    const config = configOf(dataDir);
    writeFileSync(masterKeyPath(config), content, { mode: 0o600 });
    const store = await openStore(`sqlite:${join(dataDir, 'countersign.db')}`, systemClock, log);
    onTestFinished(() => store.close());
    const read = masterKeyOf(config, store, systemRandom);
    await expect(read).rejects.toMatchObject({ code: 'config.invalid' });
    await expect(read).rejects.toThrow('does not hold 32 bytes');
  });

  test.each(['before', 'after'] as const)(
    'a reseal that was killed %s its commit is finished by the next start',
    async (when) => {
      const dataDir = temporaryDir();
      const config = configOf(dataDir);
      const { store } = await createContext(config, { log });
      const old = readFileSync(masterKeyPath(config), 'utf8').trim();
      const next = Buffer.alloc(32, 9).toString('base64url');
      layNextMasterKey(config, next);
      if (when === 'after') await reseal(store, Buffer.from(old, 'base64url'), Buffer.from(next, 'base64url'), []);
      await store.close();
      const contexts = await Promise.all([1, 2, 3].map(() => createContext(config, { log })));
      for (const context of contexts) await context.store.close();
      expect(readFileSync(masterKeyPath(config), 'utf8').trim()).toBe(when === 'after' ? next : old);
    },
  );

  test('yields to the configured one', async () => {
    const dataDir = temporaryDir();
    const config = loadConfig({ COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_MASTER_KEY: masterKey }).config;
    await (await createContext(config, { log })).store.close();
    expect(existsSync(masterKeyPath(config))).toBe(false);
  });
});
