import { MessageProblem } from '../message/message-problem.ts';

/**
 * Reports the reason of a refusal to the hook of the application. Without a hook refusals are silent, because strangers cause
 * them. Errors of the application or of the SDK are not silent: they go to the console, because otherwise they would stay
 * unnoticed.
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
      // A failing log must not change the refusal.
      toConsole(failure);
    }
  };
}

function toConsole(error: unknown): void {
  // biome-ignore lint/suspicious/noConsole: the last resort for an application without a hook
  console.error(error);
}
