/**
 * Data Integrity proofs over JCS (W3C vc-di-eddsa §3.3 `eddsa-jcs-2022`, vc-di-ecdsa §3.3 `ecdsa-jcs-2019`).
 *
 * 1. The secured document is an object with exactly one proof of a supported suite. Proof sets and chains are refused, never
 *    half read.
 * 2. The verifier's caller says what the proof must be for: purpose, domain, challenge, time.
 * 3. A proof with a context covers the document under that context: the document's context must start with it, and is replaced
 *    by it. Use the returned document: it is the signed one.
 * 4. The proof without its value, with all unknown members, is the proof configuration. Signed are 64 bytes: the SHA-256 of its
 *    canonical text, then the SHA-256 of the canonical text of the document without its proof.
 * 5. `resolve` finds the key by the verification method for this purpose, and the key must fit the suite.
 */

import { type AlgorithmName, algorithms, isAlgorithmName } from './algorithms.ts';
import { bytes, having, object, options as optionsOf } from './argument.ts';
import { type CryptoPort, verifySignature } from './crypto.ts';
import {
  type Cryptosuite,
  type DataIntegrityExpectation,
  type DataIntegrityOptions,
  type DataIntegritySigner,
  expectationChecks,
  optionChecks,
  suites,
  type VerifiedDataIntegrity,
} from './data-integrity-terms.ts';
import { type ProofCode, ProofError } from './error.ts';
import { formatInstant, parseInstant } from './instant.ts';
import { canonicalize } from './jcs.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { decodeMultibase, encodeMultibase } from './multibase.ts';
import './data-integrity-refusal.ts';

const signatureBytes = 64;
/** `z` and 64 bytes of base58. */
const maxProofValue = 90;
const maxMethodLength = 16_384;
const encoder = new TextEncoder();

/**
 * Returns the document with a Data Integrity proof (`eddsa-jcs-2022` or `ecdsa-jcs-2019`, by the algorithm of the
 * signer). Times are in epoch milliseconds. A proof that the document already has is replaced. It does not check that
 * `verificationMethod` is the key of the signer.
 *
 * @throws {ProofError} `integrity.*`, `jcs.*`
 * @throws {TypeError} naming the member that is of another type, or that does not exist
 * @example
 * const { verificationMethod } = owner.signer;
 * const options = { verificationMethod, purpose: 'assertionMethod', created: now * 1000 };
 * const secured = await createDataIntegrityProof({ degree: 'BSc' }, options, owner.signer);
 * secured.proof.cryptosuite; // → 'eddsa-jcs-2022'
 */
export async function createDataIntegrityProof(
  document: JsonObject,
  given: DataIntegrityOptions,
  signer: DataIntegritySigner,
): Promise<JsonObject & { readonly proof: JsonObject }> {
  object(document, 'document');
  const options = optionsOf(given, 'options', optionChecks);
  checkSigner(signer);
  const { proof: _replaced, ...unsecured } = document;
  const config = { ...membersOf(options), ...proofConfig(unsecured, options, signer.alg) };
  const input = hashData(config, unsecured, signer.crypto);
  const signature = bytes(
    await signer.sign(input instanceof Promise ? await input : input),
    'the answer of signer.sign',
  );
  if (signature.length !== signatureBytes) throw new ProofError('integrity.signature_length');
  return { ...unsecured, proof: { ...config, proofValue: encodeMultibase(signature) } };
}

/**
 * Verifies the one Data Integrity proof of a document (W3C vc-di-eddsa §3.3, vc-di-ecdsa §3.3). Times are in epoch
 * milliseconds, `maxAge` and `clockTolerance` in milliseconds. Use the returned document: it is the signed one.
 *
 * It does not check what the document says. The caller must check that `controller` may say it, and that a `challenge`
 * was not used before.
 *
 * @throws {ProofError} `integrity.*`, `jcs.*`, and every error of `resolve`
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
 * @example
 * const { verificationMethod } = owner.signer;
 * const options = { verificationMethod, purpose: 'assertionMethod', created: now * 1000 };
 * const secured = await createDataIntegrityProof({ degree: 'BSc' }, options, owner.signer);
 * const expected = { crypto: cryptoPort, purpose: 'assertionMethod', now: now * 1000, resolve: resolveDidKey };
 * const { controller, document } = await verifyDataIntegrityProof(secured, expected);
 * [controller, document]; // → [owner.did, { degree: 'BSc' }]
 */
export async function verifyDataIntegrityProof(
  secured: JsonValue,
  given: DataIntegrityExpectation,
): Promise<VerifiedDataIntegrity> {
  const expected = optionsOf(given, 'expected', expectationChecks);
  if (!isJsonObject(secured)) throw new ProofError('integrity.document');
  const { proof, ...document } = secured;
  if (Array.isArray(proof)) throw new ProofError('integrity.proof_set');
  if (!isJsonObject(proof)) throw new ProofError('integrity.proof_missing');
  const { proofValue, ...config } = proof;
  const cryptosuite = suiteOf(config, expected.cryptosuites);
  const signature = signatureOf(proofValue);
  const verificationMethod = checkBinding(config, expected);
  const times = checkTimes(config, expected);
  const signed = underContext(document, config['@context']);
  const found = expected.resolve(verificationMethod, expected.purpose);
  const resolved = found instanceof Promise ? await found : found;
  if (resolved === undefined) throw new ProofError('integrity.key_unknown');
  const { jwk: key, controller } = resolved;
  if (algorithms[key.alg].family !== suites[cryptosuite]) throw new ProofError('integrity.key_type');
  const data = hashData(config, signed, expected.crypto);
  const answer = verifySignature(expected.crypto, key.alg, key, data instanceof Promise ? await data : data, signature);
  if ((answer instanceof Promise ? await answer : answer) !== true) throw new ProofError('integrity.signature');
  return { verificationMethod, controller, key, cryptosuite, ...times, proof, document: signed };
}

/** @throws {TypeError} naming the member that is of another type */
export function checkSigner(signer: DataIntegritySigner): void {
  having('sign')(signer, 'signer');
  having('sha256')(signer.crypto, 'signer.crypto');
  if (!isAlgorithmName(signer.alg)) throw new ProofError('integrity.key_type');
}

/** Step 4. Does not await a digest that is there at once. */
function hashData(
  config: JsonObject,
  document: JsonObject,
  crypto: Pick<CryptoPort, 'sha256'>,
): Uint8Array | Promise<Uint8Array> {
  const configHash = crypto.sha256(encoder.encode(canonicalize(config)));
  const documentHash = crypto.sha256(encoder.encode(canonicalize(document)));
  if (configHash instanceof Promise || documentHash instanceof Promise) {
    return Promise.all([configHash, documentHash]).then(([one, two]) => joined(one, two));
  }
  return joined(configHash, documentHash);
}

function joined(one: Uint8Array, two: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + two.length);
  both.set(one);
  both.set(two, one.length);
  return both;
}

/** Step 1. */
function suiteOf(config: JsonObject, allowed: readonly Cryptosuite[] | undefined): Cryptosuite {
  demand(config.type === 'DataIntegrityProof', 'integrity.type');
  const names = allowed ?? (Object.keys(suites) as Cryptosuite[]);
  const suite = names.find((name) => name === config.cryptosuite);
  if (suite === undefined) throw new ProofError('integrity.cryptosuite');
  demand(config.previousProof === undefined, 'integrity.previous_proof');
  return suite;
}

function signatureOf(proofValue: JsonValue | undefined): Uint8Array {
  const bytes = typeof proofValue === 'string' ? decodeMultibase(proofValue, maxProofValue) : undefined;
  if (bytes?.length !== signatureBytes) throw new ProofError('integrity.proof_value');
  return bytes;
}

/** Step 2, without the times. Returns the verification method. */
function checkBinding(config: JsonObject, expected: DataIntegrityExpectation): string {
  const { verificationMethod, proofPurpose, domain, challenge } = config;
  demand(proofPurpose === expected.purpose, 'integrity.purpose');
  const ours = expected.domain;
  // A proof may name several domains (Data Integrity §2.1): one of them must be the expected one.
  const isOurs = Array.isArray(domain) ? ours !== undefined && domain.includes(ours) : domain === ours;
  demand(isOurs, 'integrity.domain');
  demand(challenge === expected.challenge, 'integrity.challenge');
  if (typeof verificationMethod !== 'string' || verificationMethod.length > maxMethodLength)
    throw new ProofError('integrity.verification_method');
  return verificationMethod;
}

/** Written so that a time of NaN refuses. */
function checkTimes(config: JsonObject, expected: DataIntegrityExpectation) {
  const { now, clockTolerance = 0, maxAge = Number.POSITIVE_INFINITY } = expected;
  const created = parseInstant(config.created);
  if (created === undefined) throw new ProofError('integrity.created');
  demand(created <= now + clockTolerance, 'integrity.created_in_future');
  demand(now - created <= maxAge + clockTolerance, 'integrity.stale');
  if (config.expires === undefined) return { created, expires: undefined };
  const expires = parseInstant(config.expires);
  if (expires === undefined || !(expires > created)) throw new ProofError('integrity.expires');
  demand(now < expires + clockTolerance, 'integrity.expired');
  return { created, expires };
}

/** Step 3: "If proofOptions.@context exists: check that the securedDocument.@context starts with all values contained in [it] in the same order." */
function underContext(document: JsonObject, context: JsonValue | undefined): JsonObject {
  if (context === undefined) return document;
  const own = document['@context'];
  // Equal contexts, the usual case, need not be replaced.
  const text = canonicalize(context);
  if (own !== undefined && canonicalize(own) === text) return document;
  const wanted = listOf(context);
  const present = listOf(own);
  const starts = wanted.every((one, i) => i < present.length && canonicalize(one) === canonicalize(present[i] ?? null));
  demand(starts, 'integrity.context');
  return { ...document, '@context': context };
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value as JsonValue];
}

function membersOf({ members = {} }: DataIntegrityOptions): JsonObject {
  for (const name of ownMembers) if (Object.hasOwn(members, name)) throw new ProofError('integrity.member');
  return members;
}

const ownMembers = [
  ...['@context', 'type', 'cryptosuite', 'created', 'expires', 'verificationMethod', 'proofPurpose'],
  ...['domain', 'challenge', 'previousProof', 'proofValue'],
];

/** §3.3.1: "If unsecuredDocument.@context is present, set proof.@context to [it]." */
function proofConfig(document: JsonObject, options: DataIntegrityOptions, alg: AlgorithmName): JsonObject {
  const { verificationMethod, purpose, created, expires, domain, challenge } = options;
  const { family } = algorithms[alg];
  const cryptosuite = (Object.keys(suites) as Cryptosuite[]).find((name) => suites[name] === family);
  if (cryptosuite === undefined) throw new ProofError('integrity.key_type');
  demand(isTime(created), 'integrity.created');
  demand(expires === undefined || (isTime(expires) && expires > created), 'integrity.expires');
  return {
    ...(document['@context'] === undefined ? {} : { '@context': document['@context'] }),
    type: 'DataIntegrityProof',
    cryptosuite,
    created: formatInstant(created),
    ...(expires === undefined ? {} : { expires: formatInstant(expires) }),
    verificationMethod,
    proofPurpose: purpose,
    ...(domain === undefined ? {} : { domain }),
    ...(challenge === undefined ? {} : { challenge }),
  };
}

/** Whole milliseconds of the years that RFC 3339 can write. */
function isTime(time: number): boolean {
  return Number.isInteger(time) && time >= 0 && time < Date.UTC(10_000, 0);
}

function demand(isMet: boolean, code: ProofCode): void {
  if (!isMet) throw new ProofError(code);
}
