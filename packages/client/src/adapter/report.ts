import { MessageProblem } from '../message-problem.ts';

/**
 * Tells the hook of the application why something was refused. Without a hook a refusal is silent, as it should be: strangers cause it. What
 * went wrong here, in the application or in us, is not: it goes to the console, or nobody would ever know.
 */
export function reportTo<Rest extends readonly unknown[]>(
  hook: ((error: unknown, ...rest: Rest) => void) | undefined,
): (error: unknown, ...rest: Rest) => void {
  return (error, ...rest) => {
    if (hook === undefined) {
      if (!(error instanceof MessageProblem) || error.status === 500) toConsole(error);
      return;
    }
    try {
      hook(error, ...rest);
    } catch (failure) {
      // A log that fails must not turn a refusal into something else.
      toConsole(failure);
    }
  };
}

function toConsole(error: unknown): void {
  // biome-ignore lint/suspicious/noConsole: the last resort of an application that gave us no hook
  console.error(error);
}
