import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBase64url, decodeEitherBase64, encodeBase64url } from '../src/index.ts';
import { rounds } from './support/rounds.ts';

test('every byte string has one text, the one that Buffer writes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = encodeBase64url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString('base64url'));
      expect(decodeBase64url(text, 400)).toEqual(bytes);
    }),
  );
});

test('a text decodes exactly when it is the text of its bytes', () => {
  const characters = fc.constantFrom(...'AQgwZaz09-_+/= \n.\u00e9\u0141');
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 9 }), (text) => {
      const canonical = Buffer.from(text, 'base64url').toString('base64url') === text;
      expect(decodeBase64url(text, 16) !== undefined).toBe(canonical);
    }),
    { numRuns: rounds(2000) },
  );
});

test.each([
  ['RFC 4648 §10', 'Zm9vYmFy', 'foobar'],
  ['two characters of rest', 'Zg', 'f'],
  ['three characters of rest', 'Zm8', 'fo'],
  ['nothing', '', ''],
])('%s decodes', (_name, text, expected) => {
  expect(new TextDecoder().decode(decodeBase64url(text, 8))).toBe(expected);
});

test.each([
  ['padding', 'Zg=='],
  ['padding of one', 'Zm8='],
  ['a space at the end', 'Zm9v '],
  ['a line break inside', 'Zm\n9'],
  ['the standard alphabet', 'a+/b'],
  ['an impossible length', 'Zm9vA'],
  ['bits after the last byte, two characters', 'Zh'],
  ['bits after the last byte, three characters', 'Zm9'],
  ['a letter beyond Latin-1 whose low byte is a digit of the alphabet', '\u0141AAA'],
  ['a letter of Latin-1', '\u00e9AAA'],
  ['a stranger in the rest', 'AAAA.A'],
  ['a stranger at the end of the rest', 'AAAAAA.'],
])('%s is refused', (_name, text) => {
  expect(decodeBase64url(text, 64)).toBeUndefined();
});

test('the length limit counts characters', () => {
  expect(decodeBase64url('AAAA', 4)).toHaveLength(3);
  expect(decodeBase64url('AAAAAA', 5)).toBeUndefined();
});

test('either alphabet, padded or not, is read; padding that is none is not, and costs nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const encoding of ['base64', 'base64url'] as const)
        expect(decodeEitherBase64(Buffer.from(bytes).toString(encoding), 400)).toEqual(bytes);
    }),
  );
  for (const text of ['Zg=', 'Zm8==', 'Zm9v====', '====', '=', 'Zh==', 'Z===', 'Zg==Zg==', 'Zg= =']) {
    expect([text, decodeEitherBase64(text, 16)]).toEqual([text, undefined]);
  }
  expect(decodeEitherBase64('Zm8=', 3)).toBeUndefined();
  const started = process.cpuUsage();
  expect(decodeEitherBase64(`${'='.repeat(99_999)}x`, 100_000)).toBeUndefined();
  expect(process.cpuUsage(started).user / 1_000).toBeLessThan(1_000);
});
