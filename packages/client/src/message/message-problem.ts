import { ProofError } from '@countersign/proof';
import type { loginProblems } from '../edge/login-refusal.ts';
import { ClientError } from '../error.ts';
import type { callerProblems } from '../token/caller-refusal.ts';
import { challengeOf, isInsufficient } from '../token/challenge.ts';
import type { messageProblems } from './message-refusal.ts';
import { problemOf } from './problem-row.ts';

/** HTTP status and text of the refusals that every verifier of tokens can give; none of them has the code of a proof. */
const table = {
  'token.subject_revoked': [401, 'The tokens of this subject have been revoked.'],
  'token.actor_revoked': [401, 'A service that passed the token on has been suspended.'],
  'token.revoked': [401, 'The token has been revoked.'],
  'token.ancestor_revoked': [401, 'The token or session that this token was made from has ended.'],
  'capability.revoked': [401, 'A capability that the token depends on has been revoked.'],
  'session.ended': [401, 'The session that the token was made from has ended.'],
  'keys.unavailable': [503, 'The keys of the issuer cannot be fetched.'],
  'registry.unavailable': [503, 'The registry cannot be reached.'],
  'status.unavailable': [503, 'The status feed cannot be reached.'],
  'replay.unavailable': [503, 'The replay store is unavailable.'],
  internal: [500, 'Something went wrong here.'],
} as const satisfies Record<string, readonly [number, string]>;

export type MessageProblemCode =
  | keyof typeof table
  | keyof typeof callerProblems
  | keyof typeof loginProblems
  | keyof typeof messageProblems;

interface ProblemOptions {
  readonly cause?: unknown;
  readonly challenge?: Readonly<Record<string, string>>;
  readonly scheme?: string | undefined;
  readonly retryAfter?: number;
}

/**
 * A refused message: `code` is stable, one for each check, and `status` is the HTTP status of the answer. Codes of
 * proofs (`jws.*`, `jwt.*`, `access_token.*`, `transaction_token.*`, `wallet_token.*`, `dpop.*`, `message.*`) are kept.
 * `retryAfter` is in seconds. The text contains no part of the input; the cause is for the log.
 *
 * @example
 * const problem = new MessageProblem('login.throttled', 429, 'Wait before the next login.', { retryAfter: 30 });
 * problem.headers['retry-after']; // → '30'
 */
export class MessageProblem extends Error {
  override readonly name = 'MessageProblem';
  readonly code: string;
  readonly status: number;
  /** The parameters of the challenge: they say what the caller must bring. */
  readonly challenge: Readonly<Record<string, string>> | undefined;
  /** The whole challenge of a 401, if it is not for a bearer token. */
  readonly scheme: string | undefined;
  /** Seconds after which the caller may try again. */
  readonly retryAfter: number | undefined;

  constructor(code: string, status: number, text: string, options: ProblemOptions = {}) {
    super(text, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = status;
    this.challenge = options.challenge;
    this.scheme = options.scheme;
    this.retryAfter = options.retryAfter;
  }

  /**
   * The fields of the answer. The error handlers of Express and Fastify send them with `status`. So a refusal that a handler
   * throws, e.g. because a session has ended meanwhile, reaches the caller with its challenge.
   */
  get headers(): Readonly<Record<string, string>> {
    const { status, retryAfter = status === 503 ? unavailableFor : undefined } = this;
    return {
      'cache-control': 'no-store',
      ...(status === 401 || isInsufficient(this.code) ? { 'www-authenticate': challengeOf(this) } : {}),
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    };
  }

  /** The RFC 9457 document. It contains no part of the input, and nothing that is only for the log. */
  get body(): string {
    const { code, status, message } = this;
    return JSON.stringify({ type: `urn:countersign:problem:${code}`, title: message, status, code });
  }

  /** The whole answer. The error handler of Hono sends it. */
  getResponse(): Response {
    const headers = { ...this.headers, 'content-type': 'application/problem+json' };
    return new Response(this.body, { status: this.status, headers });
  }
}

/** Seconds. */
const unavailableFor = 1;

export function problem(code: MessageProblemCode, options: ProblemOptions = {}): MessageProblem {
  const [status, text] = code in table ? table[code as keyof typeof table] : problemOf(code);
  return new MessageProblem(code, status, text, options);
}

/** The refusal of a proof, with the status for the request that presented it. */
export function proofProblem(error: ProofError, status: number): MessageProblem {
  return new MessageProblem(error.code, status, error.message, { cause: error });
}

/** Runs `act`. If it cannot get something from the issuer, that becomes a 503, not a fault of the request. */
export async function orUnavailable<T>(
  code: 'keys.unavailable' | 'registry.unavailable' | 'status.unavailable' | 'replay.unavailable' | 'login.unavailable',
  act: () => T | Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof ProofError || error instanceof MessageProblem) throw error;
    throw problem(code, { cause: error });
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ClientError && (error.code === 'registry.not_found' || error.code === 'registry.id');
}
