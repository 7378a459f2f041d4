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

/** What is passed on, of what, and to whom. Times are in epoch milliseconds. */
export interface Delegation {
  /** A root, or a delegation as it was received. */
  readonly parent: RootCapability | JsonObject;
  /** Never used before: revocation goes by it. `urn:uuid:` with a random one. */
  readonly id: string;
  /** The DID that gets the capability, or a list of which each may act alone. */
  readonly controller: string | readonly string[];
  /** Left out, every action, which only a parent that allows every action can give. */
  readonly allowedAction?: string | readonly string[] | undefined;
  /** Left out, that of the parent. */
  readonly invocationTarget?: string | undefined;
  readonly expires: number;
  readonly created: number;
}

const delegationChecks: Checks<Delegation> = {
  parent: object,
  id: text,
  // These two are judged with the link as a whole.
  controller: (value) => value,
  allowedAction: (value) => value,
  invocationTarget: optional(text),
  expires: number,
  created: number,
};

/**
 * A capability for somebody else: no more than the parent, for no longer, signed by a controller of the parent. It is held against
 * the parent by the same checks as at the verifier; that the parent itself is good is for the verifier to say.
 *
 * @throws {ProofError} with a code that starts with `capability.`
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

/** The ancestors by their ids, the parent in full. */
function chainAfter({ chain, document }: Link): readonly JsonValue[] {
  if (chain.length + 2 > maxChainLength) throw new ProofError('capability.too_long', '/proof/capabilityChain');
  const ids = chain.map((entry) => (isJsonObject(entry) ? (entry.id as string) : entry));
  return [...ids, document];
}

function checkAttenuation(link: Link, parent: Authority, now: number): void {
  const fault = attenuationChecks.find(({ holds }) => !holds(link, parent, { now }));
  if (fault !== undefined) throw new ProofError(fault.code, `/${fault.member}`);
}
