import { ancestorsOf } from './ancestor.ts';
import { ProofError } from './error.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import type { JwtClaims } from './jwt.ts';
import {
  actorsOf,
  type ClientSubject,
  confirmationOf,
  isCount,
  isText,
  type ParticipantSubject,
  realmOf,
  type SubjectBase,
} from './subject.ts';

/** The subject of an access token: a participant, or a client that belongs to none. */
export type AccessTokenSubject = ParticipantSubject | ClientSubject;

/** The header types of an access token: RFC 9068 §2.1, and the plain `JWT` of realms with older verifiers. */
export const accessTokenTypes = ['JWT', 'at+jwt'] as const;

/**
 * Reads the subject that an access token names, by the claims of RFC 9068 §2.2 and of this server. Times in the result
 * are in seconds since the epoch.
 *
 * It checks only the shape of the claims. The caller must check that `claims` come from `verifyJwt`, with the issuer
 * and the audience that it expects, that nothing in `liveWhile` has ended, and that the presenter of a bound token
 * (`confirmation`) holds its key.
 *
 * @throws {ProofError} `access_token.typ`, `access_token.client`, `access_token.claim` (with a pointer to the claim)
 * @example
 * const { claims } = await verifyJwt(await issuer.accessToken(), { ...issuer.rules, typ: accessTokenTypes });
 * const subject = subjectFromAccessToken(claims);
 * [subject.kind, subject.clientId, subject.realm]; // → ['participant', 'agent', 'shop']
 */
export function subjectFromAccessToken(claims: JwtClaims): AccessTokenSubject {
  // A JWT of another purpose that the same key signed is not an access token.
  const typ = claims.typ;
  if (typ !== undefined && (typeof typ !== 'string' || typ.toLowerCase() !== 'bearer'))
    throw new ProofError('access_token.typ');
  const clientId = clientOf(claims);
  if (!isText(claims.sub)) throw new ProofError('access_token.claim', '/sub');
  if (claims.iat === undefined) throw new ProofError('access_token.claim', '/iat');
  const base: SubjectBase = {
    issuer: claims.iss,
    realm: realmOf(claims.iss),
    id: claims.sub,
    roles: rolesOf(claims.realm_access, '/realm_access'),
    resourceAccess: resourceAccessOf(claims.resource_access),
    scopes: scopesOf(claims.scope),
    audience: typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? []),
    generation: generationOf(claims.gen),
    jti: optionalText(claims.jti, '/jti'),
    issuedAt: claims.iat,
    expiresAt: claims.exp,
    actors: actorsOf(claims.act, 'access_token.claim'),
    ancestors: ancestorsOf(claims.ancestors, 'access_token.claim'),
    confirmation: confirmationOf(claims.cnf, 'access_token.claim'),
  };
  const participantId = optionalText(claims.participantId, '/participantId');
  return participantId === undefined
    ? { kind: 'client', clientId, ...base }
    : { kind: 'participant', clientId, participantId, ...base };
}

/** `azp` (OpenID Connect Core §2) and `client_id` (RFC 9068 §2.2) both name the client; if both are there, they must agree. */
function clientOf(claims: JwtClaims): string {
  const azp = optionalText(claims.azp, '/azp');
  const clientId = optionalText(claims.client_id, '/client_id');
  const named = azp ?? clientId;
  if (named === undefined || (clientId !== undefined && clientId !== named))
    throw new ProofError('access_token.client');
  return named;
}

function rolesOf(access: JsonValue | undefined, pointer: string): readonly string[] {
  if (access === undefined) return [];
  if (!isJsonObject(access)) throw new ProofError('access_token.claim', pointer);
  const roles = access.roles ?? [];
  if (!Array.isArray(roles) || !roles.every(isText)) throw new ProofError('access_token.claim', `${pointer}/roles`);
  return roles;
}

function resourceAccessOf(access: JsonValue | undefined): Readonly<Record<string, readonly string[]>> {
  const byResource: Record<string, readonly string[]> = Object.create(null);
  if (access === undefined) return byResource;
  if (!isJsonObject(access)) throw new ProofError('access_token.claim', '/resource_access');
  for (const [resource, entry] of Object.entries(access)) byResource[resource] = rolesOf(entry, '/resource_access');
  return byResource;
}

/** RFC 6749 §3.3: scopes are separated by spaces. */
function scopesOf(scope: JsonValue | undefined): readonly string[] {
  if (scope === undefined) return [];
  if (typeof scope !== 'string') throw new ProofError('access_token.claim', '/scope');
  return scope.split(' ').filter((one) => one !== '');
}

function generationOf(gen: JsonValue | undefined): number {
  if (gen === undefined) return 0;
  if (!isCount(gen)) throw new ProofError('access_token.claim', '/gen');
  return gen;
}

function optionalText(value: JsonValue | JsonObject | undefined, pointer: string): string | undefined {
  if (value === undefined) return undefined;
  if (!isText(value)) throw new ProofError('access_token.claim', pointer);
  return value;
}
