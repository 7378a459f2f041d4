import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { withDashed } from '../src/cli/dashed.ts';
import { createProgram } from '../src/cli/program.ts';
import { systemRandom } from '../src/kernel/random.ts';

const code = `-h${'a-_9'.repeat(10)}b`;

test('a random text never begins with a dash, so that a command takes it for no option', () => {
  const drawn = Array.from({ length: 4_000 }, (_, index) => systemRandom.token((index % 32) + 1));
  expect(drawn.filter((text) => text.startsWith('-'))).toEqual([]);
  expect(new Set(drawn.filter((text) => text.length > 20)).size).toBeGreaterThan(2_000);
});

describe.each([
  ['pick-up', ['participant', 'pick-up', 'app-1']],
  ['retire', ['participant', 'keys', 'retire', 'lender-1']],
])('%s takes an argument that begins with a dash', (_name, words) => {
  test.each([
    ['before its options', [code, '--key', 'k.jwk']],
    ['after its options', ['--key', 'k.jwk', code]],
    ['after two dashes', ['--key', 'k.jwk', '--', code]],
  ])('%s', async (_place, rest) => {
    expect(await parsed([...words, ...rest])).toEqual([words.at(-1), code, 'k.jwk']);
  });

  test('and still refuses an unknown option', async () => {
    await expect(parsed([...words, code, '--key', 'k.jwk', '--reaml', 'dev'])).rejects.toThrow(/too many arguments/);
    await expect(parsed([...words, '--reaml', '--key', 'k.jwk'])).rejects.toThrow(/There is no such option/);
  });
});

test('an argument without a dash is passed on as it is', async () => {
  const command = withDashed(new Command('x'), '<code>').action(() => {});
  await command.parseAsync(['wrong'], { from: 'user' });
  expect(command.processedArgs).toEqual(['wrong']);
});

/** The two arguments and the key of a command, instead of running it. */
async function parsed(args: readonly string[]): Promise<readonly unknown[]> {
  const program = await createProgram(args[0]);
  let found: readonly unknown[] = [];
  const visit = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: () => {} });
    if (command.commands.length === 0) {
      command.action((first: unknown, second: unknown, { key }: { key?: unknown }) => {
        found = [first, second, key];
      });
    }
    command.commands.forEach(visit);
  };
  visit(program);
  await program.parseAsync(args, { from: 'user' });
  return found;
}
