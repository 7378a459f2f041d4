import { text } from '../argument.ts';
import { ProofError } from '../error.ts';
import { capabilityContext, readControllers, rootPrefix } from './link.ts';
import { isCanonicalTarget } from './target.ts';
import './refusal.ts';

/**
 * The start of a chain. It is never signed and never read from a request: the verifier makes it from its knowledge of the
 * target.
 */
export interface RootCapability {
  readonly '@context': typeof capabilityContext;
  readonly id: string;
  /** One DID, or a list of DIDs, each of which may act alone. */
  readonly controller: string | readonly string[];
  readonly invocationTarget: string;
}

/**
 * Computes the id of the root capability of a target (ZCAP 0.3): `urn:zcap:root:` and the percent-encoded target. It
 * does not check that the target is spelled canonically.
 *
 * @throws {ProofError} `capability.target_not_canonical` if the target contains a lone surrogate
 * @throws {TypeError} if `target` is not a string
 * @example
 * const id = rootCapabilityId('urn:countersign:wallet:alice');
 * id; // → 'urn:zcap:root:urn%3Acountersign%3Awallet%3Aalice'
 */
export function rootCapabilityId(target: string): string {
  if (!text(target, 'target').isWellFormed()) throw new ProofError('capability.target_not_canonical');
  return `${rootPrefix}${encodeURIComponent(target)}`;
}

/**
 * Makes the root capability of a target (ZCAP 0.3). The verifier makes it itself, from its own knowledge of who
 * controls the target.
 *
 * The caller must check that `controller` controls the target, and never take it from a request.
 *
 * @throws {ProofError} `capability.target_not_canonical`, `capability.controller`
 * @example
 * const made = createRootCapability('urn:countersign:wallet:alice', owner.did);
 * made.invocationTarget; // → 'urn:countersign:wallet:alice'
 */
export function createRootCapability(target: string, controller: string | readonly string[]): RootCapability {
  if (!isCanonicalTarget(target)) throw new ProofError('capability.target_not_canonical', '/invocationTarget');
  if (readControllers(controller) === undefined) throw new ProofError('capability.controller', '/controller');
  return { '@context': capabilityContext, id: rootCapabilityId(target), controller, invocationTarget: target };
}

/** A root has exactly these four members: an expiry or an action in it would not be enforced. */
const members = ['@context', 'controller', 'id', 'invocationTarget'];

/** @throws {ProofError} `capability.root_invalid`: the caller has made a wrong root */
export function checkRoot(root: RootCapability): void {
  const { id, controller, invocationTarget: target } = root;
  const names = Object.keys(root).sort();
  const isExact = names.length === members.length && names.every((name, i) => name === members[i]);
  const isSound = isExact && root['@context'] === capabilityContext && id === rootCapabilityId(target);
  if (!isSound || readControllers(controller) === undefined || !isCanonicalTarget(target)) {
    throw new ProofError('capability.root_invalid');
  }
}
