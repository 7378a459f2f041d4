import { type Ancestor, maxActors, type Subject } from '@countersign/proof';
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { Source } from '../kernel/source.ts';
import { ancestorsClaim } from './ancestor.ts';
import type { Realm } from './realm.ts';
import type { ClientSubject } from './subject.ts';

/**
 * RFC 8693: a token for the next service, for one that is at hand. What can be exchanged stands in a table that the server
 * composes: a room that brings a kind of subject token of its own adds a row, and the token endpoint does not know it.
 *
 * What no exchange does: last longer than what was presented, allow more, or forget who passed it on.
 */
export type Exchange = ProvingExchange | ClientExchange;

interface ExchangeBase {
  /** RFC 8693 §3: the `subject_token_type` that it takes. */
  readonly subjectTokenType: string;
  readonly issuedTokenType: string;
}

/** The subject token is a proof in itself. A client that presents credentials besides must be who it says. */
export interface ProvingExchange extends ExchangeBase {
  readonly proof: 'subject_token';
  exchange(context: Context, realm: Realm, request: ExchangeRequest): Promise<ExchangedToken>;
}

/** Whoever holds the subject token may have stolen it: a client proves itself, and has to be meant by the token. */
export interface ClientExchange extends ExchangeBase {
  readonly proof: 'client';
  exchange(context: Context, realm: Realm, request: ExchangeRequest, client: ExchangingClient): Promise<ExchangedToken>;
}

export interface ExchangeRequest {
  readonly subjectToken: string;
  /** `resource` and `audience` together, each once. */
  readonly targets: readonly string[];
  readonly scope: string | undefined;
  /** What joins all calls of the chain, where it begins here. */
  readonly transaction: () => string;
  readonly source: Source;
  /** The `DPoP` field of the request; null where there is none. */
  readonly dpop: string | null;
}

export interface ExchangingClient {
  readonly subject: ClientSubject;
  /** What `aud` calls it when it means it. */
  readonly names: readonly string[];
  /** Whom it may get tokens for. */
  readonly targets: readonly string[];
}

export interface ExchangedToken {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
  /** RFC 8693 §2.2.1: `N_A` for what is no access token. */
  readonly tokenType: 'Bearer' | 'DPoP' | 'N_A';
  readonly scope?: string;
}

export const transactionTokenUrn = 'urn:ietf:params:oauth:token-type:txn_token';
export const accessTokenUrn = 'urn:ietf:params:oauth:token-type:access_token';

/** §2.2.2, `invalid_request`: all reasons look the same outside. */
export function unacceptable(reason: string): Problem {
  return new Problem('exchange.subject_token', undefined, { cause: new Error(reason) });
}

const refusals = new Set<string>(['token.invalid', 'session.invalid', 'wallet.denied', 'capability.refused']);

/** A refused token, session or invocation is a bad request here: it is what the request is about, and no proof of who sends it. */
export async function orUnacceptable<T>(checking: Promise<T>): Promise<T> {
  try {
    return await checking;
  } catch (thrown) {
    if (thrown instanceof Problem && refusals.has(thrown.code)) {
      throw new Problem('exchange.subject_token', undefined, { cause: thrown.cause });
    }
    throw thrown;
  }
}

/** "A JWT is exchanged only by an authenticated client in its `aud`." */
export function requireMeant(audience: readonly string[], names: readonly string[]): void {
  if (!audience.some((one) => names.includes(one))) throw unacceptable('the token is for somebody else');
}

/**
 * "To targets on that client's list." The issuer is on no list: what is for the issuer anybody may exchange, and what is for
 * another service must not come back as a key to us.
 */
export function requireTargets(realm: Realm, { targets }: ExchangeRequest, client: ExchangingClient): void {
  if (targets.length === 0) throw new Problem('request.invalid', 'Name the target, by audience or resource.');
  const strange = targets.find((target) => target === realm.issuer || !client.targets.includes(target));
  if (strange !== undefined) throw new Problem('oauth.invalid_target');
}

/** RFC 8693 §4.1: the client becomes the outermost actor. `gen` lets what it passed on die with it. */
export function actOf(subject: Subject, previous: unknown, client: ExchangingClient): object {
  if (subject.actors.length >= maxActors) throw unacceptable('the chain of services is too long');
  const { id, clientId, generation } = client.subject;
  return { sub: id, client_id: clientId, gen: generation, ...(previous === undefined ? {} : { act: previous }) };
}

/** What the new token says beside what stands as it was: that it hangs on the presented one too. */
export function withAncestors({ ancestors, jti }: Subject): { readonly ancestors?: readonly Ancestor[] } {
  return ancestorsClaim(jti === undefined ? ancestors : [...ancestors, { kind: 'token', id: jti }]);
}
