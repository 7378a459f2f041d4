import { cryptoPort } from '@countersign/client/node-crypto';
import { algorithms, type JwtClaims, ProofError, verifyJwt } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { instantOfDate, seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Realm } from '../../subject/realm.ts';
import { useOnce } from '../../subject/tokens/replay.ts';
import type { Client } from '../client.ts';
import { validKeys } from '../keys/participant-key.ts';
import { refused } from './client-proof.ts';

export const assertionAlgorithms = Object.keys(algorithms) as (keyof typeof algorithms)[];

/** Seconds: the longest remaining life of an assertion, and the tolerated difference of two clocks. */
const longestAssertion = 600;
const clockTolerance = 30;

/** §3 (9), (10): a key that the participant has registered, with the algorithm registered for the key. */
export async function verifyAssertion(
  context: Context,
  realm: Realm,
  client: Client | undefined,
  proof: { readonly clientId: string; readonly assertion: string },
): Promise<JwtClaims> {
  const participantId = client?.participantId;
  const registered = participantId === undefined ? [] : await validKeys(context, realm.name, participantId);
  try {
    const { claims } = await verifyJwt(proof.assertion, {
      crypto: cryptoPort,
      keys: registered.map((key) => key.jwk),
      algorithms: assertionAlgorithms,
      // RFC 8725 §3.11: refuse a JWT that was made for another purpose.
      typ: [undefined, 'JWT', 'client-authentication+jwt'],
      // §3 (1): "The JWT MUST contain an 'iss' (issuer) claim"; for client authentication it is the client_id.
      issuer: proof.clientId,
      subjectRequired: true,
      now: seconds(context.clock.now()),
      clockTolerance,
    });
    return claims;
  } catch (cause) {
    if (cause instanceof ProofError) throw new Problem('oauth.invalid_client', { cause });
    throw cause;
  }
}

/** The rest of §3, after the signature. */
export function requireAssertionClaims(context: Context, realm: Realm, clientId: string, claims: JwtClaims): void {
  const now = seconds(context.clock.now());
  requireClientAsSubject(claims, clientId);
  requireOnlyOurIssuer(claims, realm.issuer);
  requireNearEnd(claims, now);
  requireRecentIssue(claims, now);
  requireId(claims);
}

/** Refuses the second use. The id is kept until the clock tolerance has passed too. */
export async function spendAssertion(
  context: Context,
  realm: Realm,
  clientId: string,
  claims: JwtClaims,
): Promise<void> {
  const until = instantOfDate(claims.exp + clockTolerance);
  const isFirst = await useOnce(context, realm.name, 'client-assertion', JSON.stringify([clientId, claims.jti]), until);
  if (!isFirst) throw refused('the assertion was used before');
}

/** §3 (2) B: "For client authentication, the subject MUST be the 'client_id' of the OAuth client." */
function requireClientAsSubject(claims: JwtClaims, clientId: string): void {
  if (claims.sub !== clientId) throw refused('sub is not the client');
}

/**
 * §3 (3), narrowed as draft-ietf-oauth-rfc7523bis asks: the issuer is the only audience. A second audience could replay
 * the assertion here.
 */
function requireOnlyOurIssuer(claims: JwtClaims, issuer: string): void {
  const named = typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? []);
  if (named.length !== 1 || named[0] !== issuer) throw refused('aud is not exactly the issuer');
}

/** §3 (4): the server "may reject JWTs with an 'exp' claim value that is unreasonably far in the future". */
function requireNearEnd(claims: JwtClaims, now: number): void {
  if (claims.exp > now + longestAssertion + clockTolerance) throw refused('exp is too far away');
}

/** §3 (6): "may reject JWTs with an 'iat' claim value that is unreasonably far in the past". */
function requireRecentIssue(claims: JwtClaims, now: number): void {
  if (claims.iat !== undefined && claims.iat < now - longestAssertion - clockTolerance)
    throw refused('iat is too long ago');
}

/** §3 (7): with `jti` the server "may ensure that JWTs are not replayed". This server does, so `jti` is required. */
function requireId(claims: JwtClaims): void {
  const { jti } = claims;
  if (typeof jti !== 'string' || jti === '' || jti.length > 256) throw refused('jti is missing or too long');
}
