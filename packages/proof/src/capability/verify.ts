/**
 * Chains of capabilities (ZCAP 0.3), verified from the root to the tail.
 *
 * 1. Check the size, then strict JSON: two readers could understand a document with a repeated member differently.
 * 2. Unroll the chain from the tail inwards, without recursion: check its length, then the shape of each link, then that each
 *    link names its ancestors, from the expected root to its parent. The root itself comes from the caller: the document may
 *    contain only its id.
 * 3. From the root to the tail, compare each link with the limits of its parent: target, actions, expiry, time of making.
 * 4. From the root to the tail, verify the proof of each link: its method is looked up, not believed; the document of the
 *    method's controller lists it for delegations; and that controller is one of the parent's.
 *
 * Cheap checks come first: a chain that is refused in steps 1 to 3 costs no signature check. Revocation is not checked here:
 * the result has the ids of all links, and the caller must check each of them.
 */
import { amount, type Check, type Checks, object, optional, options, textOrBytes } from '../argument.ts';
import { ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, parseJson } from '../json.ts';
import {
  type AttenuationTerms,
  type Authority,
  attenuated,
  attenuationChecks,
  attenuationTermChecks,
  rootAuthority,
} from './attenuation.ts';
import { maxChainLength, unrollChain } from './chain.ts';
import type { Link } from './link.ts';
import { checkRoot, type RootCapability } from './root.ts';
import { type ProofTerms, proofTermChecks, verifyLinkProof } from './signature.ts';

/** The keys, the time and the limits for a chain. Times are in epoch milliseconds. */
export interface ChainTerms extends AttenuationTerms, ProofTerms {
  /** The largest number of links, with the root and the tail. Default and upper limit 10. */
  readonly maxLength?: number | undefined;
}

/** The requirements on a chain of capabilities. Times are in epoch milliseconds. */
export interface ChainExpectation extends ChainTerms {
  /** Made by the verifier for this target, never from the presented document. */
  readonly root: RootCapability;
}

/** A chain that met the expectation. Lists go from the root to the tail. */
export interface VerifiedChain {
  readonly ids: readonly string[];
  /** The controllers of each link. */
  readonly controllers: readonly (readonly string[])[];
  readonly target: string;
  /** The actions that all links allow; undefined means every action, because no link restricts them. */
  readonly actions: readonly string[] | undefined;
  /** The earliest end of all links, in epoch milliseconds; undefined for a root alone. */
  readonly expiresAt: number | undefined;
}

/** Bytes. Enough for ten links with long DIDs. */
const maxBytes = 65_536;
/** Three levels for each link (the capability, its proof, its chain), two around them, and some for other members of a link. */
const maxDepth = 40;

export const chainTermChecks: Checks<ChainTerms> = {
  ...attenuationTermChecks,
  ...proofTermChecks,
  maxLength: optional(amount),
};

const unused: Check = () => undefined;
/** The expectation of an invocation is also passed here; its further members are ignored. */
const expectationChecks = {
  ...chainTermChecks,
  root: object,
  ...{ audience: unused, request: unused, actions: unused, target: unused, nonce: unused, maxAge: unused },
} as Checks<ChainExpectation>;

/**
 * Verifies a chain of capabilities (ZCAP 0.3), from the root to the tail: shape, limits, times and every signature.
 * Times are in epoch milliseconds; a document has at most 65,536 bytes and ten links.
 *
 * It does not check revocation: the caller must check that none of `ids` was revoked. It does not check that the
 * presenter controls the tail either: `verifyInvocation` does.
 *
 * @throws {ProofError} `capability.*`, `integrity.*`, `did.*`, `did_key.*`, `multikey.*`, `jcs.*`, with a pointer to
 * the faulty link; and every error of `resolve`
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
 * @example
 * const text = JSON.stringify(capability);
 * const terms = { crypto: cryptoPort, now: now * 1000, root };
 * const chain = await verifyCapabilityChain(text, terms);
 * [chain.target, chain.actions]; // → [wallet, ['read']]
 * await verifyCapabilityChain(text, { ...terms, now: (now + 90_000) * 1000 }); // throws capability.expired
 */
export async function verifyCapabilityChain(
  presented: Uint8Array | string,
  given: ChainExpectation,
): Promise<VerifiedChain> {
  const expected = options(given, 'expected', expectationChecks);
  const capability = readDocument(presented, 'capability');
  return verifyChain(capability, '', expected);
}

/** Step 1. */
export function readDocument(presented: Uint8Array | string, kind: 'capability' | 'invocation'): JsonObject {
  textOrBytes(presented, 'presented');
  const parsed = parseJson(presented, { maxBytes, maxDepth });
  if (!parsed.ok) throw new ProofError(`${kind}.document_${parsed.reason}`, parsed.pointer);
  if (!isJsonObject(parsed.value)) throw new ProofError(`${kind}.document_not_object`);
  return parsed.value;
}

/** Steps 2 to 4. */
export async function verifyChain(
  capability: JsonObject,
  pointer: string,
  expected: ChainExpectation,
): Promise<VerifiedChain> {
  const { links, authorities } = unrolled(capability, pointer, expected);
  for (const [i, link] of links.entries()) await verifyLinkProof(link, authorities[i]?.controllers ?? [], expected);
  return verdict(expected.root, links, authorities);
}

/**
 * Steps 2 and 3. `authorities` has one entry more than `links`: before a link stands its parent's authority, after it its own.
 */
function unrolled(capability: JsonObject, pointer: string, expected: ChainExpectation) {
  const { root, maxLength = maxChainLength } = expected;
  checkRoot(root);
  const links = unrollChain(capability, root.id, pointer, Math.min(maxLength, maxChainLength));
  let parent = rootAuthority(root);
  const authorities = [parent];
  for (const link of links) {
    const fault = attenuationChecks.find(({ holds }) => !holds(link, parent, expected));
    if (fault !== undefined) throw new ProofError(fault.code, `${link.pointer}/${fault.member}`);
    parent = attenuated(parent, link);
    authorities.push(parent);
  }
  return { links, authorities };
}

export function verdict(
  root: RootCapability,
  links: readonly Link[],
  authorities: readonly Authority[],
): VerifiedChain {
  const { target, actions, expires } = authorities.at(-1) as Authority;
  return {
    ids: [root.id, ...links.map(({ id }) => id)],
    controllers: authorities.map(({ controllers }) => controllers),
    target,
    actions,
    expiresAt: Number.isFinite(expires) ? expires : undefined,
  };
}
