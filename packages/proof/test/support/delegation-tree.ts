/**
 * Random trees of delegations. Each attempt is sound or breaks a rule, and a model that knows nothing of the code under test says
 * what the holder of each may do.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { ProofError, type VerifiedInvocation, verifyInvocation } from '../../src/index.ts';
import { type Doc, instant, type Party, party } from './capability.ts';
import { chainAfter, delegation, expecting, invocation, now, owner, root, rootDoc } from './wallet.ts';

export const allActions = ['read', 'write', 'grant', 'invite'] as const;
const parties = Array.from({ length: 6 }, (_, i) => party(`member ${i}`));

/** What somebody may do. Times are in seconds. */
interface Right {
  readonly actions: readonly string[];
  readonly isRestricted: boolean;
  readonly until: number;
  readonly made: number;
  readonly links: number;
}

export interface Node {
  readonly capability: Doc;
  readonly holder: Party;
  readonly parent: Node | undefined;
  /** Undefined where this node, or one above it, takes more than it was given: it is worth nothing. */
  readonly right: Right | undefined;
}

interface Attempt {
  readonly from: number;
  readonly to: number;
  readonly actions: readonly string[] | undefined;
  readonly until: number;
  readonly made: number;
  /** Signed by another party than the holder of the parent. */
  readonly thief: number | undefined;
  /** Under the chain of another node than the parent. */
  readonly graft: number | undefined;
}

const rarely = (one: fc.Arbitrary<number>) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: one });
const someActions = fc.subarray([...allActions]);

/** Mostly sound, and mostly on from the last: else few trees would be deep. */
const attempt: fc.Arbitrary<Attempt> = fc.record({
  from: fc.oneof({ weight: 3, arbitrary: fc.constant(-1) }, { weight: 2, arbitrary: fc.nat(20) }),
  to: fc.nat(parties.length - 1),
  actions: fc.oneof(
    { weight: 4, arbitrary: fc.constant([...allActions]) },
    { weight: 2, arbitrary: fc.constant(['read']) },
    { weight: 2, arbitrary: someActions },
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
  until: fc.oneof(
    { weight: 3, arbitrary: fc.constant(now + 100) },
    { weight: 2, arbitrary: fc.integer({ min: now - 2, max: now + 100 }) },
  ),
  made: fc.oneof(
    { weight: 4, arbitrary: fc.constant(now - 10) },
    { weight: 1, arbitrary: fc.integer({ min: now - 12, max: now }) },
  ),
  thief: rarely(fc.nat(parties.length - 1)),
  graft: rarely(fc.nat(20)),
});

/** On from the last, as it was: chains as long as they may be, and one longer. */
const passedOn = fc.nat(parties.length - 1).map((to): Attempt => {
  return {
    from: -1,
    to,
    actions: [...allActions],
    until: now + 100,
    made: now - 10,
    thief: undefined,
    graft: undefined,
  };
});

export const trees = (maxNodes: number) => {
  const length = { minLength: 1, maxLength: maxNodes };
  const random = { weight: 4, arbitrary: fc.array(attempt, length) };
  const long = {
    weight: 1,
    arbitrary: fc.array(fc.oneof({ weight: 20, arbitrary: passedOn }, { weight: 1, arbitrary: attempt }), length),
  };
  return fc.oneof(random, long).map(grow);
};

function grow(attempts: readonly Attempt[]): readonly Node[] {
  const right = { actions: allActions, isRestricted: false, until: Number.POSITIVE_INFINITY, made: 0, links: 1 };
  const nodes: Node[] = [{ capability: rootDoc, holder: owner, parent: undefined, right }];
  for (const [i, one] of attempts.entries()) {
    const parent = (one.from < 0 ? nodes.at(-1) : nodes[one.from % nodes.length]) as Node;
    const graft = one.graft === undefined ? parent : (nodes[one.graft % nodes.length] as Node);
    const by = one.thief === undefined ? parent.holder : (parties[one.thief] as Party);
    const holder = parties[one.to] as Party;
    const members = { id: `urn:uuid:${i}`, allowedAction: one.actions, expires: instant(one.until) };
    const proof = { created: instant(one.made), capabilityChain: chainAfter(graft.capability) };
    const capability = delegation(parent.capability, by, holder, { members, proof });
    const isTheirs = by.did === parent.holder.did && graft === parent;
    nodes.push({ capability, holder, parent, right: isTheirs ? rightOf(one, parent.right) : undefined });
  }
  return nodes;
}

function rightOf({ actions, until, made }: Attempt, above: Right | undefined): Right | undefined {
  if (above === undefined || above.links === 10 || actions?.length === 0) return undefined;
  const isNarrower = actions === undefined ? !above.isRestricted : actions.every((one) => above.actions.includes(one));
  if (!isNarrower || until > above.until || until <= now || made < above.made) return undefined;
  const isRestricted = above.isRestricted || actions !== undefined;
  return { actions: actions ?? above.actions, isRestricted, until, made, links: above.links + 1 };
}

/** Everything from the root to a node. */
function pathTo(node: Node): readonly Node[] {
  return node.parent === undefined ? [node] : [...pathTo(node.parent), node];
}

/** What the verifier says when the holder of a node invokes it. A refusal has a code; anything else that is thrown is a mistake of ours. */
async function invoke(node: Node, action: string): Promise<VerifiedInvocation | undefined> {
  const capability = node.parent === undefined ? root.id : node.capability;
  const sent = JSON.stringify(invocation(capability, node.holder, { proof: { capabilityAction: action } }));
  try {
    return await verifyInvocation(sent, expecting({ actions: [...allActions] }));
  } catch (error) {
    if (error instanceof ProofError) return undefined;
    throw error;
  }
}

/** The verifier agrees with the model on a node, and what it grants is within every link above. */
export async function checkNode(node: Node, action: string): Promise<boolean> {
  const verified = await invoke(node, action);
  const { right } = node;
  const path = pathTo(node);
  expect(verified !== undefined).toBe(right?.actions.includes(action) === true);
  if (verified === undefined || right === undefined) return false;
  expect(verified.ids).toEqual(path.map(({ capability }) => capability.id));
  expect(verified.controllers).toEqual(path.map(({ holder }) => [holder.did]));
  for (const { capability } of path) {
    const { allowedAction, expires } = capability;
    if (Array.isArray(allowedAction)) expect(verified.actions?.every((one) => allowedAction.includes(one))).toBe(true);
    if (typeof expires === 'string') expect(verified.expiresAt).toBeLessThanOrEqual(Date.parse(expires));
    expect(verified.target).toBe(capability.invocationTarget);
  }
  return true;
}

/** Ids that no longer count end what hangs on them, and nothing else. */
export async function checkRevocation(nodes: readonly Node[], revoked: Node): Promise<void> {
  for (const node of nodes) {
    const verified = node.right === undefined ? undefined : await invoke(node, node.right.actions[0] as string);
    if (verified === undefined) continue;
    expect(verified.ids.includes(revoked.capability.id as string)).toBe(pathTo(node).includes(revoked));
  }
}
