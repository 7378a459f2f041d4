import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

/**
 * A secret from a file, or as somebody types it: it is not shown, and never an argument, which every process of the machine could
 * read. Without a terminal it is the first line of standard input.
 */
export async function readSecret(prompt: string, file: string | undefined): Promise<string> {
  if (file !== undefined) return firstLine(readFileSync(file, 'utf8'));
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

function firstLine(content: string): string {
  return content.split(/\r?\n/, 1)[0] as string;
}
