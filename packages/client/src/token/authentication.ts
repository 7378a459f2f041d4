import { type HeaderFields, ProofError, type Subject } from '@countersign/proof';
import { fields } from '@countersign/proof/argument';
import { MessageProblem, orUnavailable, problem, proofProblem } from '../message/message-problem.ts';
import type { ReplayStore } from '../message/replay.ts';
import { requireLive } from '../status/liveness.ts';
import type { Trust } from '../trust.ts';
import { presentedToken } from './bearer-token.ts';
import { callRefOf } from './call-ref.ts';
import { type AddressedRequest, requirePossession } from './possession.ts';
import { checkedRules, requireRules, type SubjectRules } from './subject-rules.ts';

/**
 * `checked`: tokens that were revoked, and tokens of suspended or offboarded subjects, are refused within seconds. `unchecked`: they
 * pass until they expire, because nothing tells the verifier.
 */
export type Liveness = 'checked' | 'unchecked';

/** The caller, proved by a token alone. */
export interface Authenticated<Known extends Liveness = Liveness> {
  readonly subject: Subject;
  /** The presented token. It is for this service only: exchange it for the next service, never send it on. */
  readonly token: string;
  /** The id of the whole chain of calls: from the token, else from `X-CallRef`. */
  readonly correlationId: string | undefined;
  /** Whether it is known that the token was not revoked since it was signed. */
  readonly liveness: Known;
}

/** Verifies the tokens of callers. */
export interface Authentication {
  /**
   * Verifies the token of a request. `request` is needed for tokens that are bound to a key: without it they are refused.
   *
   * @throws {MessageProblem} for every request that must be refused, with the HTTP status of the answer
   * @throws {TypeError} naming the argument of a wrong type
   */
  authenticate(headers: HeaderFields, rules?: SubjectRules, request?: AddressedRequest): Promise<Authenticated>;
}

export type AuthenticationTerms = Omit<Trust, 'token'> & { readonly replay: ReplayStore };

export function authenticationOf(terms: AuthenticationTerms): Authentication {
  const { subjects, status, now, clockTolerance } = terms;
  return {
    async authenticate(headers, given = {}, request = undefined) {
      const rules = checkedRules(given);
      fields(headers, 'headers');
      try {
        const presented = presentedToken(headers);
        const subject = await orUnavailable('keys.unavailable', () => subjects.verify(presented.token));
        await requireLive(status, subject);
        requireRules(subject, rules, now(), clockTolerance);
        await requirePossession(subject, presented, headers, request, terms);
        const correlationId = subject.kind === 'credential' ? subject.transaction : callRefOf(headers);
        return { subject, token: presented.token, correlationId, liveness: livenessOf(status) };
      } catch (error) {
        if (error instanceof MessageProblem) throw error;
        if (error instanceof ProofError) throw proofProblem(error, 401);
        throw problem('internal', { cause: error });
      }
    },
  };
}

function livenessOf(status: Trust['status']): Liveness {
  return status === undefined ? 'unchecked' : 'checked';
}
