import { cryptoPort } from '@countersign/client/node-crypto';
import { algorithms, decodeBase64url, type JwtClaims, ProofError, parseJson, verifyJwt } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { instantOfDate, seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Source } from '../../kernel/source.ts';
import { isName } from '../../kernel/text.ts';
import { attempts, isFailedProof } from '../../subject/attempt.ts';
import type { Realm } from '../../subject/realm.ts';
import type { ClientSubject } from '../../subject/subject.ts';
import { useOnce } from '../../subject/tokens/replay.ts';
import { type Client, clientSecretPurpose, lookUpClient, readClient, type StoredSecret } from '../client.ts';
import { validKeys } from '../keys/participant-key.ts';
import { noteRefusal, reasonOf } from '../refusals/refusal.ts';
import { formDecode, type Parameters } from './parameters.ts';

/** The proof with which a request names its client. Not verified yet. */
export type ClientProof =
  | {
      readonly method: 'client_secret_basic' | 'client_secret_post';
      readonly clientId: string;
      readonly secret: string;
    }
  | { readonly method: 'private_key_jwt'; readonly clientId: string; readonly assertion: string };

/** A client whose proof was verified. */
export interface AuthenticatedClient {
  readonly client: Client;
  readonly subject: ClientSubject;
}

export const authenticationMethods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;
export const assertionAlgorithms = Object.keys(algorithms) as (keyof typeof algorithms)[];

/** RFC 7523 §2.2. */
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const clientSecret = ['client_secret'] as const;
const privateKeyJwt = ['private_key_jwt'] as const;

/**
 * The one proof of a request, from its `Authorization` header and its parameters.
 *
 * RFC 6749 §2.3: "The client MUST NOT use more than one authentication method in each request." `sameTwice` allows both
 * places if they carry the same id and secret: keycloak-connect does so at the introspection endpoint.
 */
export function presentedProof(authorization: string | null, parameters: Parameters, sameTwice = false): ClientProof {
  const clientId = parameters.get('client_id');
  const secret = parameters.get('client_secret');
  const assertion = parameters.get('client_assertion');
  if (authorization !== null) {
    const basic = parseBasic(authorization);
    requireNoAssertion(assertion);
    if (clientId !== undefined && clientId !== basic.clientId) throw disagreement();
    if (secret !== undefined && !(sameTwice && secret === basic.secret)) {
      throw new Problem('request.two_authentication_methods');
    }
    return basic;
  }
  if (secret !== undefined) {
    requireNoAssertion(assertion);
    if (clientId === undefined) throw new Problem('request.invalid', { detail: 'client_secret needs client_id.' });
    return { method: 'client_secret_post', clientId, secret };
  }
  if (assertion !== undefined) return parseAssertion(assertion, parameters.get('client_assertion_type'), clientId);
  // RFC 6749 §5.2: invalid_client, "no client authentication included".
  throw new Problem('oauth.invalid_client');
}

/** The proof of a request without a form: HTTP Basic, or an assertion in the field `Client-Assertion`. */
export function headerProof(authorization: string | null, assertion: string | null): ClientProof {
  if (assertion !== null) return parseAssertion(assertion, assertionType, undefined);
  return parseBasic(authorization ?? '');
}

/** True if a request carries a client's proof. A wrong proof is refused even where none is needed. */
export function presentsClient(authorization: string | null, parameters: Parameters): boolean {
  return (
    authorization !== null ||
    parameters.get('client_secret') !== undefined ||
    parameters.get('client_assertion') !== undefined
  );
}

/**
 * Verifies the proof. Unknown client, wrong secret, suspended, offboarded and not approved all give the same
 * `oauth.invalid_client` after the same work. Only the log tells them apart.
 *
 * @throws {Problem} `oauth.invalid_client`, `attempt.throttled` after too many failures of this client id from this
 * source
 */
export async function authenticateClient(
  context: Context,
  realm: Realm,
  proof: ClientProof,
  source: Source,
): Promise<AuthenticatedClient> {
  attempts(context).require(realm.name, proof.clientId, source);
  const shown: Shown = { isProved: false };
  try {
    return proof.method === 'private_key_jwt'
      ? await authenticateAssertion(context, realm, proof, shown)
      : await authenticateSecret(context, realm, proof, shown);
  } catch (thrown) {
    if (isFailedProof(thrown, 'oauth.invalid_client')) {
      attempts(context).failed(realm.name, proof.clientId, source);
      const reason = shown.reason ?? reasonOf(thrown as Problem);
      const named = { clientId: proof.clientId };
      noteRefusal(context, { realm: realm.name, named, proved: shown.isProved, request: 'token', reason, source });
    }
    throw thrown;
  }
}

/** For the participant's own list of refusals: what the proof has shown before it was refused. */
interface Shown {
  isProved: boolean;
  reason?: string;
}

/** RFC 6749 §2.3.1. */
async function authenticateSecret(
  context: Context,
  realm: Realm,
  proof: { readonly clientId: string; readonly secret: string },
  shown: Shown,
): Promise<AuthenticatedClient> {
  const client = await findProven(context, realm, proof.clientId, (known) =>
    provesSecret(context, known, proof.secret, shown),
  );
  if (client === undefined) throw refused('unknown client, wrong secret, or not live');
  return { client, subject: { ...client.subject, amr: clientSecret } };
}

/**
 * The client, if `proves` holds. Another node may just have issued the secret or lifted the suspension, so a failure in
 * the cache is checked once more in the store. An unknown client was read just now (absences are not cached). So every
 * refusal costs one read.
 */
async function findProven(
  context: Context,
  realm: Realm,
  clientId: string,
  proves: (client: Client | undefined) => client is Client,
): Promise<Client | undefined> {
  let wasRead = false;
  const known = await lookUpClient(context, realm.name, clientId, (...read) => {
    wasRead = true;
    return readClient(...read);
  });
  if (proves(known)) return known;
  const fresh = wasRead ? known : await readClient(context, realm.name, clientId);
  return proves(fresh) ? fresh : undefined;
}

function isLive(client: Client | undefined): client is Client {
  return client?.live === true;
}

/** A digest that matches no secret. */
const decoy = 'A'.repeat(43);

/** A refusal always costs the same number of digests, however many secrets there are. The newest is tried first. */
function provesSecret(context: Context, client: Client | undefined, secret: string, shown: Shown): client is Client {
  const stored: readonly StoredSecret[] = client?.secrets ?? [];
  const now = context.clock.now();
  for (let slot = 1; slot <= Math.max(2, stored.length); slot++) {
    const candidate = stored[stored.length - slot];
    const matches = context.vault.matches(clientSecretPurpose, secret, candidate?.digest ?? decoy);
    if (!matches || client === undefined || candidate === undefined) continue;
    if (client.live && isCurrent(candidate, now)) return true;
    Object.assign(shown, {
      isProved: true,
      reason: client.live ? 'the secret has expired' : 'the participant is not approved',
    });
  }
  return false;
}

export function isCurrent(secret: StoredSecret, now: number): boolean {
  return secret.expiresAt === null || secret.expiresAt > now;
}

/** Seconds: the longest remaining life of an assertion, and the tolerated difference of two clocks. */
const longestAssertion = 600;
const clockTolerance = 30;

/**
 * RFC 7523 §3, by the numbers of its list. Client ids are public in the registry, so this need not hide which ids
 * exist.
 */
async function authenticateAssertion(
  context: Context,
  realm: Realm,
  proof: { readonly clientId: string; readonly assertion: string },
  shown: Shown,
): Promise<AuthenticatedClient> {
  const client = await findProven(context, realm, proof.clientId, isLive);
  const now = seconds(context.clock.now());
  const claims = await verifyAssertion(context, realm, client, proof, now);
  shown.isProved = true;
  requireClientAsSubject(claims, proof.clientId);
  requireOnlyOurIssuer(claims, realm.issuer);
  requireNearEnd(claims, now);
  requireRecentIssue(claims, now);
  const jti = requireId(claims);
  if (client === undefined) throw refused('not live');
  // Last, after the signature, so that a stranger cannot use up a client's ids. Kept until the clock tolerance has
  // passed too.
  const isFirst = await useOnce(
    context,
    realm.name,
    'client-assertion',
    JSON.stringify([client.subject.id, jti]),
    instantOfDate(claims.exp + clockTolerance),
  );
  if (!isFirst) throw refused('the assertion was used before');
  return { client, subject: { ...client.subject, amr: privateKeyJwt } };
}

/** §3 (9), (10): a key that the participant has registered, with the algorithm registered for the key. */
async function verifyAssertion(
  context: Context,
  realm: Realm,
  client: Client | undefined,
  proof: { readonly clientId: string; readonly assertion: string },
  now: number,
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
      now,
      clockTolerance,
    });
    return claims;
  } catch (cause) {
    if (cause instanceof ProofError) throw new Problem('oauth.invalid_client', { cause });
    throw cause;
  }
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
function requireId(claims: JwtClaims): string {
  const { jti } = claims;
  if (typeof jti !== 'string' || jti === '' || jti.length > 256) throw refused('jti is missing or too long');
  return jti;
}

/** RFC 7617 §2 with RFC 6749 §2.3.1: id and secret are form-encoded before they are joined by a colon. */
function parseBasic(header: string): ClientProof & { readonly secret: string } {
  const space = header.indexOf(' ');
  if (header.slice(0, space === -1 ? undefined : space).toLowerCase() !== 'basic') {
    // RFC 6749 §5.2: invalid_client, "unsupported authentication method".
    throw new Problem('oauth.invalid_client');
  }
  const encoded = header.slice(space + 1).trim();
  const bytes = Buffer.from(encoded, 'base64');
  // Node's lenient decoder skips unknown characters. Encoding the bytes again must give the same text.
  if (space === -1 || encoded === '' || bytes.toString('base64') !== encoded) throw malformedBasic();
  const text = bytes.toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1 || text.includes('\0') || text.includes('\ufffd')) throw malformedBasic();
  return {
    method: 'client_secret_basic',
    clientId: formDecode(text.slice(0, colon)),
    secret: formDecode(text.slice(colon + 1)),
  };
}

/** RFC 7521 §4.2. `client_id` is optional there; "if present, the client_id must identify the same client". */
function parseAssertion(assertion: string, type: string | undefined, clientId: string | undefined): ClientProof {
  if (type === undefined)
    throw new Problem('request.invalid', { detail: 'client_assertion needs client_assertion_type.' });
  if (type !== assertionType) throw new Problem('oauth.invalid_client');
  const named = unverifiedSubject(assertion);
  if (clientId !== undefined && named !== undefined && clientId !== named) throw disagreement();
  return { method: 'private_key_jwt', clientId: named ?? clientId ?? '', assertion };
}

/** Only chooses whose keys to verify with. The verification then requires this client. */
function unverifiedSubject(assertion: string): string | undefined {
  const bytes = decodeBase64url(assertion.split('.', 2)[1] ?? '', 16_384);
  const parsed = bytes === undefined ? undefined : parseJson(bytes);
  const claims = parsed?.ok ? (parsed.value as { readonly sub?: unknown } | null) : undefined;
  return typeof claims?.sub === 'string' && isName(claims.sub) ? claims.sub : undefined;
}

function requireNoAssertion(assertion: string | undefined): void {
  if (assertion !== undefined) throw new Problem('request.two_authentication_methods');
}

function malformedBasic(): Problem {
  return new Problem('request.invalid', {
    detail: 'The Basic credentials are not base64 of a form-encoded id, a colon and a secret.',
  });
}

function disagreement(): Problem {
  return new Problem('request.invalid', { detail: 'client_id is not the client that the credentials name.' });
}

/** The reason goes to the log only. */
function refused(reason: string): Problem {
  return new Problem('oauth.invalid_client', { reason });
}
