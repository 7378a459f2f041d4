import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDir } from './context.ts';

/** To mount a file system takes root on Linux. */
export const canMount = process.platform === 'linux' && process.getuid?.() === 0;

export interface SmallDisk {
  readonly path: string;
  /** Leaves not a byte free. */
  fill(): void;
  /** Takes away what `fill` put there. */
  clear(): void;
}

/** A file system of its own, of so many megabytes. It goes when the test ends. */
export function smallDisk(megabytes: number): SmallDisk {
  const path = temporaryDir();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', path]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', path]));
  const filler = join(path, 'filler');
  return {
    path,
    fill() {
      const { bavail, bsize } = statfsSync(path);
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    },
    clear: () => rmSync(filler),
  };
}
