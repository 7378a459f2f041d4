import { once } from 'node:events';
import { type Command, InvalidArgumentError } from 'commander';
import { isForPeople } from './output.ts';
import { table } from './table.ts';
import { jsonText, visible } from './terminal.ts';

/** The wanted part of a list. */
export interface ListOptions {
  readonly limit?: number;
  readonly after?: string;
  readonly all?: true;
}

interface Page {
  readonly items: readonly unknown[];
  /** The key to continue after. Absent on the last page. */
  readonly next?: string;
}

/** Reads one page: at most `limit` entries after the key `after`. */
export type ReadPage = (limit: number, after: string | undefined) => Promise<Page>;

/** Entries that the server gives at a time. */
const pageSize = 200;
const usual = 50;

/** Adds the options of every list. */
export function listing(command: Command): Command {
  return command
    .option('--limit <number>', `at most this many (default: ${usual})`, atLeastOne)
    .option('--after <key>', 'only those after this key: the `next` of a list that stopped')
    .option('--all', 'all of them');
}

function atLeastOne(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

/**
 * Prints a list as JSON, page by page, so that a long one needs little memory. `member` names the list in an object; if
 * the list stops early, that object has `next`. Without `member` the list stands alone. Standard error says how to go
 * on.
 */
export async function printList(options: ListOptions, read: ReadPage, member?: string): Promise<void> {
  const { all, limit } = options;
  if (all === true && limit !== undefined) throw new Error('Use either --all or --limit.');
  const wanted = all === true ? Number.POSITIVE_INFINITY : (limit ?? usual);
  const indent = member === undefined ? '  ' : '    ';
  const [open, close] = member === undefined ? ['[', ']'] : [`{\n  ${JSON.stringify(member)}: [`, '  ]'];
  if (isForPeople()) return printTable(read, options.after, wanted);
  let { after } = options;
  let shown = 0;
  let text = open;
  do {
    const page: Page = await read(Math.min(pageSize, wanted - shown), after);
    for (const item of page.items) {
      text += `${shown++ === 0 ? '' : ','}\n${jsonText(item).replace(/^/gm, indent)}`;
    }
    await write(text);
    text = '';
    after = page.next;
  } while (after !== undefined && shown < wanted);
  const end = shown === 0 ? ']' : `\n${close}`;
  const next = member === undefined || after === undefined ? '' : `,\n  "next": ${jsonText(after)}`;
  await write(`${end}${member === undefined ? '' : `${next}\n}`}\n`);
  sayMore(shown, after);
}

function sayMore(shown: number, after: string | undefined): void {
  if (after !== undefined) process.stderr.write(`${shown} of more: --all, or --after ${visible(after)}\n`);
}

async function printTable(read: ReadPage, from: string | undefined, wanted: number): Promise<void> {
  const rows = table();
  let [after, shown] = [from, 0];
  do {
    const page: Page = await read(Math.min(pageSize, wanted - shown), after);
    await write(rows.text(page.items));
    shown += page.items.length;
    after = page.next;
  } while (after !== undefined && shown < wanted);
  if (shown === 0) await write('Nothing.\n');
  sayMore(shown, after);
}

/** Pages of a list that the server gives as a whole. */
export function pagesOf<T>(items: readonly T[], keyOf: (item: T) => string): ReadPage {
  return async (limit, after) => {
    const from = after === undefined ? 0 : items.findIndex((item) => keyOf(item) === after) + 1;
    if (after !== undefined && from === 0) throw new Error(`--after: there is no ${after} in the list.`);
    const some = items.slice(from, from + limit);
    const last = some.at(-1);
    return from + limit < items.length && last !== undefined ? { items: some, next: keyOf(last) } : { items: some };
  };
}

async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}
