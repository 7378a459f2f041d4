import {
  type AccessTokenSubject,
  accessTokenTypes,
  type CryptoPort,
  ProofError,
  subjectFromAccessToken,
} from '@countersign/proof';
import { type Checks, callable, leftOut, names, optional, options as optionsOf } from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import { transportOf } from '../fetch-json.ts';
import { separateKeys } from '../message/key-purpose.ts';
import { requireLive } from '../status/liveness.ts';
import { statusCheck } from '../status/policy-check.ts';
import { createStatusFollower, type StatusPolicy } from '../status/status.ts';
import { issuerKeys } from './issuer-keys.ts';
import { createJwtVerifier, type JwtVerifierOptions, jwtVerifierChecks } from './jwt-verifier.ts';
import { tokenSource } from './token.ts';
import { type ClientCredentials, clientChecks } from './token-endpoint.ts';

/** Verifies access tokens of one issuer by its keys alone. */
export interface TokenVerifier {
  /**
   * Returns the subject of a token that is valid now.
   *
   * @throws {ProofError} if the token is refused
   * @throws {ClientError} if the keys of the issuer cannot be fetched: this is not a fault of the token
   */
  verify(token: string): Promise<AccessTokenSubject>;
}

/** Verifies access tokens of one issuer, and refuses those that were revoked since: it follows the status feed. */
export interface AccessTokenVerifier extends TokenVerifier {
  /**
   * Returns the subject of a token that is valid now and was not revoked.
   *
   * @throws {ProofError} if the token is refused
   * @throws {MessageProblem} `token.subject_revoked`, `token.actor_revoked`, `token.revoked`, `token.ancestor_revoked`, or
   *   `status.unavailable` if the feed has been silent for longer than the policy allows
   * @throws {ClientError} if the keys of the issuer cannot be fetched: this is not a fault of the token
   */
  verify(token: string): Promise<AccessTokenSubject>;
  readonly liveness: 'checked';
  /** Stops following the feed. */
  close(): void;
}

/**
 * DOES NOT KNOW WHAT WAS REVOKED: tokens of suspended and offboarded participants pass until they expire, which may be a day.
 * Give `createAccessTokenVerifier` the client of this service, and it refuses them within seconds.
 */
export interface RevocationBlindVerifier extends TokenVerifier {
  readonly liveness: 'unchecked';
}

/** The issuer of access tokens, and the rules for them. */
export interface AccessTokenVerifierOptions extends JwtVerifierOptions {
  /**
   * The token must be for one of these. Without it a token for any service is accepted: name yours if the realm sets audiences.
   */
  readonly audience?: string | readonly string[];
}

/** The same with the client of the service, whose token reads the status feed. */
export interface FollowingVerifierOptions extends AccessTokenVerifierOptions, ClientCredentials {
  /** How the status feed is followed. */
  readonly status?: StatusPolicy;
  /** From 0 to 1; spreads the polls of many processes. Default `Math.random`. */
  readonly random?: () => number;
}

/** `none` is for issuers without a feed. Then the client is not used. */
type BlindOptions =
  | AccessTokenVerifierOptions
  | (AccessTokenVerifierOptions & Partial<ClientCredentials> & { readonly status: 'none' });

/**
 * Makes a verifier of access tokens (RFC 9068) of one issuer. `now` is in milliseconds since the epoch,
 * `clockTolerance` in seconds. For subjects that services pass on use `createSubjectVerifier`.
 *
 * With `clientId` and `clientSecret` it follows the status feed of the realm: tokens of a suspended or offboarded
 * participant are refused within 10 seconds, and all tokens when the feed has been silent for a minute. WITHOUT A CLIENT
 * IT DOES NOT CHECK whether a token was revoked: such a token passes until it expires, and `liveness` is `unchecked`.
 * Without `audience` it does not check the audience. An audience that is undefined or empty is refused. Tokens that are bound to a
 * key (RFC 9449) are refused, because the proof of the key is in the request: use `createService` for them.
 *
 * @throws {ClientError} `discovery.issuer_url`; by `verify` `discovery.*`, `jwks.*`, `http.*` if the keys cannot be
 * fetched
 * @throws {ProofError} by `verify`: `jws.*`, `jwt.*`, `access_token.*`
 * @throws {MessageProblem} by `verify` with a client: `token.subject_revoked`, `token.actor_revoked`, `token.revoked`,
 * `token.ancestor_revoked`, `status.unavailable`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const verifier = createAccessTokenVerifier({ ...realm, audience: api, now: clock });
 * const subject = await verifier.verify(await issuer.accessToken());
 * [subject.clientId, verifier.liveness]; // → ['agent', 'unchecked']
 * await verifier.verify(await issuer.accessToken({ aud: 'https://other.example' })); // throws jwt.audience
 */
export function createAccessTokenVerifier(options: FollowingVerifierOptions): AccessTokenVerifier;
export function createAccessTokenVerifier(options: BlindOptions): RevocationBlindVerifier;
export function createAccessTokenVerifier(
  given: FollowingVerifierOptions | BlindOptions,
): AccessTokenVerifier | RevocationBlindVerifier {
  const {
    clientId,
    clientSecret,
    status,
    random = Math.random,
    ...options
  } = optionsOf(given as GivenOptions, 'options', verifierChecks);
  if (clientId === undefined && clientSecret === undefined && (status === undefined || status === 'none')) {
    return { ...accessTokenVerifier(options), liveness: 'unchecked' };
  }
  const client = optionsOf({ clientId, clientSecret } as ClientCredentials, 'options', clientChecks);
  if (status === 'none') return { ...accessTokenVerifier(options), liveness: 'unchecked' };
  return following({ ...options, ...client, random, ...(status === undefined ? {} : { status }) });
}

interface GivenOptions extends AccessTokenVerifierOptions, Partial<ClientCredentials> {
  readonly status?: StatusPolicy | 'none';
  readonly random?: () => number;
}

const verifierChecks: Checks<GivenOptions> = {
  ...jwtVerifierChecks,
  audience: leftOut(names),
  clientId: optional(clientChecks.clientId),
  clientSecret: optional(clientChecks.clientSecret),
  status: statusCheck,
  random: optional(callable),
};

function following(options: FollowingVerifierOptions & { readonly random: () => number }): AccessTokenVerifier {
  const { issuer, random, now = Date.now, crypto = cryptoPort as CryptoPort } = options;
  const purposes = separateKeys(options.jwks ?? issuerKeys(options));
  const { keys: jwks, signedBy } = purposes.tokens;
  const tokens = accessTokenVerifier({
    ...options,
    jwks,
    signedBy(kid) {
      signedBy(kid);
      options.signedBy?.(kid);
    },
  });
  const status = createStatusFollower({
    ...transportOf(options),
    ...options.status,
    ...{ issuer, token: tokenSource(options), crypto, now, random, keys: purposes.status },
  });
  return {
    async verify(token) {
      const subject = await tokens.verify(token);
      await requireLive(status, subject);
      return subject;
    },
    liveness: 'checked',
    close: () => status.close(),
  };
}

/** `createAccessTokenVerifier` for checked options, by the keys alone. */
export function accessTokenVerifier(options: AccessTokenVerifierOptions): TokenVerifier {
  const verifyToken = createJwtVerifier(options, { typ: accessTokenTypes, audience: options.audience });
  return {
    async verify(token) {
      const subject = subjectFromAccessToken((await verifyToken(token)).claims);
      if (subject.confirmation !== undefined) throw new ProofError('access_token.bound');
      return subject;
    },
  };
}
