import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rounds } from '../../proof/test/support/rounds.ts';
import { Problem } from '../src/kernel/problem.ts';
import { parseForm, parseJsonParameters } from '../src/registry/oauth/parameters.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .filter((value) => value.isWellFormed() && !value.includes('\0'));

test('reads back every form that URLSearchParams writes', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(text, text), { maxLength: 60, selector: ([name]) => name }), (pairs) => {
      fc.pre(pairs.every(([name, value]) => name !== 'resource' && `${name}${value}` !== ''));
      const parameters = parseForm(bytes(new URLSearchParams(pairs).toString()));
      for (const [name, value] of pairs) expect(parameters.get(name)).toBe(value === '' ? undefined : value);
    }),
  );
});

test('collects every resource, in order', () => {
  fc.assert(
    fc.property(
      fc.array(
        text.filter((value) => value !== ''),
        { maxLength: 60 },
      ),
      (resources) => {
        const body = new URLSearchParams(resources.map((value): [string, string] => ['resource', value])).toString();
        expect(parseForm(bytes(body)).resources).toEqual(resources);
        expect(parseJsonParameters(bytes(JSON.stringify({ resource: resources }))).resources).toEqual(resources);
      },
    ),
  );
});

test('refuses or reads whatever comes, and never fails otherwise', () => {
  const soup = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ unit: fc.constantFrom(...'a=&+%2F0;{}[]":,\\\0é'), maxLength: 60 }).map(bytes),
  );
  fc.assert(
    fc.property(soup, fc.constantFrom(parseForm, parseJsonParameters), (body, parse) => {
      try {
        parse(body).get('a');
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Problem);
      }
    }),
    { numRuns: rounds(2_000) },
  );
});

test('a body that is a view into a larger buffer is read alone', () => {
  const whole = bytes('secret=1&a=b&c=d');
  const parameters = parseForm(whole.subarray(9, 12));
  expect(parameters.get('a')).toBe('b');
  expect(parameters.get('secret')).toBeUndefined();
  expect(parameters.get('c')).toBeUndefined();
});
