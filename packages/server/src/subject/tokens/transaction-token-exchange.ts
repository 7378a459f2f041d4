import { transactionTokenTypes } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Realm } from '../realm.ts';
import { inspectToken, requireAlive } from './bearer.ts';
import {
  actOf,
  type ClientExchange,
  type ExchangedToken,
  type ExchangeRequest,
  type ExchangingClient,
  orUnacceptable,
  requireMeant,
  requireTargets,
  transactionTokenUrn,
  withAncestors,
} from './exchange.ts';
import { reissueTransactionToken } from './transaction-token.ts';

/** Exchanges the signed subject from one service of the chain to the next. */
export const transactionTokenExchange: ClientExchange = {
  subjectTokenType: transactionTokenUrn,
  issuedTokenType: transactionTokenUrn,
  proof: 'client',
  exchange: exchangeTransactionToken,
};

/**
 * 1. This realm signed the token, and it is valid now.
 * 2. The token is for the calling client. A token for the issuer is "good for exchange only", by any client.
 * 3. The target is on the client's list.
 * 4. Session and epoch are checked again, because an offline verifier may not have heard of their end.
 */
async function exchangeTransactionToken(
  context: Context,
  realm: Realm,
  request: ExchangeRequest,
  client: ExchangingClient,
): Promise<ExchangedToken> {
  if (request.scope !== undefined) throw new Problem('oauth.invalid_scope');
  const inspecting = inspectToken(context, realm, request.subjectToken, transactionTokenTypes);
  const { subject, claims } = await orUnacceptable(inspecting);
  requireMeant(subject.audience, [...client.names, realm.issuer]);
  requireTargets(realm, request, client);
  const [audience = '', another] = request.targets;
  if (another !== undefined) throw new Problem('oauth.invalid_target');
  await orUnacceptable(requireAlive(context, realm.name, subject));
  const act = actOf(subject, claims.act, client);
  return {
    ...(await reissueTransactionToken(context, realm, claims, { audience, act, ...withAncestors(subject) })),
    tokenType: 'N_A',
  };
}
