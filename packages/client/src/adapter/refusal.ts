import { MessageProblem, problem } from '../message/message-problem.ts';

/** The answer to a refused request, or in place of a response that could not be signed. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The refusal is not signed: its receiver is not authenticated, and must not be able to cause signatures. */
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
