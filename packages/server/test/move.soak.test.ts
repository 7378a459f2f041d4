import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDir } from './support/context.ts';
import { bothDatabases } from './support/databases.ts';
import { everyRow, fill, move } from './support/move.ts';

const rows = 200_000;

bothDatabases('a move of 200,000 rows', (fresh) => {
  test.each([
    ['sqlite', 'postgres'],
    ['postgres', 'sqlite'],
  ] as const)('from %s to %s keeps every row', async (from, to) => {
    const [old, next, folder] = [await fresh[from](), await fresh[to](), temporaryDir()];
    await fill(old, rows);
    const { dumped, loaded, dumpTook, loadTook } = await move(old, next, folder);
    const size = Math.round(statSync(join(folder, 'moved.dump')).size / 1e6);
    const took = `dumped in ${Math.round(dumpTook)} ms, loaded in ${Math.round(loadTook)} ms`;
    process.stdout.write(`${from} to ${to}: ${size} MB, ${took}\n${dumped.stderr}${loaded.stderr}`);
    expect(dumped.code).toBe(0);
    expect(loaded.code).toBe(0);
    expect(await everyRow(next)).toEqual(await everyRow(old));
  });
});
