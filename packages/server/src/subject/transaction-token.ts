import { type Ancestor, type JwtClaims, longestTransactionToken, transactionTokenTypes } from '@countersign/proof';
import type { Context } from '../context.ts';
import { seconds } from '../kernel/clock.ts';
import type { Source } from '../kernel/source.ts';
import { lineOfText } from '../kernel/text.ts';
import type { Realm } from './realm.ts';
import { requireStanding, type Session, sessionEnd } from './session.ts';
import { issueDocument } from './token.ts';

/**
 * The signed subject for a chain of correlated service calls: an OAuth transaction token (draft-ietf-oauth-transaction-tokens),
 * which every service down the chain verifies offline. It lives for a minute, never beyond its session, and is no access token:
 * its type keeps them apart.
 */
const [transactionTokenType] = transactionTokenTypes;

/** What a token may call whom it is for. */
export const audienceSchema = lineOfText(2_048).regex(/^\S+$/, 'must not contain spaces');

export interface TransactionTokenRequest {
  /** Who it is for; undefined: the issuer, which makes it good for exchange only. */
  readonly audience: string | undefined;
  /** `txn`: joins all calls of the chain. */
  readonly transaction: string;
  /** The address that the first call of the chain came from. */
  readonly source: Source;
}

export interface IssuedTransactionToken {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
}

/** Throws `session.invalid` where the session has just ended. */
export async function issueTransactionToken(
  context: Context,
  realm: Realm,
  session: Session,
  { audience, transaction, source }: TransactionTokenRequest,
): Promise<IssuedTransactionToken> {
  await requireStanding(context, session);
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
    // What is cached under an older one is stale: a password changed, or the credential was disabled.
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
 * The same subject for the next service of the chain. Everything that the presented token says of it stands, and its end: `act`
 * gets one more service, `aud` is the next one. Whoever calls has verified the claims.
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
