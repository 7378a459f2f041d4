/**
 * The docstrings of what the packages export: each export has one, each function and class has an `@example`, and every example
 * compiles under the settings of this project, runs, and shows what it says.
 */
import { rm } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import * as client from '@countersign/client';
import * as wallet from '@countersign/client/wallet';
import * as proof from '@countersign/proof';
import { afterAll, describe, expect, test } from 'vitest';
import * as clientFixtures from './client-fixtures.ts';
import * as fixtures from './fixtures.ts';
import { compiled, type Entry, knownCodes, type Layer, layersOf, readPackage, runnable, typeErrors } from './read.ts';

const modules: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '@countersign/proof': proof,
  [new URL('fixtures.ts', import.meta.url).pathname]: fixtures,
  '@countersign/client': client,
  '@countersign/client/wallet': wallet,
  [new URL('client-fixtures.ts', import.meta.url).pathname]: clientFixtures,
};
const layers: readonly Layer[] = Object.entries(modules).map(([from, names]) => ({ from, names: Object.keys(names) }));

/** Each package with the modules that its examples may use besides their own entry. */
const packages: readonly (readonly [folder: string, layers: readonly Layer[]])[] = [
  ['proof', layers.slice(0, 2)],
  ['client', layers],
];

/** The one form in which a docstring names the errors: a class, then codes or the first parts of codes. */
const throwsForm = /^\{(ProofError|ClientError|MessageProblem|TypeError)\} \S/;

const codes = knownCodes();
const starts = new Set(codes.map((code) => code.slice(0, code.indexOf('.') + 1)));

/** `jwt.expired`, or `jwt.*` for all that start so. */
function isCode(name: string): boolean {
  const dot = name.indexOf('.');
  const [start, fault] = [name.slice(0, dot + 1), name.slice(dot)];
  return codes.includes(name) || (starts.has(start) && (fault === '.*' || codes.includes(fault)));
}

async function run(entry: Entry, example: string, others: readonly Layer[]): Promise<void> {
  const scope: Record<string, unknown> = {
    show: (value: unknown, expected: unknown) => expect(value).toEqual(expected),
    refuse: async (call: () => unknown, refusal: string) => {
      const error = await Promise.resolve()
        .then(call)
        .then(
          () => undefined,
          (thrown: Error & { readonly code?: string }) => thrown,
        );
      expect([error?.code, error?.name]).toContain(refusal);
    },
  };
  for (const { from, names } of layersOf(entry, others)) {
    const module = modules[from] ?? (await import(pathToFileURL(from).href));
    for (const name of names) scope[name] = module[name];
  }
  await new Function(...Object.keys(scope), compiled(example))(...Object.values(scope));
}

afterAll(() => rm(clientFixtures.folder, { recursive: true }));

for (const [folder, others] of packages) {
  const { entries, program } = readPackage(folder);
  describe(folder, () => {
    test('the examples compile', () => expect(typeErrors(entries, program, others).join('\n')).toBe(''));
    describe.each(entries)('$name', (entry) => {
      test.each(entry.exports)('$name has a docstring with units, errors and an example', (one) => {
        expect(one.summary).toMatch(/^\S.*[.:)]$/s);
        expect(one.bareNumbers).toEqual([]);
        for (const text of one.throws) {
          expect(text).toMatch(throwsForm);
          const named = [...text.matchAll(/`(\w+\.[\w*]+)`/g)].map(([, code = '']) => code);
          expect(named.filter((code) => !isCode(code))).toEqual([]);
        }
        if (one.isCallable) expect(one.example).toBeDefined();
        if (one.example !== undefined) expect(runnable(one.example).faults).toEqual([]);
      });
      const shown = entry.exports.flatMap(({ name, example }) => (example === undefined ? [] : [{ name, example }]));
      if (shown.length > 0) test.each(shown)('the example of $name runs', ({ example }) => run(entry, example, others));
    });
  });
}

describe('the runner', () => {
  const { entries, program } = readPackage('proof');
  const [entry] = entries as readonly [Entry, ...Entry[]];
  const [, others] = packages[0] as (typeof packages)[number];
  const faultsOf = (example: string) => runnable(example).faults.length;

  test('wants 2 to 7 lines, of which the last shows a value', () => {
    expect(faultsOf('const a = 1;\na; // → 1')).toBe(0);
    expect(faultsOf('isJsonObject({}); // → true')).toBe(1);
    expect(faultsOf('const a = 1;\na;')).toBe(1);
    expect(faultsOf('const b = 1;\nconst a = 1; // → 1')).toBe(1);
  });

  test('refuses another value, another error and no error', async () => {
    await run(entry, "realmOf('a'); // → 'a'\nparseDidUrl(''); // throws did.url", others);
    const refused = [
      "realmOf('a'); // → 'b'",
      "parseDidUrl(''); // throws did.unknown",
      "realmOf('a'); // throws did.url",
    ];
    for (const example of refused) await expect(run(entry, example, others)).rejects.toThrow();
  });

  test('refuses an example that does not compile', () => {
    const faulty = { ...entry, exports: entry.exports.map((one) => ({ ...one, example: 'realmOf(7); // → 7' })) };
    expect(typeErrors([faulty], program, others)).toHaveLength(entry.exports.length);
  });

  test('knows the codes of the sources, and no others', () => {
    const names = ['jwt.expired', 'jwt.*', 'keys.refused', 'jwt.none', 'nothing.*'];
    expect(names.map(isCode)).toEqual([true, true, true, false, false]);
  });
});
