import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemRandom } from '../src/kernel/random.ts';
import { isCommon } from '../src/passwords/common-passwords.ts';
import { isMadeOf, isPattern, likenesses } from '../src/passwords/likeness.ts';
import { requireUnused } from '../src/passwords/password-history.ts';
import { type PasswordContext, requireAcceptable } from '../src/passwords/password-rules.ts';
import { effectiveRules } from '../src/subject/password-config.ts';

const defaultRules = effectiveRules({});

import { rounds } from '../../proof/test/support/rounds.ts';
import { breachDigest } from '../src/subject/secrets/breach-digest.ts';
import { createHasher } from '../src/subject/secrets/password-hash.ts';
import { noPeppers } from './support/pepper.ts';

const words = ['dev', 'Acme Travel', 'alice@acme.example'];
const nothing: PasswordContext = { words, isBlocked: async () => false };
const check = (password: string, rules = {}, context = nothing) =>
  requireAcceptable(password, { ...defaultRules, ...rules }, context);
const refusal = (password: string, rules = {}, context = nothing) =>
  check(password, rules, context).then(
    () => 'accepted',
    ({ code }) => code,
  );

test("the defaults are NIST's: 15 characters, no composition, no expiry", async () => {
  expect(defaultRules).toMatchObject({ minimumLength: 15, complexity: 0, expiryPeriodDays: 0 });
  expect(defaultRules.maximumLength).toBeGreaterThanOrEqual(64);
  expect(await refusal('fourteen charsX')).toBe('accepted');
  expect(await refusal('fourteen chars')).toBe('password.too_short');
});

describe('the first refusal that applies is the one that is said', () => {
  test.each([
    ['password.too_short', 'password', { minimumLength: 9, maximumLength: 4, complexity: 4 }],
    ['password.too_long', 'password', { minimumLength: 8, maximumLength: 7, complexity: 4 }],
    ['password.too_simple', 'password', { minimumLength: 8, complexity: 2 }],
    ['password.compromised', 'password', { minimumLength: 8, complexity: 1 }],
    ['password.too_long', 'x'.repeat(1_025), {}],
    ['request.invalid', '\ud800'.repeat(20), {}],
  ])('%s', async (code, password, rules) => {
    expect(await refusal(password, rules)).toBe(code);
  });

  test('a refusal never repeats the password', async () => {
    for (const password of ['hunter2', 'x'.repeat(2_000), 'aaaaaaaaaaaaaaaa'])
      await expect(check(password)).rejects.not.toThrow(password);
  });
});

test('the minimum counts code points before and after NFKC, the fewer of the two', async () => {
  expect(await refusal('\ufdfa', { minimumLength: 15 })).toBe('password.too_short');
  expect(await refusal('\ufdfavkßzøwq', { minimumLength: 9 })).toBe('password.too_short');
  expect(await refusal('\ufdfavkßzøwq', { minimumLength: 8 })).toBe('accepted');
  expect(await refusal('e\u0301'.repeat(8), { minimumLength: 9 })).toBe('password.too_short');
});

test('length counts code points after NFKC', async () => {
  const rules = { minimumLength: 8, maximumLength: 9 };
  expect(await refusal('𝕏𝕐'.repeat(4), rules)).not.toBe('password.too_short');
  expect(await refusal('𝕏𝕐ℤ𝔸𝔹𝕋𝕎', rules)).toBe('password.too_short');
  expect(await refusal('ﬁvkßzøwq', rules)).toBe('accepted');
  expect(await refusal('ﬁﬂvkßzøwq', rules)).toBe('password.too_long');
  expect(await refusal('e\u0301v\u0308k\u0301zøwq', { minimumLength: 8 })).toBe('accepted');
});

test.each([
  [1, 'wqvkzxjh', 'accepted'],
  [2, 'wqvkzxjh', 'password.too_simple'],
  [2, 'Wqvkzxjh', 'accepted'],
  [3, 'Wqvkzxjh', 'password.too_simple'],
  [3, 'Wqvkz7xjh', 'accepted'],
  [4, 'Wqvkz7xjh', 'password.too_simple'],
  [4, 'Wqvkz7-xjh', 'accepted'],
  [2, '密码安全很重要吧', 'password.too_simple'],
  [2, '密码安全很重要吧7', 'accepted'],
])('complexity %i of %s: %s', async (complexity, password, expected) => {
  expect(await refusal(password, { minimumLength: 8, complexity })).toBe(expected);
});

describe('common passwords', () => {
  test('are 30,000 and more, and each of them is found', () => {
    const list = createRequire(import.meta.url)('@zxcvbn-ts/language-common/src/passwords.json') as readonly string[];
    expect(new Set(list).size).toBeGreaterThan(30_000);
    for (let at = 0; at < list.length; at += 100) expect(isCommon((list[at] as string).toLowerCase())).toBe(true);
    expect(isCommon(list.at(-1)?.toLowerCase() as string)).toBe(true);
  });

  test('are none but those', () => {
    for (const password of ['password', 'trustno1', 'qwertyuiop', '1q2w3e4r', 'iloveyou'])
      expect(isCommon(password)).toBe(true);
    for (const password of ['', '\0', 'password\x0a3456', 'wqvkzxjh', 'assword\0'])
      expect(isCommon(password)).toBe(false);
  });

  test.each([
    'password',
    'PASSWORD',
    'PassWord1',
    'password2026!',
    'P@ssw0rd',
    'p4$$w0rd1!',
    '!!password!!',
    'passwordpassword',
    'Password1Password1',
    'password1234567',
    'trustno1',
    'iloveyou!',
    'ｐａｓｓｗｏｒｄ',
    '1q2w3e4r',
    '12345678901234567890',
    '98765432109876',
    'abcdefghijklmnop',
    'zyxwvutsrqponmlk',
    'aaaaaaaaaaaaaaaa',
    'abcabcabcabcabcabc',
    '                ',
  ])('and what follows from them by rule: %s', async (password) => {
    expect(await refusal(password, { minimumLength: 8 })).toBe('password.compromised');
  });

  test.each([
    'correct horse battery staple',
    'monkey8374629104756',
    'password of my grandmother',
    'dragonfly wings over Ypres',
    'xK9#mQ2$vL5@',
    'ночь улица фонарь аптека',
  ])('but no word within a longer one: %s', async (password) => {
    expect(await refusal(password, { minimumLength: 8 })).toBe('accepted');
  });
});

describe('context words', () => {
  test.each([
    'acmetravel',
    'Acme Travel',
    'ACME-TRAVEL',
    'acme travel 2026',
    '4cm3Tr4v3l!',
    'alice@acme.example',
    'alice@acme.example1',
    'aliceacme',
    'countersign',
    'Countersign1!',
    'countersigndev',
    'AcmeTravelCountersign',
    'travelacmetravel',
  ])('%s', async (password) => {
    expect(await refusal(password, { minimumLength: 8 })).toBe('password.compromised');
  });

  test('of others are no matter', async () => {
    const elsewhere = { words: ['prod', 'Globex', 'bob'], isBlocked: nothing.isBlocked };
    for (const password of ['acmetravel', 'alice@acme.example', 'aliceacme'])
      expect(await refusal(password, { minimumLength: 8 }, elsewhere)).toBe('accepted');
    expect(await refusal('globexbob', { minimumLength: 8 }, elsewhere)).toBe('password.compromised');
  });

  test('that make many words take no longer than a few', () => {
    const many = ['a', 'aa', 'aaa', 'aaaa', 'aaaaa', 'aaaaaa'];
    expect(isMadeOf(`${'a'.repeat(20_000)}b`, many)).toBe(false);
    expect(isMadeOf('a'.repeat(20_000), many)).toBe(true);
    expect(isMadeOf('', many)).toBe(true);
    expect(isMadeOf('b', ['', 'a'])).toBe(false);
  });
});

test('the imported list is asked for what was typed, and for its lower case', async () => {
  const asked: string[][] = [];
  const context = {
    words,
    isBlocked: async (digests: readonly string[]) => {
      asked.push([...digests]);
      return digests.includes(breachDigest('Wq Vk Zx Jh Nb Mt Rs'));
    },
  };
  expect(await refusal('Wq Vk Zx Jh Nb Mt Rs', {}, context)).toBe('password.compromised');
  expect(asked[0]).toEqual([breachDigest('Wq Vk Zx Jh Nb Mt Rs'), breachDigest('wq vk zx jh nb mt rs')]);
  expect(await refusal('wq vk zx jh nb mt rs', {}, context)).toBe('accepted');
  expect(asked[1]).toHaveLength(1);
  expect(breachDigest('password')).toBe('5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8');
});

test('any text gives an answer, and in time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 40 }), async (password) => {
      expect(await refusal(password, { minimumLength: 8 })).toMatch(/^(accepted|password\.[a-z_]+)$/);
      for (const form of likenesses(password)) expect(typeof isPattern(form)).toBe('boolean');
    }),
    { numRuns: rounds(200) },
  );
  for (const hostile of [
    '!'.repeat(1_024),
    '1!'.repeat(512),
    `${'1'.repeat(1_023)}a`,
    `a${'!'.repeat(1_022)}a`,
    `${'\ufdfa'.repeat(1_023)}a`,
    '\ufdfa'.repeat(1_024),
  ]) {
    const begun = process.cpuUsage().user;
    await refusal(hostile, { maximumLength: 1_000_000 });
    expect(process.cpuUsage().user - begun).toBeLessThan(1_000_000);
  }
});

test('a password of the history is refused, in any spelling of it', async () => {
  const hasher = createHasher({ random: systemRandom, peppers: noPeppers });
  onTestFinished(() => hasher.close());
  const history = await Promise.all(['ﬁrst of all', 'second to none'].map((password) => hasher.hash(password)));
  await expect(requireUnused(hasher, 'first of all', history)).rejects.toMatchObject({ code: 'password.reused' });
  await expect(requireUnused(hasher, 'second to none', history)).rejects.toMatchObject({ code: 'password.reused' });
  await expect(requireUnused(hasher, 'second to none', history.slice(0, 1))).resolves.toBeUndefined();
  await expect(requireUnused(hasher, 'third', history)).resolves.toBeUndefined();
});
