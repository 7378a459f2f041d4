import { type Ancestor, type JwtClaims, longestTransactionToken, transactionTokenTypes } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { seconds } from '../../kernel/clock.ts';
import type { Source } from '../../kernel/source.ts';
import type { Realm } from '../realm.ts';
import { requireStanding, type Session, sessionEnd } from '../session.ts';
import { issueDocument } from './token.ts';

/**
 * The signed subject for a chain of correlated service calls: an OAuth transaction token
 * (draft-ietf-oauth-transaction-tokens), which every service of the chain verifies offline. It lives for a minute and
 * never beyond its session. Its type keeps it apart from access tokens.
 */
const [transactionTokenType] = transactionTokenTypes;

export interface TransactionTokenRequest {
  /** The audience. Undefined: the issuer, which makes the token good for exchange only. */
  readonly audience: string | undefined;
  /** `txn`: joins all calls of the chain. */
  readonly transaction: string;
  /** The address of the first call of the chain. */
  readonly source: Source;
}

export interface IssuedTransactionToken {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
}

/** @throws {Problem} `session.invalid` if the session has just ended */
export async function issueTransactionToken(
  context: Context,
  realm: Realm,
  session: Session,
  { audience, transaction, source }: TransactionTokenRequest,
): Promise<IssuedTransactionToken> {
  await requireStanding(context.store.db, session);
  const iat = seconds(context.clock.now());
  const exp = Math.min(iat + longestTransactionToken, seconds(sessionEnd(context, realm, session)));
  const { subject } = session;
  const claims = {
    iss: realm.issuer,
    aud: audience ?? realm.issuer,
    sub: subject.id,
    iat,
    exp,
    jti: context.random.uuid(),
    txn: transaction,
    sid: session.id,
    acr: session.acr,
    amr: subject.amr,
    auth_time: seconds(session.authTime),
    // Anything cached under an older epoch is stale: the password was changed or the credential disabled.
    epoch: subject.generation,
    realm: realm.name,
    credential: subject.credential,
    identity: subject.identity,
    rctx: { req_ip: source.address },
  };
  return {
    token: await issueDocument(context, realm.name, 'token', transactionTokenType, claims),
    expiresIn: exp - iat,
  };
}

/**
 * The same subject for the next service of the chain. All claims and the end of the presented token stay: `act` gets
 * one more service, and `aud` becomes the next one. The caller has verified the claims.
 */
export async function reissueTransactionToken(
  context: Context,
  realm: Realm,
  presented: JwtClaims,
  { audience, ...next }: { readonly audience: string; readonly act: object; readonly ancestors?: readonly Ancestor[] },
): Promise<IssuedTransactionToken> {
  const iat = seconds(context.clock.now());
  const claims = { ...presented, aud: audience, iat, jti: context.random.uuid(), ...next };
  return {
    token: await issueDocument(context, realm.name, 'token', transactionTokenType, claims),
    expiresIn: presented.exp - iat,
  };
}
