import { accessTokenTypes, subjectFromAccessToken } from './access-token.ts';
import { ProofError } from './error.ts';
import { type JwtClaims, mediaType, type VerifiedJwt } from './jwt.ts';
import type { Subject } from './subject.ts';
import { subjectFromTransactionToken, transactionTokenTypes } from './transaction-token.ts';
import { subjectFromWalletToken, walletTokenTypes } from './wallet-token.ts';

type Reading = (claims: JwtClaims) => Subject;

/** What each type of token says of its subject. A type that does not stand here is no token that anybody is let in with. */
const readings: readonly (readonly [types: readonly string[], read: Reading])[] = [
  [accessTokenTypes, subjectFromAccessToken],
  [transactionTokenTypes, subjectFromTransactionToken],
  [walletTokenTypes, subjectFromWalletToken],
];

/** What `verifyJwt` is to be told where any token of ours may come. */
export const tokenTypes: readonly string[] = readings.flatMap(([types]) => types);

const byType = new Map(readings.flatMap(([types, read]) => types.map((type) => [type.toLowerCase(), read] as const)));

/**
 * The subject of a verified token of any type of ours. Say to `verifyJwt` which types may come, and what else you require of
 * them: a transaction token without an expected audience is good for anybody.
 *
 * @throws {ProofError} `jwt.typ`, `access_token.*`, `transaction_token.*`, `wallet_token.*`
 */
export function subjectFromToken({ header, claims }: Pick<VerifiedJwt, 'header' | 'claims'>): Subject {
  const read = byType.get(mediaType(header.typ) ?? '');
  if (read === undefined) throw new ProofError('jwt.typ');
  return read(claims);
}
