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
import { inspectToken, requireAlive } from '../subject/bearer.ts';
import {
  accessTokenUrn,
  actOf,
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
} from '../subject/exchange.ts';
import type { Realm } from '../subject/realm.ts';
import { audienceSchema } from '../subject/transaction-token.ts';
import { signWalletToken } from '../subject/wallet-token.ts';
import { documentIn } from './access.ts';
import { tokenForInvocation } from './token.ts';

const invocationUrn = 'urn:countersign:params:oauth:token-type:capability-invocation';
/** An access token too, which shows by a type of its own that it speaks for a wallet. */
const walletTokenUrn = 'urn:countersign:params:oauth:token-type:wallet';

/** The invocation of a capability, for a token for one service: the device has signed for which, and for what. */
export const invocationExchange: ProvingExchange = {
  subjectTokenType: invocationUrn,
  issuedTokenType: accessTokenUrn,
  proof: 'subject_token',
  exchange: exchangeInvocation,
};

/** A wallet's token, from the service that it was sent to on to the next one. */
export const walletTokenExchange: ClientExchange = {
  subjectTokenType: walletTokenUrn,
  issuedTokenType: walletTokenUrn,
  proof: 'client',
  exchange: exchangeWalletToken,
};

/**
 * 1. One service is named, and known actions.
 * 2. The invocation is one for a token for this very service and scope, under a challenge of ours. So nobody on its way can turn it
 *    into another token than the device wanted.
 * 3. The token allows what was asked for and the whole chain allows, ends no later than any link, and names the links.
 */
async function exchangeInvocation(context: Context, realm: Realm, request: ExchangeRequest): Promise<ExchangedToken> {
  const { subjectToken, scope, dpop } = request;
  const resource = requireService(realm, request);
  const wanted = scope === undefined ? [] : requireActions(scope);
  const invocation = documentIn(subjectToken);
  if (invocation === undefined) throw unacceptable('the invocation is no base64url');
  const issued = await orUnacceptable(
    tokenForInvocation(context, realm, invocation, {
      request: { kind: 'token', resource, scope },
      actions: wanted,
      dpop: { proof: dpop ?? '', uris: [`${realm.issuer}/protocol/openid-connect/token`] },
      sealedBy: undefined,
    }),
  );
  return { ...issued, scope: issued.actions.map(walletScope).join(' ') };
}

/**
 * As for transaction tokens: the client is whom it is for, the target is on the client's list, and the chain, which those who verify
 * offline may not have heard of, is looked at again. `cnf` stays: a bound token is good only where its device proves its key.
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
    ...withAncestors(subject),
  };
  const token = await signWalletToken(context, realm, narrowed);
  const tokenType = subject.confirmation === undefined ? 'Bearer' : 'DPoP';
  return { token, expiresIn: subject.expiresAt - iat, tokenType, scope };
}

/** One: whoever gets a token for two could use it at the other. And not us: what is for us opens the wallet itself. */
function requireService({ issuer }: Realm, { targets }: ExchangeRequest): string {
  const [service, another] = targets;
  if (service === undefined) throw new Problem('request.invalid', 'Name the target, by audience or resource.');
  const isOne = another === undefined && service !== issuer && audienceSchema.safeParse(service).success;
  if (!isOne) throw new Problem('oauth.invalid_target');
  return service;
}

/** Each a scope of a wallet, once. */
export function requireActions(scope: string): readonly Action[] {
  const named = scope.split(' ').map((one) => actions.find((action) => action === actionOfScope(one)));
  const known = named.filter((action) => action !== undefined);
  if (known.length !== named.length || new Set(known).size !== known.length) throw new Problem('oauth.invalid_scope');
  return known;
}

/** Never wider. */
function narrowedActions({ actions: held }: WalletSubject, scope: string | undefined): readonly string[] {
  if (scope === undefined) return held;
  const wanted = requireActions(scope);
  if (!wanted.every((action) => held.includes(action))) throw new Problem('oauth.invalid_scope');
  return wanted;
}
