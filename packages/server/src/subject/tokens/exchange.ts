import { type Ancestor, maxActors, type Subject } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Source } from '../../kernel/source.ts';
import type { Realm } from '../realm.ts';
import type { ClientSubject } from '../subject.ts';
import { ancestorsClaim } from './ancestor.ts';

/**
 * RFC 8693: exchanges a token for another one, for the next service. The server composes the table of exchanges: a room
 * with its own kind of subject token adds a row, and the token endpoint need not know it.
 *
 * No exchange lengthens a token's life, widens its rights, or forgets which services passed it on.
 */
export type Exchange = ProvingExchange | ClientExchange;

interface ExchangeBase {
  /** RFC 8693 §3: the `subject_token_type` of this exchange. */
  readonly subjectTokenType: string;
  readonly issuedTokenType: string;
}

/** The subject token itself is the proof. A client that also presents credentials must match them. */
export interface ProvingExchange extends ExchangeBase {
  readonly proof: 'subject_token';
  exchange(context: Context, realm: Realm, request: ExchangeRequest): Promise<ExchangedToken>;
}

/**
 * The holder of the subject token may have stolen it, so a client proves itself, and the token must be meant for that
 * client.
 */
export interface ClientExchange extends ExchangeBase {
  readonly proof: 'client';
  exchange(context: Context, realm: Realm, request: ExchangeRequest, client: ExchangingClient): Promise<ExchangedToken>;
}

export interface ExchangeRequest {
  readonly subjectToken: string;
  /** `resource` and `audience` together, without repetitions. */
  readonly targets: readonly string[];
  readonly scope: string | undefined;
  /** The id that joins all calls of the chain, if the chain begins here. The caller may choose it. */
  readonly transaction: () => string;
  /** The id of this request, for the event log. */
  readonly requestId: string;
  readonly source: Source;
  /** The `DPoP` field of the request, or null. */
  readonly dpop: string | null;
  /** The thumbprint of the key that this field proves, for exchanges that do not read it themselves. @throws {Problem} `dpop.invalid` */
  confirmation(): Promise<string | undefined>;
}

export interface ExchangingClient {
  readonly subject: ClientSubject;
  /** The names by which `aud` means this client. */
  readonly names: readonly string[];
  /** The targets that the client may get tokens for. */
  readonly targets: readonly string[];
}

export interface ExchangedToken {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
  /** RFC 8693 §2.2.1: `N_A` for a token that is not an access token. */
  readonly tokenType: 'Bearer' | 'DPoP' | 'N_A';
  readonly scope?: string;
}

export const transactionTokenUrn = 'urn:ietf:params:oauth:token-type:txn_token';
export const accessTokenUrn = 'urn:ietf:params:oauth:token-type:access_token';

/**
 * The key that the new token is bound to. A bound token stays bound to its key; the proof of the request binds a token that was
 * bound to none.
 *
 * @throws {Problem} `dpop.invalid`
 */
export async function boundTo({ confirmation }: Subject, request: ExchangeRequest): Promise<string | undefined> {
  const proved = await request.confirmation();
  if (proved !== undefined && confirmation !== undefined && proved !== confirmation)
    throw new Problem('dpop.invalid', { reason: 'the subject token is bound to another key' });
  return proved ?? confirmation;
}

/** §2.2.2, `invalid_request`: all reasons look the same outside. */
export function unacceptable(reason: string): Problem {
  return new Problem('exchange.subject_token', { reason });
}

const refusals = new Set<string>(['token.invalid', 'session.invalid', 'wallet.denied', 'capability.refused']);

/**
 * A refused token, session or invocation is a bad request here, because it is the subject of the request and not the
 * caller's proof.
 */
export async function orUnacceptable<T>(checking: Promise<T>): Promise<T> {
  try {
    return await checking;
  } catch (thrown) {
    if (thrown instanceof Problem && refusals.has(thrown.code)) {
      throw new Problem('exchange.subject_token', { cause: thrown.cause });
    }
    throw thrown;
  }
}

/** "A JWT is exchanged only by an authenticated client in its `aud`." */
export function requireMeant(audience: readonly string[], names: readonly string[]): void {
  if (!audience.some((one) => names.includes(one))) throw unacceptable('the token is for another service');
}

/**
 * "To targets on that client's list." The issuer is on no list: any client may exchange a token for the issuer, so a
 * token for another service must not become one for the issuer again.
 */
export function requireTargets(realm: Realm, { targets }: ExchangeRequest, client: ExchangingClient): void {
  if (targets.length === 0)
    throw new Problem('request.invalid', { detail: 'Name the target, by audience or resource.' });
  const strange = targets.find((target) => target === realm.issuer || !client.targets.includes(target));
  if (strange !== undefined) throw new Problem('oauth.invalid_target');
}

/** RFC 8693 §4.1: the client becomes the outermost actor. Because of `gen`, the new token dies with the client's own. */
export function actOf(subject: Subject, previous: unknown, client: ExchangingClient): object {
  if (subject.actors.length >= maxActors) throw unacceptable('the chain of services is too long');
  const { id, clientId, generation } = client.subject;
  return { sub: id, client_id: clientId, gen: generation, ...(previous === undefined ? {} : { act: previous }) };
}

/** The ancestors of the new token: those of the presented one, and the presented one itself. */
export function withAncestors({ ancestors, jti }: Subject): { readonly ancestors?: readonly Ancestor[] } {
  return ancestorsClaim(jti === undefined ? ancestors : [...ancestors, { kind: 'token', id: jti }]);
}
