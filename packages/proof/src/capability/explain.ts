/**
 * Explains what a capability or an invocation allows, and all its faults, link by link. An explanation is not a verification
 * and never accepts a document. Show it to the maker of the document or the operator of the verifier, never to the presenter.
 */
import { type Checks, object, optional, options } from '../argument.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import {
  type Authority,
  allows,
  attenuated,
  attenuationChecks,
  attenuationTermChecks,
  rootAuthority,
} from './attenuation.ts';
import { ancestryFault, maxChainLength } from './chain.ts';
import {
  attempt,
  type CapabilityExplanation,
  type CapabilityRefusal,
  type ExplainedInvocation,
  type ExplainedLink,
  type ExplainTerms,
  refusal,
  refusalOf,
} from './explanation.ts';
import { type Invocation, readInvocation } from './invocation.ts';
import { type Link, readLink, rootPrefix } from './link.ts';
import { checkRoot, type RootCapability, rootCapabilityId } from './root.ts';
import { checkDelegator, checkInvoker, invocationMethod, linkMethod, proofTermChecks } from './signature.ts';
import { isCanonicalTarget, isTargetWithin } from './target.ts';
import { readDocument } from './verify.ts';
import './refusal.ts';

const termChecks: Checks<ExplainTerms> = { ...attenuationTermChecks, ...proofTermChecks, root: optional(object) };

/**
 * Explains what a capability or an invocation allows, and all its faults, link by link. Times are in epoch
 * milliseconds. Show the explanation to the maker of the document or to the operator of the verifier, never to the
 * presenter.
 *
 * An explanation is not a verification and never accepts a document: call `verifyCapabilityChain` or
 * `verifyInvocation`. It checks neither revocation nor the audience, the request and the freshness of an invocation.
 * Without `root` a stranger may have signed the first link.
 *
 * @throws {ProofError} `capability.root_invalid` if the caller's own root is faulty
 * @throws {TypeError} naming the argument of a wrong type
 * @example
 * const later = { crypto: cryptoPort, now: (now + 90_000) * 1000, root };
 * const { isSound, links } = await explainCapability(JSON.stringify(capability), later);
 * isSound; // → false
 * links[1]?.refusals.map(({ code }) => code); // → ['capability.expired']
 */
export async function explainCapability(
  presented: Uint8Array | string,
  given: ExplainTerms,
): Promise<CapabilityExplanation> {
  const terms = options(given, 'terms', termChecks);
  if (terms.root !== undefined) checkRoot(terms.root);
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

/** The explained links so far, and the authority that they leave. `tail` is undefined after a link that could not be read. */
interface Walk {
  readonly links: readonly ExplainedLink[];
  readonly tail: Authority | undefined;
}

async function explainChain(capability: JsonValue | undefined, pointer: string, terms: ExplainTerms): Promise<Walk> {
  const places = placesOf(capability, pointer);
  const rootId = typeof capability === 'string' ? capability : chainOf(places[0]?.document)[0];
  const { root, authority } = explainRoot(rootId, rootPlace(places, pointer), terms.root);
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

/** The places from the root's child to the tail, as deep as a chain may be. */
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

function rootPlace([first]: readonly { readonly pointer: string }[], pointer: string): string {
  return first === undefined ? pointer : `${first.pointer}/proof/capabilityChain/0`;
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

/** Without a root from the caller, only the target in the root's id is known. */
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
