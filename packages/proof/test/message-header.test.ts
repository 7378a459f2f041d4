import { expect, test } from 'vitest';
import { canonicalTarget, type HeaderFields, type MessageForm, messageStatus, signatureHeader } from '../src/index.ts';

const every: readonly MessageForm[] = ['ocen', 'rfc7797', 'strict'];
const jws = 'eyJh..c2ln';

const found: readonly [string, HeaderFields, readonly MessageForm[]][] = [
  ['a record', { 'x-jws-signature': jws }, every],
  ['a record in other letters', { 'X-JWS-Signature': jws }, every],
  ['a record of lists', { 'x-jws-signature': [jws], other: ['a', 'b'] }, every],
  [
    'pairs',
    [
      ['Host', 'a'],
      ['X-Jws-Signature', jws],
    ],
    every,
  ],
  ['fetch headers', new Headers({ 'X-JWS-Signature': jws }), every],
  ['whitespace around the field', { 'x-jws-signature': ` ${jws}\t` }, every],
  ['the alias', { signature: jws }, ['ocen', 'rfc7797']],
  ['the alias in other letters', [['SIGNATURE', jws]], ['ocen', 'rfc7797']],
  ['a Signature that is no JWS beside it', { 'x-jws-signature': jws, signature: 'keyId="a",signature="b"' }, every],
  [
    'a Signature of RFC 9421 beside it',
    { 'x-jws-signature': jws, signature: 'sig1=:YQ==:', 'signature-input': 'sig1=()' },
    every,
  ],
  [
    'a JWS in Signature beside Signature-Input',
    { 'x-jws-signature': jws, signature: jws, 'signature-input': 'a' },
    every,
  ],
];

test.each(found)('the signature is found in %s', (_, headers, forms) => {
  expect(signatureHeader(headers, every)).toEqual({ value: jws, forms });
});

const refused: readonly [string, HeaderFields, 'missing' | 'repeated', (readonly MessageForm[])?][] = [
  ['no fields', {}, 'missing'],
  ['no signature', { host: 'a' }, 'missing'],
  ['an undefined field', { 'x-jws-signature': undefined }, 'missing'],
  ['an empty field', { 'x-jws-signature': '' }, 'missing'],
  ['a field of spaces', { 'x-jws-signature': '  ' }, 'missing'],
  ['a Signature that is no JWS', { signature: 'abc' }, 'missing'],
  ['a Signature beside Signature-Input', { signature: jws, 'Signature-Input': 'sig1=()' }, 'missing'],
  ['the alias where only strict is accepted', { signature: jws }, 'missing', ['strict']],
  ['two in a record', { 'x-jws-signature': [jws, jws] }, 'repeated'],
  [
    'two in pairs',
    [
      ['x-jws-signature', jws],
      ['X-JWS-SIGNATURE', jws],
    ],
    'repeated',
  ],
  ['two in one field', { 'x-jws-signature': `${jws}, ${jws}` }, 'repeated'],
  ['an empty one before it', { 'x-jws-signature': `, ${jws}` }, 'repeated'],
  [
    'an empty field beside it',
    [
      ['x-jws-signature', ''],
      ['x-jws-signature', jws],
    ],
    'repeated',
  ],
  ['one in each field, equal', { 'x-jws-signature': jws, signature: jws }, 'repeated'],
  ['one in each field, different', { 'x-jws-signature': jws, signature: 'a..b' }, 'repeated'],
  [
    'the alias twice',
    [
      ['signature', jws],
      ['signature', jws],
    ],
    'repeated',
  ],
  ['the alias twice in one field', { signature: `${jws}, ${jws}` }, 'repeated'],
];

test.each(refused)('refused with 400: %s', (_, headers, reason, forms = every) => {
  const code = `message.signature_${reason}`;
  expect(() => signatureHeader(headers, forms)).toThrow(expect.objectContaining({ code }));
  expect(messageStatus(code)).toBe(400);
});

test('a value that is no signature at all is found, so that verification can say what is wrong with it', () => {
  expect(signatureHeader({ 'x-jws-signature': 'not a jws' }, every).value).toBe('not a jws');
  expect(signatureHeader({ signature: 'a.b.c' }, every).value).toBe('a.b.c');
});

test('only faults of a message have a status', () => {
  expect(messageStatus('message.key_retired')).toBe(401);
  expect(messageStatus('message.header_duplicate_member')).toBe(401);
  expect(messageStatus('signing.alg')).toBeUndefined();
  expect(messageStatus('jws.signature')).toBeUndefined();
});

const canonical: readonly [string, string][] = [
  ['https://a.test/', 'https://a.test/'],
  ['HTTPS://A.Test/Path?Q=B', 'https://a.test/Path?Q=B'],
  ['https://a.test:443/', 'https://a.test/'],
  ['http://a.test:80/x', 'http://a.test/x'],
  ['http://a.test:443/x', 'http://a.test:443/x'],
  ['https://a.test:8443/x?', 'https://a.test:8443/x?'],
  ['https://[2001:DB8::1]:443/x', 'https://[2001:db8::1]/x'],
  ['http://127.0.0.1:8080/a//b/', 'http://127.0.0.1:8080/a//b/'],
  ['https://a.test/%2f%2F?a=%20+;&b', 'https://a.test/%2f%2F?a=%20+;&b'],
  ["https://a.test/~a.b/...(x)'!*;v=1,2@:$", "https://a.test/~a.b/...(x)'!*;v=1,2@:$"],
  ['https://a.test/x?../y', 'https://a.test/x?../y'],
];

test.each(canonical)('%s is compared as %s', (uri, expected) => {
  expect(canonicalTarget(uri)).toBe(expected);
  expect(canonicalTarget(expected)).toBe(expected);
});

const notCanonical = [
  '',
  '/path',
  '//a.test/',
  'a.test/',
  'ftp://a.test/',
  'https:/a.test/',
  'https:///x',
  'https://a.test',
  'https://a.test?x',
  'https://a@a.test/',
  'https://a:b@a.test/',
  'https://a.test/#',
  'https://a.test/#x',
  'https://a.test:/',
  'https://a.test:0443/',
  'https://a.test:99999/',
  'https://a.test:4x/',
  'https://a.test/.',
  'https://a.test/./x',
  'https://a.test/a/..',
  'https://a.test/a/../b',
  'https://a.test/%2e%2E/b',
  'https://a.test/a/.%2e',
  'https://a.test/\\x',
  'https://a.test\\x/',
  'https://a.test/ x',
  ' https://a.test/',
  'https://a.test/\n',
  'https://a.test/%',
  'https://a.test/%2',
  'https://a.test/%zz',
  'https://a.test/é',
  'https://é.test/',
  'https://a.test/[x]',
  'https://a.test/?a=[x]',
  'https://a.test/"',
  'https://a.test/<',
  'https://a.test/{x}',
  'https://a.test/|',
  'https://a.test/^',
  'https://a.test/`',
  `https://a.test/${'x'.repeat(8192)}`,
];

test.each(notCanonical)('%j has no canonical spelling', (uri) => {
  expect(canonicalTarget(uri)).toBeUndefined();
});

test('a long target takes no long time', () => {
  const uri = `https://a.test/${'%2e/..'.repeat(1300)}\u0000`;
  expect(canonicalTarget(uri)).toBeUndefined();
  expect(canonicalTarget(`https://${'a'.repeat(8000)}`)).toBeUndefined();
});
