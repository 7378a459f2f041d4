/**
 * DPoP proofs (RFC 9449): the presenter of a bound token proves that it holds the key, for this request and now.
 *
 * 1. A proof is a compact JWS of type `dpop+jwt`, signed by an asymmetric algorithm with the key in its own header (§4.2). Only
 *    this kind of JWS may bring its key: the bound token says which key counts.
 * 2. Its claims name this method and URI, and it was made just now (§4.3).
 * 3. With a token, the proof names its hash (`ath`).
 *
 * The caller must check two more things: that the token is bound to this key (`thumbprint`), and that `jti` was not seen before
 * with this key (remember it until `rememberUntil`).
 */
import { type AlgorithmName, algorithms, isAlgorithmName } from './algorithms.ts';
import { amount, type Checks, finite, having, leftOut, listOf, optional, options, text } from './argument.ts';
import { decodeBase64url, encodeBase64url } from './base64url.ts';
import { type CryptoPort, verifySignature } from './crypto.ts';
import { type ProofCode, ProofError } from './error.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from './json.ts';
import { type PublicJwk, parsePublicJwk, signatureLength } from './jwk.ts';
import { thumbprint } from './thumbprint.ts';
import './dpop-refusal.ts';

/** The requirements on a DPoP proof. Times are in seconds since the epoch. */
export interface DpopExpectation {
  readonly crypto: CryptoPort;
  /** `htm`: POST for every RPC. */
  readonly method: string;
  /** The URIs under which this request can be made. Query and fragment do not count, nor do two spellings of one URI. */
  readonly uris: readonly string[];
  /** Seconds since the epoch. */
  readonly now: number;
  /** Seconds that a proof is valid. Default 60. */
  readonly maxAge?: number;
  /** Seconds by which two clocks may differ. Default 30. */
  readonly clockTolerance?: number;
  /** The token that comes with the proof; left out if there is none yet. */
  readonly accessToken?: string;
}

/** A DPoP proof that met the expectation. Times are in seconds since the epoch. */
export interface VerifiedDpop {
  /** RFC 7638 thumbprint of the key: a bound token has it as `cnf.jkt`. */
  readonly thumbprint: string;
  readonly key: PublicJwk;
  readonly jti: string;
  /** Seconds since the epoch. After that the proof is refused because of its age. */
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
 * Verifies that a DPoP proof (RFC 9449 §4.3) is for this request and was made just now. Times are in seconds since the
 * epoch; a proof has at most 8,192 characters and lives for 60 seconds, with 30 seconds of tolerance.
 *
 * The caller must check two more things: that the token is bound to this key (its `cnf.jkt` equals `thumbprint`), and
 * that `jti` was not seen before with this key (remember it until `rememberUntil`). Without `accessToken` the proof
 * need not be for any token.
 *
 * @throws {ProofError} `dpop.*`
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
 * @example
 * const proof = await agent.dpop('POST', 'https://api.example/loans');
 * const expected = { crypto: cryptoPort, method: 'POST', uris: ['https://api.example/loans'], now };
 * const { thumbprint, rememberUntil } = await verifyDpop(proof, expected);
 * rememberUntil - now; // → 90
 * await verifyDpop(proof, { ...expected, method: 'GET' }); // throws dpop.htm
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
  // An `alg` in the JWK must equal the `alg` of the header.
  const result = parsePublicJwk({ ...jwk, alg: registered(alg, jwk) });
  if (!result.ok) throw new ProofError('dpop.jwk');
  return result.key;
}

/** If the JWK names an algorithm, it must be the one of the header. */
function registered(alg: AlgorithmName, jwk: JsonObject): AlgorithmName {
  const named = jwk.alg;
  if (named === undefined) return alg;
  if (!isAlgorithmName(named) || algorithms[named].family !== algorithms[alg].family) throw new ProofError('dpop.alg');
  return alg;
}

/** Step 2. Written so that a time of NaN refuses. */
function checkRequest({ htm, htu, iat, jti, exp, nbf }: JsonObject, expected: DpopExpectation): number {
  const { now, maxAge = 60, clockTolerance = 30 } = expected;
  demand(htm === expected.method, 'dpop.htm');
  demand(isSameUri(htu, expected.uris), 'dpop.htu');
  demand(typeof jti === 'string' && jti !== '' && jti.length <= maxJti && jti.isWellFormed(), 'dpop.jti');
  demand(typeof iat === 'number' && iat <= now + clockTolerance && now < iat + maxAge + clockTolerance, 'dpop.iat');
  demand(exp === undefined || (typeof exp === 'number' && now < exp + clockTolerance), 'dpop.exp');
  demand(nbf === undefined || (typeof nbf === 'number' && nbf <= now + clockTolerance), 'dpop.nbf');
  // A NumericDate may have a fraction (RFC 7519 §2).
  return Math.ceil((iat as number) + maxAge + clockTolerance);
}

/** §4.3: compared "using the procedures in Sections 6.2.2 and 6.2.3 of [RFC3986]", "ignoring any query and fragment parts". */
function isSameUri(htu: JsonValue | undefined, uris: readonly string[]): boolean {
  if (typeof htu !== 'string') return false;
  const named = normalUri(htu);
  return named !== undefined && uris.some((uri) => !isDetour(uri) && normalUri(uri) === named);
}

/**
 * A path that leads elsewhere than it says: `/admin/../loans`, or with a backslash. Clients send none (§6.2.2.3), and servers route
 * it as it is written, so a proof for `/loans` would open `/admin/*`.
 */
function isDetour(uri: string): boolean {
  return /\\|\/(?:\.|%2e){1,2}(?:\/|$)/i.test(uri.replace(/[?#].*$/s, ''));
}

function normalUri(uri: string): string | undefined {
  if (!URL.canParse(uri)) return undefined;
  const { protocol, host, pathname, username, password } = new URL(uri);
  if (username !== '' || password !== '') return undefined;
  return `${protocol}//${host}${pathname.replace(/%([0-9a-f]{2})/gi, decodedIfPlain)}`;
}

/** §6.2.2: hex digits in capitals; characters that need no encoding, decoded. */
function decodedIfPlain(encoded: string): string {
  const text = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
  return /[A-Za-z0-9._~-]/.test(text) ? text : encoded.toUpperCase();
}

/** Step 3. */
async function checkToken({ ath }: JsonObject, { accessToken, crypto }: DpopExpectation): Promise<void> {
  if (accessToken === undefined) return;
  demand(ath === encodeBase64url(await crypto.sha256(encoder.encode(accessToken))), 'dpop.ath');
}

function demand(isMet: boolean, code: ProofCode): void {
  if (!isMet) throw new ProofError(code);
}
