import { ProofError } from './error.ts';
import { isJsonObject, type JsonValue } from './json.ts';
import type { JwtClaims } from './jwt.ts';
import { isText, realmOf, type SubjectBase } from './subject.ts';

/** The header type of a wallet token: no parser of another token takes it for one of its own. */
export const walletTokenTypes = ['wallet+jwt'] as const;

/** Seconds. */
export const longestWalletToken = 300;

/** A wallet, through a device that has invoked its capability. */
export interface WalletSubject extends SubjectBase {
  readonly kind: 'wallet';
  readonly walletId: string;
  /** The DID that has proved itself. */
  readonly device: string;
  readonly actions: readonly string[];
  /** From the first delegation to the one that was invoked: the end of any ends the token. */
  readonly capabilities: readonly string[];
  /** `cnf.jkt` (RFC 9449 §6): the token is good only with a proof of this key. */
  readonly confirmation: string | undefined;
}

/**
 * The subject that a verified wallet token speaks of. `claims` come from `verifyJwt`, which must have been told an audience.
 *
 * @throws {ProofError} with a pointer to the claim, `wallet_token.claim`; `wallet_token.lifetime`
 */
export function subjectFromWalletToken(claims: JwtClaims): WalletSubject {
  const { iss, iat, exp } = claims;
  if (iat === undefined) throw fault('/iat');
  if (exp - iat > longestWalletToken) throw new ProofError('wallet_token.lifetime');
  const walletId = text(claims.wallet, '/wallet');
  if (claims.sub !== `wallet:${walletId}`) throw fault('/sub');
  const capabilities = texts(claims.chain, '/chain');
  if (claims.capability !== capabilities.at(-1)) throw fault('/capability');
  if (!Number.isSafeInteger(claims.gen)) throw fault('/gen');
  return {
    kind: 'wallet',
    issuer: iss,
    realm: realmOf(iss),
    id: claims.sub,
    roles: [],
    resourceAccess: Object.create(null),
    scopes: [],
    audience: texts(typeof claims.aud === 'string' ? [claims.aud] : claims.aud, '/aud'),
    generation: claims.gen as number,
    jti: text(claims.jti, '/jti'),
    issuedAt: iat,
    expiresAt: exp,
    actors: [],
    walletId,
    device: text(claims.device, '/device'),
    actions: texts(claims.actions, '/actions'),
    capabilities,
    confirmation: confirmationOf(claims.cnf),
  };
}

/** A confirmation that is not understood must not be passed over (RFC 7800 §3.1). */
function confirmationOf(cnf: JsonValue | undefined): string | undefined {
  if (cnf === undefined) return undefined;
  if (!isJsonObject(cnf) || Object.keys(cnf).join() !== 'jkt') throw fault('/cnf');
  return text(cnf.jkt, '/cnf/jkt');
}

function text(value: JsonValue | undefined, pointer: string): string {
  if (!isText(value)) throw fault(pointer);
  return value;
}

function texts(value: JsonValue | readonly string[] | undefined, pointer: string): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isText)) throw fault(pointer);
  return value;
}

function fault(pointer: string): ProofError {
  return new ProofError('wallet_token.claim', pointer);
}
