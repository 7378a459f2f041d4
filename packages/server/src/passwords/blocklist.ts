import type { Context } from '../context.ts';
import { type Caller, system } from '../kernel/caller.ts';
import { Problem } from '../kernel/problem.ts';
import { write } from '../store/write.ts';
import { breachDigest } from '../subject/secrets/breach-digest.ts';
import { longestPassword, normalisedPassword } from '../subject/secrets/password-text.ts';
import { insertListed, isListed } from './blocklist.store.ts';

/**
 * The list of refused passwords, beyond the common ones that the server brings along.
 *
 * It is imported from files of lines in one of three forms. The first line decides which, and for the second form the
 * file's name.
 *
 * - `5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:10434004`: SHA-1 and count; the count may be missing.
 * - `1E4C9B93F3F0682250B6CF8331B7EE68FD8:10434004`: the same without the first five digits, which name the file
 *   (5BAA6.txt).
 * - `password`: the password itself.
 *
 * A list of digests must have this form from the first line to the last, and an error names the faulty line. A word
 * list is taken as it is: lines that cannot be passwords are skipped. Entries that are on the list already stay, so an
 * interrupted import is simply run again. `skip` saves the time of reading the lines that were imported before.
 */
export interface BlocklistFile {
  /** The file's name without its folder. */
  readonly name: string;
  readonly lines: AsyncIterable<string>;
}

export interface Imported {
  readonly lines: number;
  readonly added: number;
  /** Lines of a word list that cannot be passwords, and entries with a count of zero, which only pad a range. */
  readonly passedOver: number;
}

/** Rows of one statement, and statements of one transaction: other writers wait no longer than for these. */
export const rowsAtOnce = 500;
const statementsAtOnce = 20;

/** True if one of these digests is on the list. For `PasswordContext`. */
export function isBlocked({ store }: Pick<Context, 'store'>, digests: readonly string[]): Promise<boolean> {
  return isListed(store.db, digests);
}

/** `progress` gets the number of finished lines after each transaction: where to continue after an interruption. */
export async function importBlocklist(
  context: Context,
  file: BlocklistFile,
  caller: Caller,
  { skip = 0, progress = () => {} }: { readonly skip?: number; readonly progress?: (lines: number) => void } = {},
): Promise<Imported> {
  let lines = 0;
  let added = 0;
  let passedOver = 0;
  let read: ((line: string) => string | undefined) | undefined;
  let batch = new Set<string>();
  const flush = async () => {
    added += await insertBatch(context, batch);
    batch = new Set();
    progress(lines);
  };
  for await (const line of file.lines) {
    lines++;
    read ??= readerOf(file.name, line);
    if (lines <= skip) continue;
    const digest = read(line);
    if (digest === undefined && read !== readWord && line !== '' && !padding.test(line)) throw malformed(file, lines);
    if (digest === undefined) passedOver++;
    else batch.add(digest);
    if (batch.size >= rowsAtOnce * statementsAtOnce) await flush();
  }
  await flush();
  const imported = { lines, added, passedOver };
  await write(context, caller, (tx) =>
    tx.record({ realm: 'system', type: 'blocklist.imported', object: `blocklist:${file.name}`, after: imported }),
  );
  return imported;
}

/** Sorted, so that two imports at once wait for each other and cannot deadlock. */
async function insertBatch(context: Context, batch: ReadonlySet<string>): Promise<number> {
  const digests = [...batch].sort();
  if (digests.length === 0) return 0;
  return write(context, system, async ({ db }) => {
    let added = 0;
    for (let at = 0; at < digests.length; at += rowsAtOnce)
      added += await insertListed(db, digests.slice(at, at + rowsAtOnce));
    return added;
  });
}

const digestLine = /^([0-9A-F]{40})(?::(\d{1,12}))?$/i;
const suffixLine = /^([0-9A-F]{35}):(\d{1,12})$/i;
const rangeName = /^([0-9A-F]{5})(?:\.txt)?$/i;
const padding = /^[0-9A-F]+:0+$/i;

function readerOf(name: string, first: string): (line: string) => string | undefined {
  const line = first.replace(/^\ufeff/, '');
  if (digestLine.test(line)) return (each) => counted(digestLine.exec(each.replace(/^\ufeff/, '')));
  if (suffixLine.test(line)) {
    const prefix = rangeName.exec(name)?.[1];
    if (prefix === undefined)
      throw new Problem('request.invalid', {
        detail: `${name} holds ends of digests: its name must be the five digits before them.`,
      });
    return (each) => counted(suffixLine.exec(each.replace(/^\ufeff/, '')), prefix);
  }
  if (/^[0-9A-F]{32}:\d+$/i.test(line))
    throw new Problem('request.invalid', { detail: `${name} holds NTLM digests: take the SHA-1 edition of the list.` });
  return readWord;
}

function counted(found: RegExpExecArray | null, prefix = ''): string | undefined {
  if (found === null || /^0+$/.test(found[2] ?? '')) return undefined;
  return `${prefix}${found[1]}`.toLowerCase();
}

/** In lower case, because the rule compares so: a word forbids itself in any case. */
function readWord(line: string): string | undefined {
  const word = line.replace(/^\ufeff/, '');
  // U+FFFD means that the file was not UTF-8, so the word is unknown.
  if (word === '' || word.length > longestPassword || word.includes('\ufffd')) return undefined;
  const text = normalisedPassword(word);
  return text === undefined ? undefined : breachDigest(text.toLowerCase());
}

function malformed({ name }: BlocklistFile, line: number): Problem {
  return new Problem('request.invalid', {
    detail: `Line ${line} of ${name} is not of the form that its first line has.`,
  });
}
