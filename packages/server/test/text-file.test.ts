import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { walletFile } from '@countersign/client/wallet-file';
import { describe, expect, test } from 'vitest';
import { readNetworkFile } from '../src/cli/network.ts';
import { readSecret } from '../src/cli/typed-secret.ts';
import { loadConfig } from '../src/config.ts';
import { readOptions } from '../src/gateway/options.ts';
import { readJsonFile } from '../src/json-file.ts';
import { isMissing, readTextFile } from '../src/kernel/text-file.ts';
import { temporaryDir } from './support/context.ts';

const secret = 'a secret of more than sixteen letters';
const mark = '\ufeff';
const utf16 = Buffer.from(mark + secret, 'utf16le');

function file(content: string | Uint8Array): string {
  const path = join(temporaryDir(), 'file');
  writeFileSync(path, content);
  return path;
}

const secretOf = (path: string) =>
  loadConfig({ COUNTERSIGN_ADMIN_CLIENT_ID: 'admin', COUNTERSIGN_ADMIN_CLIENT_SECRET_FILE: path }).config.admin
    ?.clientSecret;

describe('a byte order mark and line ends are no part', () => {
  test.each([mark + secret, `${secret}\r\n`, `${mark}${secret}\n`, `\r\n${secret}\r\n\r\n`])(
    'of the secret %j',
    (text) => {
      expect(secretOf(file(text))).toBe(secret);
    },
  );

  test('of a password or a passphrase', async () => {
    for (const text of [mark + secret, `${mark}${secret}\r\n`, `${secret}\r\nmore`])
      expect(await readSecret('', file(text))).toBe(secret);
    // What stands beside the letters was typed.
    expect(await readSecret('', file(` ${secret} \n`))).toBe(` ${secret} `);
  });

  test('of configuration, profiles, keys, network files and the options of a gateway', async () => {
    const path = file(`${mark}{"COUNTERSIGN_PORT": 8123}\r\n`);
    expect(loadConfig({ COUNTERSIGN_CONFIG: path }).config.port).toBe(8123);
    expect(readJsonFile(file(`${mark}{"kty":"EC"}`))).toEqual({ kty: 'EC' });
    expect(readNetworkFile(file(`${mark}{"realms":[]}`))).toEqual({ realms: [] });
    const gateway = { upstream: 'http://127.0.0.1:3000', issuer: 'https://a.example/realms/x', clientId: 'c' };
    const options = { ...gateway, accept: 'basic', clientSecretFile: file(`${mark}${secret}\r\n`) };
    const unsafe = { listenForOtherMachines: false, allowPlainHttp: false };
    expect(readOptions({}, file(mark + JSON.stringify(options)), unsafe).client.clientSecret).toBe(secret);
    await expect(walletFile(file(`${mark}{}`)).load()).rejects.toMatchObject({ code: 'profile.malformed' });
  });
});

describe('what is not UTF-8 is refused by the name of its option', () => {
  test.each([
    ['UTF-16', utf16, 'is UTF-16: save it as UTF-8.'],
    ['UTF-16 of the other kind', Buffer.from(utf16).swap16(), 'is UTF-16: save it as UTF-8.'],
    ['Latin-1', Buffer.from('pässword of sixteen letters', 'latin1'), 'is not UTF-8 text.'],
  ])('%s', async (_name, content, fault) => {
    const path = file(content);
    expect(() => secretOf(path)).toThrow(`COUNTERSIGN_ADMIN_CLIENT_SECRET_FILE: ${path} ${fault}`);
    expect(() => loadConfig({ COUNTERSIGN_CONFIG: path })).toThrow(`COUNTERSIGN_CONFIG: ${path} ${fault}`);
    await expect(readSecret('', path)).rejects.toThrow(`${path} ${fault}`);
  });

  test('nothing is said of what is in it', () => {
    for (const content of [utf16, Buffer.from(`${secret}\xff`, 'latin1')])
      expect(() => readTextFile(file(content))).not.toThrow(/secret/);
  });

  test('a file that is missing is told from one that cannot be read', () => {
    const thrownBy = (path: string) => {
      try {
        return readTextFile(path);
      } catch (thrown) {
        return thrown;
      }
    };
    expect(isMissing(thrownBy('/nowhere'))).toBe(true);
    expect(isMissing(thrownBy(temporaryDir()))).toBe(false);
  });
});

test('no other file of the server reads text in a way of its own', () => {
  const src = join(import.meta.dirname, '../src');
  const readers = globSync('**/*.ts', { cwd: src }).filter((name) =>
    /\breadFile(Sync)?\(/.test(readFileSync(join(src, name), 'utf8')),
  );
  // A body; bytes of a message or a capability; PEM, in which what comes before the first line means nothing; and lists that ship with the server.
  const own = [
    'cli/capability.ts',
    'cli/receipt.ts',
    'http/tls.ts',
    'kernel/text-file.ts',
    'passwords/common-passwords.ts',
    'registry/network-file/network-file.http.ts',
  ];
  expect(readers.filter((name) => !own.includes(name)).sort()).toEqual([]);
});
