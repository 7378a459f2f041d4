import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isCanonicalTarget, isTargetWithin } from '../../src/index.ts';
import { rounds } from '../support/rounds.ts';

const canonical = [
  'urn:trinsic:wallet:alice',
  'urn:countersign:wallet:7f1a7f0e-1f4f-4b3a-9a55-1d1f6f0a0001',
  'urn:x-1:a/b',
  'urn:example:caf%C3%A9',
  'urn:example:a%2Fb',
  'https://example.com/',
  'https://example.com/foo',
  'https://example.com/foo/',
  'https://example.com:8443/a/b.c/~d',
  'http://127.0.0.1:8080/realms/dev',
  'http://[::1]:8080/a',
  'https://xn--bcher-kva.example/a',
  'https://example.com/caf%C3%A9',
  'https://example.com/a?b=c&d=https%3A%2F%2Fe.test%2F',
  'https://example.com/a;v=1/b',
];

test.each(canonical)('canonical: %s', (target) => {
  expect(isCanonicalTarget(target)).toBe(true);
});

const refused: readonly (readonly [string, string])[] = [
  ['dot segment', 'https://example.com/a/./b'],
  ['dot segments', 'https://example.com/a/../b'],
  ['dot segment at the end', 'https://example.com/a/..'],
  ['escaped dot segment', 'https://example.com/a/%2E%2E/b'],
  ['escaped dot segment in lower case', 'https://example.com/a/%2e%2e/b'],
  ['half-escaped dot segment', 'https://example.com/a/.%2E/b'],
  ['dot segment behind an escaped slash', 'https://example.com/alice/..%2Fbob'],
  ['escaped slash in the path', 'https://example.com/alice%2Fbob'],
  ['escaped backslash in the path', 'https://example.com/alice%5C..%5Cbob'],
  ['dot segment escaped twice', 'https://example.com/a/%252E%252E/b'],
  ['slash escaped three times', 'https://example.com/a%25252Fb'],
  ['null byte', 'https://example.com/a%00'],
  ['line end', 'https://example.com/a%0A'],
  ['overlong dot', 'https://example.com/%C0%AE%C0%AE/b'],
  ['no UTF-8', 'https://example.com/%FF'],
  ['surrogate in UTF-8', 'https://example.com/%ED%A0%80'],
  ['backslash', 'https://example.com\\a'],
  ['needless escape of a letter', 'https://example.com/%61lice'],
  ['needless escape of a digit', 'https://example.com/%31'],
  ['needless escape of a hyphen', 'https://example.com/a%2Db'],
  ['needless escape of an underscore', 'https://example.com/a%5Fb'],
  ['needless escape of a tilde', 'https://example.com/%7Ea'],
  ['needless escape in the query', 'https://example.com/a?b=%63'],
  ['needless escape in a urn', 'urn:trinsic:wallet:%61lice'],
  ['escape in lower case', 'https://example.com/caf%c3%a9'],
  ['escape in lower case in a urn', 'urn:example:a%2fb'],
  ['broken escape', 'https://example.com/a%2'],
  ['escape that is none', 'https://example.com/a%zz'],
  ['missing escape of a space', 'https://example.com/a b'],
  ['missing escape of a letter', 'https://example.com/café'],
  ['missing escape of a quote', 'https://example.com/a?b="c"'],
  ['missing escape of an apostrophe in the query', "https://example.com/a?b='c'"],
  ['missing escape of a brace', 'https://example.com/{a}'],
  ['missing escape in a urn', 'urn:example:café'],
  ['scheme in upper case', 'HTTPS://example.com/a'],
  ['scheme in mixed case', 'Https://example.com/a'],
  ['urn in upper case', 'URN:trinsic:wallet:alice'],
  ['namespace in upper case', 'urn:Trinsic:wallet:alice'],
  ['host in upper case', 'https://EXAMPLE.com/a'],
  ['host with a trailing dot', 'https://example.com./a'],
  ['host with a trailing dot and a port', 'https://example.com.:8443/a'],
  ['escaped host', 'https://ex%61mple.com/a'],
  ['host beyond ASCII', 'https://bücher.example/a'],
  ['short IPv4 address', 'https://127.1/a'],
  ['IPv4 address as a number', 'https://2130706433/a'],
  ['hexadecimal IPv4 address', 'https://0x7f.0.0.1/a'],
  ['octal IPv4 address', 'https://0177.0.0.1/a'],
  ['long IPv6 address', 'https://[0:0:0:0:0:0:0:1]/a'],
  ['no address', 'https://[::g]/a'],
  ['default port', 'https://example.com:443/a'],
  ['default port of http', 'http://example.com:80/a'],
  ['empty port', 'https://example.com:/a'],
  ['port with a zero', 'https://example.com:08443/a'],
  ['port out of range', 'https://example.com:65536/a'],
  ['empty path', 'https://example.com'],
  ['empty path and a query', 'https://example.com?a'],
  ['empty segment', 'https://example.com/a//b'],
  ['empty segment at the start', 'https://example.com//a'],
  ['empty query', 'https://example.com/a?'],
  ['fragment', 'https://example.com/a#b'],
  ['empty fragment', 'https://example.com/a#'],
  ['fragment of a urn', 'urn:example:a#b'],
  ['q-component of a urn', 'urn:example:a?=b'],
  ['r-component of a urn', 'urn:example:a?+b'],
  ['urn without a name', 'urn:example:'],
  ['urn without a namespace', 'urn::a'],
  ['namespace of one letter', 'urn:x:a'],
  ['namespace that ends in a hyphen', 'urn:ex-:a'],
  ['user name', 'https://alice@example.com/a'],
  ['user name and password', 'https://alice:secret@example.com/a'],
  ['empty user information', 'https://@example.com/a'],
  ['no host', 'https:///a'],
  ['one slash', 'https:/example.com/a'],
  ['relative', '/a'],
  ['nothing', ''],
  ['space before', ' https://example.com/a'],
  ['space after', 'https://example.com/a '],
  ['line end after', 'https://example.com/a\n'],
  ['tab within', 'https://example.com/a\tb'],
  ['another scheme', 'ftp://example.com/a'],
  ['script', 'javascript:alert(1)'],
  ['2,049 characters', `https://example.com/${'a'.repeat(2029)}`],
];

test.each(refused)('not canonical: %s (%s)', (_, target) => {
  expect(isCanonicalTarget(target)).toBe(false);
});

describe('within', () => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['urn:w:alice', 'urn:w:alice', true],
    ['urn:w:alice2', 'urn:w:alice', false],
    ['urn:w:alice/a', 'urn:w:alice', false],
    ['urn:w:alice:a', 'urn:w:alice', false],
    ['urn:w:alic', 'urn:w:alice', false],
    ['https://a.test/alice', 'https://a.test/alice', true],
    ['https://a.test/alice/x', 'https://a.test/alice', true],
    ['https://a.test/alice/', 'https://a.test/alice', true],
    ['https://a.test/alice?x=1', 'https://a.test/alice', true],
    ['https://a.test/alice2', 'https://a.test/alice', false],
    ['https://a.test/alice-2', 'https://a.test/alice', false],
    ['https://a.test/alice.json', 'https://a.test/alice', false],
    ['https://a.test/alice&x=1', 'https://a.test/alice', false],
    ['https://a.test/alice;x', 'https://a.test/alice', false],
    ['https://a.test/alic', 'https://a.test/alice', false],
    ['https://a.test/', 'https://a.test/alice', false],
    ['https://a.test/alice/x', 'https://a.test/alice/', false],
    ['https://a.test/bob', 'https://a.test/', false],
    ['https://a.test.evil.test/alice', 'https://a.test/alice', false],
    ['http://a.test/alice', 'https://a.test/alice', false],
    ['https://a.test/alice?x=1&y=2', 'https://a.test/alice?x=1', true],
    ['https://a.test/alice?x=12', 'https://a.test/alice?x=1', false],
    ['https://a.test/alice?x=1/y', 'https://a.test/alice?x=1', false],
    ['https://a.test/alice?x=1?y', 'https://a.test/alice?x=1', false],
    ['https://a.test/alice?y=2&x=1', 'https://a.test/alice?x=1', false],
    ['https://a.test/alice?user=alice&user=bob', 'https://a.test/alice?user=alice', false],
    ['https://a.test/alice?a+b=1&a%20b=2', 'https://a.test/alice?a+b=1', false],
    ['https://a.test/alice?user=alice&admin=1&user=bob', 'https://a.test/alice?user=alice', false],
  ];

  test.each(rows)('%s in %s: %s', (target, within, expected) => {
    expect(isTargetWithin(target, within)).toBe(expected);
  });

  test('is an order: whole of itself, and what is within a part is within the whole', () => {
    const part = fc.constantFrom('/a', '/b', '/ab', '?a=1', '?b=1', '&a=1', '&b=2', '2', '/');
    const target = fc.array(part, { maxLength: 5 }).map((parts) => `https://a.test/w${parts.join('')}`);
    fc.assert(
      fc.property(target, target, target, (a, b, c) => {
        expect(isTargetWithin(a, a)).toBe(true);
        if (isTargetWithin(a, b) && isTargetWithin(b, c)) expect(isTargetWithin(a, c)).toBe(true);
        if (isTargetWithin(a, b) && isTargetWithin(b, a)) expect(a).toBe(b);
      }),
      { numRuns: rounds(2000) },
    );
  });
});

test('whatever the URL standard takes for one place has at most one spelling here', () => {
  const piece = fc.constantFrom(
    'a',
    'A',
    '/',
    '.',
    '..',
    '%2e',
    '%2E',
    '%61',
    '%2F',
    '\\',
    '?',
    '#',
    ':443',
    '@',
    '%',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const target = `https://a.test/${pieces.join('')}`;
      if (isCanonicalTarget(target)) expect(new URL(target).href).toBe(target);
    }),
    { numRuns: rounds(2000) },
  );
});
