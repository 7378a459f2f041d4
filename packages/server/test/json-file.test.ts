import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOptions } from '../src/gateway/options.ts';
import { readJsonFile } from '../src/json-file.ts';
import { temporaryDir } from './support/context.ts';
import { run } from './support/serve.ts';

function fileHolding(content: string | Uint8Array): string {
  const path = join(temporaryDir(), 'file.json');
  writeFileSync(path, content);
  return path;
}

function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return 'taken';
}

test.each([
  ['{"credentialCode":"a","password":hunter2secret}', 'is not JSON at line 1, column 34'],
  ['{\n  "a": 1,\n  "password": "hunter2secret\n}', 'is not JSON at line 3, column 15'],
  ['{"password":"hunter2secret" "b":1}', 'is not JSON at line 1, column 29'],
  ['hunter2secret', 'is not JSON at line 1, column 1'],
  ["{'password':'hunter2secret'}", 'is not JSON at line 1, column 2'],
  ['{"hunter2secret":1,"hunter2secret":2}', 'names a member twice'],
  ['["hunter2secret"]', 'is not a JSON object'],
  ['"hunter2secret"', 'is not a JSON object'],
  ['\ufeff\ufeff{"a":"hunter2secret"}', 'begins with two byte order marks'],
  [Buffer.from('{"a":"hunter2secret"}', 'utf16le'), 'is not JSON at line 1, column 2'],
  [Buffer.concat([Buffer.from('{"a":"hunter2secret'), Buffer.from([0xff]), Buffer.from('"}')]), 'is not UTF-8 text'],
])('a file that holds %j is refused by its place, and nothing of it is quoted', (content, fault) => {
  const path = fileHolding(content);
  expect(refusalOf(() => readJsonFile(path, '--key'))).toBe(`--key: ${path} ${fault}.`);
});

test('a byte order mark is skipped', () => {
  expect(readJsonFile(fileHolding('\ufeff{"a":1}'))).toEqual({ a: 1 });
});

test('a file that cannot be read is named', () => {
  expect(refusalOf(() => readJsonFile('/nope'))).toBe('/nope cannot be read.');
  expect(refusalOf(() => readJsonFile('/', '--from'))).toBe('--from: / cannot be read.');
});

/** Every command that reads a JSON file, with the file in the place of FILE. */
const commands: readonly (readonly string[])[] = [
  ['login', '--from', 'FILE'],
  ['participant', 'list', '--profile', 'FILE'],
  ['whoami', '--session', 'FILE'],
  ['apply', '-f', 'FILE', '--offline'],
  ['password-profile', 'create', 'p', '-f', 'FILE', '--profile', 'GOOD'],
  ['participant', 'secret', 'p', '--key', 'FILE'],
  ['participant', 'pick-up', 'a', 'c', '--key', 'FILE'],
  ['participant', 'keys', 'rotate', 'p', '--key', 'FILE', '--make'],
  ['receipt', 'verify', 'FILE', '--certs', 'GOOD'],
  ['receipt', 'verify', 'GOOD', '--certs', 'FILE'],
  ['wallet', 'open', '--wallet', 'FILE', '--passphrase-file', 'GOOD'],
  ['gateway', '--config', 'FILE'],
  ['serve', '--config', 'FILE'],
  ['identity', 'import-keycloak', 'FILE', '--identity', 'i'],
];

test.each(commands.map((args) => [args.join(' '), args] as const))(
  '%s quotes nothing of a broken file',
  async (_, args) => {
    const folder = temporaryDir();
    mkdirSync(join(folder, 'data'));
    const file = join(folder, 'broken.json');
    const good = join(folder, 'good.json');
    writeFileSync(file, '{"url":"http://127.0.0.1:1","password":hunter2secret}');
    writeFileSync(good, JSON.stringify({ url: 'http://127.0.0.1:1', clientId: 'c', clientSecret: 's', receipt: 'x' }));
    const named = args.map((one) => (one === 'FILE' ? file : one === 'GOOD' ? good : one));
    const { code, stdout, stderr } = await run(named, {
      COUNTERSIGN_DATA_DIR: join(folder, 'data'),
      COUNTERSIGN_LOG_LEVEL: 'silent',
    });
    expect(code).toBe(1);
    expect(stdout + stderr).not.toContain('hunter');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^countersign: /);
  },
);

test('the gateway names the option of a broken file', () => {
  const path = fileHolding('{"kty":hunter2}');
  expect(refusalOf(() => readOptions({}, path, { listenForOtherMachines: false, allowPlainHttp: false }))).toBe(
    `config: ${path} is not JSON at line 1, column 8.`,
  );
});
