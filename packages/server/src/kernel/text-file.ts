import { FileFault, type FileLimits, readBoundedFile } from './bounded-file.ts';
import { Problem } from './problem.ts';

/**
 * The exact bytes of a file: the one reader for files that an operator names. The error names the option, if there is
 * one, and the file, never the contents.
 *
 * @throws {Problem} `config.invalid`
 */
export function readBytesFile(path: string, option?: string, limits?: FileLimits): Uint8Array {
  try {
    return readBoundedFile(path, limits);
  } catch (cause) {
    throw invalid(path, option, cause instanceof FileFault ? cause.message : 'cannot be read', cause);
  }
}

/**
 * The contents of a text file, without the byte order mark that some editors put first. UTF-16 is refused, because a
 * secret would be read wrongly.
 *
 * @throws {Problem} `config.invalid`
 */
export function readMarked(path: string, option?: string, limits?: FileLimits): Uint8Array {
  const bytes = readBytesFile(path, option, limits);
  const mark = Buffer.from(bytes.subarray(0, 3)).toString('hex');
  if (/^(fffe|feff)/.test(mark)) throw invalid(path, option, 'is UTF-16: save it as UTF-8');
  return mark === 'efbbbf' ? bytes.subarray(3) : bytes;
}

/** The same as text, which must be UTF-8. @throws {Problem} `config.invalid` */
export function readTextFile(path: string, option?: string, limits?: FileLimits): string {
  const bytes = readMarked(path, option, limits);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid(path, option, 'is not UTF-8 text');
  }
}

/** True if the file was missing, as opposed to unreadable. */
export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Problem && (thrown.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

function invalid(path: string, option: string | undefined, what: string, cause?: unknown): Problem {
  return new Problem('config.invalid', {
    detail: `${option === undefined ? '' : `${option}: `}${path} ${what}.`,
    cause,
  });
}
