import { statSync } from 'node:fs';
import { Problem } from './problem.ts';

/** True if others than the owner can read or change this path. Always false on Windows, which has no such modes. */
export function isOpenToOthers(path: string): boolean {
  if (process.platform === 'win32') return false;
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && (found.mode & 0o077) !== 0;
}

/** The command that makes the path private. */
export function mendingOf(path: string): string {
  return `chmod ${statSync(path).isDirectory() ? 700 : 600} ${path}`;
}

/**
 * Checks the paths; missing ones are fine.
 *
 * @throws {Problem} `config.invalid` for the first open one, with the command that mends it
 */
export function requirePrivate(paths: readonly string[]): void {
  const open = paths.find(isOpenToOthers);
  if (open === undefined) return;
  throw new Problem('config.invalid', {
    detail: `${open} can be read or changed by others than its owner. Run: ${mendingOf(open)}`,
  });
}
