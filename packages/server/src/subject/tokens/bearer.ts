import { cryptoPort } from '@countersign/client/node-crypto';
import {
  type AccessTokenSubject,
  accessTokenTypes,
  createHeaderCache,
  type JwtClaims,
  liveWhile,
  ProofError,
  type PublicJwk,
  type Subject,
  subjectFromToken,
  tokenTypes,
  type VerifiedJwt,
  verifyJwt,
} from '@countersign/proof';
import type { Context } from '../../context.ts';
import { seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { type Realm, signingAlgs } from '../realm.ts';
import { goneAmong } from './ancestor.ts';
import { type PresentedToken, requirePossession } from './possession.ts';
import { type SigningKey, signingKeys } from './signing-key.ts';

/** A token of this server that passes every offline check, with its claims. */
export interface InspectedToken {
  readonly subject: Subject;
  readonly claims: JwtClaims;
}

/**
 * The subject of an access token of this realm that is still alive. Checks signature and claims as an offline verifier
 * does, then what only the server knows: whether the subject is live in that generation, whether this token was
 * revoked, and whether the presenter of a bound token holds its key.
 *
 * @throws {Problem} `token.invalid`, with the reason for the log only; `dpop.*`
 */
export async function authenticateToken(
  context: Context,
  realm: Realm,
  presented: PresentedToken,
): Promise<AccessTokenSubject> {
  const audience = realm.settings.audienceRequired ? realm.issuer : undefined;
  const { subject } = await verifyOwnToken(context, realm, presented.token, accessTokenTypes, audience);
  if (subject.kind === 'credential' || subject.kind === 'wallet') throw refused('no access token');
  // A token that a service passed on is for another service. Callers of this API speak for themselves.
  if (subject.actors.length > 0) throw refused('presented by a service that acts for the subject');
  await requireAlive(context, realm.name, subject);
  await requirePossession(context, realm, subject, presented);
  return subject;
}

/** For introspection, revocation and exchange: accepts a token for any service. @throws {Problem} `token.invalid` */
export async function inspectToken(
  context: Context,
  realm: Realm,
  presented: string,
  types: readonly string[] = tokenTypes,
): Promise<InspectedToken> {
  return verifyOwnToken(context, realm, presented, types, undefined);
}

/** Checks what an offline verifier cannot know. @throws {Problem} `token.invalid` */
export async function requireAlive(context: Context, realm: string, subject: Subject): Promise<void> {
  if (subject.jti === undefined) throw refused('it has no jti, so it could not be revoked');
  const gone = await goneAmong(context, realm, liveWhile(subject));
  if (gone !== undefined) throw refused(gone);
}

async function verifyOwnToken(
  context: Context,
  realm: Realm,
  presented: string,
  types: readonly string[],
  audience: string | undefined,
): Promise<InspectedToken> {
  return readToken(context, realm, presented, { types, audience }, (verified) => ({
    subject: subjectFromToken(verified),
    claims: verified.claims,
  }));
}

/** Verifies a JWT that this realm signed as a token, and reads its claims. @throws {Problem} `token.invalid` */
export async function readToken<T>(
  context: Context,
  realm: Realm,
  presented: string,
  { types, audience }: { readonly types: readonly string[]; readonly audience: string | undefined },
  read: (verified: VerifiedJwt) => T,
): Promise<T> {
  try {
    const verified = await verifyJwt(presented, {
      keys: verificationKeys(await signingKeys(context, realm.name)),
      algorithms: signingAlgs,
      typ: types,
      issuer: realm.issuer,
      ...(audience === undefined ? {} : { audience }),
      subjectRequired: true,
      now: seconds(context.clock.now()),
      crypto: cryptoPort,
      headers: headerCache,
    });
    return read(verified);
  } catch (cause) {
    if (cause instanceof ProofError) throw new Problem('token.invalid', { cause });
    throw cause;
  }
}

const headerCache = createHeaderCache();

/** The public keys of a key ring, computed once per ring. Keys of other purposes do not verify tokens. */
const publicKeys = new WeakMap<readonly SigningKey[], readonly PublicJwk[]>();

function verificationKeys(ring: readonly SigningKey[]): readonly PublicJwk[] {
  let keys = publicKeys.get(ring);
  if (keys === undefined) {
    keys = ring.filter((key) => key.purpose === 'token').map((key) => key.publicJwk);
    publicKeys.set(ring, keys);
  }
  return keys;
}

function refused(reason: string): Problem {
  return new Problem('token.invalid', { reason });
}
