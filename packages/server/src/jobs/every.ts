import type { Log } from '../kernel/log.ts';

/**
 * Runs `act` again and again with a pause between; one run at a time. The returned function stops it and waits for the run under way.
 * What `onWake` is given ends the pause, or the one after the run under way.
 */
export function every(
  milliseconds: number,
  name: string,
  log: Log,
  act: () => Promise<unknown>,
  onWake: (wake: () => void) => void = () => {},
): () => Promise<void> {
  let stopped = false;
  let woken = false;
  let wake = () => {};
  onWake(() => {
    woken = true;
    wake();
  });
  let failing = false;
  const loop = async () => {
    while (!stopped) {
      woken = false;
      try {
        await act();
        if (failing) log.info({ job: name }, 'the job works again');
        failing = false;
      } catch (error) {
        // Said once, not twice a second for as long as the database is away.
        if (!failing && !stopped)
          log.warn(
            { job: name, reason: error instanceof Error ? error.message : 'unknown' },
            'a job failed and will be tried again',
          );
        failing = true;
      }
      if (stopped) break;
      if (woken) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const done = loop();
  return () => {
    stopped = true;
    wake();
    return done;
  };
}
