/** The previous release: the commit that `scripts/previous-release` names, checked out beside this tree. */

import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { temporaryDir } from './context.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const git = (...args: readonly string[]) => promisify(execFile)('git', ['-C', root, ...args]);

export const previousRelease = (await readFile(join(root, 'scripts', 'previous-release'), 'utf8')).trim();

/** False in a clone without the history, and in a tree that is no clone. */
export async function isPreviousReleaseHere(): Promise<boolean> {
  return git('cat-file', '-e', `${previousRelease}^{commit}`).then(
    () => true,
    () => false,
  );
}

export async function isShallow(): Promise<boolean> {
  return (await git('rev-parse', '--is-shallow-repository').catch(() => undefined))?.stdout.trim() === 'true';
}

/** Checks it out, with the dependencies of this tree, and gives the path of its command line. Removed when the test ends. */
export async function checkOutPreviousRelease(): Promise<string> {
  const tree = join(temporaryDir(), 'previous');
  // Those of killed test runs.
  await git('worktree', 'prune');
  await git('worktree', 'add', '--quiet', '--detach', tree, previousRelease);
  onTestFinished(async () => void (await git('worktree', 'remove', '--force', tree)));
  await mkdir(join(tree, 'node_modules', '@countersign'), { recursive: true });
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (name !== '@countersign') await symlink(join(root, 'node_modules', name), join(tree, 'node_modules', name));
  }
  for (const name of await readdir(join(tree, 'packages')))
    await symlink(join(tree, 'packages', name), join(tree, 'node_modules', '@countersign', name));
  return join(tree, 'packages', 'server', 'bin', 'countersign.js');
}
