import { type Checks, having, object, optional, options as optionsOf, someText } from '@countersign/proof/argument';
import { createMemoryReplayStore, type ReplayStore } from '../message/replay.ts';
import { createTrust, type Trust, type TrustOptions, trustChecks } from '../trust.ts';
import { type Authenticated, type Authentication, authenticationOf } from './authentication.ts';
import { type Exchange, type ExchangeOptions, exchangeOf } from './exchange.ts';
import type { TokenSource } from './token.ts';

/** The issuer, the client and the rules of a service. */
export interface ServiceOptions extends TrustOptions {
  /**
   * Remembers the proofs of bound tokens. Default: in the memory of this process. Several processes behind one address must
   * share one store.
   */
  readonly replay?: ReplayStore;
}

/** A service of a chain: it is called with tokens, and calls other services for its caller. */
export interface Service extends TokenSource, Authentication {
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
  const { status, token, now } = trust;
  const exchange = exchangeOf(options, status);
  const replay = options.replay ?? createMemoryReplayStore({ now });
  return {
    ...token,
    ...authenticationOf({ ...trust, replay }),
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
