import { addTexts } from '../error-text.ts';

/**
 * The reasons for refusing a capability or an invocation. The texts are fixed and contain no part of the input; the pointer of
 * the error names the faulty link. Codes `capability.…` are faults of the chain, codes `invocation.…` faults of the invocation.
 */

/** Faults of one link alone. */
const linkTexts = {
  'capability.context': 'The context is not a list of URLs from that of ZCAP on, the same in the proof.',
  'capability.legacy_member': 'A member of older drafts (invoker, delegator, target, creator) is there.',
  'capability.caveat': 'A caveat restricts the capability in a way that is not understood here.',
  'capability.id': 'The id of a delegation is not an absolute URI, or is one of a root.',
  'capability.parent': 'The parent is not named by an absolute URI.',
  'capability.controller': 'The controller is neither an absolute URI nor a list of some, each once.',
  'capability.target': 'The target is not a URI that can be a target.',
  'capability.target_not_canonical': 'The target is not spelled canonically.',
  'capability.actions_invalid': 'The allowed actions are neither a string nor a list of strings, each once.',
  'capability.actions_empty': 'The list of allowed actions is empty.',
  'capability.expires_missing': 'The delegation has no expiry.',
  'capability.expires_invalid': 'The expiry is not an RFC 3339 time with a zone.',
  'capability.proof_missing': 'The delegation carries no proof.',
  'capability.proof_several': 'The delegation carries a list of proofs, or one that builds on another.',
  'capability.proof_purpose': 'The proof of the delegation is for another purpose.',
  'capability.created_missing': 'The proof of the delegation does not say when it was made.',
  'capability.created_invalid': 'The time of the delegation is not an RFC 3339 time with a zone.',
  'capability.method_missing': 'The proof of the delegation names no verification method.',
  'capability.chain_missing': 'The proof of the delegation has no capability chain.',
} as const;

/** Faults of the connection between links. */
const chainTexts = {
  'capability.root_invalid': 'The root that we expect is not a root capability.',
  'capability.root_presented':
    'A root was presented as a document. Roots are named by their id and known to the verifier.',
  'capability.root_unknown': 'The chain does not start at the expected root.',
  'capability.too_long': 'The chain is too long.',
  'capability.chain_embedded': 'The chain embeds something else than the parent alone.',
  'capability.chain_length': 'The chain of a link is not one longer than that of its parent.',
  'capability.chain_parent': 'The last entry of the chain is not the parent.',
  'capability.chain_ancestor': 'The chain of a link does not name the ancestors of its parent.',
  'capability.chain_repeated': 'A link stands in its chain twice.',
} as const;

/** Faults of a link that does not keep the limits of its parent. */
const attenuationTexts = {
  'capability.target_exceeds': 'The target is not within that of the parent.',
  'capability.actions_missing': 'The parent restricts the actions and the delegation does not.',
  'capability.actions_exceed': 'The delegation allows an action that its parent does not.',
  'capability.expires_exceeds': 'The delegation expires after its parent.',
  'capability.expired': 'The delegation has expired.',
  'capability.created_before_parent': 'The delegation was made before its parent.',
  'capability.created_in_future': 'The delegation was made in the future.',
  'capability.expires_before_created': 'The delegation expires before it was made.',
  'capability.lifetime': 'The delegation lives longer than is allowed here.',
} as const;

/** Other faults of a proof have codes of Data Integrity and DIDs: `integrity.…`, `did.…`, with a pointer to the proof. */
const proofTexts = {
  'capability.delegator': 'The delegation was not signed by the controller of its parent.',
} as const;

export const capabilityTexts = { ...linkTexts, ...chainTexts, ...attenuationTexts, ...proofTexts } as const;

export const invocationTexts = {
  'invocation.context': 'The context is not a list of URLs from that of ZCAP on, the same in the proof.',
  'invocation.legacy_member': 'A member of older drafts (invoker, target, creator) is there.',
  'invocation.id': 'The id is not an absolute URI.',
  'invocation.type': 'The document is of another type than is expected here.',
  'invocation.audience': 'The invocation is meant for another audience.',
  'invocation.nonce': 'The nonce is not a string of 1 to 512 characters.',
  'invocation.nonce_other': 'The nonce is not the expected one.',
  'invocation.procedure': 'The invocation is one of another procedure.',
  'invocation.method': 'The invocation is one of another HTTP method.',
  'invocation.uri': 'The invocation is one of another URI.',
  'invocation.resource': 'The invocation is for a token for another service, or for none.',
  'invocation.scope': 'The invocation is for a token of another scope.',
  'invocation.digest': 'The invocation is one of other message bytes.',
  'invocation.proof_missing': 'The invocation carries no proof.',
  'invocation.proof_several': 'The invocation carries a list of proofs, or one that builds on another.',
  'invocation.proof_purpose': 'The proof is for another purpose.',
  'invocation.method_missing': 'The proof names no verification method.',
  'invocation.created_missing': 'The proof does not say when it was made.',
  'invocation.created_invalid': 'The time of the invocation is not an RFC 3339 time with a zone.',
  'invocation.created_in_future': 'The invocation was made in the future.',
  'invocation.expires_missing': 'The invocation has no expiry.',
  'invocation.expires_invalid': 'The expiry is not an RFC 3339 time with a zone.',
  'invocation.expired': 'The invocation has expired.',
  'invocation.stale': 'The invocation was made too long ago.',
  'invocation.window': 'The invocation lives longer than is allowed here, or ends before it begins.',
  'invocation.capability': 'The invocation names no capability.',
  'invocation.action_missing': 'The invocation names no action.',
  'invocation.action_unexpected': 'The action is not one that is expected here.',
  'invocation.action_not_allowed': 'The capability does not allow the action.',
  'invocation.target_missing': 'The invocation names no target.',
  'invocation.target_not_canonical': 'The target is not spelled canonically.',
  'invocation.target_unexpected': 'The target is not the expected one.',
  'invocation.target_outside': 'The target is not within that of the capability.',
  'invocation.invoker': 'The invocation was not signed by the controller of the capability.',
} as const;

/** The parts that are JSON: the text of a fault begins with the name of its part. */
export const capabilityParts = {
  'capability.document_': 'The capability',
  'invocation.document_': 'The invocation',
} as const;

addTexts(capabilityTexts);
addTexts(invocationTexts);
addTexts(capabilityParts);
