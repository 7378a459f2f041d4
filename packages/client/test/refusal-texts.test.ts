/**
 * A bundle has the texts of the refusals in it, because each module that refuses imports them: `*refusal.ts` of its room. A module that
 * forgot it would refuse with a text that says nothing, but in bundles only.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

test.each(['proof', 'client'])('every module of %s brings the texts of its refusals', (name) => {
  const files = globSync(`${name}/src/**/*.ts`, { cwd: root });
  const rooms = files.filter((file) => /\badd(Texts|Problems)\(/.test(read(file)) && file.endsWith('refusal.ts'));
  expect(rooms.length).toBeGreaterThan(2);
  const roomOf = new Map(
    rooms.flatMap((file) =>
      [...read(file).matchAll(/^ {2}'([a-z_]+\.[a-z_0-9]+)':/gm)].map(([, code]) => [code, file]),
    ),
  );
  const forgotten = files
    // Its own codes are in every bundle; that of another room is in an example.
    .filter((file) => !rooms.includes(file) && !file.endsWith('/message-problem.ts'))
    .filter((file) => /\b(problem|new ProofError)\(/.test(read(file)))
    .flatMap((file) => {
      const text = read(file);
      const imported = [...text.matchAll(/^import '(.*)';$/gm)].map(([, to = '']) =>
        normalize(join(dirname(file), to)),
      );
      const needed = [...text.matchAll(/'([a-z_]+\.[a-z_0-9]+)'/g)].flatMap(
        ([, code]) => roomOf.get(code as string) ?? [],
      );
      return needed.filter((room) => !imported.includes(room)).map((room) => `${file}: ${relative(name, room)}`);
    });
  expect([...new Set(forgotten)]).toEqual([]);
});
