/**
 * Compact JWS (RFC 7515 §7.1) as tokens use it.
 *
 * 1. Take the three parts apart, within the size limit.
 * 2. Read the protected header strictly: only here are `alg` and `kid` taken from the caller, and both are hints. A header that
 *    brings its own key, or asks for processing (`crit`, `b64`), is refused (RFC 8725 §3.1, §3.10).
 * 3. The algorithm must be one we allow here.
 * 4. The key is one of ours: the one that `kid` names, or, without `kid`, any that is registered for the algorithm.
 * 5. The algorithm must be the one that the key is registered for, and the signature must have its length.
 * 6. Verify over the exact characters presented.
 */
import { type AlgorithmName, algorithms, isAlgorithmName } from './algorithms.ts';
import { decodeBase64url } from './base64url.ts';
import type { CryptoPort } from './crypto.ts';
import { ProofError } from './error.ts';
import { isJsonObject, type JsonObject, parseJson } from './json.ts';
import { isKid, type PublicJwk, signatureLength } from './jwk.ts';

/** A protected header that passed step 2: no `b64`, `crit`, `jku`, `jwk`, `x5u` or `x5c` in it. Frozen, for it may be shared. */
export interface JwsHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
  readonly [member: string]: unknown;
}

/**
 * Headers that were seen under a good signature, by their encoded text. An issuer writes the same few again and again; a stranger
 * cannot push them out, because only a verified token is remembered.
 */
export interface HeaderCache {
  get(encoded: string): JwsHeader | undefined;
  set(encoded: string, header: JwsHeader): unknown;
}

export interface JwsExpectation {
  readonly crypto: CryptoPort;
  /** The only keys there are. */
  readonly keys: readonly PublicJwk[];
  readonly algorithms: readonly AlgorithmName[];
  /** Characters of the whole token. Default 16 KiB. */
  readonly maxBytes?: number;
  readonly headers?: HeaderCache;
}

export interface VerifiedJws {
  readonly header: JwsHeader;
  readonly payload: Uint8Array;
  readonly key: PublicJwk;
}

/** What has been taken apart and not been verified. */
interface CompactJws {
  readonly encodedHeader: string;
  readonly header: JwsHeader;
  readonly signed: string;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

const refusedMembers = ['b64', 'crit', 'jku', 'jwk', 'x5u', 'x5c'] as const;
const maxCachedHeaders = 64;
const encoder = new TextEncoder();

export function createHeaderCache(): HeaderCache {
  const headers = new Map<string, JwsHeader>();
  return {
    get: (encoded) => headers.get(encoded),
    set: (encoded, header) => headers.size < maxCachedHeaders && headers.set(encoded, header),
  };
}

/** @throws {ProofError} with a code that starts with `jws.` */
export async function verifyJws(presented: string, expected: JwsExpectation): Promise<VerifiedJws> {
  const jws = parseCompactJws(presented, expected);
  const { header } = jws;
  if (!isAlgorithmName(header.alg) || !expected.algorithms.includes(header.alg))
    throw new ProofError('jws.alg_not_allowed');
  const alg = header.alg;
  const key = await verifyingKey(jws, alg, selectKeys(header.kid, alg, expected.keys), expected.crypto);
  expected.headers?.set(jws.encodedHeader, header);
  return { header, payload: jws.payload, key };
}

/** Steps 1 and 2. */
function parseCompactJws(presented: unknown, expected: JwsExpectation): CompactJws {
  if (typeof presented !== 'string') throw new ProofError('jws.malformed');
  const maxLength = expected.maxBytes ?? 16_384;
  if (presented.length > maxLength) throw new ProofError('jws.too_large');
  const first = presented.indexOf('.');
  const second = presented.indexOf('.', first + 1);
  if (first < 0 || second < 0 || presented.includes('.', second + 1)) throw new ProofError('jws.malformed');
  const encodedHeader = presented.slice(0, first);
  const header = expected.headers?.get(encodedHeader) ?? parseHeader(encodedHeader, maxLength);
  const payload = decodeBase64url(presented.slice(first + 1, second), maxLength);
  if (payload === undefined) throw new ProofError('jws.payload_base64url');
  const signature = decodeBase64url(presented.slice(second + 1), maxLength);
  if (signature === undefined) throw new ProofError('jws.signature_base64url');
  return { encodedHeader, header, signed: presented.slice(0, second), payload, signature };
}

function parseHeader(encoded: string, maxLength: number): JwsHeader {
  const bytes = decodeBase64url(encoded, maxLength);
  if (bytes === undefined) throw new ProofError('jws.header_base64url');
  const parsed = parseJson(bytes, { maxBytes: maxLength });
  if (!parsed.ok) throw new ProofError(`jws.header_${parsed.reason}`, parsed.pointer);
  const header = parsed.value;
  if (!isJsonObject(header)) throw new ProofError('jws.header_not_object');
  for (const member of refusedMembers) if (Object.hasOwn(header, member)) throw new ProofError(`jws.${member}`);
  checkHeader(header);
  return deepFreeze(header) as JwsHeader;
}

function checkHeader(header: JsonObject): asserts header is JwsHeader & JsonObject {
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') throw new ProofError('jws.alg_missing');
  if (kid !== undefined && !isKid(kid)) throw new ProofError('jws.kid_invalid');
  if (typ !== undefined && typeof typ !== 'string') throw new ProofError('jws.typ_invalid');
}

/** Steps 4 and 5: the keys that may have made this signature. */
function selectKeys(kid: string | undefined, alg: AlgorithmName, keys: readonly PublicJwk[]): readonly PublicJwk[] {
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid);
  if (kid !== undefined && named.length === 0) throw new ProofError('jws.kid_unknown');
  const { family } = algorithms[alg];
  const fitting = named.filter((key) => algorithms[key.alg].family === family);
  if (fitting.length === 0) throw new ProofError(kid === undefined ? 'jws.key_missing' : 'jws.alg_mismatch');
  return fitting;
}

/** Steps 5 and 6. An answer that is there at once is not awaited. */
async function verifyingKey(
  jws: CompactJws,
  alg: AlgorithmName,
  keys: readonly PublicJwk[],
  crypto: CryptoPort,
): Promise<PublicJwk> {
  const ofLength = keys.filter((key) => signatureLength(key) === jws.signature.length);
  if (ofLength.length === 0) throw new ProofError('jws.signature_length');
  const signed = encoder.encode(jws.signed);
  for (const key of ofLength) {
    const answer = crypto.verify(alg, key, signed, jws.signature);
    if (typeof answer === 'boolean' ? answer : await answer) return key;
  }
  throw new ProofError('jws.signature');
}

/** A shared header must stay what was verified. Recursion is bounded by the depth limit of the parser. */
function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
