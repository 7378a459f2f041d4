import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Config, loadConfig } from '../src/config.ts';
import type { MailAddress } from '../src/kernel/mail-address.ts';
import { Problem } from '../src/kernel/problem.ts';
import { masterKey, temporaryDir } from './support/context.ts';

type Variables = Readonly<Record<string, string | undefined>>;

const load = (variables: Variables) =>
  loadConfig(Object.fromEntries(Object.entries(variables).map(([name, value]) => [`COUNTERSIGN_${name}`, value])));

/** The one line that stops the start. */
function refusalOf(variables: Variables): string {
  try {
    load(variables);
  } catch (thrown) {
    if (!(thrown instanceof Problem)) throw thrown;
    expect(thrown.code).toBe('config.invalid');
    expect(thrown.message).not.toContain('\n');
    return thrown.message;
  }
  throw new Error(`accepted: ${JSON.stringify(variables)}`);
}

function fileHolding(content: string, name = 'file'): string {
  const path = join(temporaryDir(), name);
  writeFileSync(path, content);
  return path;
}

const fileOf = (settings: object) => fileHolding(JSON.stringify(settings), 'config.json');

test('without any variable there is a server on loopback with SQLite in ./data', () => {
  expect(loadConfig({ PATH: '/bin' })).toEqual({
    warnings: [],
    secretFiles: [],
    config: {
      host: '127.0.0.1',
      port: 8080,
      publicUrl: 'http://localhost:8080',
      dataDir: './data',
      databaseUrl: undefined,
      masterKey: undefined,
      apply: undefined,
      admin: undefined,
      defaultRealm: 'dev',
      developmentRealm: 'dev',
      smtpUrl: undefined,
      mailFrom: 'countersign@localhost' as MailAddress,
      mailTemplates: {},
      trustedProxies: [],
      corsOrigins: [],
      tls: undefined,
      logLevel: 'info',
      workers: 1,
    } satisfies Config,
  });
});

test.each<[Variables, Partial<Config>]>([
  [{ HOST: '0.0.0.0' }, { host: '0.0.0.0' }],
  [{ PORT: '9090' }, { port: 9090, publicUrl: 'http://localhost:9090' }],
  [{ PUBLIC_URL: 'https://id.example' }, { defaultRealm: 'dev', developmentRealm: undefined }],
  [
    { PUBLIC_URL: 'https://id.example', DEFAULT_REALM: 'dev' },
    { defaultRealm: 'dev', developmentRealm: 'dev' },
  ],
  [{ PUBLIC_URL: 'https://localhost:8443' }, { developmentRealm: 'dev' }],
  [{ DEFAULT_REALM: 'lending' }, { defaultRealm: 'lending', developmentRealm: 'dev' }],
  [{ PUBLIC_URL: 'https://id.example' }, { publicUrl: 'https://id.example' }],
  [{ PUBLIC_URL: 'https://ID.example:443/' }, { publicUrl: 'https://id.example' }],
  [{ PUBLIC_URL: 'http://localhost:9/' }, { publicUrl: 'http://localhost:9' }],
  [{ PUBLIC_URL: 'http://127.0.0.1:9' }, { publicUrl: 'http://127.0.0.1:9' }],
  [{ PUBLIC_URL: 'http://[::1]:9' }, { publicUrl: 'http://[::1]:9' }],
  [{ DATA_DIR: '/var/lib/countersign' }, { dataDir: '/var/lib/countersign' }],
  [{ DATABASE_URL: 'sqlite:/x.db' }, { databaseUrl: 'sqlite:/x.db', masterKey: undefined }],
  [
    { DATABASE_URL: 'postgres://db/x', MASTER_KEY: masterKey },
    { databaseUrl: 'postgres://db/x', masterKey: Buffer.from(masterKey, 'base64url') },
  ],
  [{ APPLY: 'network.json' }, { apply: 'network.json' }],
  [
    { ADMIN_CLIENT_ID: 'robot', ADMIN_CLIENT_SECRET: 'sixteen-or-more-characters' },
    { admin: { clientId: 'robot', clientSecret: 'sixteen-or-more-characters' } },
  ],
  [{ DEFAULT_REALM: 'production-1' }, { defaultRealm: 'production-1' }],
  [{ SMTP_URL: 'smtps://u:p@mail' }, { smtpUrl: 'smtps://u:p@mail' }],
  [{ SMTP_URL: 'smtp://u%40x:p%2F@[::1]:25' }, { smtpUrl: 'smtp://u%40x:p%2F@[::1]:25' }],
  [{ SMTP_URL: 'smtp://mail?requireTLS=false' }, { smtpUrl: 'smtp://mail?requireTLS=false' }],
  [{ MAIL_FROM: 'No-Reply@BÜCHER.example' }, { mailFrom: 'No-Reply@xn--bcher-kva.example' as MailAddress }],
  [{ TRUSTED_PROXIES: '10.0.0.0/8, ::1' }, { trustedProxies: ['10.0.0.0/8', '::1'] }],
  [
    { CORS_ORIGINS: 'https://a.example,http://localhost:3000' },
    { corsOrigins: ['https://a.example', 'http://localhost:3000'] },
  ],
  [{ TLS_CERT: '/cert.pem', TLS_KEY: '/key.pem' }, { tls: { cert: '/cert.pem', key: '/key.pem' } }],
  [{ LOG_LEVEL: 'trace' }, { logLevel: 'trace' }],
  [{ WORKERS: '4' }, { workers: 4 }],
  // An empty variable is how shells and compose files clear one.
  [
    { PORT: '', MASTER_KEY: '', ADMIN_CLIENT_ID: '', CONFIG: '', MASTER_KEY_FILE: '' },
    { port: 8080, masterKey: undefined },
  ],
])('%j is read', (variables, expected) => {
  const { config, warnings } = load(variables);
  expect(config).toMatchObject(expected);
  expect(warnings).toEqual([]);
});

describe('a bad value stops the start with one line that names its variable', () => {
  test.each<[string, string]>([
    ['PORT', '0'],
    ['PORT', '65536'],
    ['PORT', 'http'],
    ['PORT', '80.5'],
    ['PORT', '0x50'],
    ['PORT', '1e3'],
    ['PORT', ' 80'],
    ['PORT', '-1'],
    ['PUBLIC_URL', 'http://id.example'],
    ['PUBLIC_URL', 'http://localhost.example'],
    ['PUBLIC_URL', 'http://127.0.0.1.example'],
    ['PUBLIC_URL', 'ftp://localhost'],
    ['PUBLIC_URL', 'id.example'],
    ['PUBLIC_URL', 'https://id.example/base'],
    ['PUBLIC_URL', 'https://id.example/?q'],
    ['PUBLIC_URL', 'https://id.example/?'],
    ['PUBLIC_URL', 'https://id.example/#'],
    ['PUBLIC_URL', 'https://name:secret@id.example'],
    ['PUBLIC_URL', 'https://:secret@id.example'],
    ['PUBLIC_URL', 'https://@id.example'],
    ['DATABASE_URL', 'mysql://u:secret@db/x'],
    ['DATABASE_URL', 'postgres://u:sec/secret@db/x'],
    ['DATABASE_URL', 'postgres://u:12/secret@db/x'],
    ['DATABASE_URL', 'postgres://u:12?secret@db/x'],
    ['DATABASE_URL', 'postgres://u:secret#x@db/x'],
    ['DATABASE_URL', 'postgres://u:secret%@db/x'],
    ['DATABASE_URL', 'postgres://u:secret@a:5432,b:0/x'],
    ['DATABASE_URL', 'postgres://u:secret@a:65536/x'],
    ['DATABASE_URL', 'postgres://u:secret@a:secret/x'],
    ['DATABASE_URL', 'postgres://u:secret@a,,b/x'],
    ['DATABASE_URL', 'postgres://u:secret@a,/x'],
    ['DATABASE_URL', 'postgres://u:secret@:5432/x'],
    ['DATABASE_URL', 'postgres://u:secret@::1/x'],
    ['DATABASE_URL', 'postgres://u:secret@[::1/x'],
    ['DATABASE_URL', 'postgres://u:secret@[1:2]/x'],
    ['DATABASE_URL', 'postgres://u:secret@a b/x'],
    ['DATABASE_URL', 'postgres://u:secret@a/x%'],
    ['DATABASE_URL', 'postgres://u:secret@a/x?target_session_attrs=standby'],
    ['DATABASE_URL', 'postgres://u:secret@a/x?target_session_attrs=any&target_session_attrs=read-write'],
    ['DATABASE_URL', 'postgres://u:secret@/x?host=a,b'],
    ['MASTER_KEY', 'secret'],
    ['MASTER_KEY', `${masterKey}=`],
    ['MASTER_KEY', `${masterKey}A`],
    ['MASTER_KEY', `${masterKey.slice(1)}+`],
    ['ADMIN_CLIENT_SECRET', 'secret'],
    ['DEFAULT_REALM', 'Dev'],
    ['DEFAULT_REALM', '-dev'],
    ['DEFAULT_REALM', 'a/b'],
    ['DEFAULT_REALM', 'a'.repeat(64)],
    ['SMTP_URL', 'https://u:secret@mail'],
    ['SMTP_URL', 'smtp://'],
    ['SMTP_URL', 'smtp://u:secret@'],
    ['SMTP_URL', 'smtp://secret@mail'],
    ['SMTP_URL', 'smtp://:secret@mail'],
    ['SMTP_URL', 'smtp://u:secret%@mail'],
    ['SMTP_URL', 'smtp://u:secret@mail/path'],
    ['SMTP_URL', 'smtp://u:secret@mail#x'],
    ['SMTP_URL', 'smtp://u:secret@mail:0'],
    ['SMTP_URL', 'smtp://u:secret@mail:65536'],
    ['SMTP_URL', 'smtp://u:secret@ma il'],
    ['SMTP_URL', 'smtp://u:secret@mail%0d%0aQUIT'],
    ['SMTP_URL', 'smtp://u:secret@mail?requireTLS=true&debug=true'],
    ['SMTP_URL', 'smtp://u:secret@mail?logger=true'],
    ['MAIL_FROM', 'secret'],
    ['MAIL_FROM', 'a@b.example\r\nBcc: secret@b.example'],
    ['MAIL_FROM', 'Name secret <a@b.example>'],
    ['CORS_ORIGINS', '*'],
    ['CORS_ORIGINS', 'https://a.example/'],
    ['CORS_ORIGINS', 'https://a.example,null'],
    ['LOG_LEVEL', 'loud'],
    ['WORKERS', '0'],
    ['WORKERS', '257'],
    ['WORKERS', 'two'],
  ])('%s=%s', (name, value) => {
    const line = refusalOf({ [name]: value, ...(name === 'ADMIN_CLIENT_SECRET' ? { ADMIN_CLIENT_ID: 'robot' } : {}) });
    expect(line).toMatch(new RegExp(`^COUNTERSIGN_${name}: `));
    expect(line).not.toContain('secret');
    expect(line).not.toContain(masterKey);
  });

  test.each([
    ['ADMIN_CLIENT_ID', 'robot', 'ADMIN_CLIENT_SECRET'],
    ['ADMIN_CLIENT_SECRET', 'a-long-enough-secret', 'ADMIN_CLIENT_ID'],
    ['TLS_CERT', '/cert.pem', 'TLS_KEY'],
    ['TLS_KEY', '/key.pem', 'TLS_CERT'],
  ])('%s without its other half', (name, value, other) => {
    expect(refusalOf({ [name]: value })).toBe(`COUNTERSIGN_${name} is set but COUNTERSIGN_${other} is not.`);
  });

  test('PostgreSQL without a master key: every node needs the same one', () => {
    for (const scheme of ['postgres', 'postgresql']) {
      const line = refusalOf({ DATABASE_URL: `${scheme}://u:secret@db/x` });
      expect(line).toContain('COUNTERSIGN_MASTER_KEY');
      expect(line).not.toContain('secret');
    }
  });
});

test('an unknown variable is a warning that names it, and never tells its value', () => {
  const { warnings } = load({ MASTER_KYE: masterKey, toString: 'x', constructor: 'x', HOST_FILE: '/x' });
  expect(warnings).toHaveLength(4);
  for (const name of ['MASTER_KYE', 'toString', 'constructor', 'HOST_FILE']) {
    expect(warnings.join('\n')).toContain(`COUNTERSIGN_${name} `);
  }
  expect(warnings.join('\n')).not.toContain(masterKey);
});

describe('a secret may come in a file', () => {
  test.each<[string, string, (config: Config) => unknown, unknown]>([
    ['MASTER_KEY', masterKey, (config) => config.masterKey, Buffer.from(masterKey, 'base64url')],
    ['DATABASE_URL', 'sqlite:/x.db', (config) => config.databaseUrl, 'sqlite:/x.db'],
    ['SMTP_URL', 'smtp://u:p@mail', (config) => config.smtpUrl, 'smtp://u:p@mail'],
  ])('%s_FILE', (name, value, read, expected) => {
    const { config, warnings } = load({ [`${name}_FILE`]: fileHolding(`${value}\n`) });
    expect(read(config)).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  test('ADMIN_CLIENT_SECRET_FILE and TLS_KEY_FILE, each with its other half', () => {
    const secret = 'a-secret-of-the-file';
    const { config } = load({
      ADMIN_CLIENT_ID: 'robot',
      ADMIN_CLIENT_SECRET_FILE: fileHolding(secret),
      TLS_CERT: '/cert.pem',
      TLS_KEY_FILE: fileHolding('-----BEGIN PRIVATE KEY-----\n'),
    });
    expect(config.admin).toEqual({ clientId: 'robot', clientSecret: secret });
    expect(config.tls).toEqual({ cert: '/cert.pem', key: '-----BEGIN PRIVATE KEY-----' });
  });

  test('both the value and the file: which one is meant?', () => {
    const line = refusalOf({ MASTER_KEY: masterKey, MASTER_KEY_FILE: fileHolding(masterKey) });
    expect(line).toBe('COUNTERSIGN_MASTER_KEY and COUNTERSIGN_MASTER_KEY_FILE are both set: use one.');
  });

  test('a file that is not there, or empty, is not a secret that is not wanted', () => {
    expect(refusalOf({ MASTER_KEY_FILE: '/nowhere/key' })).toBe(
      'COUNTERSIGN_MASTER_KEY_FILE: /nowhere/key cannot be read.',
    );
    const empty = fileHolding('\n');
    expect(refusalOf({ MASTER_KEY_FILE: empty })).toBe(`COUNTERSIGN_MASTER_KEY_FILE: ${empty} is empty.`);
  });

  test('a bad value in the file is told by its variable, not by its value', () => {
    const line = refusalOf({ MASTER_KEY_FILE: fileHolding('s3cret') });
    expect(line).toMatch(/^COUNTERSIGN_MASTER_KEY: /);
    expect(line).not.toContain('s3cret');
  });
});

describe('COUNTERSIGN_CONFIG', () => {
  test('has the same names, numbers as numbers or text', () => {
    const CONFIG = fileOf({ COUNTERSIGN_PORT: 9000, COUNTERSIGN_WORKERS: '2', COUNTERSIGN_HOST: '::1' });
    expect(load({ CONFIG }).config).toMatchObject({ port: 9000, workers: 2, host: '::1' });
  });

  test('yields to the environment, in whichever form a secret comes', () => {
    const plain = fileOf({ COUNTERSIGN_PORT: 9000, COUNTERSIGN_HOST: '::1', COUNTERSIGN_SMTP_URL: 'smtp://file' });
    expect(load({ CONFIG: plain, PORT: '9001' }).config).toMatchObject({ port: 9001, host: '::1' });
    const file = fileHolding('smtp://environment');
    expect(load({ CONFIG: plain, SMTP_URL_FILE: file }).config.smtpUrl).toBe('smtp://environment');
    const byFile = fileOf({ COUNTERSIGN_SMTP_URL_FILE: '/nowhere' });
    expect(load({ CONFIG: byFile, SMTP_URL: 'smtp://environment' }).config.smtpUrl).toBe('smtp://environment');
    expect(load({ CONFIG: plain, SMTP_URL: '' }).config.smtpUrl).toBe('smtp://file');
  });

  test.each(['COUNTERSIGN_PROT', 'PORT', '__proto__', 'COUNTERSIGN_toString', 'COUNTERSIGN_CONFIG', ''])(
    'the unknown key %j stops the start and is named',
    (key) => {
      const path = fileHolding(`{${JSON.stringify(key)}:"s3cret"}`);
      expect(refusalOf({ CONFIG: path })).toBe(`COUNTERSIGN_CONFIG: ${path} has the unknown key ${key}.`);
    },
  );

  test.each(['', '{', '[]', 'null', '"COUNTERSIGN_PORT"', '5'])('%j is no configuration', (content) => {
    expect(refusalOf({ CONFIG: fileHolding(content) })).toMatch(
      /^COUNTERSIGN_CONFIG: \S+ is not (JSON|a JSON object)[^"]*\.$/,
    );
  });

  test('a file that is not there is named', () => {
    expect(refusalOf({ CONFIG: '/nowhere.json' })).toBe('COUNTERSIGN_CONFIG: /nowhere.json cannot be read.');
  });

  test.each([true, [], {}, null, 80.5, -1, 0])('a port of %j is refused', (port) => {
    expect(refusalOf({ CONFIG: fileOf({ COUNTERSIGN_PORT: port }) })).toMatch(/^COUNTERSIGN_PORT: /);
  });

  test.each(['HOST', 'MASTER_KEY', 'TRUSTED_PROXIES', 'LOG_LEVEL'])('%s as a number is refused', (name) => {
    expect(refusalOf({ CONFIG: fileOf({ [`COUNTERSIGN_${name}`]: 5 }) })).toMatch(new RegExp(`^COUNTERSIGN_${name}: `));
  });
});
