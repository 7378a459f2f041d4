import { type AccessTokenSubject, accessTokenTypes, subjectFromAccessToken } from '@countersign/proof';
import { type Checks, leftOut, names, options as optionsOf } from '@countersign/proof/argument';
import { createJwtVerifier, type JwtVerifierOptions, jwtVerifierChecks } from './jwt-verifier.ts';

export interface AccessTokenVerifier {
  /**
   * Returns the subject of a token that is valid now.
   *
   * @throws {ProofError} if the token is refused
   * @throws {ClientError} if the keys of the issuer cannot be fetched: this is not a fault of the token
   */
  verify(token: string): Promise<AccessTokenSubject>;
}

export interface AccessTokenVerifierOptions extends JwtVerifierOptions {
  /**
   * The token must be for one of these. Without it a token for any service is accepted: name yours if the realm sets audiences.
   */
  readonly audience?: string | readonly string[];
}

/**
 * Verifies access tokens of one issuer offline. For subjects that services pass on use `createSubjectVerifier`. It does not
 * check whether a token was revoked, and without `audience` it does not check the audience. An audience that is undefined or
 * empty is refused.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist; {ClientError} `discovery.issuer_url`
 */
export function createAccessTokenVerifier(options: AccessTokenVerifierOptions): AccessTokenVerifier {
  return accessTokenVerifier(optionsOf(options, 'options', verifierChecks));
}

const verifierChecks: Checks<AccessTokenVerifierOptions> = { ...jwtVerifierChecks, audience: leftOut(names) };

/** `createAccessTokenVerifier` for checked options. */
export function accessTokenVerifier(options: AccessTokenVerifierOptions): AccessTokenVerifier {
  const verifyToken = createJwtVerifier(options, { typ: accessTokenTypes, audience: options.audience });
  return {
    async verify(token) {
      return subjectFromAccessToken((await verifyToken(token)).claims);
    },
  };
}
