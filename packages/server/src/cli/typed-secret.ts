import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { readTextFile } from '../kernel/text-file.ts';

/**
 * A secret from a file, or typed without being shown. Never an argument, because every process of the machine could
 * read that. Without a terminal, the first line of standard input. A byte order mark is skipped.
 */
export async function readSecret(prompt: string, file: string | undefined): Promise<string> {
  if (file !== undefined) return firstLine(readTextFile(file));
  if (!process.stdin.isTTY) return firstLine(await text(process.stdin));
  process.stderr.write(prompt);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}

/** Asks on a terminal only, where a command otherwise names a file: a script that forgot it must not hang. */
export async function askSecret(prompt: string, file: string | undefined): Promise<string | undefined> {
  return file === undefined && !process.stdin.isTTY ? undefined : readSecret(prompt, file);
}

/** A secret that is typed for the first time is typed twice, because a slip would show only when it is needed. */
export async function readNewSecret(prompt: string, file: string | undefined): Promise<string> {
  const secret = await readSecret(prompt, file);
  if (file !== undefined || !process.stdin.isTTY) return secret;
  if ((await readSecret('The same again: ', undefined)) === secret) return secret;
  throw new Error('The two texts differ: begin again.');
}

function firstLine(content: string): string {
  return content.replace(/^\ufeff/, '').split(/\r?\n/, 1)[0] as string;
}
