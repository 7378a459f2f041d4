import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isJsonObject, type JsonReason, parseExactJson, parseJson } from '../src/index.ts';
import { rounds } from './support/rounds.ts';

test('a document without duplicates reads as JSON.parse reads it', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ depthSize: 'medium', stringUnit: 'grapheme' }),
      fc.constantFrom(0, 2),
      (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
        expect(parseJson(new TextEncoder().encode(text))).toEqual({ ok: true, value: JSON.parse(text) });
      },
    ),
  );
});

test('a document reads exactly when JSON.parse reads it', () => {
  const text = fc.string({ unit: fc.constantFrom(...'{}[],:"\\ua1 -.e\n', 'null', '"a":', '1'), maxLength: 12 });
  fc.assert(
    fc.property(text, (document) => {
      const result = parseJson(document);
      let valid = true;
      try {
        JSON.parse(document);
      } catch {
        valid = false;
      }
      expect(result.ok || result.reason !== 'syntax').toBe(valid);
    }),
    { numRuns: rounds(5000) },
  );
});

test('a name that is put in twice is found wherever it stands', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 5 });
  fc.assert(
    fc.property(
      fc.dictionary(name, fc.jsonValue({ stringUnit: 'grapheme' }), { minKeys: 1 }),
      fc.nat(),
      (object, pick) => {
        const names = Object.keys(object);
        const twice = names[pick % names.length] as string;
        const members = [...Object.entries(object), [twice, 1] as const];
        const text = `{"in":[0,{${members.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}]}`;
        const pointer = `/in/1/${twice.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        expect(parseJson(text)).toEqual({ ok: false, reason: 'duplicate_member', pointer });
      },
    ),
  );
});

const refused: readonly [string, string | Uint8Array, JsonReason, string][] = [
  ['a name twice', '{"a":1,"a":1}', 'duplicate_member', '/a'],
  ['a name twice, once escaped', '{"a":1,"\\u0061":1}', 'duplicate_member', '/a'],
  ['a name twice after an object', '{"a":{"b":1},"a":1}', 'duplicate_member', '/a'],
  ['a name twice after an array', '{"a":[1,2],"a":1}', 'duplicate_member', '/a'],
  ['a name twice with a quote in it', '{"\\"":1,"\\"":1}', 'duplicate_member', '/"'],
  ['__proto__ twice', '{"__proto__":1,"__proto__":2}', 'duplicate_member', '/__proto__'],
  ['an empty name twice', '{"":1,"":1}', 'duplicate_member', '/'],
  ['a name twice inside an array', '[0,{"x":{"a~/b":1,"a~/b":2}}]', 'duplicate_member', '/1/x/a~0~1b'],
  ['a lone high surrogate', '["\\ud800"]', 'lone_surrogate', '/0'],
  ['a lone low surrogate in a name', '{"\\udc00":1}', 'lone_surrogate', '/\ufffd'],
  ['a raw lone surrogate', '{"a":"\ud800"}', 'lone_surrogate', '/a'],
  ['a byte order mark as text', '\ufeff{}', 'bom', ''],
  ['a byte order mark as bytes', Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d), 'bom', ''],
  ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'encoding', ''],
  ['an overlong form', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), 'encoding', ''],
  ['a surrogate as bytes', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), 'encoding', ''],
  ['nothing', '', 'syntax', ''],
  ['a trailing comma', '{"a":1,}', 'syntax', ''],
  ['a comment', '{}//', 'syntax', ''],
  ['NaN', '{"a":NaN}', 'syntax', ''],
  ['two documents', '{}{}', 'syntax', ''],
];
test.each(refused)('%s is refused', (_name, document, reason, pointer) => {
  expect(parseJson(document)).toEqual({ ok: false, reason, pointer });
});

test('names in two objects, and a value equal to a name, are no duplicates', () => {
  const text = '{"a":"a","b":{"a":"b"},"c":[{"a":1},{"a":2},"a","a"],"d":"{\\"a\\":1,\\"a\\":2}"}';
  expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
});

test('a surrogate pair in escapes is a character', () => {
  expect(parseJson('"\\ud83d\\ude00"')).toEqual({ ok: true, value: '\u{1f600}' });
});

test('__proto__ is a member like any other', () => {
  const result = parseJson('{"__proto__":{"admin":true},"a":1}');
  const value = result.ok ? result.value : undefined;
  expect(isJsonObject(value) && Object.keys(value)).toEqual(['__proto__', 'a']);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect((value as { admin?: unknown }).admin).toBeUndefined();
});

test('depth counts arrays and objects', () => {
  const nested = (levels: number) => `${'[{"a":'.repeat(levels / 2)}0${'}]'.repeat(levels / 2)}`;
  expect(parseJson(nested(32)).ok).toBe(true);
  expect(parseJson(nested(34))).toMatchObject({ reason: 'depth' });
  expect(parseJson('[]', { maxDepth: 1 }).ok).toBe(true);
  expect(parseJson('[[]]', { maxDepth: 1 })).toEqual({ ok: false, reason: 'depth', pointer: '/0' });
  expect(parseJson('[[],[]]', { maxDepth: 2 }).ok).toBe(true);
});

test('brackets and colons inside strings count for nothing', () => {
  expect(parseJson(`${'["]",'.repeat(33)}0${']'.repeat(33)}`)).toMatchObject({ reason: 'depth' });
  expect(parseJson(`["${'['.repeat(40)}",{"a:b":"c:d"}]`)).toMatchObject({ ok: true });
});

test('half a million open brackets are an answer, not a stack overflow', () => {
  const many = 500_000;
  expect(parseJson('['.repeat(many))).toMatchObject({ reason: 'syntax' });
  expect(parseJson('['.repeat(many) + ']'.repeat(many))).toMatchObject({ reason: 'depth' });
});

test('size counts bytes of UTF-8, not characters', () => {
  expect(parseJson('"\u00e9\u00e9"', { maxBytes: 6 }).ok).toBe(true);
  expect(parseJson('"\u00e9\u00e9"', { maxBytes: 5 })).toMatchObject({ reason: 'too_large' });
  expect(parseJson(new TextEncoder().encode('"ab"'), { maxBytes: 3 })).toMatchObject({ reason: 'too_large' });
  expect(parseJson(`"${'a'.repeat(1_048_575)}"`)).toMatchObject({ reason: 'too_large' });
});

test('an object is neither null nor an array', () => {
  expect([{}, [], null, 'a'].map(isJsonObject)).toEqual([true, false, false, false]);
});

test.each([
  ['12345678901234567890', ''],
  ['{"a":[0,{"b":9007199254740993}]}', '/a/1/b'],
  ['{"a":"12345678901234567890","b":-12345678901234567890}', '/b'],
  ['[0.1234567890123456789]', '/0'],
  ['[1e400]', '/0'],
  ['[1,-1E+999]', '/1'],
  ['[1e-400]', '/0'],
  [`[1${'0'.repeat(400)}]`, '/0'],
])('a value that is to be kept may not hold the number that JavaScript would round: %s', (text, pointer) => {
  expect(parseExactJson(text)).toEqual({ ok: false, reason: 'inexact_number', pointer });
  expect(parseJson(text).ok).toBe(true);
});

test.each([
  '[0,-0,0.0,0e5,1,10,-1.50,0.1,1e21,1E+2,123456789012345680000,9007199254740991,-9007199254740991,5e-324]',
  '["12345678901234567890",{"1e999":"__proto__ 1e400"}]',
  '{"a\\"1e400":1.7976931348623157e308}',
  '1764500000.1234567',
])('what JavaScript keeps is taken: %s', (text) => {
  expect(parseExactJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
});

test.each([
  ['{"a":{"__proto__":{"admin":true}}}', '/a/__proto__'],
  ['{"\\u005f_proto_\\u005f":1}', '/__proto__'],
])('a value that is to be kept may not have the member __proto__: %s', (text, pointer) => {
  expect(parseExactJson(text)).toEqual({ ok: false, reason: 'reserved_member', pointer });
});

test('every number is kept or refused, and a megabyte of digits is an answer', () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(), fc.integer({ min: -30, max: 30 }), (whole, fraction, power) => {
      const text = `${whole}.${fraction}e${power}`;
      return parseExactJson(text).ok === sameDecimal(text, String(Number(text)));
    }),
  );
  expect(parseExactJson(`[1${'0'.repeat(900_000)}1]`)).toMatchObject({ reason: 'inexact_number' });
});

/** By integers of any size, another way than the code under test. */
function sameDecimal(one: string, other: string): boolean {
  const scaled = (text: string) => {
    const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
    const [whole = '', fraction = ''] = mantissa.split('.');
    return BigInt(whole + fraction) * 10n ** BigInt(Number(exponent) - fraction.length + 100);
  };
  return scaled(one) === scaled(other);
}
