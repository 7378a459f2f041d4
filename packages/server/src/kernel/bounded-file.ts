import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes of a file that an operator names, if its reader sets no other limit. */
const usualBytes = 16 * 1024 * 1024;
/** Milliseconds. Long enough for a person who types a passphrase into the program at the other end of a pipe. */
const usualPatience = 60_000;

export interface FileLimits {
  readonly maxBytes?: number;
  /** Milliseconds to wait for more bytes of a pipe. */
  readonly patience?: number;
}

/** Its message is the end of a sentence whose subject is the path. */
export class FileFault extends Error {}

/**
 * The bytes of a file, a pipe or a device. It never reads more than the limit, and a pipe into which nothing writes
 * cannot stop it for good.
 *
 * @throws {FileFault}; {NodeJS.ErrnoException} if the system refuses
 */
export function readBoundedFile(
  path: string,
  { maxBytes = usualBytes, patience = usualPatience }: FileLimits = {},
): Buffer {
  // A pipe without a writer would block even the opening. Files ignore the flag.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(file);
    // A device such as /dev/zero has no end.
    const limit = status.isCharacterDevice() ? Math.min(maxBytes, usualBytes) : maxBytes;
    const tooLarge = () => new FileFault(`is larger than ${limit / 1024 / 1024} MiB`);
    if (status.size > limit) throw tooLarge();
    const chunks: Buffer[] = [];
    let size = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(Math.max(size === 0 ? status.size : 0, 65_536));
      const read = readSome(file, chunk, status.isFIFO() && size === 0, patience);
      if (read === 0) return Buffer.concat(chunks, size);
      size += read;
      if (size > limit) throw tooLarge();
      chunks.push(chunk.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
}

/** 0 at the end. A pipe that nothing has written to yet may only be waiting for its writer. */
function readSome(file: number, into: Buffer, awaitsWriter: boolean, patience: number): number {
  const deadline = performance.now() + patience;
  for (;;) {
    const read = readNow(file, into);
    if (read !== undefined && (read > 0 || !awaitsWriter)) return read;
    if (performance.now() > deadline) throw new FileFault(`is a pipe that gave nothing for ${patience / 1000} seconds`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

/** Undefined if a writer is there and has written nothing. */
function readNow(file: number, into: Buffer): number | undefined {
  try {
    return readSync(file, into);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw thrown;
  }
}
