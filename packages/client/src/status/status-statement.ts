import { type AlgorithmName, type CryptoPort, isJsonObject, type JsonValue, verifyJwt } from '@countersign/proof';
import { ClientError } from '../error.ts';
import type { KeySource } from '../token/jwks.ts';

/** A revocation that has not expired. */
export interface RevokedEntry {
  readonly kind: string;
  readonly id: string;
  /** For a subject: its tokens of this generation and earlier ones are dead. */
  readonly generation: number;
  /** The NumericDate after which the entry may be forgotten. */
  readonly exp: number;
}

/** One signed statement of the status feed. */
export interface StatusStatement {
  readonly incarnation: string;
  readonly seq: number;
  /** The statement lists the revocations after this number; 0 means all. */
  readonly after: number;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly revoked: readonly RevokedEntry[];
}

export interface StatementExpectation {
  readonly issuer: string;
  readonly jwks: KeySource;
  readonly crypto: CryptoPort;
  /** The present, in seconds since the epoch. */
  readonly now: number;
  readonly clockTolerance: number;
  /** Called with the key id of a good statement. */
  readonly signedBy: (kid: string) => void;
}

/** The realm signs the feed with ES256; the others are for future realms. RS256 and PS256 are for tokens only. */
const algorithms: readonly AlgorithmName[] = ['ES256', 'Ed25519', 'EdDSA'];
/** Bytes: about 130,000 revocations. */
export const maxStatement = 16_777_216;
/** Seconds. A statement with a longer life is refused. */
const maxLifetime = 300;

/**
 * Verifies that a statement is signed by the realm, is of this feed, and has not expired. The state checks whether it fits the
 * earlier statements.
 *
 * @throws {ProofError} `jws.*`, `jwt.*`
 * @throws {ClientError} `status.malformed`, or the error of fetching the keys
 */
export async function openStatement(jwt: string, expected: StatementExpectation): Promise<StatusStatement> {
  const { issuer, crypto, now, clockTolerance, signedBy } = expected;
  const { claims, kid } = await verifyJwt(jwt, {
    keys: await expected.jwks.keys(),
    algorithms,
    crypto,
    maxBytes: maxStatement,
    typ: ['status+jwt'],
    issuer,
    now,
    clockTolerance,
    maxLifetime,
  });
  const { incarnation, seq, after, revoked, iat } = claims;
  if (typeof incarnation !== 'string' || incarnation === '' || !isCount(seq) || !isCount(after)) throw malformed();
  if (iat === undefined || !Array.isArray(revoked) || after > seq) throw malformed();
  if (kid !== undefined) signedBy(kid);
  return { incarnation, seq, after, iat, revoked: revoked.map(entryOf) };
}

function entryOf(entry: JsonValue): RevokedEntry {
  if (!isJsonObject(entry)) throw malformed();
  const { kind, id, generation, exp } = entry;
  if (typeof kind !== 'string' || typeof id !== 'string' || typeof exp !== 'number') throw malformed();
  if (kind === 'subject' && !isCount(generation)) throw malformed();
  return { kind, id, generation: isCount(generation) ? generation : 0, exp };
}

function isCount(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function malformed(): ClientError {
  return new ClientError('status.malformed', 'The status feed does not have its shape.');
}
