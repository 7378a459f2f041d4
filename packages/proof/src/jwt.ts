import { amount, type Checks, finite, flag, leftOut, listOf, names, optional, options, text } from './argument.ts';
import { ProofError } from './error.ts';
import { isJsonObject, type JsonObject, parseJson } from './json.ts';
import { type JwsExpectation, type JwsHeader, jwsChecks, openJws, signer, type VerifiedJws, verified } from './jws.ts';

/** The requirements on a JWT. Its claims are compared with them. Times are in seconds since the epoch. */
export interface JwtExpectation extends JwsExpectation {
  /**
   * Accepted media types of the token (RFC 8725 §3.11), compared without case and without `application/`. `undefined` in the
   * list accepts a token without a type.
   */
  readonly typ: readonly (string | undefined)[];
  /** Compared character by character (RFC 7519 §4.1.1). */
  readonly issuer: string;
  /** The token must name one of these. Without it, any well-formed audience passes. */
  readonly audience?: string | readonly string[];
  /** The present, in seconds since the epoch. */
  readonly now: number;
  /** Seconds by which two clocks may differ. Default 0. */
  readonly clockTolerance?: number;
  readonly subjectRequired?: boolean;
  /** The largest number of seconds from `iat` to `exp`; makes `iat` required. */
  readonly maxLifetime?: number;
}

/**
 * The claims set of a verified JWT: the claims that `verifyJwt` checked are typed, all others are as the issuer wrote
 * them. Times are in seconds since the epoch.
 */
export interface JwtClaims extends JsonObject {
  readonly iss: string;
  readonly exp: number;
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly iat?: number;
  readonly nbf?: number;
}

/** A JWT that met the expectation. */
export interface VerifiedJwt {
  readonly header: JwsHeader;
  readonly claims: JwtClaims;
  /** The key id of the expected key that verified; undefined if it has none. */
  readonly kid: string | undefined;
}

const jwtChecks: Checks<JwtExpectation> = {
  ...jwsChecks,
  typ: listOf(optional(text)),
  issuer: text,
  audience: leftOut(names),
  now: finite,
  clockTolerance: optional(amount),
  subjectRequired: optional(flag),
  maxLifetime: optional(amount),
};

/**
 * Verifies a JWT by RFC 7519 §7.2 under the rules of RFC 8725. Times are in seconds since the epoch. Claims are read
 * only after the signature was verified. An expiry is always required.
 *
 * If the expectation leaves out the audience, it is not checked; an audience of undefined, null or an empty one is
 * refused, because a missing setting must not mean "any". The caller must check everything else that the claims say:
 * `subjectFromToken` reads the subject. Neither revocation, nor a replay, nor the holder of a bound token (`cnf`) is
 * checked.
 *
 * @throws {ProofError} `jws.*` (form, key, signature), `jwt.*` (type, claims)
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
 * @example
 * const keys = { crypto: cryptoPort, keys: issuer.keys, algorithms: ['EdDSA'] } as const;
 * const rules = { ...keys, typ: accessTokenTypes, issuer: issuer.url, audience: api, now };
 * const token = await issuer.accessToken();
 * (await verifyJwt(token, rules)).claims.sub; // → 'subject-1'
 * await verifyJwt(token, { ...rules, now: now + 3600 }); // throws jwt.expired
 */
export async function verifyJwt(presented: string, given: JwtExpectation): Promise<VerifiedJwt> {
  const expected = options(given, 'expected', jwtChecks);
  const jws = openJws(presented, expected);
  // Awaiting a value that is there already would cost a turn, and every verifier runs this often.
  const key = signer(jws, expected.crypto, 0);
  return readClaims(verified(jws, key instanceof Promise ? await key : key, expected), expected);
}

function readClaims({ header, payload, key }: VerifiedJws, expected: JwtExpectation): VerifiedJwt {
  checkType(header.typ, expected.typ);
  // The claims are shorter than the token, whose size was checked.
  const parsed = parseJson(payload, { maxBytes: payload.length });
  if (!parsed.ok) throw new ProofError(`jwt.claims_${parsed.reason}`, parsed.pointer);
  if (!isJsonObject(parsed.value)) throw new ProofError('jwt.claims_not_object');
  return { header, claims: checkClaims(parsed.value, expected), kid: key.kid };
}

function checkType(typ: string | undefined, expected: readonly (string | undefined)[]): void {
  if (expected.includes(typ)) return;
  const wanted = mediaType(typ);
  if (!expected.some((one) => mediaType(one) === wanted)) throw new ProofError('jwt.typ');
}

/** RFC 7515 §4.1.9: `application/` may be left out if no other slash follows. */
export function mediaType(typ: string | undefined): string | undefined {
  const lower = typ?.toLowerCase();
  return lower?.startsWith('application/') && !lower.includes('/', 12) ? lower.slice(12) : lower;
}

function checkClaims(claims: JsonObject, expected: JwtExpectation): JwtClaims {
  if (claims.iss !== expected.issuer) throw new ProofError('jwt.issuer');
  checkAudience(claims.aud, expected.audience);
  const sub = claims.sub;
  if (sub === undefined ? expected.subjectRequired : typeof sub !== 'string' || sub === '')
    throw new ProofError('jwt.subject');
  checkTimes(claims, expected);
  return claims as JwtClaims;
}

/** RFC 7519 §4.1.3. */
function checkAudience(aud: unknown, expected: string | readonly string[] | undefined): void {
  if (typeof aud === 'string' && aud === expected) return;
  const named = typeof aud === 'string' ? [aud] : aud;
  if (named !== undefined && !isStrings(named)) throw new ProofError('jwt.audience_invalid');
  if (expected === undefined) return;
  const wanted = typeof expected === 'string' ? [expected] : expected;
  if (!named?.some((one) => wanted.includes(one))) throw new ProofError('jwt.audience');
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** RFC 7519 §4.1.4 to §4.1.6. An expiry is always required, because a token without an end cannot be taken back. */
function checkTimes(claims: JsonObject, expected: JwtExpectation): void {
  const { now, clockTolerance = 0, maxLifetime } = expected;
  const exp = numericDate(claims.exp, 'jwt.exp_invalid');
  if (exp === undefined) throw new ProofError('jwt.exp_missing');
  const iat = numericDate(claims.iat, 'jwt.iat_invalid');
  const nbf = numericDate(claims.nbf, 'jwt.nbf_invalid');
  if (exp + clockTolerance <= now) throw new ProofError('jwt.expired');
  if (nbf !== undefined && nbf > now + clockTolerance) throw new ProofError('jwt.not_yet_valid');
  if (iat !== undefined && iat > now + clockTolerance) throw new ProofError('jwt.issued_in_future');
  if (iat !== undefined && exp <= iat) throw new ProofError('jwt.exp_before_iat');
  if (maxLifetime === undefined) return;
  if (iat === undefined) throw new ProofError('jwt.iat_missing');
  if (exp - iat > maxLifetime) throw new ProofError('jwt.lifetime');
}

/** JSON has no NaN, but 1e400 reads as Infinity. */
function numericDate(
  value: unknown,
  code: 'jwt.exp_invalid' | 'jwt.iat_invalid' | 'jwt.nbf_invalid',
): number | undefined {
  if (value !== undefined && !Number.isFinite(value)) throw new ProofError(code);
  return value as number | undefined;
}
