import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const folder = new URL('../../../../../shared/vectors/', import.meta.url);

/** Vectors that this project did not write lie beside the repository, not in it. */
export const vectorsPresent = existsSync(folder);

export function readVector(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, folder), 'utf8'));
}

test('the shared vectors are there wherever CI counts on them', () => {
  expect(vectorsPresent || process.env.CI === undefined).toBe(true);
});
