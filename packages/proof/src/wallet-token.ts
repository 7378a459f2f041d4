import { ancestorsOf } from './ancestor.ts';
import { text as textOf } from './argument.ts';
import { ProofError } from './error.ts';
import type { JsonValue } from './json.ts';
import type { JwtClaims } from './jwt.ts';
import { actorsOf, confirmationOf, isCount, isText, realmOf, type WalletSubject } from './subject.ts';
import './subject-token-refusal.ts';

/** The header type of a wallet token: no parser of other tokens accepts it. */
export const walletTokenTypes = ['wallet+jwt'] as const;

/** The longest life of a wallet token in seconds. */
export const longestWalletToken = 300;

const scopePrefix = 'wallet:';

/**
 * Writes an action as an OAuth scope. No scope of a client has this prefix.
 *
 * @throws {TypeError} if `action` is not a string
 * @example
 * const scope = walletScope('read');
 * scope; // → 'wallet:read'
 */
export function walletScope(action: string): string {
  return scopePrefix + textOf(action, 'action');
}

/**
 * Finds the action that a scope stands for; undefined for any other scope. It does not check that the action exists.
 *
 * @example
 * actionOfScope('wallet:read'); // → 'read'
 * actionOfScope('openid'); // → undefined
 */
export function actionOfScope(scope: string): string | undefined {
  return scope.startsWith(scopePrefix) ? scope.slice(scopePrefix.length) : undefined;
}

/**
 * Reads the subject that a wallet token names. Times in the result are in seconds since the epoch.
 *
 * It checks only the shape and the lifetime of at most 300 seconds. The caller must check that `claims` come from
 * `verifyJwt` with an expected audience, that nothing in `liveWhile` has ended, and that the presenter of a bound token
 * (`confirmation`) holds its key.
 *
 * @throws {ProofError} `wallet_token.lifetime`, `wallet_token.claim` (with a pointer to the claim)
 * @example
 * const { claims } = await verifyJwt(await issuer.walletToken(), { ...issuer.rules, typ: walletTokenTypes });
 * const { walletId, actions } = subjectFromWalletToken(claims);
 * [walletId, actions]; // → ['alice', ['read']]
 */
export function subjectFromWalletToken(claims: JwtClaims): WalletSubject {
  const { iss, iat, exp } = claims;
  if (iat === undefined) throw fault('/iat');
  if (exp - iat > longestWalletToken) throw new ProofError('wallet_token.lifetime');
  const walletId = text(claims.wallet, '/wallet');
  if (claims.sub !== `wallet:${walletId}`) throw fault('/sub');
  const capabilities = texts(claims.chain, '/chain');
  if (claims.capability !== capabilities.at(-1)) throw fault('/capability');
  if (!isCount(claims.gen)) throw fault('/gen');
  const actions = texts(claims.actions, '/actions');
  const scopes = actions.map(walletScope);
  // `scope` is for verifiers that know only OAuth. It must agree with `actions`.
  if (!(claims.scope === undefined || claims.scope === scopes.join(' '))) throw fault('/scope');
  return {
    kind: 'wallet',
    issuer: iss,
    realm: realmOf(iss),
    id: claims.sub,
    // A token of an issuer that knows no roles of wallets has none.
    roles: claims.roles === undefined ? [] : rolesIn(claims.roles),
    resourceAccess: Object.create(null),
    scopes,
    audience: texts(typeof claims.aud === 'string' ? [claims.aud] : claims.aud, '/aud'),
    generation: claims.gen,
    jti: text(claims.jti, '/jti'),
    issuedAt: iat,
    expiresAt: exp,
    actors: actorsOf(claims.act, 'wallet_token.claim'),
    ancestors: ancestorsOf(claims.ancestors, 'wallet_token.claim'),
    walletId,
    device: text(claims.device, '/device'),
    actions,
    capabilities,
    confirmation: confirmationOf(claims.cnf, 'wallet_token.claim'),
  };
}

function text(value: JsonValue | undefined, pointer: string): string {
  if (!isText(value)) throw fault(pointer);
  return value;
}

function rolesIn(value: JsonValue): readonly string[] {
  return Array.isArray(value) && value.length === 0 ? [] : texts(value, '/roles');
}

function texts(value: JsonValue | readonly string[] | undefined, pointer: string): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isText)) throw fault(pointer);
  return value;
}

function fault(pointer: string): ProofError {
  return new ProofError('wallet_token.claim', pointer);
}
