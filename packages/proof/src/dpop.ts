/**
 * DPoP proofs (RFC 9449): whoever presents a bound token shows that it holds the key, for this request and now.
 *
 * 1. A compact JWS of type `dpop+jwt`, signed by an asymmetric algorithm with the key that its header brings (§4.2). This is the one
 *    JWS whose header may: what the key is worth, the token says.
 * 2. Its claims name this method and URI, and were made just now (§4.3).
 * 3. With a token, the proof names its hash (`ath`).
 *
 * Two things are left to whoever asks: that the key is the one the token is bound to (`thumbprint`), and that `jti` has not been seen
 * with this key until `rememberUntil`.
 */
import { type AlgorithmName, algorithms, isAlgorithmName } from './algorithms.ts';
import { amount, type Checks, finite, having, leftOut, listOf, optional, options, text } from './argument.ts';
import { decodeBase64url, encodeBase64url } from './base64url.ts';
import { type CryptoPort, verifySignature } from './crypto.ts';
import { type ProofCode, ProofError } from './error.ts';
import { isJsonObject, type JsonObject, parseJson } from './json.ts';
import { type PublicJwk, parsePublicJwk, signatureLength } from './jwk.ts';
import { thumbprint } from './thumbprint.ts';

export interface DpopExpectation {
  readonly crypto: CryptoPort;
  /** `htm`: POST for every RPC. */
  readonly method: string;
  /** Without query and fragment; the spellings under which this very request can be made. */
  readonly uris: readonly string[];
  /** Seconds since the epoch. */
  readonly now: number;
  /** Seconds that a proof is good. Default 60. */
  readonly maxAge?: number;
  /** Seconds by which two clocks may differ. Default 30. */
  readonly clockTolerance?: number;
  /** The token that comes with it; left out where there is none yet. */
  readonly accessToken?: string;
}

export interface VerifiedDpop {
  /** RFC 7638 of the key: what `cnf.jkt` of a bound token says. */
  readonly thumbprint: string;
  readonly key: PublicJwk;
  readonly jti: string;
  /** Seconds since the epoch: from then on the proof is refused for its age. */
  readonly rememberUntil: number;
}

const maxBytes = 8_192;
const maxJti = 256;
const encoder = new TextEncoder();

const expectationChecks: Checks<DpopExpectation> = {
  crypto: having('verify', 'sha256'),
  method: text,
  uris: listOf(text),
  now: finite,
  maxAge: optional(amount),
  clockTolerance: optional(amount),
  accessToken: leftOut(text),
};

/**
 * Whether a proof is one for this request. Not looked at: whether it came before, and whether its key is the one that a token is bound
 * to. Without `accessToken` the proof need not be for any token.
 *
 * @throws {ProofError} with a code that starts with `dpop.`
 * @throws {TypeError} naming the member of `expected` that is of another type
 */
export async function verifyDpop(presented: string, given: DpopExpectation): Promise<VerifiedDpop> {
  const expected = options(given, 'expected', expectationChecks);
  const { crypto } = expected;
  if (typeof presented !== 'string') throw new ProofError('dpop.malformed');
  if (presented.length > maxBytes) throw new ProofError('dpop.too_large');
  const [header, payload, signature, ...more] = presented.split('.');
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) {
    throw new ProofError('dpop.malformed');
  }
  const key = keyOf(objectIn(header));
  const claims = objectIn(payload);
  const bytes = decodeBase64url(signature, 1_024);
  if (bytes?.length !== signatureLength(key)) throw new ProofError('dpop.signature');
  const isGood = await verifySignature(crypto, key.alg, key, encoder.encode(`${header}.${payload}`), bytes);
  if (isGood !== true) throw new ProofError('dpop.signature');
  const rememberUntil = checkRequest(claims, expected);
  await checkToken(claims, expected);
  return { thumbprint: await thumbprint(key, crypto), key, jti: claims.jti as string, rememberUntil };
}

function objectIn(encoded: string): JsonObject {
  const bytes = decodeBase64url(encoded, maxBytes);
  const parsed = bytes && parseJson(bytes, { maxDepth: 8 });
  if (!parsed?.ok || !isJsonObject(parsed.value)) throw new ProofError('dpop.malformed');
  return parsed.value;
}

/** Step 1, without the signature. */
function keyOf({ typ, alg, jwk, ...others }: JsonObject): PublicJwk {
  if (typeof typ !== 'string' || typ.toLowerCase() !== 'dpop+jwt') throw new ProofError('dpop.typ');
  if (!isAlgorithmName(alg)) throw new ProofError('dpop.alg');
  for (const name of ['crit', 'b64']) if (Object.hasOwn(others, name)) throw new ProofError('dpop.header');
  if (!isJsonObject(jwk)) throw new ProofError('dpop.jwk');
  // Its own `alg` is no more than the header's.
  const result = parsePublicJwk({ ...jwk, alg: registered(alg, jwk) });
  if (!result.ok) throw new ProofError('dpop.jwk');
  return result.key;
}

/** A JWK that names an algorithm must name the one that signs. */
function registered(alg: AlgorithmName, jwk: JsonObject): AlgorithmName {
  const named = jwk.alg;
  if (named === undefined) return alg;
  if (!isAlgorithmName(named) || algorithms[named].family !== algorithms[alg].family) throw new ProofError('dpop.alg');
  return alg;
}

/** Step 2. Written so that a time that is not a number refuses. */
function checkRequest({ htm, htu, iat, jti }: JsonObject, expected: DpopExpectation): number {
  const { now, maxAge = 60, clockTolerance = 30 } = expected;
  demand(htm === expected.method, 'dpop.htm');
  demand(typeof htu === 'string' && expected.uris.includes(htu), 'dpop.htu');
  demand(typeof jti === 'string' && jti !== '' && jti.length <= maxJti && jti.isWellFormed(), 'dpop.jti');
  demand(typeof iat === 'number' && iat <= now + clockTolerance && now < iat + maxAge + clockTolerance, 'dpop.iat');
  // A NumericDate may have a fraction (RFC 7519 §2).
  return Math.ceil((iat as number) + maxAge + clockTolerance);
}

/** Step 3. */
async function checkToken({ ath }: JsonObject, { accessToken, crypto }: DpopExpectation): Promise<void> {
  if (accessToken === undefined) return;
  demand(ath === encodeBase64url(await crypto.sha256(encoder.encode(accessToken))), 'dpop.ath');
}

function demand(isMet: boolean, code: ProofCode): void {
  if (!isMet) throw new ProofError(code);
}
