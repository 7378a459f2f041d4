import { pbkdf2Sync } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { systemRandom } from '../src/kernel/random.ts';
import { readKeycloakExport } from '../src/passwords/identity/keycloak-import.ts';
import { createHasher } from '../src/subject/secrets/password-hash.ts';
import { noPeppers } from './support/pepper.ts';

const hasher = createHasher({ random: systemRandom, peppers: noPeppers, patience: 60_000 });
afterAll(() => hasher.close());

const argon2Data = {
  hashIterations: 5,
  algorithm: 'argon2',
  additionalParameters: { hashLength: ['32'], memory: ['7168'], type: ['id'], version: ['1.3'], parallelism: ['1'] },
};
/** Made by Keycloak 26 of "secret". */
const argon2Secret = {
  value: 'xKjWvB9+0sSP6wTqI1JoEI7w+iA0x9VDhPgmrOHRG80=',
  salt: 'LRScGShC7shkdoU5B1UgUQ==',
  additionalParameters: {},
};

const password = (credentialData: object, secretData: object) => ({
  id: 'a2b7b5f2-1111-4b3b-9b5a-d2a3c1b7a001',
  type: 'password',
  createdDate: 1_693_669_854_698,
  secretData: JSON.stringify(secretData),
  credentialData: JSON.stringify(credentialData),
});
const user = (username: string, credentials: readonly object[], more: object = {}) => ({
  id: `id-${username}`,
  username,
  enabled: true,
  credentials,
  notBefore: 0,
  ...more,
});
const realm = (...users: readonly unknown[]) => JSON.stringify({ id: 'x', realm: 'acme', clients: [{}], users });
const read = (...users: readonly unknown[]) => readKeycloakExport(realm(...users));

describe('passwords that Keycloak hashed itself', () => {
  const madeOf = (digest: string, iterations: number, length: number, text: string) => {
    const salt = Buffer.from('sixteen bytes of');
    return {
      value: pbkdf2Sync(text, salt, iterations, length, digest).toString('base64'),
      salt: salt.toString('base64'),
    };
  };

  test.each([
    ['argon2', 'secret', password(argon2Data, argon2Secret), /^\$argon2id\$v=19\$m=7168,t=5,p=1\$/],
    [
      'pbkdf2-sha256 with 32 bytes',
      'user1',
      password(
        { hashIterations: 27_500, algorithm: 'pbkdf2-sha256', additionalParameters: {} },
        { value: '3Z83Ic8JUztntTF9PBmLJW02MIxLxTYPg2mt5N2TgwA=', salt: '8qeAg8keMTB9ctgwRYBQ8w==' },
      ),
      /^\$pbkdf2-sha256\$i=27500\$/,
    ],
    [
      'pbkdf2-sha256 with 64 bytes and no further parameters',
      'alice-password',
      password(
        { hashIterations: 27_500, algorithm: 'pbkdf2-sha256' },
        {
          value: 'KqABIiReBuRWbP4pBct3W067pNvYzeN7ILBV+8vT8nuF5cgYs2fdl2QikJT/7bGTW/PBXg6CYLwJQFYrBK9MWg==',
          salt: 'EPgscX9CQz7UnuZDNZxtMw==',
        },
      ),
      /^\$pbkdf2-sha256\$i=27500\$/,
    ],
    [
      'pbkdf2-sha512',
      'of 210,000 rounds',
      password(
        { hashIterations: 210_000, algorithm: 'pbkdf2-sha512' },
        madeOf('sha512', 210_000, 64, 'of 210,000 rounds'),
      ),
      /^\$pbkdf2-sha512\$i=210000\$/,
    ],
    [
      'pbkdf2, which is SHA-1',
      'of old',
      password({ hashIterations: 20_000, algorithm: 'pbkdf2' }, madeOf('sha1', 20_000, 64, 'of old')),
      /^\$pbkdf2-sha1\$i=20000\$/,
    ],
    [
      'pbkdf2 before Keycloak 10',
      'older still',
      (({ value, salt }) => ({
        type: 'password',
        hashedSaltedValue: value,
        salt,
        hashIterations: 1_000,
        algorithm: 'pbkdf2-sha256',
        counter: 0,
        period: 0,
      }))(madeOf('sha256', 1_000, 64, 'older still')),
      /^\$pbkdf2-sha256\$i=1000\$/,
    ],
    [
      'bcrypt by extension',
      'U*U',
      password(
        { hashIterations: 5, algorithm: 'bcrypt' },
        { value: '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', salt: '' },
      ),
      /^\$2a\$05\$/,
    ],
  ])('%s', async (_, text, credential, form) => {
    const { users, refused } = read(user('jane', [credential]));
    expect(refused).toEqual([]);
    expect(users[0]?.hash).toMatch(form);
    expect(await hasher.verify(users[0]?.hash, text)).toEqual({ ok: true, outdated: true });
    expect((await hasher.verify(users[0]?.hash, `${text}x`)).ok).toBe(false);
  });
});

test('a user comes with what tells who it is, and what its password was subject to', () => {
  const jane = user('jane.doe', [password(argon2Data, argon2Secret), { type: 'otp' }, { type: 'password-history' }], {
    email: 'jane@acme.example',
    emailVerified: true,
    firstName: 'Jane',
    lastName: 'Doe',
    enabled: false,
    requiredActions: ['UPDATE_PASSWORD'],
  });
  expect(read(jane)).toEqual({
    realm: 'acme',
    refused: [],
    users: [
      {
        id: 'id-jane.doe',
        username: 'jane.doe',
        email: 'jane@acme.example',
        emailVerified: true,
        name: 'Jane Doe',
        enabled: false,
        hash: expect.stringMatching(/^\$argon2id/),
        mustChange: true,
        otherFactors: ['otp'],
      },
    ],
  });
  const bare = read({ username: 'bare' });
  expect(bare.users).toEqual([
    {
      id: undefined,
      username: 'bare',
      email: undefined,
      emailVerified: false,
      name: undefined,
      enabled: false,
      hash: undefined,
      mustChange: false,
      otherFactors: [],
    },
  ]);
});

test('service accounts are no users; a realm without users has none', () => {
  expect(read(user('service-account-x', [], { serviceAccountClientId: 'x' })).users).toEqual([]);
  expect(readKeycloakExport('{"realm":"acme"}')).toEqual({ realm: 'acme', users: [], refused: [] });
});

test('of several realms one must be named', () => {
  const file = `[${realm(user('a', []))},{"realm":"master"}]`;
  expect(readKeycloakExport(file, 'acme').users).toHaveLength(1);
  expect(readKeycloakExport(file, 'master').users).toHaveLength(0);
  expect(() => readKeycloakExport(file)).toThrow('acme, master');
  expect(() => readKeycloakExport(file, 'other')).toThrow('acme, master');
  expect(() => readKeycloakExport(realm(), 'other')).toThrow('acme');
});

describe('what cannot be taken is named with its reason, without its secrets, and holds up nobody', () => {
  const with1 = (name: string, value: string) => ({
    ...argon2Data,
    additionalParameters: { ...argon2Data.additionalParameters, [name]: [value] },
  });
  test.each([
    ['an algorithm of an extension', user('x', [password({ ...argon2Data, algorithm: 'scrypt' }, argon2Secret)])],
    [
      'the name of a member of objects',
      user('x', [password({ ...argon2Data, algorithm: 'constructor' }, argon2Secret)]),
    ],
    ['memory without bounds', user('x', [password(with1('memory', '9999999'), argon2Secret)])],
    ['memory that is no number', user('x', [password(with1('memory', '7e3'), argon2Secret)])],
    ['another type', user('x', [password(with1('type', 'x'), argon2Secret)])],
    ['another version', user('x', [password(with1('version', '__proto__'), argon2Secret)])],
    ['no iterations', user('x', [password({ ...argon2Data, hashIterations: 0 }, argon2Secret)])],
    ['half an iteration', user('x', [password({ ...argon2Data, hashIterations: 1.5 }, argon2Secret)])],
    ['iterations without bounds', user('x', [password({ hashIterations: 1e9, algorithm: 'pbkdf2' }, argon2Secret)])],
    ['a salt that is not base64', user('x', [password(argon2Data, { ...argon2Secret, salt: '!' })])],
    ['a salt that is too short', user('x', [password(argon2Data, { ...argon2Secret, salt: 'AAAA' })])],
    ['no value', user('x', [password(argon2Data, { salt: argon2Secret.salt })])],
    ['parts that are not JSON', user('x', [{ type: 'password', credentialData: 's3cret', secretData: '{' }])],
    ['parts that are null', user('x', [{ type: 'password', credentialData: 'null', secretData: 'null' }])],
    ['a password in clear', user('x', [{ type: 'password', value: 's3cret' }])],
    ['no hash at all', user('x', [{ type: 'password' }])],
    ['two passwords', user('x', [password(argon2Data, argon2Secret), password(argon2Data, argon2Secret)])],
    ['credentials that are none', user('x', [], { credentials: 's3cret' })],
    ['an enabled that is text', user('x', [], { enabled: 'true' })],
  ])('%s', (_, faulty) => {
    const { users, refused } = read(user('before', []), faulty, user('after', []));
    expect(users.map(({ username }) => username)).toEqual(['before', 'after']);
    expect(refused).toEqual([{ username: 'x', reason: expect.stringMatching(/./) }]);
    for (const secret of ['s3cret', argon2Secret.value, argon2Secret.salt])
      expect(JSON.stringify(refused)).not.toContain(secret);
  });

  test.each([[null], [7], [{}], [{ username: '' }], [{ username: 7 }]])('an entry that is no user: %j', (entry) => {
    expect(read(entry).refused).toHaveLength(1);
  });
});

test.each(['', '{', 'null', '[]', '[1]', '{}', '{"realm":7}', '{"realm":"x","users":{}}', '"s3cret"'])(
  'a file that is no export is refused: %s',
  (text) => {
    expect(() => readKeycloakExport(text)).toThrow(expect.objectContaining({ code: 'request.invalid' }));
    expect(() => readKeycloakExport(text)).not.toThrow('s3cret');
  },
);
