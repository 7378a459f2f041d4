import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { isForPeople, preferJson, resultText } from '../src/cli/output.ts';
import { createProgram, sources } from '../src/cli/program.ts';
import { table, tableText } from '../src/cli/table.ts';
import { jsonText } from '../src/cli/terminal.ts';
import { version } from '../src/kernel/version.ts';
import { program } from './support/program.ts';
import { run } from './support/serve.ts';

const namesOf = (program: Command) => program.commands.map((command) => command.name());

test.each(sources.map(({ names, read }) => ({ names: names.join(', '), listed: names, read })))(
  'the file that is read for $names has these commands and no others',
  async ({ listed, read }) => {
    const program = new Command();
    (await read())(program, createProgram);
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

test('--version says the version of the packages, and reads no command', async () => {
  const { version: packed } = JSON.parse(readFileSync('packages/server/package.json', 'utf8')) as { version: string };
  expect(version).toBe(packed);
  const program = await createProgram('--version');
  expect([program.version(), namesOf(program)]).toEqual([packed, []]);
  expect(await run(['--version'], {})).toMatchObject({ code: 0, stdout: `${packed}\n` });
});

describe('results', () => {
  const leaves = (command: Command): readonly Command[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
  test('come as JSON from every command that has one', async () => {
    const without = leaves(await createProgram()).filter(({ options }) =>
      options.every(({ long }) => long !== '--json'),
    );
    expect(without.map((command) => command.name()).sort()).toEqual(['completion', 'gateway', 'serve']);
  });

  test('are tables on a terminal, until JSON is asked for', () => {
    expect([isForPeople({ isTTY: true }), isForPeople({}), isForPeople({ isTTY: false })]).toEqual([
      true,
      false,
      false,
    ]);
    preferJson();
    expect(isForPeople({ isTTY: true })).toBe(false);
  });

  test('that are lists have a line for each item under the names of their members', () => {
    const rows = table();
    const first = rows.text([
      { id: 'a', name: 'Zoë', gone: null, deep: { x: 1 }, on: true },
      { id: 'long-id', name: 'x'.repeat(60), gone: null, deep: {}, on: false },
    ]);
    expect(first.split('\n')).toEqual([
      `id       name${' '.repeat(44)}  on`,
      `a        Zoë${' '.repeat(45)}  true`,
      `long-id  ${'x'.repeat(47)}…  false`,
      '',
    ]);
    // The next page.
    expect(rows.text([{ id: 'b', name: 'n', on: null }])).toBe('b        n\n');
    expect(tableText([])).toBe('Nothing.\n');
    expect(tableText(['one'])).toBe('value\none\n');
  });

  test('that are objects have a line for each member, and cannot control the terminal', () => {
    const value = {
      id: 'a',
      name: 'x\u001b[2J',
      none: undefined,
      list: ['a', 'b'],
      deep: { y: 1 },
      items: [{ a: 1 }, { a: 2 }],
    };
    expect(resultText(value, true).split('\n')).toEqual([
      'id    a',
      'name  x\ufffd[2J',
      'list  ["a","b"]',
      'deep',
      '  y  1',
      'items',
      '  a',
      '  1',
      '  2',
      '',
    ]);
    expect(resultText(value, false)).toBe(`${jsonText(value)}\n`);
    expect(resultText('text', true)).toBe('"text"\n');
  });
});

describe('completion', () => {
  const whole = async (shell: string) => (await run(['completion', shell], {})).stdout;

  test('in bash gives the commands and options of the place', async () => {
    const script = await whole('bash');
    const completed = (...words: readonly string[]) => {
      const set = `COMP_WORDS=(countersign ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`;
      const { stdout, stderr } = spawnSync(
        'bash',
        ['-c', `${script}\n${set}; _countersign; printf '%s\\n' "\${COMPREPLY[@]}"`],
        {
          encoding: 'utf8',
        },
      );
      expect(stderr).toBe('');
      return stdout.trim().split('\n');
    };
    expect(completed('ba')).toEqual(['backup']);
    expect(completed('participant', 'keys', 'r')).toEqual(['rotate', 'retire']);
    expect(completed('participant', 'keys', 'rotate', 'p-1', '--new')).toEqual(['--new-key', '--new-certificate']);
    expect(completed('doctor', '--')).toEqual(['--except', '--peer', '--profile', '--json', '--help']);
    expect(completed('', '')).toContain('serve');
  });

  test.each(['zsh', 'fish'])('in %s knows every command', async (shell) => {
    const script = await whole(shell);
    const paths = (command: Command, before: string): readonly string[] =>
      command.commands.flatMap((one) => [`${before} ${one.name()}`, ...paths(one, `${before} ${one.name()}`)]);
    const missing = paths(await createProgram(), 'countersign').filter((path) => !script.includes(`'${path}'`));
    expect(missing).toEqual([]);
    // A text that ends its quotes early would make the script another one.
    expect(script.split("'").length % 2).toBe(1);
  });

  test('says nothing if its reader leaves early', () => {
    const piped = spawnSync('bash', ['-c', `'${process.execPath}' '${program}' completion bash | true`], {
      encoding: 'utf8',
    });
    expect([piped.status, piped.stderr]).toEqual([0, '']);
  });

  test('knows no other shell', async () => {
    expect(await run(['completion', 'tcsh'], {})).toMatchObject({ code: 1, stdout: '' });
  });
});
