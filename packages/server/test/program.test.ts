import { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram, sources } from '../src/cli/program.ts';

const namesOf = (program: Command) => program.commands.map((command) => command.name());

test.each(sources.map(({ names, read }) => ({ names: names.join(', '), listed: names, read })))(
  'the file that is read for $names has these commands and no others',
  async ({ listed, read }) => {
    const program = new Command();
    (await read())(program);
    expect(namesOf(program).sort()).toEqual([...listed].sort());
  },
);

test('with the name of a command only its file is read; with none, or with another word, every one', async () => {
  expect(namesOf(await createProgram('export'))).toEqual(['apply', 'export']);
  const all = sources.flatMap(({ names }) => names).sort();
  expect(new Set(all).size).toBe(all.length);
  for (const word of [undefined, 'help', '--help', 'exports', 'constructor']) {
    expect(namesOf(await createProgram(word)).sort(), word).toEqual(all);
  }
});
