import { type AccessTokenSubject, accessTokenTypes, subjectFromAccessToken } from '@countersign/proof';
import { type Checks, leftOut, names, options as optionsOf } from '@countersign/proof/argument';
import { createJwtVerifier, type JwtVerifierOptions, jwtVerifierChecks } from './jwt-verifier.ts';

/** Verifies access tokens of one issuer. */
export interface AccessTokenVerifier {
  /**
   * Returns the subject of a token that is valid now.
   *
   * @throws {ProofError} if the token is refused
   * @throws {ClientError} if the keys of the issuer cannot be fetched: this is not a fault of the token
   */
  verify(token: string): Promise<AccessTokenSubject>;
}

/** The issuer of access tokens, and the rules for them. */
export interface AccessTokenVerifierOptions extends JwtVerifierOptions {
  /**
   * The token must be for one of these. Without it a token for any service is accepted: name yours if the realm sets audiences.
   */
  readonly audience?: string | readonly string[];
}

/**
 * Makes a verifier of access tokens (RFC 9068) of one issuer, offline. `now` is in milliseconds since the epoch,
 * `clockTolerance` in seconds. For subjects that services pass on use `createSubjectVerifier`.
 *
 * It does not check whether a token was revoked, and without `audience` it does not check the audience. An audience
 * that is undefined or empty is refused.
 *
 * @throws {ClientError} `discovery.issuer_url`; by `verify` `discovery.*`, `jwks.*`, `http.*` if the keys cannot be
 * fetched
 * @throws {ProofError} by `verify`: `jws.*`, `jwt.*`, `access_token.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const verifier = createAccessTokenVerifier({ ...realm, audience: api, now: clock });
 * const subject = await verifier.verify(await issuer.accessToken());
 * subject.clientId; // → 'agent'
 * await verifier.verify(await issuer.accessToken({ aud: 'https://other.example' })); // throws jwt.audience
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
