import { accessTokenTypes, subjectFromAccessToken } from './access-token.ts';
import { ProofError } from './error.ts';
import { type JwtClaims, mediaType, type VerifiedJwt } from './jwt.ts';
import type { Subject } from './subject.ts';
import { subjectFromTransactionToken, transactionTokenTypes } from './transaction-token.ts';
import { subjectFromWalletToken, walletTokenTypes } from './wallet-token.ts';

type Reading = (claims: JwtClaims) => Subject;

/** How to read the subject from each type of token. A token of any other type is refused. */
const readings: readonly (readonly [types: readonly string[], read: Reading])[] = [
  [accessTokenTypes, subjectFromAccessToken],
  [transactionTokenTypes, subjectFromTransactionToken],
  [walletTokenTypes, subjectFromWalletToken],
];

/** All token types, for the `typ` of `verifyJwt` if any of them may come. */
export const tokenTypes: readonly string[] = readings.flatMap(([types]) => types);

const byType = new Map(readings.flatMap(([types, read]) => types.map((type) => [type.toLowerCase(), read] as const)));

/**
 * The subject of a verified token of any type in the table. Tell `verifyJwt` which types may come, and what else you require of
 * them: without an expected audience a transaction token for another service would pass.
 *
 * @throws {ProofError} `jwt.typ`, `access_token.*`, `transaction_token.*`, `wallet_token.*`
 */
export function subjectFromToken({ header, claims }: Pick<VerifiedJwt, 'header' | 'claims'>): Subject {
  const read = byType.get(mediaType(header.typ) ?? '');
  if (read === undefined) throw new ProofError('jwt.typ');
  return read(claims);
}
