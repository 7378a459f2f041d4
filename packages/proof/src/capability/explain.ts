/**
 * What a capability or an invocation allows, and all that speaks against it, link by link. Nothing here accepts anything: an
 * explanation is not a verification, and what it tells is for who made the document or runs the verifier, not for who presents it.
 */
import { type ProofCode, ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import {
  type AttenuationTerms,
  type Authority,
  allows,
  attenuated,
  attenuationChecks,
  rootAuthority,
} from './attenuation.ts';
import { ancestryFault, maxChainLength } from './chain.ts';
import { type Invocation, readInvocation } from './invocation.ts';
import { type Link, readLink, rootPrefix } from './link.ts';
import { type RootCapability, rootCapabilityId } from './root.ts';
import { checkDelegator, checkInvoker, invocationMethod, linkMethod, type ProofTerms } from './signature.ts';
import { isCanonicalTarget, isTargetWithin } from './target.ts';
import { readDocument } from './verify.ts';

export interface ExplainTerms extends AttenuationTerms, ProofTerms {
  /** Left out, the root is taken from the document: who controls it is then not known, and anybody may have signed the first link. */
  readonly root?: RootCapability | undefined;
}

/** One reason for which a verifier refuses. */
export interface CapabilityRefusal {
  readonly code: ProofCode;
  readonly text: string;
  /** RFC 6901, in the document that was presented. */
  readonly pointer: string;
}

/** Times are in epoch milliseconds. What could not be read is undefined. */
export interface ExplainedLink {
  readonly kind: 'root' | 'delegation';
  readonly pointer: string;
  readonly id: string | undefined;
  readonly controllers: readonly string[] | undefined;
  readonly target: string | undefined;
  /** What it leaves of what its parent allows; undefined: everything. */
  readonly actions: readonly string[] | undefined;
  readonly created: number | undefined;
  readonly expires: number | undefined;
  readonly signedBy: string | undefined;
  readonly refusals: readonly CapabilityRefusal[];
}

export interface ExplainedInvocation {
  readonly type: JsonValue | undefined;
  readonly audience: JsonValue | undefined;
  readonly action: string | undefined;
  readonly target: string | undefined;
  readonly created: number | undefined;
  readonly expires: number | undefined;
  readonly signedBy: string | undefined;
  readonly refusals: readonly CapabilityRefusal[];
}

export interface CapabilityExplanation {
  /** `unreadable`: not a document at all, or neither of the two; the reason is in `refusals`. */
  readonly kind: 'capability' | 'invocation' | 'unreadable';
  /** True where there is not one refusal. */
  readonly isSound: boolean;
  /** Of the document as a whole. */
  readonly refusals: readonly CapabilityRefusal[];
  /** From the root to the tail. */
  readonly links: readonly ExplainedLink[];
  /** Whose audience, request and freshness are the verifier's to judge. */
  readonly invocation: ExplainedInvocation | undefined;
}

export async function explainCapability(
  presented: Uint8Array | string,
  terms: ExplainTerms,
): Promise<CapabilityExplanation> {
  const read = await attempt(() => readDocument(presented, 'capability'));
  if ('refused' in read) {
    return { kind: 'unreadable', isSound: false, refusals: [read.refused], links: [], invocation: undefined };
  }
  const document = read.value;
  const proof = isJsonObject(document.proof) ? document.proof : undefined;
  const isInvocation = proof?.proofPurpose === 'capabilityInvocation';
  const chain = await explainChain(
    isInvocation ? proof.capability : document,
    isInvocation ? '/proof/capability' : '',
    terms,
  );
  const invocation = isInvocation ? await explainInvocation(document, chain.tail, terms) : undefined;
  const all = [...chain.links.flatMap(({ refusals }) => refusals), ...(invocation?.refusals ?? [])];
  return {
    kind: isInvocation ? 'invocation' : 'capability',
    isSound: all.length === 0,
    refusals: [],
    links: chain.links,
    invocation,
  };
}

/** What the links so far leave. `tail` is undefined once one of them could not be read. */
interface Walk {
  readonly links: readonly ExplainedLink[];
  readonly tail: Authority | undefined;
}

async function explainChain(capability: JsonValue | undefined, pointer: string, terms: ExplainTerms): Promise<Walk> {
  const places = placesOf(capability, pointer);
  const rootId = typeof capability === 'string' ? capability : chainOf(places[0]?.document)[0];
  const { root, authority } = explainRoot(rootId, places[0]?.pointer ?? pointer, terms.root);
  const links: ExplainedLink[] = [root];
  const ids = [root.id ?? ''];
  let parent: Authority | undefined = authority;
  for (const { document, pointer } of places) {
    const read = await attempt(() => readLink(document, pointer));
    if ('refused' in read) {
      links.push({ ...unread, kind: 'delegation', pointer, refusals: [read.refused] });
      parent = undefined;
      continue;
    }
    const link = read.value;
    const refusals = await linkRefusals(link, ids, parent, terms);
    const own: Authority = attenuated(parent ?? link, link);
    const { id, created, verificationMethod: signedBy } = link;
    links.push({ kind: 'delegation', pointer, id, ...own, created, signedBy, refusals });
    ids.push(id);
    parent = parent && own;
  }
  return { links, tail: parent };
}

/** From the root's child to the tail, as deep as a chain may be. */
function placesOf(capability: JsonValue | undefined, pointer: string) {
  const places: { readonly document: JsonObject; readonly pointer: string }[] = [];
  let place = pointer;
  for (let document = capability; isJsonObject(document) && places.length < maxChainLength; ) {
    places.push({ document, pointer: place });
    const chain = chainOf(document);
    place = `${place}/proof/capabilityChain/${chain.length - 1}`;
    document = chain.at(-1);
  }
  return places.reverse();
}

function chainOf(document: JsonObject | undefined): readonly JsonValue[] {
  const chain = isJsonObject(document?.proof) ? document.proof.capabilityChain : undefined;
  return Array.isArray(chain) ? chain : [];
}

const unread = {
  id: undefined,
  controllers: undefined,
  target: undefined,
  actions: undefined,
  created: undefined,
  expires: undefined,
  signedBy: undefined,
};

/** Without one of ours, what the id of a root says of its target is all there is. */
function explainRoot(claimed: JsonValue | undefined, pointer: string, ours: RootCapability | undefined) {
  const link = { ...unread, kind: 'root', pointer } as const;
  const isOurs = ours === undefined || claimed === ours.id;
  const refusals = isOurs ? [] : [refusal('capability.root_unknown', pointer)];
  if (ours !== undefined) {
    const authority = rootAuthority(ours);
    const { controllers, target } = authority;
    return { root: { ...link, id: ours.id, controllers, target, refusals }, authority };
  }
  const target = targetOf(claimed);
  if (target === undefined) {
    return { root: { ...link, refusals: [refusal('capability.root_unknown', pointer)] }, authority: undefined };
  }
  const root = { ...link, id: rootCapabilityId(target), target, refusals };
  return { root, authority: { ...unlimited, target } };
}

const unlimited = { controllers: [], actions: undefined, expires: Infinity, created: -Infinity };

function targetOf(rootId: JsonValue | undefined): string | undefined {
  if (typeof rootId !== 'string' || !rootId.startsWith(rootPrefix)) return undefined;
  try {
    const target = decodeURIComponent(rootId.slice(rootPrefix.length));
    return isCanonicalTarget(target) && rootCapabilityId(target) === rootId ? target : undefined;
  } catch {
    return undefined;
  }
}

async function linkRefusals(
  link: Link,
  ids: readonly string[],
  parent: Authority | undefined,
  terms: ExplainTerms,
): Promise<readonly CapabilityRefusal[]> {
  const found: CapabilityRefusal[] = [];
  if (link.chain.length + 1 > maxChainLength) {
    found.push(refusal('capability.too_long', `${link.pointer}/proof/capabilityChain`));
  }
  const ancestry = parent && ancestryFault(link, ids);
  if (ancestry !== undefined) found.push(refusalOf(ancestry));
  for (const { code, member, holds } of attenuationChecks) {
    if (!holds(link, parent ?? link, terms)) found.push(refusal(code, `${link.pointer}/${member}`));
  }
  const controllers = parent?.controllers ?? [];
  const proved = await attempt(async () => {
    const method = await linkMethod(link, terms);
    if (controllers.length > 0) checkDelegator(link, method, controllers);
  });
  return 'refused' in proved ? [...found, proved.refused] : found;
}

async function explainInvocation(
  document: JsonObject,
  tail: Authority | undefined,
  terms: ExplainTerms,
): Promise<ExplainedInvocation> {
  const { type, audience } = document;
  const read = await attempt(() => readInvocation(document));
  if ('refused' in read) return { ...unread, type, audience, action: undefined, refusals: [read.refused] };
  const { action, target, created, expires, verificationMethod: signedBy } = read.value;
  const refusals = await invocationRefusals(read.value, tail, terms);
  return { type, audience, action, target, created, expires, signedBy, refusals };
}

async function invocationRefusals(
  invocation: Invocation,
  tail: Authority | undefined,
  terms: ExplainTerms,
): Promise<readonly CapabilityRefusal[]> {
  const found: CapabilityRefusal[] = [];
  if (tail !== undefined && !allows(tail, invocation.action)) {
    found.push(refusal('invocation.action_not_allowed', '/proof/capabilityAction'));
  }
  if (tail !== undefined && !isTargetWithin(invocation.target, tail.target)) {
    found.push(refusal('invocation.target_outside', '/proof/invocationTarget'));
  }
  const proved = await attempt(async () => {
    const method = await invocationMethod(invocation, terms);
    if (tail !== undefined && tail.controllers.length > 0) checkInvoker(method, tail.controllers);
  });
  return 'refused' in proved ? [...found, proved.refused] : found;
}

function refusal(code: ProofCode, pointer: string): CapabilityRefusal {
  return refusalOf(new ProofError(code, pointer));
}

function refusalOf({ code, message, pointer = '' }: ProofError): CapabilityRefusal {
  return { code, text: message, pointer };
}

type Attempt<T> = { readonly value: T } | { readonly refused: CapabilityRefusal };

/** What it gives, or why it is refused. Any other error is one of ours. */
async function attempt<T>(step: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await step() };
  } catch (error) {
    if (error instanceof ProofError) return { refused: refusalOf(error) };
    throw error;
  }
}
