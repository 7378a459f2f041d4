import { type AccessTokenSubject, accessTokenTypes, subjectFromAccessToken } from '@countersign/proof';
import { type Checks, leftOut, names, options as optionsOf } from '@countersign/proof/argument';
import { createJwtVerifier, type JwtVerifierOptions, jwtVerifierChecks } from './jwt-verifier.ts';

export interface AccessTokenVerifier {
  /**
   * The subject of a token that is good now.
   *
   * @throws {ProofError} when the token is refused
   * @throws {ClientError} when the keys of the issuer cannot be had: not the fault of the token
   */
  verify(token: string): Promise<AccessTokenSubject>;
}

export interface AccessTokenVerifierOptions extends JwtVerifierOptions {
  /** The token must be for one of these. Without it a token for anybody is accepted: name yours wherever the realm sets audiences. */
  readonly audience?: string | readonly string[];
}

/**
 * Verifies access tokens of one issuer offline. For the subjects that services pass on there is `createSubjectVerifier`. Not looked at:
 * whether a token was revoked, and, without `audience`, whom it is for. An audience that is there and undefined or empty is refused.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist; {ClientError} `discovery.issuer_url`
 */
export function createAccessTokenVerifier(options: AccessTokenVerifierOptions): AccessTokenVerifier {
  return accessTokenVerifier(optionsOf(options, 'options', verifierChecks));
}

const verifierChecks: Checks<AccessTokenVerifierOptions> = { ...jwtVerifierChecks, audience: leftOut(names) };

/** The same for options that are checked. */
export function accessTokenVerifier(options: AccessTokenVerifierOptions): AccessTokenVerifier {
  const verifyToken = createJwtVerifier(options, { typ: accessTokenTypes, audience: options.audience });
  return {
    async verify(token) {
      return subjectFromAccessToken((await verifyToken(token)).claims);
    },
  };
}
