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
 * Reads the subject of a verified token of any type in `tokenTypes`. Times in the result are in seconds since the
 * epoch.
 *
 * It checks only the shape of the claims. The caller must check that the token comes from `verifyJwt`, with the types
 * that may come and with an expected audience: without it a transaction token for another service would pass. It must
 * also check that nothing in `liveWhile` has ended, and that the presenter of a bound token (`confirmation`) holds its
 * key.
 *
 * @throws {ProofError} `jwt.typ`, `access_token.*`, `transaction_token.*`, `wallet_token.*`
 * @example
 * const verified = await verifyJwt(await issuer.walletToken(), { ...issuer.rules, typ: tokenTypes });
 * subjectFromToken(verified).kind; // → 'wallet'
 */
export function subjectFromToken({ header, claims }: Pick<VerifiedJwt, 'header' | 'claims'>): Subject {
  const read = byType.get(mediaType(header.typ) ?? '');
  if (read === undefined) throw new ProofError('jwt.typ');
  return read(claims);
}
