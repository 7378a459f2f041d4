import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Context } from '../context.ts';
import type { Writing } from '../store/write.ts';
import { deleteSealed, insertSealed, listSealed } from './secrets/vault.store.ts';

/**
 * Secrets that a transaction makes and the operator later finds in files.
 *
 * 1. The transaction also stores the secrets, sealed, so both are committed or neither.
 * 2. After the commit the files are written to the disk, each whole or not at all.
 * 3. Then the stored secrets are deleted. If a process dies before that, the next start repeats step 2.
 *
 * So a file never holds a secret that the store does not know, and no secret that the store knows is lost.
 */
const leftName = 'files:';

/** Contents by file name, for the directory given to `writeLeftFiles`. */
export type Files = Readonly<Record<string, string>>;

export async function leaveFiles({ vault, random }: Context, tx: Writing, files: Files): Promise<void> {
  if (Object.keys(files).length === 0) return;
  const name = leftName + random.uuid();
  await insertSealed(tx.db, { name, value: vault.seal(JSON.stringify(files), name) });
}

/** Safe in several processes at once, because each writes the same contents. */
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

/** Writes a 0600 file, whole or not at all. */
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

/** Syncs a directory, so that a new file name in it survives a crash. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
