import { type AccessTokenSubject, accessTokenTypes, type JwtClaims } from '@countersign/proof';
import type { Context } from '../context.ts';
import { seconds } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import { adminScope } from './administrator.ts';
import { inspectToken, requireAlive } from './bearer.ts';
import {
  accessTokenUrn,
  actOf,
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
import type { Realm } from './realm.ts';
import { issueDocument } from './token.ts';

/** A participant's access token, from the service that it was sent to on to the next one. */
export const accessTokenExchange: ClientExchange = {
  subjectTokenType: accessTokenUrn,
  issuedTokenType: accessTokenUrn,
  proof: 'client',
  exchange: exchangeAccessToken,
};

/**
 * As for transaction tokens, with one difference: a token for the issuer names no service, and is exchanged by nobody.
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
  const iat = seconds(context.clock.now());
  const exp = Math.min(claims.exp, iat + realm.settings.accessTokenSeconds);
  // All else stands as it was: whose it is, its generation, and `cnf`.
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
    ...withAncestors(subject),
  };
  const token = await issueDocument(context, realm.name, 'token', realm.settings.accessTokenTyp, narrowed);
  return { token, expiresIn: exp - iat, tokenType: 'Bearer', scope };
}

/** Never wider; and nobody administers a realm for somebody else. */
function narrowedScope({ scopes }: AccessTokenSubject, asked: string | undefined): string {
  const held = scopes.filter((scope) => scope !== adminScope);
  if (asked === undefined) return held.join(' ');
  const wanted = [...new Set(asked.split(' '))];
  if (!wanted.every((scope) => held.includes(scope))) throw new Problem('oauth.invalid_scope');
  return wanted.join(' ');
}

/** The roles that the presented token has at the targets: none, where it was narrowed to its own audience. */
function narrowedAccess({ resource_access: access }: JwtClaims, targets: readonly string[]): object {
  return Object.fromEntries(Object.entries(access ?? {}).filter(([resource]) => targets.includes(resource)));
}
