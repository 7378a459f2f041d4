import { readFileSync } from 'node:fs';
import { Problem } from './problem.ts';

/**
 * The contents of a text file, without the byte order mark that some editors put first. UTF-16 is refused, because a
 * secret would be read wrongly. The error names the option, if there is one, and the file, never the contents.
 *
 * @throws {Problem} `config.invalid`
 */
export function readMarked(path: string, option?: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw invalid(path, option, 'cannot be read', cause);
  }
  const mark = Buffer.from(bytes.subarray(0, 3)).toString('hex');
  if (/^(fffe|feff)/.test(mark)) throw invalid(path, option, 'is UTF-16: save it as UTF-8');
  return mark === 'efbbbf' ? bytes.subarray(3) : bytes;
}

/** The same as text, which must be UTF-8. @throws {Problem} `config.invalid` */
export function readTextFile(path: string, option?: string): string {
  const bytes = readMarked(path, option);
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
