import { type Checks, callable, object, optional, options } from '@countersign/proof/argument';
import { MessageProblem, problem } from '../message/message-problem.ts';
import type { RequestLine } from './guard.ts';
import { reportTo } from './report.ts';

/** What becomes of an exception of the application's handler: it is reported, and its caller learns nothing of it. */
export interface HandlerErrors {
  /**
   * Called with each exception of a handler, for the log. Default: the console. Refusals by the SDK, and errors with a
   * status from 400 to 499, are no exceptions: their callers cause them.
   */
  readonly onError?: (error: unknown, request: RequestLine) => void;
}

const handlerErrorChecks: Checks<HandlerErrors> = { onError: optional(callable) };

export interface HandlerErrorGuard {
  report(error: unknown, line: RequestLine): void;
  /** The refusal in place of the error: without its text, its stack and its fields. */
  refusalOf(error: unknown): MessageProblem;
}

/** @throws {TypeError} naming the option that is of another type, or that does not exist */
export function createHandlerErrors(given: HandlerErrors): HandlerErrorGuard {
  const { onError } = options(given, 'errors', handlerErrorChecks);
  const report = reportTo(onError);
  return {
    report(error, line) {
      if (statusOf(error) >= 500) report(error, line);
    },
    refusalOf(error) {
      if (error instanceof MessageProblem) return error;
      const status = statusOf(error);
      return status < 500
        ? new MessageProblem('request.refused', status, 'The request was refused.', { cause: error })
        : problem('internal', { cause: error });
    },
  };
}

/** For each type of a union. */
type Without<Options> = Options extends unknown ? Omit<Options, 'onError'> : never;

/** Takes `onError` out of the options of a guard. @throws {TypeError} if it is of another type */
export function handlerErrorsOf<Options extends HandlerErrors>(
  given: Options,
  name: string,
): readonly [onError: HandlerErrors['onError'], rest: Without<Options>] {
  const { onError, ...rest } = object(given, name) as Options;
  optional(callable)(onError, `${name}.onError`);
  return [onError, rest as Without<Options>];
}

/** For listeners and handlers without a framework: without `onError` an exception goes where refusals go. */
export function reportHandlerTo<Rest extends readonly unknown[]>(
  onError: HandlerErrors['onError'],
  refusal: (error: unknown, ...rest: Rest) => void,
): (error: unknown, line: RequestLine, ...rest: Rest) => void {
  const report = reportTo(onError);
  return (error, line, ...rest) => {
    if (onError === undefined || statusOf(error) < 500) refusal(error, ...rest);
    else report(error, line);
  };
}

/** Of a refusal, or of an error as body parsers and frameworks throw it for a bad request. 500 for every other. */
function statusOf(error: unknown): number {
  if (error instanceof MessageProblem) return error.status;
  const { status, statusCode = status } = Object(error) as { status?: unknown; statusCode?: unknown };
  const isClients = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500;
  return isClients ? statusCode : 500;
}
