import { ProofError } from '@countersign/proof';
import { ClientError } from '../error.ts';
import { challengeOf, isInsufficient } from '../token/challenge.ts';

/** HTTP status and text of each refusal that has no code of a proof. */
const table = {
  'token.missing': [401, 'The request carries no bearer token.'],
  'token.malformed': [401, 'The Authorization field is not one bearer token.'],
  'token.participant': [401, 'The token does not speak for a participant.'],
  'token.subject_revoked': [401, 'The tokens of this subject have been revoked.'],
  'token.actor_revoked': [401, 'A service that passed the token on has been suspended.'],
  'token.revoked': [401, 'The token has been revoked.'],
  'token.ancestor_revoked': [401, 'The token or session that this token was made from has ended.'],
  'token.ended': [401, 'The token has ended, so no other token is given for it.'],
  'token.scheme': [401, 'A bound token needs the scheme DPoP, any other token Bearer.'],
  'token.kind': [401, 'This service does not accept the kind of subject that the token is for.'],
  'token.insufficient_scope': [403, 'The token does not have the scopes that this needs.'],
  'token.insufficient_role': [403, 'The subject of the token does not have a role that may do this.'],
  'capability.revoked': [401, 'A capability that the token depends on has been revoked.'],
  'dpop.missing': [401, 'The token is bound to a key: send one DPoP proof of that key.'],
  'dpop.key': [401, 'The DPoP proof is by another key than the token is bound to.'],
  'dpop.replayed': [401, 'The DPoP proof has been used before.'],
  'dpop.public_url': [500, 'The service must be told its publicUrl before it can check bound tokens.'],
  'session.ended': [401, 'The session that the token was made from has ended.'],
  'session.invalid': [401, 'The session token is not valid.'],
  'session.unknown': [401, 'There is no such session. Log in again.'],
  'session.restricted': [403, 'The session is restricted to another call.'],
  'login.missing': [401, 'The request carries no name and password.'],
  'login.malformed': [401, 'The Authorization field is not one name and one password in UTF-8 (RFC 7617).'],
  'login.failed': [401, 'The login failed.'],
  'login.cross_site': [403, 'A page of another site sent this request, and the browser added the password.'],
  'login.expired_password': [403, 'The password has expired. Update it first.'],
  'login.second_factor': [403, 'The login needs a second factor, which a name and a password cannot prove.'],
  'login.factor_enrolment': [403, 'Enrol a second factor first.'],
  'login.throttled': [429, 'Too many logins from this address. Wait before the next one.'],
  'login.busy': [503, 'Too many logins at once. Try again shortly.'],
  'login.unavailable': [503, 'Login is unavailable now.'],
  'call_ref.malformed': [400, 'X-CallRef must be 1 to 128 visible ASCII characters, once.'],
  'login.weak': [401, 'A stronger login is needed.'],
  'login.old': [401, 'A more recent login is needed.'],
  'participant.unknown': [401, 'The registry does not know the participant.'],
  'participant.not_approved': [401, 'The participant is not approved.'],
  'participant.client': [401, 'The token is from another client than the one registered for the participant.'],
  'message.key_revoked': [401, 'The signature is by a key that was revoked as compromised.'],
  'message.replayed': [401, 'The message has been received before.'],
  'message.recipient_missing': [500, 'Name the participant that the message goes to.'],
  'body.too_large': [413, 'The body is larger than this service accepts.'],
  'body.consumed': [500, 'The body was read before its signature could be verified.'],
  'body.incomplete': [400, 'The body ended too early.'],
  'response.too_large': [500, 'The response is too large to be signed here.'],
  'response.unsigned': [502, 'The response carries no signature.'],
  'keys.unavailable': [503, 'The keys of the issuer cannot be fetched.'],
  'registry.unavailable': [503, 'The registry cannot be reached.'],
  'status.unavailable': [503, 'The status feed cannot be reached.'],
  'replay.unavailable': [503, 'The replay store is unavailable.'],
  internal: [500, 'Something went wrong here.'],
} as const satisfies Record<string, readonly [number, string]>;

export type MessageProblemCode = keyof typeof table;

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
  const [status, text] = table[code];
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
