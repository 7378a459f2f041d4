import { statSync } from 'node:fs';
import { Problem } from './problem.ts';

/** Whether others than its owner can read or change what is at this path. Windows has no such modes. */
export function isOpenToOthers(path: string): boolean {
  if (process.platform === 'win32') return false;
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && (found.mode & 0o077) !== 0;
}

/** The line that mends it. */
export function mendingOf(path: string): string {
  return `chmod ${statSync(path).isDirectory() ? 700 : 600} ${path}`;
}

/** Throws `config.invalid` with the line that mends it; of several things the first. What is not there is fine. */
export function requirePrivate(paths: readonly string[]): void {
  const open = paths.find(isOpenToOthers);
  if (open === undefined) return;
  throw new Problem(
    'config.invalid',
    `${open} can be read or changed by others than its owner. Run: ${mendingOf(open)}`,
  );
}
