import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { importBlocklist } from '../passwords/blocklist.ts';
import { offline } from './offline.ts';
import { print } from './output.ts';

/** The list of refused passwords. These commands open the database, and servers may run meanwhile. */
export function blocklistCommands(program: Command): void {
  const blocklist = program.command('blocklist').description('The list of passwords that are refused.');
  blocklist
    .command('import')
    .description(
      'Add passwords to the list: word lists, lists of SHA-1 digests (DIGEST:COUNT), and ranges of them (files named by the first five digits).',
    )
    .argument('<file...>', 'the files')
    .option('--skip <lines>', 'number of lines of the first file that an earlier run has imported', wholeNumber, 0)
    .action((files: readonly string[], { skip }: { skip: number }) =>
      offline((context) => importFiles(context, files, skip)),
    );
}

async function importFiles(context: Context, files: readonly string[], skip: number): Promise<void> {
  let taken = skip;
  let current = '';
  try {
    for (const [index, path] of files.entries()) {
      current = path;
      taken = index === 0 ? skip : 0;
      const file = { name: basename(path), lines: linesOf(path) };
      const imported = await importBlocklist(
        context,
        file,
        { actor: 'cli', requestId: '' },
        {
          skip: taken,
          progress: (lines) => {
            taken = lines;
          },
        },
      );
      print({ file: path, ...imported });
    }
  } catch (thrown) {
    const cause = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`${cause} (${current}: go on with --skip ${taken})`, { cause: thrown });
  }
}

/** Longer than any entry. A file without line ends is not a list, and must not fill the memory. */
const longestLine = 65_536;

async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(path, 'utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    if (rest.length > longestLine)
      throw new Problem('request.invalid', { detail: `${path} is not a list: it has a line without end.` });
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (rest !== '') yield rest;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new Error(`--skip takes a number of lines, not "${text}".`);
  return Number(text);
}
