import {
  type AlgorithmName,
  algorithms as allAlgorithms,
  type CryptoPort,
  createHeaderCache,
  isAlgorithmName,
  ProofError,
  type PublicJwk,
  type VerifiedJwt,
  verifyJwt,
} from '@countersign/proof';
import { amount, type Checks, callable, having, listOf, oneOf, optional, text } from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import { type Transport, transportChecks } from '../fetch-json.ts';
import { issuerKeys } from './issuer-keys.ts';
import type { KeySource } from './jwks.ts';

/** The issuer of the tokens, its keys, and the rules. */
export interface JwtVerifierOptions extends Transport {
  readonly issuer: string;
  /** Default: all supported algorithms. */
  readonly algorithms?: readonly AlgorithmName[];
  /** Default: the JWKS that the issuer's discovery document names. */
  readonly jwks?: KeySource;
  /** Default: `node:crypto` under Node, else WebCrypto. */
  readonly crypto?: CryptoPort;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** Seconds by which the clocks of issuer and verifier may differ. Default 5. */
  readonly clockTolerance?: number;
  /** Called with the id of each key that signed a good token. */
  readonly signedBy?: (kid: string) => void;
}

export const jwtVerifierChecks: Checks<JwtVerifierOptions> = {
  ...transportChecks,
  issuer: text,
  algorithms: optional(listOf(oneOf(...Object.keys(allAlgorithms)))),
  jwks: optional(having('keys', 'refresh')),
  crypto: optional(having('verify', 'sha256')),
  now: optional(callable),
  clockTolerance: optional(amount),
  signedBy: optional(callable),
};

interface Wanted {
  readonly typ: readonly string[];
  readonly audience?: string | readonly string[] | undefined;
}

/** None of the cached keys can have signed the token: the issuer may have a new key. */
const unknownKey = new Set<unknown>(['jws.kid_unknown', 'jws.key_missing']);

/**
 * Verifies JWTs of one issuer offline. It fetches the issuer's keys at the first token and when they are stale; in between a
 * verification makes no network call. Results are not cached: every call checks the signature and the time again.
 */
export function createJwtVerifier(
  options: JwtVerifierOptions,
  { typ, audience }: Wanted,
): (token: string) => Promise<VerifiedJwt> {
  const { issuer, crypto = cryptoPort, now = Date.now, clockTolerance = 5 } = options;
  const algorithms = options.algorithms ?? Object.keys(allAlgorithms).filter(isAlgorithmName);
  const jwks = options.jwks ?? issuerKeys(options);
  const expected = {
    crypto,
    algorithms,
    typ,
    issuer,
    ...(audience === undefined ? {} : { audience }),
    clockTolerance,
    subjectRequired: true,
    headers: createHeaderCache(),
  };

  function verifyWith(keys: readonly PublicJwk[], token: string): Promise<VerifiedJwt> {
    return verifyJwt(token, { ...expected, keys, now: now() / 1000 });
  }

  async function verifyAfterRefresh(error: unknown, token: string): Promise<VerifiedJwt> {
    if (!(error instanceof ProofError) || !unknownKey.has(error.code) || !(await jwks.refresh())) throw error;
    return verifyWith(await jwks.keys(), token);
  }

  return async (token) => {
    const keys = jwks.keys();
    const held = keys instanceof Promise ? await keys : keys;
    let verified: VerifiedJwt;
    try {
      verified = await verifyWith(held, token);
    } catch (error) {
      verified = await verifyAfterRefresh(error, token);
    }
    if (verified.kid !== undefined) options.signedBy?.(verified.kid);
    return verified;
  };
}
