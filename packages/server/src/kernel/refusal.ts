import type { Log } from './log.ts';
import { type Problem, rendering } from './problem.ts';

/** Joins a refusal in the log with its request. */
interface Refused {
  readonly requestId: string;
  /** The pattern of a path or the name of a procedure, never text of the caller. */
  readonly route: string;
  readonly source: string;
}

/** Logs a refusal with its cause, which the caller does not get. */
export function logRefusal(log: Log, problem: Problem, refused: Refused): void {
  const { requestId, route, source } = refused;
  const entry = { requestId, route, code: problem.code, pointer: problem.pointer, source };
  const { status, text } = rendering(problem);
  // A detail that the caller does not get, such as a full disk.
  const detail = problem.message === text ? undefined : problem.message;
  if (status >= 500) log.error({ ...entry, detail, cause: describe(problem) }, 'a request failed');
  else log.info({ ...entry, cause: reason(problem.cause) }, 'a request was refused');
}

/** A server fault, with its stack. The message of a database error may quote values, so only its code is kept. */
function describe(problem: Problem): unknown {
  const { cause } = problem;
  if (typeof cause === 'string') return { message: cause, stack: frames(problem) };
  if (!(cause instanceof Error)) return undefined;
  const { code, errcode } = cause as { code?: unknown; errcode?: unknown };
  return {
    name: cause.name,
    code: code ?? errcode,
    message: code === undefined ? cause.message : undefined,
    stack: frames(cause),
  };
}

function frames(error: Error): string | undefined {
  return error.stack
    ?.split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .slice(0, 12)
    .join('\n');
}

/** A refusal: the reason without a stack. Only our own code and `proof` write reasons, without values of the caller. */
function reason(cause: unknown): unknown {
  if (typeof cause === 'string') return cause;
  return cause instanceof Error ? ((cause as { code?: unknown }).code ?? cause.message) : undefined;
}
