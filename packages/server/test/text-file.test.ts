import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, globSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { walletFile } from '@countersign/client/wallet-file';
import { describe, expect, test } from 'vitest';
import { readNetworkFile } from '../src/cli/network.ts';
import { readSecret } from '../src/cli/typed-secret.ts';
import { loadConfig } from '../src/config.ts';
import { readOptions } from '../src/gateway/options.ts';
import { readTls } from '../src/http/tls.ts';
import { readJsonFile } from '../src/json-file.ts';
import { readBoundedFile } from '../src/kernel/bounded-file.ts';
import { isMissing, readBytesFile, readTextFile } from '../src/kernel/text-file.ts';
import { temporaryDir } from './support/context.ts';
import { run } from './support/serve.ts';

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

describe('a file without an end', () => {
  const readers: readonly [string, (path: string) => unknown][] = [
    ['a network file', readNetworkFile],
    ['JSON', readJsonFile],
    ['text', readTextFile],
    ['bytes', (path) => readBytesFile(path)],
    ['a certificate', (path) => readTls({ cert: path, key: path })],
  ];

  test.each(readers)('is refused by its size where %s is read', (_, read) => {
    expect(() => read('/dev/zero')).toThrow(/ is larger than 16 MiB\.$/);
  });

  test('is refused where a profile of a wallet is read, and a dump', async () => {
    const notFile = '/dev/zero cannot be read (it is not a file).';
    await expect(walletFile('/dev/zero').load()).rejects.toMatchObject({
      code: 'profile.unreadable',
      message: notFile,
    });
    const env = { COUNTERSIGN_MASTER_KEY: randomBytes(32).toString('base64url') };
    const { code, stderr } = await run(['load', '-f', '/dev/zero'], { ...env, COUNTERSIGN_DATA_DIR: temporaryDir() });
    expect([code, stderr]).toEqual([1, expect.stringContaining('name a file, not a pipe or a device')]);
  });

  test('a regular file is refused before it is read', () => {
    expect(() => readBoundedFile(file('12345'), { maxBytes: 4 })).toThrow('is larger than');
    expect(readBoundedFile(file('1234'), { maxBytes: 4 }).toString()).toBe('1234');
    expect(readBoundedFile(file('')).toString()).toBe('');
    expect(readBoundedFile('/dev/null').toString()).toBe('');
  });
});

describe('a pipe', () => {
  function pipe(): string {
    const path = join(temporaryDir(), 'pipe');
    execFileSync('mkfifo', [path]);
    return path;
  }

  test('into which nothing writes is given up', async () => {
    const silent = 'is a pipe that gave nothing for 0.05 seconds';
    expect(() => readBoundedFile(pipe(), { patience: 50 })).toThrow(silent);
    await expect(walletFile(pipe()).load()).rejects.toMatchObject({ code: 'profile.unreadable' });
    const path = pipe();
    const writer = openSync(path, constants.O_RDWR);
    writeSync(writer, 'half');
    expect(() => readBoundedFile(path, { patience: 50 })).toThrow(silent);
    closeSync(writer);
  });

  test('is read to its end, though its writer comes late and writes slowly', async () => {
    const path = pipe();
    const writer = spawn('sh', ['-c', `sleep 0.1; (printf first; sleep 0.1; printf second) > ${path}`]);
    expect(readTextFile(path)).toBe('firstsecond');
    writer.kill();
  });

  test('that gives too much is refused', () => {
    const path = pipe();
    const writer = spawn('sh', ['-c', `head -c 200000 /dev/zero > ${path}`], { stdio: 'ignore' });
    expect(() => readBoundedFile(path, { maxBytes: 100_000 })).toThrow('is larger than');
    writer.kill();
  });
});

test('no other file of the server reads text in a way of its own', () => {
  const src = join(import.meta.dirname, '../src');
  const readers = globSync('**/*.ts', { cwd: src }).filter((name) =>
    /\breadFile(Sync)?\(/.test(readFileSync(join(src, name), 'utf8')),
  );
  // A body of a request; and lists that ship with the server.
  const own = ['passwords/common-passwords.ts', 'registry/network-file/network-file.http.ts'];
  expect(readers.filter((name) => !own.includes(name)).sort()).toEqual([]);
});
