import { ancestorsOf } from './ancestor.ts';
import { ProofError } from './error.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import type { JwtClaims } from './jwt.ts';
import { actorsOf, type CredentialSubject, confirmationOf, isCount, isText, realmOf } from './subject.ts';
import './subject-token-refusal.ts';

/** The header type of a transaction token (draft-ietf-oauth-transaction-tokens). */
export const transactionTokenTypes = ['txntoken+jwt'] as const;

/**
 * The longest life of a transaction token in seconds. A token that services pass on is good for one chain of calls
 * only.
 */
export const longestTransactionToken = 60;

/** The transaction is sent on as a header field, so only visible ASCII may be in it. */
const transactionShape = /^[\x21-\x7e]{1,128}$/;
const credentialTypes = ['ROOT', 'USER'] as const;

/**
 * Reads the subject that a transaction token names (draft-ietf-oauth-transaction-tokens). Times in the result are in
 * seconds since the epoch. Every claim is required except `rctx`, `act` and `ancestors`.
 *
 * It checks only the shape and the lifetime of at most 60 seconds. The caller must check that `claims` come from
 * `verifyJwt` with an expected audience, because a token for another service must be refused, and that nothing in
 * `liveWhile` has ended.
 *
 * @throws {ProofError} `transaction_token.lifetime`, `transaction_token.claim` (with a pointer to the claim)
 * @example
 * const { claims } = await verifyJwt(await issuer.transactionToken(), { ...issuer.rules, typ: transactionTokenTypes });
 * const { acr, sessionId } = subjectFromTransactionToken(claims);
 * [acr, sessionId]; // → ['aal1', 'session-1']
 */
export function subjectFromTransactionToken(claims: JwtClaims): CredentialSubject {
  const { iss, iat, exp } = claims;
  if (iat === undefined) throw fault('/iat');
  if (exp - iat > longestTransactionToken) throw new ProofError('transaction_token.lifetime');
  const realm = realmOf(iss);
  if (claims.realm !== realm) throw fault('/realm');
  if (!isText(claims.txn) || !transactionShape.test(claims.txn)) throw fault('/txn');
  return {
    kind: 'credential',
    issuer: iss,
    realm,
    id: text(claims.sub, '/sub'),
    roles: [],
    resourceAccess: Object.create(null),
    scopes: [],
    audience: texts(typeof claims.aud === 'string' ? [claims.aud] : claims.aud, '/aud'),
    generation: count(claims.epoch, '/epoch'),
    jti: text(claims.jti, '/jti'),
    issuedAt: iat,
    expiresAt: exp,
    actors: actorsOf(claims.act, 'transaction_token.claim'),
    ancestors: ancestorsOf(claims.ancestors, 'transaction_token.claim'),
    confirmation: confirmationOf(claims.cnf, 'transaction_token.claim'),
    credential: credentialOf(object(claims.credential, '/credential')),
    identity: identityOf(object(claims.identity, '/identity')),
    sessionId: text(claims.sid, '/sid'),
    transaction: claims.txn,
    acr: text(claims.acr, '/acr'),
    amr: texts(claims.amr, '/amr'),
    authTime: count(claims.auth_time, '/auth_time'),
    requestContext: { address: addressOf(claims.rctx) },
  };
}

function credentialOf({ type, id, code }: JsonObject): CredentialSubject['credential'] {
  const known = credentialTypes.find((one) => one === type);
  if (known === undefined) throw fault('/credential/type');
  return { type: known, id: text(id, '/credential/id'), code: text(code, '/credential/code') };
}

function identityOf({ type, id }: JsonObject): CredentialSubject['identity'] {
  return { type: text(type, '/identity/type'), id: text(id, '/identity/id') };
}

function addressOf(context: JsonValue | undefined): string | undefined {
  if (context === undefined) return undefined;
  const { req_ip: address } = object(context, '/rctx');
  return address === undefined ? undefined : text(address, '/rctx/req_ip');
}

function object(value: JsonValue | undefined, pointer: string): JsonObject {
  if (!isJsonObject(value)) throw fault(pointer);
  return value;
}

function text(value: JsonValue | undefined, pointer: string): string {
  if (!isText(value)) throw fault(pointer);
  return value;
}

function texts(value: JsonValue | undefined, pointer: string): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isText)) throw fault(pointer);
  return value;
}

function count(value: JsonValue | undefined, pointer: string): number {
  if (!isCount(value)) throw fault(pointer);
  return value;
}

function fault(pointer: string): ProofError {
  return new ProofError('transaction_token.claim', pointer);
}
