import { type ProofCode, ProofError } from '../error.ts';
import { parseInstant } from '../instant.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { isCanonicalTarget } from './target.ts';
import './refusal.ts';

export const capabilityContext = 'https://w3id.org/zcap/v1';
export const dataIntegrityContext = 'https://w3id.org/security/data-integrity/v2';

/** Every root id starts with this prefix, and no id of a delegation does. */
export const rootPrefix = 'urn:zcap:root:';

/** A delegation whose members have their shape. It is not proved yet. Times are in epoch milliseconds. */
export interface Link {
  readonly document: JsonObject;
  /** RFC 6901 pointer to this link in the presented document. */
  readonly pointer: string;
  readonly id: string;
  readonly parentId: string;
  /** Each of these may invoke the capability and delegate it. */
  readonly controllers: readonly string[];
  readonly target: string;
  /** Undefined means every action. A link may say so only if its parent does. */
  readonly actions: readonly string[] | undefined;
  readonly expires: number;
  readonly created: number;
  /** The end of the proof, if it has its own. */
  readonly proofExpires: number | undefined;
  readonly verificationMethod: string;
  readonly proof: JsonObject;
  /** From the root's id to the parent. The parent is embedded unless it is the root. */
  readonly chain: readonly JsonValue[];
}

const maxUri = 8192;
const maxControllers = 8;
const maxActions = 64;
const uri = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i;
const legacyMembers = ['invoker', 'delegator', 'target'];

/** @throws {ProofError} with a `capability.…` code about this link alone, and a pointer to the faulty member */
export function readLink(document: JsonObject, pointer: string): Link {
  const refuse = (code: ProofCode, member: string) => new ProofError(code, `${pointer}/${member}`);
  if (!isContext(document)) throw refuse('capability.context', '@context');
  for (const name of legacyMembers) {
    if (Object.hasOwn(document, name)) throw refuse('capability.legacy_member', name);
  }
  if (Object.hasOwn(document, 'caveat')) throw refuse('capability.caveat', 'caveat');
  const { id, parentCapability: parentId, invocationTarget: target } = document;
  if (!isUri(id) || id.startsWith(rootPrefix)) throw refuse('capability.id', 'id');
  if (!isUri(parentId)) throw refuse('capability.parent', 'parentCapability');
  const controllers = readControllers(document.controller);
  if (controllers === undefined) throw refuse('capability.controller', 'controller');
  if (!isUri(target)) throw refuse('capability.target', 'invocationTarget');
  if (!isCanonicalTarget(target)) throw refuse('capability.target_not_canonical', 'invocationTarget');
  const actions = readActions(document.allowedAction, `${pointer}/allowedAction`);
  if (document.expires === undefined) throw refuse('capability.expires_missing', 'expires');
  const expires = parseInstant(document.expires);
  if (expires === undefined) throw refuse('capability.expires_invalid', 'expires');
  const proved = readProof(document.proof, `${pointer}/proof`);
  return { document, pointer, id, parentId, controllers, target, actions, expires, ...proved };
}

type Proved = Pick<Link, 'created' | 'proofExpires' | 'verificationMethod' | 'proof' | 'chain'>;

function readProof(proof: JsonValue | undefined, pointer: string): Proved {
  if (Array.isArray(proof)) throw new ProofError('capability.proof_several', pointer);
  if (!isJsonObject(proof)) throw new ProofError('capability.proof_missing', pointer);
  const refuse = (code: ProofCode, member: string) => new ProofError(code, `${pointer}/${member}`);
  if (Object.hasOwn(proof, 'previousProof')) throw refuse('capability.proof_several', 'previousProof');
  if (Object.hasOwn(proof, 'creator')) throw refuse('capability.legacy_member', 'creator');
  if (proof.proofPurpose !== 'capabilityDelegation') throw refuse('capability.proof_purpose', 'proofPurpose');
  if (proof.created === undefined) throw refuse('capability.created_missing', 'created');
  const created = parseInstant(proof.created);
  if (created === undefined) throw refuse('capability.created_invalid', 'created');
  const proofExpires = proof.expires === undefined ? undefined : parseInstant(proof.expires);
  if (proof.expires !== undefined && proofExpires === undefined) throw refuse('capability.expires_invalid', 'expires');
  const { verificationMethod, capabilityChain: chain } = proof;
  if (!isUri(verificationMethod)) throw refuse('capability.method_missing', 'verificationMethod');
  if (!Array.isArray(chain) || chain.length === 0) throw refuse('capability.chain_missing', 'capabilityChain');
  return { created, proofExpires, verificationMethod, proof, chain };
}

/**
 * Whether the context is a list of URLs that begins with ZCAP's, which defines the members. A context in the proof must be the
 * same: Data Integrity allows a document to name more than its proof, but here everything must be signed. An embedded context
 * object is refused, because it could give members new meanings.
 */
export function isContext({ '@context': context, proof }: JsonObject): boolean {
  if (!Array.isArray(context) || context[0] !== capabilityContext || !context.every(isUri)) return false;
  const signed = isJsonObject(proof) ? proof['@context'] : undefined;
  if (signed === undefined) return true;
  return Array.isArray(signed) && signed.length === context.length && signed.every((one, i) => one === context[i]);
}

export function isUri(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxUri && uri.test(value);
}

/** ZCAP 0.3: a string, or a list whose entries may each act alone. Undefined if the value is neither. */
export function readControllers(value: unknown): readonly string[] | undefined {
  if (isUri(value)) return [value];
  const isList = Array.isArray(value) && value.length > 0 && value.length <= maxControllers;
  return isList && value.every(isUri) && isEachOnce(value) ? value : undefined;
}

/**
 * A string or a list; undefined if the member is missing. An empty list is refused: some would read it as *all*, others as
 * *none*.
 */
function readActions(value: unknown, pointer: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const actions = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(actions)) throw new ProofError('capability.actions_invalid', pointer);
  if (actions.length === 0) throw new ProofError('capability.actions_empty', pointer);
  const isSound = actions.length <= maxActions && actions.every(isAction) && isEachOnce(actions);
  if (!isSound) throw new ProofError('capability.actions_invalid', pointer);
  return actions;
}

export function isAction(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 256;
}

function isEachOnce(list: readonly string[]): boolean {
  return list.length === 1 || new Set(list).size === list.length;
}
