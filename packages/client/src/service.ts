import type { CryptoPort, HeaderFields, Subject } from '@countersign/proof';
import { ProofError } from '@countersign/proof';
import { cryptoPort } from '#platform-crypto';
import { bearerToken, fieldValues } from './bearer-token.ts';
import { createExchange, type Exchange } from './exchange.ts';
import type { Transport } from './fetch-json.ts';
import { issuerKeys } from './issuer-keys.ts';
import { separateKeys } from './key-purpose.ts';
import { requireLive } from './liveness.ts';
import { MessageProblem, orUnavailable, problem, proofProblem } from './message-problem.ts';
import { createStatusFollower, type StatusPolicy } from './status.ts';
import { requireRules, type SubjectRules } from './subject-rules.ts';
import { createSubjectVerifier, type SubjectVerifierOptions } from './subject-verifier.ts';
import { createTokenSource, type TokenSource } from './token.ts';
import type { ClientCredentials } from './token-endpoint.ts';

export interface ServiceOptions extends Omit<SubjectVerifierOptions, 'signedBy'>, ClientCredentials {
  /** How the status feed is followed. `none` is for issuers without a feed: what is revoked then lives until it expires. */
  readonly status?: StatusPolicy | 'none';
  /** From 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
}

/** Who calls, proved by a token alone. */
export interface Authenticated {
  readonly subject: Subject;
  /** As presented. It is for us: exchange it for the next service, never send it on. */
  readonly token: string;
  /** Joins all calls of a chain: what the token says, else `X-CallRef`. */
  readonly correlationId: string | undefined;
}

/** A service of a chain: it is called with tokens, and calls others for whoever called it. */
export interface Service extends TokenSource {
  /** Throws {MessageProblem} for every request that is not to be acted on. */
  authenticate(headers: HeaderFields, rules?: SubjectRules): Promise<Authenticated>;
  /** A token for the next service, in the name of the same subject. Throws {ClientError}. */
  readonly exchange: Exchange;
  /** Calls the next service for whoever called us, under the same correlation id. Redirects are not followed. */
  fetch(caller: Authenticated, audience: string, url: string | URL, init?: RequestInit): Promise<Response>;
  /** Stops following the status feed. */
  close(): void;
}

/** What may go into a header field. */
const callRef = /^[\x21-\x7e]{1,128}$/;

/**
 * One service, in one object. It calls nobody before it is asked for something; what it has learnt it keeps, so that a warm
 * verification makes no network call.
 */
export function createService(given: ServiceOptions): Service {
  const options = { now: Date.now, random: Math.random, crypto: cryptoPort as CryptoPort, clockTolerance: 5, ...given };
  const { issuer, now, random, crypto, clockTolerance } = options;
  const purposes = separateKeys(options.jwks ?? issuerKeys(options));
  const token = createTokenSource(options);
  const { keys: jwks, signedBy } = purposes.tokens;
  const subjects = createSubjectVerifier({ ...options, jwks, signedBy });
  const status =
    options.status === 'none'
      ? undefined
      : createStatusFollower({
          ...transportOf(options),
          ...options.status,
          ...{ issuer, token, crypto, now, random, keys: purposes.status },
        });
  const exchange = createExchange(options);
  return {
    ...token,
    async authenticate(headers, rules = {}) {
      try {
        const presented = bearerToken(headers);
        const subject = await orUnavailable('keys.unavailable', () => subjects.verify(presented));
        await requireLive(status, subject);
        requireRules(subject, rules, now(), clockTolerance);
        return { subject, token: presented, correlationId: correlationOf(subject, headers) };
      } catch (error) {
        if (error instanceof MessageProblem) throw error;
        if (error instanceof ProofError) throw proofProblem(error, 401);
        throw problem('internal', { cause: error });
      }
    },
    exchange,
    async fetch(caller, audience, url, init = {}) {
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
  if (subject.kind === 'credential') return subject.transaction;
  const [given, another] = fieldValues(headers, 'x-callref');
  return given !== undefined && another === undefined && callRef.test(given) ? given : undefined;
}

function transportOf({ fetch, timeoutMilliseconds }: Transport): Transport {
  return {
    ...(fetch && { fetch }),
    ...(timeoutMilliseconds !== undefined && { timeoutMilliseconds }),
  };
}
