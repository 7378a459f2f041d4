import { type AlgorithmName, algorithms, isAlgorithmName } from './algorithms.ts';
import { wrong } from './argument.ts';
import { decodeBase64url } from './base64url.ts';
import { edwardsFault } from './ed25519.ts';
import { isOnP256, rsaFault } from './key-material.ts';

declare const checked: unique symbol;

interface JwkMembers {
  readonly kid?: string;
  readonly use?: 'sig';
}

/**
 * A public key for signatures (RFC 7517) that has passed `parsePublicJwk`: sound key material, one algorithm, nothing else.
 * `alg`, the algorithm that it is registered for, is always there. The object is frozen, so that a runtime may cache the
 * imported key by its identity.
 */
export type PublicJwk = (
  | { readonly kty: 'RSA'; readonly alg: 'RS256' | 'PS256'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly alg: 'ES256'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly alg: 'EdDSA' | 'Ed25519'; readonly crv: 'Ed25519'; readonly x: string }
) &
  JwkMembers & { readonly [checked]: true };

/** Why `parsePublicJwk` refused a key. */
export type JwkReason =
  | 'not_an_object'
  | 'missing'
  | 'malformed'
  | 'private'
  | 'unsupported'
  | 'length'
  | 'too_weak'
  | 'too_large'
  | 'off_curve'
  | 'small_order'
  | 'not_for_signatures'
  | 'alg_mismatch';

/** A refused key. `member` is the faulty member of the JWK; empty if the whole JWK is faulty. */
export interface JwkRefusal {
  readonly ok: false;
  readonly reason: JwkReason;
  readonly member: string;
}

/** A checked key, or the reason why a JWK was refused. */
export type JwkResult = { readonly ok: true; readonly key: PublicJwk } | JwkRefusal;

type Members = Record<string, unknown>;

const parsed = new WeakSet<object>();

/** RFC 7518 §6.2.2, §6.3.2, §6.4.1, RFC 8037 §2. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** For each kind of key: its algorithm if the JWK has no `alg`, the members of its material, and their check. */
const kinds: Record<
  string,
  { alg: AlgorithmName; material: readonly string[]; fault: (jwk: Members) => JwkRefusal | undefined }
> = {
  'RSA/': {
    alg: 'RS256',
    material: ['n', 'e'],
    fault: (jwk) => {
      const n = bytesOf(jwk, 'n', 2048);
      if (!(n instanceof Uint8Array)) return n;
      const e = bytesOf(jwk, 'e', 64);
      if (!(e instanceof Uint8Array)) return e;
      const fault = rsaFault(n, e);
      return fault && refuse(fault.reason, fault.member);
    },
  },
  'EC/P-256': {
    alg: 'ES256',
    material: ['crv', 'x', 'y'],
    fault: (jwk) => {
      const x = bytesOf(jwk, 'x', 64, 32);
      if (!(x instanceof Uint8Array)) return x;
      const y = bytesOf(jwk, 'y', 64, 32);
      if (!(y instanceof Uint8Array)) return y;
      return isOnP256(x, y) ? undefined : refuse('off_curve', 'x');
    },
  },
  'OKP/Ed25519': {
    alg: 'EdDSA',
    material: ['crv', 'x'],
    fault: (jwk) => {
      const x = bytesOf(jwk, 'x', 64, 32);
      if (!(x instanceof Uint8Array)) return x;
      const fault = edwardsFault(x);
      return fault && refuse(fault, 'x');
    },
  },
};

/**
 * Parses a JWK for signatures (RFC 7517, RFC 7518 §6, RFC 8037 §2): the only way from a stranger's JWK to a key.
 * Members without a meaning here (certificates, extensions) are dropped. A JWK without `alg` is registered for RS256
 * (RSA), ES256 (P-256) or EdDSA (Ed25519). RSA moduli have 2,048 to 8,192 bits.
 *
 * It does not check whose key it is, nor whether an RSA key can be factored: `isFactorable` does.
 *
 * @example
 * parsePublicJwk({ ...agent.jwk }).ok; // → true
 * parsePublicJwk({ kty: 'oct', k: 'AAAA' }); // → { ok: false, reason: 'private', member: 'k' }
 */
export function parsePublicJwk(value: unknown): JwkResult {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('not_an_object', '');
  const jwk: Members = { __proto__: null, ...value };
  const refusal = privateMember(jwk) ?? usageFault(jwk);
  if (refusal) return refusal;
  if (typeof jwk.kty !== 'string') return refuse(jwk.kty === undefined ? 'missing' : 'malformed', 'kty');
  const kty = jwk.kty;
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return refuse('unsupported', 'kty');
  const crv = kty === 'RSA' ? '' : jwk.crv;
  if (typeof crv !== 'string') return refuse(crv === undefined ? 'missing' : 'malformed', 'crv');
  const kind = Object.hasOwn(kinds, `${kty}/${crv}`) ? kinds[`${kty}/${crv}`] : undefined;
  if (kind === undefined) return refuse('unsupported', 'crv');
  const alg = jwk.alg ?? kind.alg;
  if (!isAlgorithmName(alg)) return refuse('unsupported', 'alg');
  if (algorithms[alg].kty !== kty) return refuse('alg_mismatch', 'alg');
  const fault = kind.fault(jwk);
  if (fault) return fault;
  const key: Members = { kty };
  for (const member of kind.material) key[member] = jwk[member];
  key.alg = alg;
  for (const member of ['kid', 'use']) if (jwk[member] !== undefined) key[member] = jwk[member];
  parsed.add(Object.freeze(key));
  return { ok: true, key: key as unknown as PublicJwk };
}

/**
 * Checks that `parsePublicJwk` made a key. In JavaScript an unchecked JWK would look the same and may be weak. It does
 * not check whose key it is.
 *
 * @throws {TypeError} naming the argument
 * @example
 * publicJwk(agent.jwk, 'key') === agent.jwk; // → true
 * publicJwk({ ...agent.jwk }, 'key'); // throws TypeError
 */
export function publicJwk(value: unknown, name: string): PublicJwk {
  if (!parsed.has(value as object)) throw wrong(name, 'a key that parsePublicJwk returned');
  return value as PublicJwk;
}

/** The length of every signature of this key, in bytes. */
export function signatureLength(jwk: PublicJwk): number {
  // n has no leading zero byte, so the length of its text gives the size of the modulus.
  return jwk.kty === 'RSA' ? (jwk.n.length * 3) >>> 2 : algorithms[jwk.alg].signatureBytes;
}

function privateMember(jwk: Members): JwkRefusal | undefined {
  const member = privateMembers.find((name) => jwk[name] !== undefined);
  return member === undefined ? undefined : refuse('private', member);
}

/** RFC 7517 §4.2, §4.3, §4.5. */
function usageFault(jwk: Members): JwkRefusal | undefined {
  if (jwk.use !== undefined && jwk.use !== 'sig') return refuse('not_for_signatures', 'use');
  const operations = jwk.key_ops;
  if (operations !== undefined) {
    if (!Array.isArray(operations)) return refuse('malformed', 'key_ops');
    if (operations.length !== 1 || operations[0] !== 'verify') return refuse('not_for_signatures', 'key_ops');
  }
  const kid = jwk.kid;
  return kid === undefined || isKid(kid) ? undefined : refuse('malformed', 'kid');
}

/** An acceptable key id: 1 to 256 characters, without lone surrogates. */
export function isKid(kid: unknown): kid is string {
  return typeof kid === 'string' && kid.length > 0 && kid.length <= 256 && kid.isWellFormed();
}

function bytesOf(jwk: Members, member: string, maxLength: number, exactly?: number): Uint8Array | JwkRefusal {
  const text = jwk[member];
  if (text === undefined) return refuse('missing', member);
  if (typeof text !== 'string') return refuse('malformed', member);
  if (text.length > maxLength) return refuse('too_large', member);
  const bytes = decodeBase64url(text, maxLength);
  if (bytes === undefined) return refuse('malformed', member);
  return exactly !== undefined && bytes.length !== exactly ? refuse('length', member) : bytes;
}

function refuse(reason: JwkReason, member: string): JwkRefusal {
  return { ok: false, reason, member };
}
