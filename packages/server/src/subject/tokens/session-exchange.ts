import type { Context } from '../../context.ts';
import { Problem } from '../../kernel/problem.ts';
import { audienceText } from '../../kernel/text.ts';
import type { Realm } from '../realm.ts';
import { authenticateSession } from '../session.ts';
import {
  type ExchangedToken,
  type ExchangeRequest,
  orUnacceptable,
  type ProvingExchange,
  transactionTokenUrn,
  unacceptable,
} from './exchange.ts';
import { issueTransactionToken } from './transaction-token.ts';

/** RFC 8693 §3 allows own types. */
export const sessionTokenUrn = 'urn:countersign:params:oauth:token-type:session';

/** Exchanges a session for the signed subject: the same token as from `/auth/subject`, for callers that use OAuth. */
export const sessionExchange: ProvingExchange = {
  subjectTokenType: sessionTokenUrn,
  issuedTokenType: transactionTokenUrn,
  proof: 'subject_token',
  exchange: exchangeSession,
};

async function exchangeSession(context: Context, realm: Realm, request: ExchangeRequest): Promise<ExchangedToken> {
  const { targets, scope, transaction, source } = request;
  if (scope !== undefined) throw new Problem('oauth.invalid_scope');
  const [audience, another] = targets;
  // One `aud`, because a service that gets a token for two could use it at the other.
  if (another !== undefined || !(audience === undefined || audienceText.safeParse(audience).success))
    throw new Problem('oauth.invalid_target');
  const session = await orUnacceptable(authenticateSession(context, request.subjectToken));
  // "A token fixes its realm."
  if (session.realm !== realm.name) throw unacceptable('a session of another realm');
  if (session.restriction !== undefined) throw unacceptable('a restricted session');
  const wanted = { audience, transaction: transaction(), source };
  return { ...(await orUnacceptable(issueTransactionToken(context, realm, session, wanted))), tokenType: 'N_A' };
}
