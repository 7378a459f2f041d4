import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Context } from '../context.ts';
import type { Writing } from '../store/write.ts';
import { deleteSealed, insertSealed, listSealed } from './vault.store.ts';

/**
 * Secrets that a transaction makes and that somebody finds in files afterwards.
 *
 * 1. The transaction that makes them leaves them in the store, sealed: both are committed, or neither.
 * 2. After the commit the files are written, each whole or not at all, and are on the disk.
 * 3. Then what was left is deleted. A process that dies before leaves it to the next start, which begins with step 2.
 *
 * So a file never holds a secret that the store does not know, and no secret is lost that the store knows.
 */
const leftName = 'files:';

/** By the name of the file in the directory that `writeLeftFiles` is given. */
export type Files = Readonly<Record<string, string>>;

export async function leaveFiles({ vault, random }: Context, tx: Writing, files: Files): Promise<void> {
  if (Object.keys(files).length === 0) return;
  const name = leftName + random.uuid();
  await insertSealed(tx.db, { name, value: vault.seal(JSON.stringify(files), name) });
}

/** Safe in several processes at once: each writes the same. */
export async function writeLeftFiles({ store, vault, random }: Context, directory: string): Promise<void> {
  const left = (await listSealed(store.db)).filter(({ name }) => name.startsWith(leftName));
  for (const { name, value } of left) {
    const files = JSON.parse(vault.open(value, name)) as Files;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const [file, content] of Object.entries(files)) writeWhole(join(directory, file), content, random.token(9));
    syncDirectory(directory);
    syncDirectory(dirname(directory));
    await deleteSealed(store.db, name);
  }
}

/** A 0600 file that is there whole or not at all. */
function writeWhole(path: string, content: string, suffix: string): void {
  const draft = `${path}.${suffix}`;
  try {
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(draft, path);
  } catch (thrown) {
    rmSync(draft, { force: true });
    throw thrown;
  }
}

/** A new name in a directory is on the disk once the directory is. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
