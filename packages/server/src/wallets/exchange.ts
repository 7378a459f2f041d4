import {
  type Action,
  actionOfScope,
  actions,
  type WalletSubject,
  walletScope,
  walletTokenTypes,
} from '@countersign/proof';
import type { Context } from '../context.ts';
import { seconds } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import { audienceText } from '../kernel/text.ts';
import type { Realm } from '../subject/realm.ts';
import { inspectToken, requireAlive } from '../subject/tokens/bearer.ts';
import {
  accessTokenUrn,
  actOf,
  boundTo,
  type ClientExchange,
  type ExchangedToken,
  type ExchangeRequest,
  type ExchangingClient,
  orUnacceptable,
  type ProvingExchange,
  requireMeant,
  requireTargets,
  unacceptable,
  withAncestors,
} from '../subject/tokens/exchange.ts';
import { signWalletToken } from '../subject/tokens/wallet-token.ts';
import { documentIn } from './access.ts';
import { tokenForInvocation } from './token.ts';

const invocationUrn = 'urn:countersign:params:oauth:token-type:capability-invocation';
/** Also an access token. Its own type shows that it speaks for a wallet. */
const walletTokenUrn = 'urn:countersign:params:oauth:token-type:wallet';

/**
 * Exchanges the invocation of a capability for a token for one service. The device has signed the service and the
 * actions.
 */
export const invocationExchange: ProvingExchange = {
  subjectTokenType: invocationUrn,
  issuedTokenType: accessTokenUrn,
  proof: 'subject_token',
  exchange: exchangeInvocation,
};

/** Exchanges a wallet's token: the service that received it gets a token for the next service. */
export const walletTokenExchange: ClientExchange = {
  subjectTokenType: walletTokenUrn,
  issuedTokenType: walletTokenUrn,
  proof: 'client',
  exchange: exchangeWalletToken,
};

/**
 * 1. One service is named, with known actions.
 * 2. The invocation asks for a token for exactly this service and scope, under our challenge. So a party on its way
 *    cannot turn it into another token than the device wanted.
 * 3. The token allows what was requested and the whole chain allows, ends no later than any link, and names the links.
 */
async function exchangeInvocation(context: Context, realm: Realm, request: ExchangeRequest): Promise<ExchangedToken> {
  const { subjectToken, scope, dpop } = request;
  const resource = requireService(realm, request);
  const wanted = scope === undefined ? [] : requireActions(scope);
  const invocation = documentIn(subjectToken);
  if (invocation === undefined) throw unacceptable('the invocation is not base64url');
  const issued = await orUnacceptable(
    tokenForInvocation(context, realm, invocation, {
      request: { kind: 'token', resource, scope },
      actions: wanted,
      dpop: { proof: dpop ?? '', uris: [`${realm.issuer}/protocol/openid-connect/token`] },
      sealedBy: undefined,
    }),
  );
  const { token, tokenType, expiresIn } = issued;
  return { token, tokenType, expiresIn, scope: issued.actions.map(walletScope).join(' ') };
}

/**
 * As for transaction tokens: the token is for the calling client, and the target is on the client's list. The chain is
 * checked again, because an offline verifier may not have heard of its end. `cnf` stays: a bound token works only where
 * its device proves its key.
 */
async function exchangeWalletToken(
  context: Context,
  realm: Realm,
  request: ExchangeRequest,
  client: ExchangingClient,
): Promise<ExchangedToken> {
  const { subject, claims } = await orUnacceptable(
    inspectToken(context, realm, request.subjectToken, walletTokenTypes),
  );
  if (subject.kind !== 'wallet') throw unacceptable('no wallet token');
  requireMeant(subject.audience, client.names);
  requireTargets(realm, request, client);
  const aud = requireService(realm, request);
  if (subject.confirmation === undefined && realm.settings.walletTokens === 'dpop')
    throw unacceptable('the realm takes bound tokens only');
  await orUnacceptable(requireAlive(context, realm.name, subject));
  const confirmation = await boundTo(subject, request);
  const allowed = narrowedActions(subject, request.scope);
  const scope = allowed.map(walletScope).join(' ');
  const iat = seconds(context.clock.now());
  const act = actOf(subject, claims.act, client);
  const narrowed = {
    ...claims,
    aud,
    iat,
    jti: context.random.uuid(),
    actions: allowed,
    scope,
    act,
    cnf: confirmation === undefined ? undefined : { jkt: confirmation },
    ...withAncestors(subject),
  };
  const token = await signWalletToken(context, realm, narrowed);
  const tokenType = confirmation === undefined ? 'Bearer' : 'DPoP';
  return { token, expiresIn: subject.expiresAt - iat, tokenType, scope };
}

/**
 * Exactly one service, because a service that gets a token for two could use it at the other. And not the issuer, whose
 * tokens open the wallet.
 */
function requireService({ issuer }: Realm, { targets }: ExchangeRequest): string {
  const [service, another] = targets;
  if (service === undefined)
    throw new Problem('request.invalid', { detail: 'Name the target, by audience or resource.' });
  const isOne = another === undefined && service !== issuer && audienceText.safeParse(service).success;
  if (!isOne) throw new Problem('oauth.invalid_target');
  return service;
}

/** Every name must be a scope of a wallet, and occur once. @throws {Problem} `oauth.invalid_scope` */
export function requireActions(scope: string): readonly Action[] {
  const named = scope.split(' ').map((one) => actions.find((action) => action === actionOfScope(one)));
  const known = named.filter((action) => action !== undefined);
  if (known.length !== named.length || new Set(known).size !== known.length) throw new Problem('oauth.invalid_scope');
  return known;
}

/** Never wider than the presented token. */
function narrowedActions({ actions: held }: WalletSubject, scope: string | undefined): readonly string[] {
  if (scope === undefined) return held;
  const wanted = requireActions(scope);
  if (!wanted.every((action) => held.includes(action))) throw new Problem('oauth.invalid_scope');
  return wanted;
}
