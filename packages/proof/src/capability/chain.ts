import { type ProofCode, ProofError } from '../error.ts';
import { isJsonObject, type JsonObject } from '../json.ts';
import { type Link, readLink } from './link.ts';
import './refusal.ts';

/** The number includes the root and the tail. */
export const maxChainLength = 10;

/**
 * The delegations of a chain from the root's child to the tail. Only their shape is checked; nothing is proved yet.
 *
 * 1. A loop goes from the tail inwards along the last entries. It compares the length that a link claims with the limit, and
 *    with the length that the outer link leaves, before it reads the parent.
 * 2. The loop reads each link on the way.
 * 3. Then, from the root outwards, each chain must name first the expected root, then the ancestors, last the parent, each by
 *    its id and each once.
 *
 * @throws {ProofError}
 */
export function unrollChain(tail: JsonObject, rootId: string, pointer: string, maxLength = maxChainLength): Link[] {
  const links = descend(tail, pointer, maxLength);
  checkAncestry(links, rootId);
  return links;
}

/** Steps 1 and 2. */
function descend(tail: JsonObject, pointer: string, maxLength: number): Link[] {
  const links: Link[] = [];
  let document = tail;
  let place = pointer;
  let length: number | undefined;
  for (;;) {
    // The place of a link in the chain fixes its number of entries; only the tail may choose how many it has.
    length = claimedLength(document, place, length, maxLength);
    const link = readLink(document, place);
    links.push(link);
    const at = `${place}/proof/capabilityChain/${length - 1}`;
    const parent = link.chain[length - 1];
    if (length === 1) {
      if (typeof parent !== 'string') throw new ProofError('capability.root_presented', at);
      return links.reverse();
    }
    if (!isJsonObject(parent)) throw new ProofError('capability.chain_embedded', at);
    document = parent;
    place = at;
  }
}

function claimedLength(document: JsonObject, pointer: string, around: number | undefined, maxLength: number): number {
  const { proof } = document;
  const chain = isJsonObject(proof) ? proof.capabilityChain : undefined;
  if (document.parentCapability === undefined && proof === undefined) {
    throw new ProofError('capability.root_presented', pointer);
  }
  // readLink refuses a chain that is not a list.
  if (!Array.isArray(chain)) return 1;
  const at = `${pointer}/proof/capabilityChain`;
  if (chain.length + 1 > maxLength) throw new ProofError('capability.too_long', at);
  if (around !== undefined && chain.length !== around - 1) throw new ProofError('capability.chain_length', at);
  return chain.length;
}

function checkAncestry(links: readonly Link[], rootId: string): void {
  const ids = [rootId];
  for (const link of links) {
    const fault = ancestryFault(link, ids);
    if (fault !== undefined) throw fault;
    ids.push(link.id);
  }
}

/** Step 3, for one link: `ids` are those from the expected root to the parent. */
export function ancestryFault({ id, parentId, chain, pointer }: Link, ids: readonly string[]): ProofError | undefined {
  const refuse = (code: ProofCode, member: string) => new ProofError(code, `${pointer}/${member}`);
  if (chain.length !== ids.length) return refuse('capability.chain_length', 'proof/capabilityChain');
  for (const [i, entry] of chain.slice(0, Math.max(1, ids.length - 1)).entries()) {
    const member = `proof/capabilityChain/${i}`;
    if (typeof entry !== 'string') return refuse('capability.chain_embedded', member);
    if (entry !== ids[i]) return refuse(i === 0 ? 'capability.root_unknown' : 'capability.chain_ancestor', member);
  }
  if (parentId !== ids.at(-1)) return refuse('capability.chain_parent', 'parentCapability');
  return ids.includes(id) ? refuse('capability.chain_repeated', 'id') : undefined;
}
