import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { access, open, rename, rm, stat } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';

/** Lines that are written whole or not at all. */
export interface Sink {
  put(line: string): Promise<void>;
  /** Everything was written. */
  done(): Promise<void>;
  /** Something failed. */
  undo(): Promise<void>;
}

/** The file gets its name once it is whole. */
export async function fileSink(file: string): Promise<Sink> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (isThere) throw new Error(`${file} is there already: name a new file.`);
  const partial = `${file}.partial`;
  await rm(partial, { force: true });
  const handle = await open(partial, 'wx', 0o600).catch((cause) => {
    throw new Error(`${file} cannot be written: ${cause.code}.`);
  });
  return {
    put: (line) => handle.appendFile(`${line}\n`),
    async done() {
      await handle.sync();
      await handle.close();
      await rename(partial, file);
    },
    async undo() {
      await handle.close();
      await rm(partial, { force: true });
    },
  };
}

/** The standard input of a shell command, which decides by its exit code whether all is well. */
export function commandSink(command: string): Sink {
  const child = spawn(command, { shell: true, stdio: ['pipe', 2, 'inherit'] });
  const input = child.stdin as Writable;
  const ended = once(child, 'close') as Promise<[number | null]>;
  const early = () => new Error('The command of --to ended before it had read everything.');
  const broken = new Promise<never>((_resolve, reject) => {
    input.on('error', () => reject(early()));
  });
  const left = ended.then(([code]) => {
    requireZero('--to', code);
    throw early();
  });
  // Waited for below, and by nothing while no line is written.
  broken.catch(() => {});
  left.catch(() => {});
  return {
    async put(line) {
      if (input.write(`${line}\n`)) return;
      await Promise.race([once(input, 'drain'), broken, left]);
    },
    async done() {
      input.end();
      requireZero('--to', (await ended)[0]);
      // A command that succeeds has not always read the last lines.
      if (!input.writableFinished) throw early();
    },
    async undo() {
      // Ended, so that it does not take a part for the whole.
      child.kill('SIGTERM');
      input.destroy();
      await ended;
    },
  };
}

function requireZero(option: string, code: number | null): void {
  if (code !== 0) throw new Error(`The command of ${option} failed with exit code ${code ?? 'of a signal'}.`);
}

/** Far above the longest line of a dump, and far below the length that breaks a process. */
const longestLine = 256 * 1024 * 1024;

/** The lines of a file, which can be read again. `passed` gets the share that has been read. */
export async function fileLines(file: string, named: string) {
  const found = await stat(file).catch((cause) => {
    throw new Error(`${named} ${file} cannot be read: ${cause.code}.`);
  });
  if (!found.isFile()) throw new Error(`${named} ${file} cannot be read twice: name a file, not a pipe or a device.`);
  return (passed: (share: number) => void) =>
    linesOf(createReadStream(file, { encoding: 'latin1', highWaterMark: 1024 * 1024 }), file, (bytes) =>
      passed(bytes / found.size),
    );
}

/** The lines that a shell command writes. Its failure is one of theirs. */
export async function* commandLines(command: string): AsyncGenerator<string> {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close') as Promise<[number | null]>;
  try {
    yield* linesOf(child.stdout.setEncoding('latin1'), 'the output of --from', () => {});
    requireZero('--from', (await ended)[0]);
  } finally {
    child.kill('SIGTERM');
  }
}

async function* linesOf(stream: Readable, named: string, passed: (bytes: number) => void): AsyncGenerator<string> {
  let rest = '';
  let bytes = 0;
  for await (const chunk of stream) {
    const text = chunk as string;
    bytes += text.length;
    passed(bytes);
    const [head = '', ...more] = text.split('\n');
    rest += head;
    for (const next of more) {
      yield rest.replace(/\r$/, '');
      rest = next;
    }
    if (rest.length > longestLine) throw new Error(`Nothing was loaded: ${named} has a line that is too long.`);
  }
  if (rest !== '') yield rest;
}

/** The same lines, until the signal. */
export async function* until(signal: AbortSignal, lines: AsyncIterable<string>, said: string): AsyncGenerator<string> {
  for await (const line of lines) {
    if (signal.aborted) throw new Error(said);
    yield line;
  }
}

/** The signal is checked between two lines, so that the command can undo its work and say so. */
export async function interruptible<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const abort = () => stop.abort();
  for (const signal of signals) process.on(signal, abort);
  try {
    return await act(stop.signal);
  } finally {
    for (const signal of signals) process.off(signal, abort);
  }
}
