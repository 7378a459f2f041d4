/**
 * The docstrings of what the packages export: each export has one, each function and class has an `@example`, and every example
 * compiles under the settings of this project, runs, and shows what it says.
 */
import { pathToFileURL } from 'node:url';
import * as proof from '@countersign/proof';
import { describe, expect, test } from 'vitest';
import * as fixtures from './fixtures.ts';
import { compiled, type Entry, type Layer, layersOf, readPackage, runnable, typeErrors } from './read.ts';

/** The packages whose docstrings are whole. */
const packages = ['proof'];

const modules: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '@countersign/proof': proof,
  [new URL('fixtures.ts', import.meta.url).pathname]: fixtures,
};
const others: readonly Layer[] = Object.entries(modules).map(([from, names]) => ({ from, names: Object.keys(names) }));

/** The one form in which a docstring names the errors: a class, then codes or the first parts of codes. */
const throwsForm = /^\{(ProofError|ClientError|MessageProblem|TypeError)\} \S/;

async function run(entry: Entry, example: string): Promise<void> {
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

for (const folder of packages) {
  const { entries, program, codes } = readPackage(folder);
  /** Whether `name` is a code, or the start of codes with a star. */
  const isCode = (name: string) => codes.some((code) => code === name || `${code.split('.')[0]}.*` === name);
  describe(folder, () => {
    test('the examples compile', () => expect(typeErrors(entries, program, others).join('\n')).toBe(''));
    describe.each(entries)('$name', (entry) => {
      test.each(entry.exports)('$name has a docstring with units, errors and an example', (one) => {
        expect(one.summary).toMatch(/^\S.*[.:)]$/s);
        expect(one.bareNumbers).toEqual([]);
        for (const text of one.throws) {
          expect(text).toMatch(throwsForm);
          const named = [...text.matchAll(/`(\w+\.[\w*]+)`/g)].map(([, code = '']) => code);
          if (text.startsWith('{ProofError}')) expect(named.filter((code) => !isCode(code))).toEqual([]);
        }
        if (one.isCallable) expect(one.example).toBeDefined();
        if (one.example !== undefined) expect(runnable(one.example).faults).toEqual([]);
      });
      const shown = entry.exports.flatMap(({ name, example }) => (example === undefined ? [] : [{ name, example }]));
      if (shown.length > 0) test.each(shown)('the example of $name runs', ({ example }) => run(entry, example));
    });
  });
}
