import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '../kernel/problem.ts';
import { systemRandom } from '../kernel/random.ts';

/** Where the bytes of one message wait until they have been verified or signed. */
export interface SpoolOptions {
  /** A directory for temporary files. Each file loses its name before it is written to. */
  readonly dir: string;
  /** A larger body is refused. */
  readonly maxBytes: number;
}

/** A whole body, which may be read more than once. */
export interface Spooled {
  readonly size: number;
  /** True if the body has only characters that a JWT may have. The ocen form must not sign such a body. */
  readonly isBase64url: boolean;
  /** The bytes, part by part. Each part overwrites the one before, so the reader must be done with it first. */
  parts(): AsyncGenerator<Uint8Array>;
  /** All bytes in memory. */
  bytes(): Promise<Uint8Array>;
  /** Gives the file back. A second call does nothing. */
  discard(): Promise<void>;
}

/** Bytes up to which a body stays in memory. */
export const memoryBytes = 65_536;

/**
 * Reads a body: small ones into memory, larger ones into a file that only this process can reach. Undefined if the body
 * is larger than allowed. If `source` throws, the file is removed and the error passed on.
 *
 * @throws {Problem} `gateway.spool` if the directory takes no more
 */
export async function spool(source: AsyncIterable<Uint8Array>, options: SpoolOptions): Promise<Spooled | undefined> {
  const small: Uint8Array[] = [];
  let file: FileHandle | undefined;
  let size = 0;
  let isBase64url = true;
  try {
    for await (const chunk of source) {
      size += chunk.length;
      if (size > options.maxBytes) {
        await file?.close();
        return undefined;
      }
      isBase64url &&= chunk.every(isBase64urlDigit);
      if (file === undefined && size <= memoryBytes) small.push(chunk);
      else {
        file ??= await openNameless(options.dir).catch(noRoom);
        // The bytes in memory are written first. A handle without a position appends.
        for (const part of [...small.splice(0), chunk]) await writeAll(file, part).catch(noRoom);
      }
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
  return file === undefined ? inMemory(Buffer.concat(small, size), isBase64url) : inFile(file, size, isBase64url);
}

/** A body that is already in memory. */
export function held(bytes: Uint8Array): Spooled {
  return inMemory(bytes, bytes.every(isBase64urlDigit));
}

function inMemory(whole: Uint8Array, isBase64url: boolean): Spooled {
  return {
    size: whole.length,
    isBase64url: isBase64url && whole.length > 0,
    async *parts() {
      if (whole.length > 0) yield whole;
    },
    bytes: async () => whole,
    discard: async () => {},
  };
}

function inFile(file: FileHandle, size: number, isBase64url: boolean): Spooled {
  let closing: Promise<void> | undefined;
  return {
    size,
    isBase64url,
    async *parts() {
      // One buffer for all parts: new buffers for a hundred megabytes would use as much memory as the body itself.
      const buffer = Buffer.allocUnsafeSlow(memoryBytes);
      for (let at = 0; at < size; ) {
        const part = buffer.subarray(0, Math.min(memoryBytes, size - at));
        at += await readAll(file, part, at);
        yield part;
      }
    },
    async bytes() {
      const whole = new Uint8Array(size);
      await readAll(file, whole, 0);
      return whole;
    },
    discard() {
      closing ??= file.close();
      return closing;
    },
  };
}

/** Only this process can read the file: its name is removed at once. After a crash the system deletes it. */
async function openNameless(dir: string): Promise<FileHandle> {
  const path = join(dir, `countersign-gateway-${systemRandom.uuid()}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}

/** The fault of the gateway's own disk, and not of the party whose body it is. */
function noRoom(cause: unknown): never {
  throw new Problem('gateway.spool', { cause });
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

async function readAll(file: FileHandle, into: Uint8Array, from: number): Promise<number> {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await file.read(into, at, into.length - at, from + at);
    if (bytesRead === 0) throw new Error('A spooled body is shorter than what was written.');
    at += bytesRead;
  }
  return into.length;
}

function isBase64urlDigit(byte: number): boolean {
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f;
}
