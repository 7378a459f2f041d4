import { MessageProblem, problem } from '../message-problem.ts';

/** The answer to a request that is refused, or to a response that could not be signed. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** It is not signed: whoever gets it is not authenticated, and must not make us sign. */
export function refusalOf(error: unknown): Refusal {
  const refused = error instanceof MessageProblem ? error : problem('internal');
  const { status, headers, body } = refused;
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...headers,
      ...(status === 413 ? { connection: 'close' } : {}),
    },
    body,
  };
}
