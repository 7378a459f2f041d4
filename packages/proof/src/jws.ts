/**
 * Compact JWS (RFC 7515 §7.1) for tokens.
 *
 * 1. Split the three parts, within the size limit.
 * 2. Read the protected header strictly: only `alg` and `kid` are used, and both are hints. A header that brings its own key,
 *    or asks for processing (`crit`, `b64`), is refused (RFC 8725 §3.1, §3.10).
 * 3. The algorithm must be an allowed one.
 * 4. The key is one of the expected keys: the one that `kid` names, or without `kid` any that is registered for the algorithm.
 * 5. The algorithm must be the one that the key is registered for, and the signature must have its length.
 * 6. Verify over the exact characters presented.
 */
import { type AlgorithmName, algorithms } from './algorithms.ts';
import { amount, type Checks, having, listOf, oneOf, optional, options } from './argument.ts';
import { decodeAscii } from './base64url.ts';
import { type CryptoPort, verifySignature } from './crypto.ts';
import { ProofError } from './error.ts';
import { isJsonObject, type JsonObject, parseJson } from './json.ts';
import { isKid, type PublicJwk, publicJwk, signatureLength } from './jwk.ts';

/**
 * A protected header that passed step 2: without `b64`, `crit`, `jku`, `jwk`, `x5u` and `x5c`. Frozen, because it may be
 * shared.
 */
export interface JwsHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
  readonly [member: string]: unknown;
}

/**
 * Headers that were seen under a good signature, by their encoded text. An issuer writes the same few again and again;
 * strangers cannot evict them, because only headers of verified tokens are cached.
 */
export interface HeaderCache {
  get(encoded: string): JwsHeader | undefined;
  set(encoded: string, header: JwsHeader): unknown;
}

/** The requirements on a compact JWS. */
export interface JwsExpectation {
  readonly crypto: CryptoPort;
  /** The only keys that count. */
  readonly keys: readonly PublicJwk[];
  readonly algorithms: readonly AlgorithmName[];
  /** Characters of the whole token. Default 16 KiB. */
  readonly maxBytes?: number;
  readonly headers?: HeaderCache;
}

/** The signed content, and the key that signed it. */
export interface VerifiedJws {
  readonly header: JwsHeader;
  readonly payload: Uint8Array;
  readonly key: PublicJwk;
}

interface Parts {
  readonly encodedHeader: string;
  readonly header: JwsHeader;
  readonly isCached: boolean;
  readonly signed: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** A parsed, unverified JWS, with the expected keys that may have signed it. */
interface CompactJws extends Parts {
  readonly alg: AlgorithmName;
  readonly keys: readonly PublicJwk[];
}

type KeyAnswer = PublicJwk | undefined;

const refusedMembers = ['b64', 'crit', 'jku', 'jwk', 'x5u', 'x5c'] as const;
const maxCachedHeaders = 64;
const encoder = new TextEncoder();

/**
 * Makes a cache of 64 headers for `verifyJws` and `verifyJwt`: more than an issuer uses. Further headers are parsed
 * each time. It caches no signature: each token is verified again.
 *
 * @example
 * const rules = { ...issuer.rules, typ: accessTokenTypes, headers: createHeaderCache() };
 * const { header } = await verifyJwt(await issuer.accessToken(), rules);
 * header.typ; // → 'at+jwt'
 */
export function createHeaderCache(): HeaderCache {
  const headers = new Map<string, JwsHeader>();
  return {
    get: (encoded) => headers.get(encoded),
    set: (encoded, header) => headers.size < maxCachedHeaders && headers.set(encoded, header),
  };
}

export const jwsChecks: Checks<JwsExpectation> = {
  crypto: having('verify', 'sha256'),
  keys: listOf(publicJwk),
  algorithms: listOf(oneOf(...Object.keys(algorithms))),
  maxBytes: optional(amount),
  headers: optional(having('get', 'set')),
};

/**
 * Verifies that one of `keys` has signed a compact JWS (RFC 7515 §5.2, RFC 8725) of at most 16,384 characters.
 *
 * It checks only the signature. The caller must check the type, and every claim: `verifyJwt` does.
 *
 * @throws {ProofError} `jws.*`
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
 * @example
 * const { payload } = await verifyJws(await agent.jws({}, { hello: 1 }), {
 *   ...{ crypto: cryptoPort, keys: [agent.jwk], algorithms: ['EdDSA'] },
 * });
 * new TextDecoder().decode(payload); // → '{"hello":1}'
 */
export async function verifyJws(presented: string, given: JwsExpectation): Promise<VerifiedJws> {
  const expected = options(given, 'expected', jwsChecks);
  const jws = openJws(presented, expected);
  const key = signer(jws, expected.crypto, 0);
  return verified(jws, key instanceof Promise ? await key : key, expected);
}

/** Steps 1 to 5: after them only the signature remains to be verified. */
export function openJws(presented: string, expected: JwsExpectation): CompactJws {
  const parts = takeApart(presented, expected);
  const { header, signature } = parts;
  const alg = expected.algorithms.find((one) => one === header.alg);
  if (alg === undefined) throw new ProofError('jws.alg_not_allowed');
  const fitting = selectKeys(header.kid, alg, expected.keys);
  const keys = fitting.filter((key) => signatureLength(key) === signature.length);
  if (keys.length === 0) throw new ProofError('jws.signature_length');
  return { ...parts, alg, keys };
}

/** Step 6: the first of the keys, from `at` on, that made the signature. Does not await an answer that is there at once. */
export function signer(jws: CompactJws, crypto: CryptoPort, at: number): KeyAnswer | Promise<KeyAnswer> {
  for (let i = at; i < jws.keys.length; i++) {
    const key = jws.keys[i] as PublicJwk;
    const answer = verifySignature(crypto, jws.alg, key, jws.signed, jws.signature);
    if (answer === true) return key;
    if (answer !== false) return answer.then((isGood) => (isGood === true ? key : signer(jws, crypto, i + 1)));
  }
  return undefined;
}

/** The end of step 6. */
export function verified(jws: CompactJws, key: KeyAnswer, expected: JwsExpectation): VerifiedJws {
  if (key === undefined) throw new ProofError('jws.signature');
  if (!jws.isCached) expected.headers?.set(jws.encodedHeader, jws.header);
  return { header: jws.header, payload: jws.payload, key };
}

/** Steps 1 and 2. */
function takeApart(presented: unknown, expected: JwsExpectation): Parts {
  if (typeof presented !== 'string') throw new ProofError('jws.malformed');
  if (presented.length > (expected.maxBytes ?? 16_384)) throw new ProofError('jws.too_large');
  const first = presented.indexOf('.');
  const second = presented.indexOf('.', first + 1);
  const bytes = encoder.encode(presented);
  // If every character is one byte, a dot has the same index in text and bytes.
  const isAscii = bytes.length === presented.length;
  if (second < 0 || !isAscii || presented.includes('.', second + 1)) throw new ProofError('jws.malformed');
  const encodedHeader = presented.slice(0, first);
  const cached = expected.headers?.get(encodedHeader);
  const header = cached ?? parseHeader(bytes.subarray(0, first));
  const payload = decodeAscii(bytes.subarray(first + 1, second));
  if (payload === undefined) throw new ProofError('jws.payload_base64url');
  const signature = decodeAscii(bytes.subarray(second + 1));
  if (signature === undefined) throw new ProofError('jws.signature_base64url');
  return {
    encodedHeader,
    header,
    isCached: cached !== undefined,
    signed: bytes.subarray(0, second),
    payload,
    signature,
  };
}

function parseHeader(encoded: Uint8Array): JwsHeader {
  const bytes = decodeAscii(encoded);
  if (bytes === undefined) throw new ProofError('jws.header_base64url');
  const parsed = parseJson(bytes);
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

/** Step 4 and the algorithm of step 5: the keys that may have made this signature. */
function selectKeys(kid: string | undefined, alg: AlgorithmName, keys: readonly PublicJwk[]): readonly PublicJwk[] {
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid);
  if (kid !== undefined && named.length === 0) throw new ProofError('jws.kid_unknown');
  const { family } = algorithms[alg];
  const fitting = named.filter((key) => algorithms[key.alg].family === family);
  if (fitting.length === 0) throw new ProofError(kid === undefined ? 'jws.key_missing' : 'jws.alg_mismatch');
  return fitting;
}

/** A shared header must not change after it was verified. The depth limit of the parser bounds the recursion. */
function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
