import { MessageProblem } from '@countersign/client';
import { rendering, toProblem } from '../kernel/problem.ts';
import type { Field } from './fields.ts';

/** A refusal as it is sent. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly fields: readonly Field[];
  readonly body: Uint8Array;
}

/** RFC 9457. Refusals of the SDK keep their code and status. Everything else is a problem from the server's table. */
export function refusalOf(thrown: unknown): Refusal {
  const {
    status,
    code,
    title,
    detail,
    reason,
    scheme,
    retryAfter = status === 503 ? 1 : undefined,
  } = described(thrown);
  const document = { type: `urn:countersign:problem:${code}`, title, status, code, detail, reason };
  return {
    status,
    code,
    fields: [
      ['Content-Type', 'application/problem+json'],
      ['Cache-Control', 'no-store'],
      ...challenge(status, code, scheme),
      ...(retryAfter === undefined ? [] : ([['Retry-After', String(retryAfter)]] as const)),
    ],
    body: new TextEncoder().encode(JSON.stringify(document)),
  };
}

interface Described {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  /** The SDK's code for the reason, where the problem's own code is more general. */
  readonly reason?: string;
  readonly scheme?: string | undefined;
  readonly retryAfter?: number | undefined;
}

function described(thrown: unknown): Described {
  if (thrown instanceof MessageProblem) {
    const { status, code, message: title, scheme, retryAfter } = thrown;
    return { status, code, title, scheme, retryAfter };
  }
  const problem = toProblem(thrown);
  const { status, text: title } = rendering(problem);
  const reason = problem.code === 'internal' ? undefined : reasonOf(problem.cause);
  return {
    status,
    code: problem.code,
    title,
    ...(problem.message === title ? {} : { detail: problem.message }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** Codes of the SDK have a dot. Codes of the operating system are left out, because they tell about the machine. */
function reasonOf(cause: unknown): string | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^[a-z_0-9]+\.[a-z_0-9.]+$/.test(code) ? code : undefined;
}

/** RFC 6750 §3.1: no error if the caller showed no token. A failed message signature says nothing against the token. */
function challenge(status: number, code: string, scheme: string | undefined): readonly Field[] {
  if (status !== 401) return [];
  if (scheme !== undefined) return [['WWW-Authenticate', scheme]];
  const isTokenFault = code !== 'token.missing' && !code.startsWith('message.');
  return [['WWW-Authenticate', isTokenFault ? 'Bearer error="invalid_token"' : 'Bearer']];
}

/** The refusal of a body that is too large, in the words of the SDK. */
export function bodyTooLarge(maxBytes: number): MessageProblem {
  return new MessageProblem('body.too_large', 413, `The body is larger than ${maxBytes} bytes.`);
}
