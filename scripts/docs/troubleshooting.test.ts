import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** The texts that the page explains: its headings in code. */
const texts = [...readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8').matchAll(/^### `(.+)`$/gm)].map(
  ([, text = '']) => text,
);

/** Sources, without line breaks inside of concatenated texts. */
const sources = globSync('packages/*/{src,bin}/**/*.{ts,js}', { cwd: root }).map((file) =>
  readFileSync(join(root, file), 'utf8').replaceAll("\\'", "'"),
);

/** Whether a source has the parts between the `…` of the text in this order, on one line or in neighbouring ones. */
function isPrinted(text: string): boolean {
  const parts = text
    .split('…')
    .map((part) => part.trim())
    .filter(Boolean);
  const escaped = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const shape = new RegExp(escaped.join('.{0,120}?'), 's');
  return sources.some((source) => shape.test(source));
}

test.each(texts)('the product prints “%s”', (text) => {
  expect(isPrinted(text)).toBe(true);
});

test('a text that the product does not print is noticed', () => {
  expect(texts.length).toBeGreaterThan(30);
  expect(isPrinted('The database … cannot be eaten: …')).toBe(false);
});
