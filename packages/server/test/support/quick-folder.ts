import { existsSync, mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system in memory: a commit there waits for no disk. */
const memory = '/dev/shm';

/** Containers often have too little of it. */
function hasRoom(path: string): boolean {
  if (!existsSync(path)) return false;
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize > 2 ** 31;
}

const parent = hasRoom(memory) ? memory : tmpdir();

/** Makes a folder for databases and data directories of tests. Programs may not be allowed to run from it. */
export function quickFolder(name: string): string {
  return mkdtempSync(join(parent, `countersign-${name}-`));
}
