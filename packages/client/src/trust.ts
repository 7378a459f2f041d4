import type { CryptoPort } from '@countersign/proof';
import { type Checks, callable, optional } from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import { transportOf } from './fetch-json.ts';
import { separateKeys } from './message/key-purpose.ts';
import { statusCheck } from './status/policy-check.ts';
import { createStatusFollower, type StatusFollower, type StatusPolicy } from './status/status.ts';
import { issuerKeys } from './token/issuer-keys.ts';
import {
  type SubjectVerifier,
  type SubjectVerifierOptions,
  subjectVerifier,
  subjectVerifierChecks,
} from './token/subject-verifier.ts';
import { type TokenSource, tokenSource } from './token/token.ts';
import { type ClientCredentials, clientChecks } from './token/token-endpoint.ts';

export interface TrustOptions extends Omit<SubjectVerifierOptions, 'signedBy'>, ClientCredentials {
  /** How the status feed is followed. `none` is for issuers without a feed: revoked tokens then live until they expire. */
  readonly status?: StatusPolicy | 'none';
  /** From 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
}

const { signedBy: _, ...believing } = subjectVerifierChecks;

export const trustChecks: Checks<TrustOptions> = {
  ...believing,
  ...clientChecks,
  status: statusCheck,
  random: optional(callable),
};

/** Everything that a service needs to verify tokens. */
export interface Trust {
  readonly subjects: SubjectVerifier;
  /** Undefined for issuers without a feed. */
  readonly status: StatusFollower | undefined;
  /** The service's own access tokens. */
  readonly token: TokenSource;
  readonly crypto: CryptoPort;
  readonly now: () => number;
  /** Seconds. */
  readonly clockTolerance: number;
}

/**
 * Makes no network call before the first request needs one. Keys of tokens are never accepted for the status feed, nor the
 * other way round.
 */
export function createTrust(given: TrustOptions): Trust {
  const options = { now: Date.now, random: Math.random, crypto: cryptoPort as CryptoPort, clockTolerance: 5, ...given };
  const { issuer, now, random, crypto, clockTolerance } = options;
  const purposes = separateKeys(options.jwks ?? issuerKeys(options));
  const token = tokenSource(options);
  const { keys: jwks, signedBy } = purposes.tokens;
  const status =
    options.status === 'none'
      ? undefined
      : createStatusFollower({
          ...transportOf(options),
          ...options.status,
          ...{ issuer, token, crypto, now, random, keys: purposes.status },
        });
  return {
    subjects: subjectVerifier({ ...options, jwks, signedBy }),
    status,
    token,
    crypto,
    now,
    clockTolerance,
  };
}
