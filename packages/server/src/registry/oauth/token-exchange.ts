import { Problem } from '../../kernel/problem.ts';
import {
  type Exchange,
  type ExchangedToken,
  type ExchangeRequest,
  type ExchangingClient,
  transactionTokenUrn,
} from '../../subject/tokens/exchange.ts';
import { audienceNamesOf } from '../audience-name.ts';
import type { AuthenticatedClient } from './client-authentication.ts';
import type { GrantRequest } from './grant-request.ts';
import type { Parameters } from './parameters.ts';

/** RFC 8693 §2.2.1. The token is in `access_token` "for historical reasons", whatever its type. */
export interface ExchangeResponse {
  readonly access_token: string;
  readonly issued_token_type: string;
  readonly token_type: 'Bearer' | 'DPoP' | 'N_A';
  /** Seconds. */
  readonly expires_in: number;
  readonly scope?: string;
}

/**
 * RFC 8693 §2: finds the exchange, authenticates the caller and checks the targets.
 *
 * @throws {Problem} `request.invalid`, `exchange.*`, `oauth.invalid_client`, `oauth.invalid_target`,
 * `oauth.invalid_scope`
 */
export async function grantTokenExchange(
  exchanges: readonly Exchange[],
  grant: GrantRequest,
): Promise<ExchangeResponse> {
  const { parameters } = grant;
  const exchange = requestedExchange(exchanges, parameters);
  const request: ExchangeRequest = {
    subjectToken: required(parameters, 'subject_token'),
    targets: [...new Set([...requireUris(parameters.resources), ...parameters.audiences])],
    scope: parameters.get('scope'),
    transaction: grant.transaction,
    requestId: grant.requestId,
    source: grant.source,
    dpop: grant.dpop,
    confirmation: () => grant.confirmation(),
  };
  const { token, expiresIn, tokenType, scope } = await perform(exchange, grant, request);
  return {
    access_token: token,
    issued_token_type: exchange.issuedTokenType,
    token_type: tokenType,
    expires_in: expiresIn,
    ...(scope === undefined ? {} : { scope }),
  };
}

async function perform(exchange: Exchange, grant: GrantRequest, request: ExchangeRequest): Promise<ExchangedToken> {
  const exchanged = await exchangedBy(exchange, grant, request);
  // A transaction token is bound to no key, but a wrong proof is refused everywhere. Last, because a proof is remembered, and a
  // stranger must not fill that memory.
  if (exchange.issuedTokenType === transactionTokenUrn) await grant.confirmation();
  return exchanged;
}

async function exchangedBy(exchange: Exchange, grant: GrantRequest, request: ExchangeRequest): Promise<ExchangedToken> {
  const { context, realm } = grant;
  if (exchange.proof === 'client') {
    return exchange.exchange(context, realm, request, await exchangingClient(grant, await grant.authenticate()));
  }
  if (grant.presentsClient()) await grant.authenticate();
  return exchange.exchange(context, realm, request);
}

function requestedExchange(exchanges: readonly Exchange[], parameters: Parameters): Exchange {
  const type = required(parameters, 'subject_token_type');
  const possible = exchanges.filter(({ subjectTokenType }) => subjectTokenType === type);
  const [usual] = possible;
  if (usual === undefined) throw new Problem('exchange.token_type', { pointer: 'subject_token_type' });
  requireNoActor(parameters);
  const wanted = parameters.get('requested_token_type') ?? usual.issuedTokenType;
  const exchange = possible.find(({ issuedTokenType }) => issuedTokenType === wanted);
  if (exchange === undefined) {
    throw new Problem('exchange.token_type', { pointer: 'requested_token_type' });
  }
  return exchange;
}

/** §2.1: `actor_token_type` "MUST NOT be included" without an `actor_token`, and this server takes no `actor_token`. */
function requireNoActor(parameters: Parameters): void {
  for (const name of ['actor_token', 'actor_token_type']) {
    if (parameters.get(name) !== undefined) throw new Problem('exchange.actor', { pointer: name });
  }
}

function required(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw new Problem('request.invalid', { detail: `${name} is missing.`, pointer: name });
  return value;
}

/** §2.1, as in RFC 8707 §2: `resource` is "an absolute URI" that "MUST NOT include a fragment component". */
function requireUris(resources: readonly string[]): readonly string[] {
  if (resources.some((one) => !URL.canParse(one) || one.includes('#'))) throw new Problem('oauth.invalid_target');
  return resources;
}

async function exchangingClient(
  { context }: GrantRequest,
  { client, subject }: AuthenticatedClient,
): Promise<ExchangingClient> {
  return {
    subject,
    names: await audienceNamesOf(context, client),
    targets: [...client.audiences, ...Object.keys(subject.resourceAccess)],
  };
}
