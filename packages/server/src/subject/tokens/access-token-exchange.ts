import { type AccessTokenSubject, accessTokenTypes, type JwtClaims } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { adminScope } from '../administrator.ts';
import type { Realm } from '../realm.ts';
import { inspectToken, requireAlive } from './bearer.ts';
import {
  accessTokenUrn,
  actOf,
  boundTo,
  type ClientExchange,
  type ExchangedToken,
  type ExchangeRequest,
  type ExchangingClient,
  orUnacceptable,
  requireMeant,
  requireTargets,
  unacceptable,
  withAncestors,
} from './exchange.ts';
import { issueDocument } from './token.ts';

/** Exchanges a participant's access token: the service that received it gets a token for the next service. */
export const accessTokenExchange: ClientExchange = {
  subjectTokenType: accessTokenUrn,
  issuedTokenType: accessTokenUrn,
  proof: 'client',
  exchange: exchangeAccessToken,
};

/**
 * As for transaction tokens, with one difference: a token for the issuer names no service, so no client can exchange
 * it.
 */
async function exchangeAccessToken(
  context: Context,
  realm: Realm,
  request: ExchangeRequest,
  client: ExchangingClient,
): Promise<ExchangedToken> {
  const { subject, claims } = await orUnacceptable(
    inspectToken(context, realm, request.subjectToken, accessTokenTypes),
  );
  if (subject.kind === 'credential' || subject.kind === 'wallet') throw unacceptable('no access token');
  requireMeant(subject.audience, client.names);
  requireTargets(realm, request, client);
  await orUnacceptable(requireAlive(context, realm.name, subject));
  const scope = narrowedScope(subject, request.scope);
  const confirmation = await boundTo(subject, request);
  const iat = seconds(context.clock.now());
  const exp = Math.min(claims.exp, iat + realm.settings.accessTokenSeconds);
  // Owner and generation stay as they were.
  const narrowed = {
    ...claims,
    aud: request.targets.length === 1 ? request.targets[0] : request.targets,
    exp,
    iat,
    nbf: iat,
    jti: context.random.uuid(),
    scope,
    resource_access: narrowedAccess(claims, request.targets),
    act: actOf(subject, claims.act, client),
    cnf: confirmation === undefined ? undefined : { jkt: confirmation },
    ...withAncestors(subject),
  };
  const token = await issueDocument(context, realm.name, 'token', realm.settings.accessTokenTyp, narrowed);
  return { token, expiresIn: exp - iat, tokenType: confirmation === undefined ? 'Bearer' : 'DPoP', scope };
}

/** Never wider than the presented token. The scope of administrators is not passed on. */
function narrowedScope({ scopes }: AccessTokenSubject, asked: string | undefined): string {
  const held = scopes.filter((scope) => scope !== adminScope);
  if (asked === undefined) return held.join(' ');
  const wanted = [...new Set(asked.split(' '))];
  if (!wanted.every((scope) => held.includes(scope))) throw new Problem('oauth.invalid_scope');
  return wanted.join(' ');
}

/** The roles that the presented token has at the targets. None if it was narrowed to its own audience. */
function narrowedAccess({ resource_access: access }: JwtClaims, targets: readonly string[]): object {
  return Object.fromEntries(Object.entries(access ?? {}).filter(([resource]) => targets.includes(resource)));
}
