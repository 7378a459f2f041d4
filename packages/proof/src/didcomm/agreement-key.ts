import { bytes, text, wrong } from '../argument.ts';
import { decodeBase64url, encodeBase64url } from '../base64url.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { type CurveName, curves, isCurveName } from './curve.ts';

declare const checked: unique symbol;

/** A checked public key for key agreement. `raw` is u for X25519, and 4 ‖ x ‖ y for the other curves. */
export interface AgreementKey {
  readonly crv: CurveName;
  readonly raw: Uint8Array;
  readonly [checked]: true;
}

/** A public key for key agreement, and the DID URL that names it. */
export interface NamedAgreementKey {
  readonly kid: string;
  readonly key: AgreementKey;
}

/**
 * One's own private key, which only has to compute the shared secret with a peer. So it may be a key that cannot be exported
 * (WebCrypto, an operating system's store, a vault).
 */
export interface OwnAgreementKey extends NamedAgreementKey {
  /** The x coordinate of the shared point. */
  agree(peer: AgreementKey): Uint8Array | Promise<Uint8Array>;
}

/** Why a key for key agreement was refused. */
export type AgreementKeyReason = 'malformed' | 'private' | 'usage' | 'curve' | 'point' | 'mismatch';

interface Refused {
  readonly ok: false;
  readonly reason: AgreementKeyReason;
}

/** A checked public key, or the reason why it was refused. */
export type AgreementKeyResult = { readonly ok: true; readonly key: AgreementKey } | Refused;
/** A checked private key, or the reason why it was refused. */
export type OwnAgreementKeyResult = { readonly ok: true; readonly key: OwnAgreementKey } | Refused;

/** The longest member is a coordinate of P-521 in base64url. */
const maxCoordinate = 88;

/**
 * Makes a public key from the bytes of a Multikey or of a derived key: 32 for X25519; for NIST curves 4 ‖ x ‖ y, or the
 * compressed form. It does not check whose key it is.
 *
 * @throws {TypeError} if `raw` is not a Uint8Array
 * @example
 * agreementKey('X25519', agent.agreement.key.raw).ok; // → true
 * agreementKey('X25519', new Uint8Array(32)); // → { ok: false, reason: 'point' }
 */
export function agreementKey(crv: CurveName, raw: Uint8Array): AgreementKeyResult {
  if (!isCurveName(crv)) return refuse('curve');
  bytes(raw, 'raw');
  const read = curves[crv].readPublicKey(raw);
  return read === undefined ? refuse('point') : { ok: true, key: Object.freeze({ crv, raw: read }) as AgreementKey };
}

/**
 * Parses a public JWK for key agreement (RFC 7518 §6.2.1, RFC 8037 §2). Members without a meaning here are dropped. It
 * does not check whose key it is.
 *
 * @example
 * parseAgreementJwk(agreementJwk(agent.agreement.key)).ok; // → true
 * parseAgreementJwk({ kty: 'OKP', crv: 'Ed25519', x: 'AAAA' }); // → { ok: false, reason: 'curve' }
 */
export function parseAgreementJwk(value: unknown): AgreementKeyResult {
  const jwk = value as JsonValue;
  if (!isJsonObject(jwk)) return refuse('malformed');
  return Object.hasOwn(jwk, 'd') ? refuse('private') : publicPart(jwk);
}

/** A key pair for one message: its public part, and a function for the shared secret. */
export type EphemeralKey = Omit<OwnAgreementKey, 'kid'>;

/**
 * Makes a key pair for one message from random bytes, as many as the curve needs (32 for X25519); undefined for the few
 * seeds that give no key. It does not check that the seed is random: never use one twice.
 *
 * @throws {TypeError} if `crv` is not a curve, or the seed has another number of bytes
 * @example
 * const pair = ephemeralKey('X25519', random(32));
 * pair?.key.crv; // → 'X25519'
 */
export function ephemeralKey(crv: CurveName, seed: Uint8Array): EphemeralKey | undefined {
  if (!isCurveName(crv)) throw wrong('crv', 'a curve');
  const curve = curves[crv];
  const random = bytes(seed, 'seed');
  if (random.length !== curve.seedBytes) throw wrong('seed', `${curve.seedBytes} bytes`);
  const secret = curve.secretFrom(random);
  const result = agreementKey(crv, curve.publicKey(secret));
  return result.ok ? { key: result.key, agree: (peer) => curve.agree(secret, peer.raw) } : undefined;
}

/**
 * Parses one's own private JWK for key agreement (RFC 7518 §6.2, RFC 8037 §2). Its public part must belong to its
 * secret, so that a swapped part is noticed. It does not check that `kid` names the key.
 *
 * @throws {TypeError} if `kid` is not a string
 * @example
 * const jwk = { ...agreementJwk(agent.agreement.key), d: encodeBase64url(x25519SecretFromEd25519(agent.seed)) };
 * parsePrivateAgreementJwk(agent.agreement.kid, jwk).ok; // → true
 * const swapped = { ...jwk, x: agreementJwk(lender.agreement.key).x };
 * parsePrivateAgreementJwk(agent.agreement.kid, swapped); // → { ok: false, reason: 'mismatch' }
 */
export function parsePrivateAgreementJwk(kid: string, value: unknown): OwnAgreementKeyResult {
  text(kid, 'kid');
  const jwk = value as JsonValue;
  if (!isJsonObject(jwk)) return refuse('malformed');
  const result = publicPart(jwk);
  if (!result.ok) return result;
  const { key } = result;
  const curve = curves[key.crv];
  const secret = decoded(jwk.d, curve.secretBytes);
  if (secret === undefined || !curve.isSecret(secret)) return refuse('malformed');
  const own = curve.publicKey(secret);
  if (!own.every((byte, at) => byte === key.raw[at])) return refuse('mismatch');
  return { ok: true, key: { kid, key, agree: (peer) => curve.agree(secret, peer.raw) } };
}

/**
 * Writes a public key as a JWK with exactly the required members (RFC 7518 §6.2.1, RFC 8037 §2).
 *
 * @throws {TypeError} if `crv` is not a curve or `raw` is not a Uint8Array
 * @example
 * const jwk = agreementJwk(agent.agreement.key);
 * [jwk.kty, jwk.crv]; // → ['OKP', 'X25519']
 */
export function agreementJwk({ crv, raw }: AgreementKey): Readonly<Record<string, string>> {
  if (!isCurveName(crv)) throw wrong('crv', 'a curve');
  bytes(raw, 'raw');
  const { kty, coordinateBytes } = curves[crv];
  if (kty === 'OKP') return { kty, crv, x: encodeBase64url(raw) };
  const x = encodeBase64url(raw.subarray(1, 1 + coordinateBytes));
  return { kty, crv, x, y: encodeBase64url(raw.subarray(1 + coordinateBytes)) };
}

function publicPart(jwk: JsonObject): AgreementKeyResult {
  const { kty, crv } = jwk;
  if (typeof kty !== 'string' || typeof crv !== 'string') return refuse('malformed');
  if (!isCurveName(crv) || curves[crv].kty !== kty) return refuse('curve');
  if (jwk.use !== undefined && jwk.use !== 'enc') return refuse('usage');
  const { coordinateBytes } = curves[crv];
  const x = decoded(jwk.x, coordinateBytes);
  if (x === undefined) return refuse('malformed');
  if (kty === 'OKP') return jwk.y === undefined ? agreementKey(crv, x) : refuse('malformed');
  const y = decoded(jwk.y, coordinateBytes);
  if (y === undefined) return refuse('malformed');
  const raw = new Uint8Array(1 + 2 * coordinateBytes);
  raw[0] = 4;
  raw.set(x, 1);
  raw.set(y, 1 + coordinateBytes);
  return agreementKey(crv, raw);
}

function decoded(text: unknown, length: number): Uint8Array | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = decodeBase64url(text, maxCoordinate);
  return bytes?.length === length ? bytes : undefined;
}

function refuse(reason: AgreementKeyReason): Refused {
  return { ok: false, reason };
}
