import { type HeaderFields, ProofError, type Subject } from '@countersign/proof';
import {
  type Checks,
  fields,
  having,
  object,
  optional,
  options as optionsOf,
  someText,
} from '@countersign/proof/argument';
import { MessageProblem, orUnavailable, problem, proofProblem } from '../message/message-problem.ts';
import { createMemoryReplayStore, type ReplayStore } from '../message/replay.ts';
import { requireLive } from '../status/liveness.ts';
import { createTrust, type Trust, type TrustOptions, trustChecks } from '../trust.ts';
import { presentedToken } from './bearer-token.ts';
import { callRefOf } from './call-ref.ts';
import { type Exchange, type ExchangeOptions, exchangeOf } from './exchange.ts';
import { type AddressedRequest, requirePossession } from './possession.ts';
import { checkedRules, requireRules, type SubjectRules } from './subject-rules.ts';
import type { TokenSource } from './token.ts';

/** The issuer, the client and the rules of a service. */
export interface ServiceOptions extends TrustOptions {
  /**
   * Remembers the proofs of bound tokens. Default: in the memory of this process. Several processes behind one address must
   * share one store.
   */
  readonly replay?: ReplayStore;
}

/** The caller, proved by a token alone. */
export interface Authenticated {
  readonly subject: Subject;
  /** The presented token. It is for this service only: exchange it for the next service, never send it on. */
  readonly token: string;
  /** The id of the whole chain of calls: from the token, else from `X-CallRef`. */
  readonly correlationId: string | undefined;
}

/** A service of a chain: it is called with tokens, and calls other services for its caller. */
export interface Service extends TokenSource {
  /**
   * Verifies the token of a request. `request` is needed for tokens that are bound to a key: without it they are refused.
   *
   * @throws {MessageProblem} for every request that must be refused, with the HTTP status of the answer
   * @throws {TypeError} naming the argument of a wrong type
   */
  authenticate(headers: HeaderFields, rules?: SubjectRules, request?: AddressedRequest): Promise<Authenticated>;
  /**
   * Gets a token for the next service, for the same subject.
   *
   * @throws {MessageProblem} `token.ended` (401) if the caller's own token has ended meanwhile
   * @throws {ClientError} `oauth.*`, `token.malformed`, `discovery.*`, `http.*`
   */
  readonly exchange: Exchange;
  /**
   * Calls the next service for the caller, with the same correlation id. Redirects are not followed. It does not check the
   * answer.
   *
   * @throws {MessageProblem} `token.ended` (401) if the caller's own token has ended meanwhile
   * @throws {ClientError} `oauth.*`, `token.malformed`, `discovery.*`, `http.*`
   * @throws {TypeError} if the service cannot be reached
   */
  fetch(caller: Authenticated, audience: string, url: string | URL, init?: RequestInit): Promise<Response>;
  /** Stops following the status feed. */
  close(): void;
}

/**
 * Makes one service of a chain, in one object: it verifies the tokens of its callers and calls other services for them.
 * `now` is in milliseconds since the epoch, `clockTolerance` in seconds. It makes no network call before the first
 * request needs one, and caches the results, so that a warm verification makes no network call.
 *
 * It does not check that the subject may do what it asks: that is for the application, by `roles`, `scopes` and
 * `actions`. Tokens that are bound to a key are refused without `request`.
 *
 * @throws {ClientError} `verifier.audience`, `verifier.accept`, `discovery.issuer_url`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const rules = { audience: api, accept: ['participant'], status: 'none', now: clock } as const;
 * const made = createService({ ...realm, ...secrets.lender, ...rules });
 * (await made.authenticate(headers.bearer)).subject.id; // → 'subject-1'
 * await made.authenticate({}); // throws token.missing
 */
export function createService(given: ServiceOptions): Service {
  const options = optionsOf(given, 'options', serviceChecks);
  return serviceOn(createTrust(options), options);
}

const serviceChecks: Checks<ServiceOptions> = { ...trustChecks, replay: optional(having('seen')) };

/** A service on a given trust, for a caller that also uses the trust itself. */
export function serviceOn(trust: Trust, options: ExchangeOptions & Pick<ServiceOptions, 'replay'>): Service {
  const { subjects, status, token, crypto, now, clockTolerance } = trust;
  const exchange = exchangeOf(options, status);
  const replay = options.replay ?? createMemoryReplayStore({ now });
  return {
    ...token,
    async authenticate(headers, given = {}, request = undefined) {
      const rules = checkedRules(given);
      fields(headers, 'headers');
      try {
        const presented = presentedToken(headers);
        const subject = await orUnavailable('keys.unavailable', () => subjects.verify(presented.token));
        await requireLive(status, subject);
        requireRules(subject, rules, now(), clockTolerance);
        await requirePossession(subject, presented, headers, request, { crypto, now, replay });
        return { subject, token: presented.token, correlationId: correlationOf(subject, headers) };
      } catch (error) {
        if (error instanceof MessageProblem) throw error;
        if (error instanceof ProofError) throw proofProblem(error, 401);
        throw problem('internal', { cause: error });
      }
    },
    exchange,
    async fetch(given, audience, url, init = {}) {
      const caller = object(given, 'caller') as Authenticated;
      someText(audience, 'audience');
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${await exchange(caller.token, audience)}`);
      if (caller.correlationId !== undefined) headers.set('x-callref', caller.correlationId);
      const { fetch = globalThis.fetch } = options;
      return fetch(String(url), { ...init, headers, redirect: 'error' });
    },
    close: () => status?.close(),
  };
}

function correlationOf(subject: Subject, headers: HeaderFields): string | undefined {
  return subject.kind === 'credential' ? subject.transaction : callRefOf(headers);
}
