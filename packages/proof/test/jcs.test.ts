import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalize, type JsonValue, parseJson } from '../src/index.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';

test.skipIf(!vectorsPresent)('the reference data of RFC 8785, to the byte', () => {
  const vectors = readVector('jcs/cyberphone-testdata.json') as { name: string; input: string; outhex: string }[];
  expect(vectors).toHaveLength(6);
  for (const { input, outhex } of vectors) {
    const parsed = parseJson(input);
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(Buffer.from(canonicalize(parsed.value)).toString('hex')).toBe(outhex);
  }
});

/** RFC 8785 appendix B: the bits of a double, and its text; undefined where there is none. */
const numbers: readonly [string, string | undefined][] = [
  ['0000000000000000', '0'],
  ['8000000000000000', '0'],
  ['0000000000000001', '5e-324'],
  ['8000000000000001', '-5e-324'],
  ['7fefffffffffffff', '1.7976931348623157e+308'],
  ['ffefffffffffffff', '-1.7976931348623157e+308'],
  ['4340000000000000', '9007199254740992'],
  ['c340000000000000', '-9007199254740992'],
  ['4430000000000000', '295147905179352830000'],
  ['7fffffffffffffff', undefined],
  ['7ff0000000000000', undefined],
  ['fff0000000000000', undefined],
  ['44b52d02c7e14af5', '9.999999999999997e+22'],
  ['44b52d02c7e14af6', '1e+23'],
  ['44b52d02c7e14af7', '1.0000000000000001e+23'],
  ['444b1ae4d6e2ef4e', '999999999999999700000'],
  ['444b1ae4d6e2ef4f', '999999999999999900000'],
  ['444b1ae4d6e2ef50', '1e+21'],
  ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
  ['3eb0c6f7a0b5ed8d', '0.000001'],
  ['41b3de4355555553', '333333333.3333332'],
  ['41b3de4355555554', '333333333.33333325'],
  ['41b3de4355555555', '333333333.3333333'],
  ['41b3de4355555556', '333333333.3333334'],
  ['41b3de4355555557', '333333333.33333343'],
  ['becbf647612f3696', '-0.0000033333333333333333'],
  ['43143ff3c1cb0959', '1424953923781206.2'],
];
test.each(numbers)('RFC 8785 appendix B: %s is %s', (bits, text) => {
  const number = Buffer.from(bits, 'hex').readDoubleBE();
  if (text === undefined) expect(() => canonicalize(number)).toThrow(expect.objectContaining({ code: 'jcs.number' }));
  else expect(canonicalize(number)).toBe(text);
});

test('members go by UTF-16 code units: not as an object orders them, not by code point', () => {
  const value = JSON.parse('{"10":1,"9":2,"b":3,"\u{1f600}":4,"\ufb33":5,"__proto__":6,"":7,"B":8}') as JsonValue;
  expect(canonicalize(value)).toBe('{"":7,"10":1,"9":2,"B":8,"__proto__":6,"b":3,"\u{1f600}":4,"\ufb33":5}');
});

test('a member named __proto__ is a member like others', () => {
  const text = '{"__proto__":{"a":1},"constructor":{"prototype":null}}';
  expect(canonicalize(JSON.parse(text) as JsonValue)).toBe(text);
});

test('an undefined member is left out, as JSON.stringify does', () => {
  expect(canonicalize({ a: undefined, b: { c: undefined }, d: [] })).toBe('{"b":{},"d":[]}');
});

test('what a parser reads as infinite has no canonical text', () => {
  const parsed = parseJson('{"a":[1e400]}');
  if (!parsed.ok) throw new Error(parsed.reason);
  expect(() => canonicalize(parsed.value)).toThrow(expect.objectContaining({ code: 'jcs.number' }));
});

test.each([
  ['in a value', { a: 'x\ud800' }],
  ['in a name', { 'x\udc00': 1 }],
  ['the wrong way round', ['\udc00\ud800']],
])('a lone surrogate %s is refused', (_name, value) => {
  expect(() => canonicalize(value)).toThrow(expect.objectContaining({ code: 'jcs.lone_surrogate' }));
});

const holdsItself: unknown[] = [];
holdsItself.push(holdsItself, holdsItself);
const unwritable: readonly [string, unknown, string][] = [
  ['a value that holds itself twice', holdsItself, 'jcs.depth'],
  ['10,000 levels', JSON.parse('['.repeat(10_000) + ']'.repeat(10_000)), 'jcs.depth'],
  ['a Date', { a: new Date(0) }, 'jcs.type'],
  ['a Map', new Map([['a', 1]]), 'jcs.type'],
  ['bytes', Uint8Array.of(1), 'jcs.type'],
  ['a bigint', 1n, 'jcs.type'],
  ['a function', { a: () => 1 }, 'jcs.type'],
  ['a hole', new Array(1), 'jcs.type'],
  ['nothing', undefined, 'jcs.type'],
];
test.each(unwritable)('%s is refused', (_name, value, code) => {
  expect(() => canonicalize(value as JsonValue)).toThrow(expect.objectContaining({ code }));
});

test('128 levels are written', () => {
  const text = '['.repeat(128) + ']'.repeat(128);
  expect(canonicalize(JSON.parse(text) as JsonValue)).toBe(text);
});

test('the text reads as the value, is its own canonical text, and does not know the order of members', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = canonicalize(value as JsonValue);
      const read = JSON.parse(text) as JsonValue;
      expect(canonicalize(read)).toBe(text);
      expect(canonicalize(reversed(value as JsonValue))).toBe(text);
      expect(read).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

function reversed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([name, inner]) => [name, reversed(inner as JsonValue)]));
}
