import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Generator, generate, staleFiles } from './generate.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'countersign-tree-'));
  await writeFile(join(root, 'source'), 'one');
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Writes `source` in upper case into a folder and into a single file. */
const upper: Generator = {
  name: 'upper',
  outputs: ['made', 'single.txt'],
  async run(from, into) {
    const text = (await readFile(join(from, 'source'), 'utf8')).toUpperCase();
    await mkdir(join(into, 'made', 'deep'), { recursive: true });
    await writeFile(join(into, 'made', 'deep', 'upper.txt'), text);
    await writeFile(join(into, 'single.txt'), text);
  },
};
const everything = [join('made', 'deep', 'upper.txt'), 'single.txt'];

test('a tree that was generated is not stale', async () => {
  await generate([upper], root);
  expect(await staleFiles([upper], root)).toEqual([]);
  expect(await readFile(join(root, 'single.txt'), 'utf8')).toBe('ONE');
});

test('what was never generated is stale, and checking writes nothing', async () => {
  expect(await staleFiles([upper], root)).toEqual(everything);
  expect(await staleFiles([upper], root)).toEqual(everything);
});

test('a changed source, an edited output and a file left over are stale until generated again', async () => {
  await generate([upper], root);
  await writeFile(join(root, 'single.txt'), 'edited');
  await writeFile(join(root, 'made', 'left-over.txt'), 'ONE');
  expect(await staleFiles([upper], root)).toEqual([join('made', 'left-over.txt'), 'single.txt']);
  await writeFile(join(root, 'source'), 'two');
  expect(await staleFiles([upper], root)).toEqual([
    join('made', 'deep', 'upper.txt'),
    join('made', 'left-over.txt'),
    'single.txt',
  ]);
  await generate([upper], root);
  expect(await staleFiles([upper], root)).toEqual([]);
});
