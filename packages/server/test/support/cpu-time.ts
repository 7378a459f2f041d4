import { readdirSync, readFileSync } from 'node:fs';

/** Seconds of processor time that a process has had, all its threads together. `schedstat` counts nanoseconds, `stat` hundredths of a second. */
export function cpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]);
  }
  return nanoseconds / 1e9;
}
