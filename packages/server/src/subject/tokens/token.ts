import { sign } from 'node:crypto';
import { signatureFromDer } from '@countersign/client/node-crypto';
import type { Context } from '../../context.ts';
import { seconds } from '../../kernel/clock.ts';
import { traced } from '../../kernel/trace.ts';
import type { Realm, SigningAlg } from '../realm.ts';
import type { ClientSubject, ResourceAccess } from '../subject.ts';
import { currentKey, type Purpose, type SigningKey, signingKeys } from './signing-key.ts';

/** The granted rights: never more than the subject may have. */
export interface Grant {
  readonly audience: readonly string[];
  readonly scopes: readonly string[];
  readonly resourceAccess: ResourceAccess;
  /** The thumbprint of the key that the token is bound to (RFC 9449 §6.1). */
  readonly confirmation?: string | undefined;
}

export interface IssuedToken {
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly jti: string;
}

/**
 * Issues an access token for an authenticated subject: a JWT (RFC 9068 in the profile `strict`, the shape that OCEN's
 * participants expect in `ocen4`). It writes no row. Every holder of the public keys verifies it offline.
 */
export async function issueToken(
  context: Context,
  realm: Realm,
  subject: ClientSubject,
  grant: Grant,
): Promise<IssuedToken> {
  const now = context.clock.now();
  const iat = seconds(now);
  const expiresIn = realm.settings.accessTokenSeconds;
  const jti = context.random.uuid();
  const claims = {
    iss: realm.issuer,
    sub: subject.id,
    aud: grant.audience.length === 1 ? grant.audience[0] : grant.audience,
    exp: iat + expiresIn,
    iat,
    nbf: iat,
    jti,
    typ: 'Bearer',
    azp: subject.clientId,
    client_id: subject.clientId,
    scope: grant.scopes.join(' '),
    gen: subject.generation,
    // Undefined members are left out of the JSON.
    participantId: subject.participantId,
    realm_access: { roles: subject.roles },
    resource_access: grant.resourceAccess,
    cnf: grant.confirmation === undefined ? undefined : { jkt: grant.confirmation },
  };
  const key = currentKey(await signingKeys(context, realm.name), 'token', now);
  return { accessToken: signJwt(key, realm.settings.accessTokenTyp, claims), expiresIn, jti };
}

/**
 * Signs another document of the realm (the status feed, the head of the event chain). `typ` keeps it apart from access
 * tokens.
 */
export async function issueDocument(
  context: Context,
  realm: string,
  purpose: Purpose,
  typ: string,
  claims: object,
): Promise<string> {
  return signJwt(currentKey(await signingKeys(context, realm), purpose, context.clock.now()), typ, claims);
}

/** The encoded header of each key and type. It is the same for every token. */
const headers = new WeakMap<SigningKey, Map<string, string>>();

/** The one place that signs. */
function signJwt(key: SigningKey, typ: string, claims: object): string {
  const input = `${headerSegment(key, typ)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const signature = traced('countersign.sign', () => signers[key.alg](Buffer.from(input, 'latin1'), key), {
    attributes: () => ({ 'countersign.alg': key.alg, 'countersign.typ': typ }),
  });
  return `${input}.${signature.toString('base64url')}`;
}

function headerSegment(key: SigningKey, typ: string): string {
  const known = headers.get(key)?.get(typ);
  if (known !== undefined) return known;
  const segment = Buffer.from(JSON.stringify({ alg: key.alg, typ, kid: key.kid })).toString('base64url');
  headers.set(key, new Map(headers.get(key)).set(typ, segment));
  return segment;
}

/**
 * RFC 7518 §3.3–3.5 and RFC 8037 §3.1. ES256 takes the bare key: with an options object Node 24 signs at half the
 * speed.
 */
const signers: Record<SigningAlg, (input: Buffer, key: SigningKey) => Buffer> = {
  RS256: (input, key) => sign('sha256', input, key.privateKey),
  PS256: (input, key) =>
    sign('sha256', input, { key: key.privateKey, padding: 6 /* RSA_PKCS1_PSS_PADDING */, saltLength: 32 }),
  ES256: (input, key) => Buffer.from(signatureFromDer(sign('sha256', input, key.privateKey))),
  Ed25519: (input, key) => sign(null, input, key.privateKey),
};
