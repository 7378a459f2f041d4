import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', 'packages');

/** What has no import: `@zxcvbn-ts/language-common` is read as a file. */
const named = (text: string, dependency: string) =>
  [`from '${dependency}'`, `from '${dependency}/`, `import('${dependency}'`, `'${dependency}/`].some((one) =>
    text.includes(one),
  );

test.each(['proof', 'client', 'server'])('the package %s depends on nothing that only tests need', (name) => {
  const folder = join(root, name);
  const sources = globSync('{src,bin}/**/*.{ts,js}', { cwd: folder }).map((file) =>
    readFileSync(join(folder, file), 'utf8'),
  );
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  expect(Object.keys(dependencies).filter((one) => !sources.some((text) => named(text, one)))).toEqual([]);
});
