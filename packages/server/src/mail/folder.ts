import { chmod, mkdir, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dropped, type Transport } from './message.ts';

/** The folder for mails when no server is configured. */
export function mailFolder(dataDir: string): string {
  return join(dataDir, 'mails');
}

/** Writes one `.eml` file per mail. A file appears whole. Mails hold codes, so only the owner can read them. */
export function writeToFolder(dataDir: string): Transport {
  const folder = mailFolder(dataDir);
  return async ({ id, to, bytes }) => {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
      const path = join(folder, `${id}.eml`);
      await writeFile(`${path}.part`, bytes, { mode: 0o600, flush: true });
      if (to === null) {
        await unlink(`${path}.part`);
        return dropped;
      }
      await rename(`${path}.part`, path);
      return { sent: true };
    } catch (error) {
      return { sent: false, permanent: false, reason: (error as NodeJS.ErrnoException).code ?? 'unknown' };
    }
  };
}
