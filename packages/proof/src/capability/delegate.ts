import { type Checks, number, object, optional, options, text } from '../argument.ts';
import { checkSigner, createDataIntegrityProof } from '../data-integrity.ts';
import { ProofError } from '../error.ts';
import { formatInstant } from '../instant.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { type Authority, attenuationChecks, rootAuthority } from './attenuation.ts';
import { maxChainLength } from './chain.ts';
import { capabilityContext, dataIntegrityContext, type Link, readLink } from './link.ts';
import type { RootCapability } from './root.ts';
import type { CapabilitySigner } from './signature.ts';
import './refusal.ts';

/** A new delegation: its parent, its controller and its limits. Times are in epoch milliseconds. */
export interface Delegation {
  /** A root, or a delegation as it was received. */
  readonly parent: RootCapability | JsonObject;
  /** An id that was never used, because revocation works by id: `urn:uuid:` with a random UUID. */
  readonly id: string;
  /** The DID that gets the capability, or a list of DIDs, each of which may act alone. */
  readonly controller: string | readonly string[];
  /** Default: every action. Only a parent that allows every action can give that. */
  readonly allowedAction?: string | readonly string[] | undefined;
  /** Default: the target of the parent. */
  readonly invocationTarget?: string | undefined;
  readonly expires: number;
  readonly created: number;
}

const delegationChecks: Checks<Delegation> = {
  parent: object,
  id: text,
  // These two are checked together with the whole link.
  controller: (value) => value,
  allowedAction: (value) => value,
  invocationTarget: optional(text),
  expires: number,
  created: number,
};

/**
 * Makes and signs a capability for another DID. It allows no more than its parent, for no longer, and a controller of
 * the parent signs it (ZCAP 0.3). Times are in epoch milliseconds.
 *
 * The new link is compared with its parent by the verifier's own checks. The caller must check that the parent itself
 * is good, that the signer's DID controls it, and that it was not revoked.
 *
 * @throws {ProofError} `capability.*`, `integrity.*`, `jcs.*`
 * @throws {TypeError} naming the member that is of another type, or that does not exist
 * @example
 * const times = { created: now * 1000, expires: (now + 3600) * 1000 };
 * const id = `urn:uuid:${crypto.randomUUID()}`;
 * const wish = { parent: root, id, controller: phone.did, allowedAction: ['read'], ...times };
 * const delegation = await delegateCapability(wish, owner.signer);
 * delegation.parentCapability; // → root.id
 */
export async function delegateCapability(given: Delegation, signer: CapabilitySigner): Promise<JsonObject> {
  const delegation = options(given, 'delegation', delegationChecks);
  checkSigner(signer);
  const { parent, id, controller, allowedAction, expires, created } = delegation;
  const from = isRoot(parent) ? undefined : readLink(parent, '/parent');
  const document: JsonObject = {
    '@context': [capabilityContext, dataIntegrityContext],
    id,
    parentCapability: parent.id as string,
    controller: controller as JsonValue,
    invocationTarget: delegation.invocationTarget ?? (parent.invocationTarget as string),
    expires: formatInstant(expires),
    ...(allowedAction === undefined ? {} : { allowedAction: allowedAction as JsonValue }),
  };
  const purpose = 'capabilityDelegation';
  const { verificationMethod } = signer;
  const members: JsonObject = { capabilityChain: from === undefined ? [parent.id as string] : chainAfter(from) };
  const proof = { ...members, proofPurpose: purpose, verificationMethod, created: formatInstant(created) };
  const link = readLink({ ...document, proof }, '');
  checkAttenuation(link, from ?? rootAuthority(parent as RootCapability), created);
  return createDataIntegrityProof(document, { verificationMethod, purpose, created, members }, signer);
}

function isRoot(parent: RootCapability | JsonObject): parent is RootCapability {
  return !Object.hasOwn(parent, 'parentCapability');
}

/** The chain of a child of this link: the ancestors by their ids, the parent in full. */
function chainAfter({ chain, document }: Link): readonly JsonValue[] {
  if (chain.length + 2 > maxChainLength) throw new ProofError('capability.too_long', '/proof/capabilityChain');
  const ids = chain.map((entry) => (isJsonObject(entry) ? (entry.id as string) : entry));
  return [...ids, document];
}

function checkAttenuation(link: Link, parent: Authority, now: number): void {
  const fault = attenuationChecks.find(({ holds }) => !holds(link, parent, { now }));
  if (fault !== undefined) throw new ProofError(fault.code, `/${fault.member}`);
}
