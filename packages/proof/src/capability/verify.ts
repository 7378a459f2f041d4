/**
 * Chains of capabilities (ZCAP 0.3), verified from the root to the tail.
 *
 * 1. The size, then strict JSON: a document with a member named twice would be another one to another reader.
 * 2. The chain is unrolled, from the tail inwards and without recursion: its length first, then the shape of each link, then that
 *    each link names its ancestors, from the root that we expect to its parent. The root itself is ours: whatever the document
 *    says of it but the id is refused.
 * 3. From the root to the tail, each link is held against what its parent leaves: target, actions, expiry, time of making.
 * 4. From the root to the tail, each link's proof is verified: by a method that is looked up, not believed; that the document of
 *    its controller lists for delegations; and whose controller is one of the parent's.
 *
 * What costs nothing comes first: a chain that is refused in steps 1 to 3 costs no signature. Whether a link has been revoked is
 * not asked here: the ids of all links are in the answer, and whoever asks must ask for each of them.
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

export interface ChainTerms extends AttenuationTerms, ProofTerms {
  /** Links of a chain at most, the root and the tail counted. Default and upper limit 10. */
  readonly maxLength?: number | undefined;
}

export interface ChainExpectation extends ChainTerms {
  /** Made by us for the target in question: never from what was presented. */
  readonly root: RootCapability;
}

/** A chain that met the expectation. Lists go from the root to the tail. */
export interface VerifiedChain {
  readonly ids: readonly string[];
  /** Of each link, those who may act for it. */
  readonly controllers: readonly (readonly string[])[];
  readonly target: string;
  /** What all links allow; undefined: everything, for no link restricts it. */
  readonly actions: readonly string[] | undefined;
  /** The earliest end of all links, in epoch milliseconds; undefined for a root alone. */
  readonly expiresAt: number | undefined;
}

/** Bytes. Ten links with long DIDs have room in it. */
const maxBytes = 65_536;
/** Three levels a link (the capability, its proof, its chain), two around them, and some for what else a link may say. */
const maxDepth = 40;

export const chainTermChecks: Checks<ChainTerms> = {
  ...attenuationTermChecks,
  ...proofTermChecks,
  maxLength: optional(amount),
};

const unused: Check = () => undefined;
/** The expectation of an invocation is one of its chain too: what it says beside is of no use here. */
const expectationChecks = {
  ...chainTermChecks,
  root: object,
  ...{ audience: unused, request: unused, actions: unused, target: unused, nonce: unused, maxAge: unused },
} as Checks<ChainExpectation>;

/**
 * Not looked at: whether a link was revoked.
 *
 * @throws {ProofError} with a code that starts with `capability.`, and a pointer to the link that is at fault
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
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

/** Steps 2 and 3. `authorities` has one more than `links`: each link stands between its parent's and its own. */
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
