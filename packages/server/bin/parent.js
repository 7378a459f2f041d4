/**
 * Watches whether the parent process is still there. Plain JavaScript of 2020, as the launcher is.
 *
 * A parent that is killed (`kill -9`) cannot pass the signal on, and its child would keep the port. Only two parents
 * are watched: the launcher, and npm or npx. A server that was started detached, by systemd, a shell or a program, is
 * not watched.
 */
import { readFileSync } from 'node:fs';

/**
 * The launcher puts its own process id here. It counts only while that process is the parent, so inheriting it means
 * nothing.
 */
export const launcherVariable = '_COUNTERSIGN_LAUNCHER';

/** Milliseconds between two checks. */
const interval = 250;

/**
 * Calls `gone` once, when the parent has ended.
 * @param {() => void} gone
 */
export function watchParent(gone) {
  const parent = process.ppid;
  const byLauncher = process.env[launcherVariable] === String(parent);
  // In a container npm is process 1 and ends only with everything else.
  const byNpm = process.env.npm_lifecycle_event !== undefined && parent !== 1 && !leadsItsGroup();
  if (!byLauncher && !byNpm) return;
  // npm starts a shell for a script, and the shell keeps running when npm is gone.
  const shell = byLauncher || !isShell(parent) ? undefined : { parent: statusOf(parent).parent };
  const timer = setInterval(() => {
    const isThere = process.ppid === parent && isAlive(parent);
    if (isThere && (shell === undefined || statusOf(parent).parent === shell.parent)) return;
    clearInterval(timer);
    gone();
  }, interval);
  timer.unref();
}

/** True for a detached process (`setsid`), as far as this platform tells. */
function leadsItsGroup() {
  return statusOf('self').group === process.pid;
}

/** @param {number} pid */
function isShell(pid) {
  return /^(?:ba|da|a|z|k)?sh$|^busybox$/.test(statusOf(pid).name ?? '');
}

/**
 * The state of a process as Linux tells it: proc_pid_stat(5). Empty on other platforms.
 * @param {number | 'self'} pid
 * @returns {{ name?: string | undefined, parent?: number, group?: number }}
 */
function statusOf(pid) {
  try {
    const found = /^\d+ \((.*)\) \S (\d+) (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return found === null ? {} : { name: found[1], parent: Number(found[2]), group: Number(found[3]) };
  } catch {
    return {};
  }
}

/**
 * Windows keeps the process number of an ended parent, so the process itself is checked.
 * @param {number} pid
 */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
