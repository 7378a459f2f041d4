import { text } from '../argument.ts';
import { ProofError } from '../error.ts';
import { capabilityContext, readControllers, rootPrefix } from './link.ts';
import { isCanonicalTarget } from './target.ts';

/** Where a chain starts. It is never signed and never taken from the wire: the verifier makes it from what it knows of the target. */
export interface RootCapability {
  readonly '@context': typeof capabilityContext;
  readonly id: string;
  /** One DID, or a list of which each may act alone. */
  readonly controller: string | readonly string[];
  readonly invocationTarget: string;
}

export function rootCapabilityId(target: string): string {
  if (!text(target, 'target').isWellFormed()) throw new ProofError('capability.target_not_canonical');
  return `${rootPrefix}${encodeURIComponent(target)}`;
}

/** @throws {ProofError} `capability.target_not_canonical`, `capability.controller` */
export function createRootCapability(target: string, controller: string | readonly string[]): RootCapability {
  if (!isCanonicalTarget(target)) throw new ProofError('capability.target_not_canonical', '/invocationTarget');
  if (readControllers(controller) === undefined) throw new ProofError('capability.controller', '/controller');
  return { '@context': capabilityContext, id: rootCapabilityId(target), controller, invocationTarget: target };
}

/** Exactly these four members: a root with an expiry or an action would be one that nobody enforces. */
const members = ['@context', 'controller', 'id', 'invocationTarget'];

/** @throws {ProofError} `capability.root_invalid`: what we hold to be the root is a mistake of our own */
export function checkRoot(root: RootCapability): void {
  const { id, controller, invocationTarget: target } = root;
  const names = Object.keys(root).sort();
  const isExact = names.length === members.length && names.every((name, i) => name === members[i]);
  const isSound = isExact && root['@context'] === capabilityContext && id === rootCapabilityId(target);
  if (!isSound || readControllers(controller) === undefined || !isCanonicalTarget(target)) {
    throw new ProofError('capability.root_invalid');
  }
}
