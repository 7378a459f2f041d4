import type { Log } from '../kernel/log.ts';

/**
 * Runs `act` again and again with a pause in between, one run at a time. The returned function stops it and waits for
 * the running one. `onWake` gets a function that ends the present pause, or the one after the present run.
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
        // Logged once, not twice a second while the database is away.
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
