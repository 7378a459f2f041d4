import { bytes, type Check, type Checks, object, oneOf, optional, options, text } from '../argument.ts';
import { type ProofCode, ProofError } from '../error.ts';
import { parseInstant } from '../instant.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { isAction, isContext, isUri } from './link.ts';
import { isCanonicalTarget } from './target.ts';
import './refusal.ts';

/** A request for a token of the server itself, or for a token for a service, whose name and scope the device signs. */
export interface TokenInvocation {
  readonly kind: 'token';
  /** The service that the token is for. Default: the server itself. */
  readonly resource?: string | undefined;
  /** The OAuth scope of the token. Default: everything that the chain allows. */
  readonly scope?: string | undefined;
}

/** The request of an invocation: a token, or one call, with every byte bound. */
export type InvokedRequest =
  | TokenInvocation
  | { readonly kind: 'rpc'; readonly procedure: string; readonly message: Uint8Array }
  | { readonly kind: 'http'; readonly method: string; readonly uri: string; readonly message: Uint8Array };

/** The rules for each kind of request. */
export const requestKinds = {
  /** It contains a challenge of the server that lives as long; its expiry may be left out. */
  token: { type: 'TokenRequest', maxAge: 300_000, isExpiryRequired: false },
  /**
   * `procedure`: the full path, `/countersign.v1.WalletService/GetWallet`. `message`: the bytes of the message, without a
   * frame.
   */
  rpc: { type: 'RpcCall', maxAge: 60_000, isExpiryRequired: true },
  /** `uri`: absolute and canonical. `message`: the bytes of the body, empty for a request without a body. */
  http: { type: 'HttpCall', maxAge: 60_000, isExpiryRequired: true },
} as const;

/**
 * The request with each member read once and its type checked.
 *
 * @throws {TypeError} naming the member
 */
export function checkedRequest(value: unknown, name: string): InvokedRequest {
  const { kind } = object(value, name) as InvokedRequest;
  oneOf(...Object.keys(requestKinds))(kind, `${name}.kind`);
  return options(value as object, name, requestChecks[kind]) as InvokedRequest;
}

const any: Check = (value) => value;
const requestChecks: Readonly<Record<InvokedRequest['kind'], Checks<object>>> = {
  token: { kind: any, resource: optional(text), scope: optional(text) },
  rpc: { kind: any, procedure: text, message: bytes },
  http: { kind: any, method: text, uri: text, message: bytes },
} as Readonly<Record<InvokedRequest['kind'], Checks<object>>>;

/** An invocation whose members have their shape. It is not proved yet. Times are in epoch milliseconds. */
export interface Invocation {
  readonly document: JsonObject;
  readonly proof: JsonObject;
  readonly id: string;
  readonly type: JsonValue | undefined;
  readonly audience: JsonValue | undefined;
  readonly nonce: string;
  readonly created: number;
  readonly expires: number | undefined;
  readonly verificationMethod: string;
  /** The id of a root, or a delegation in full. */
  readonly capability: string | JsonObject;
  readonly action: string;
  readonly target: string;
}

const maxNonce = 512;
const legacyMembers = ['invoker', 'target', 'invocationTarget', 'capability', 'capabilityAction'];

/** @throws {ProofError} with an `invocation.…` code about the document alone */
export function readInvocation(document: JsonObject): Invocation {
  if (!isContext(document)) throw new ProofError('invocation.context', '/@context');
  for (const name of legacyMembers) {
    if (Object.hasOwn(document, name)) throw new ProofError('invocation.legacy_member', `/${name}`);
  }
  const { id, type, audience, nonce, proof } = document;
  if (!isUri(id)) throw new ProofError('invocation.id', '/id');
  if (typeof nonce !== 'string' || nonce === '' || nonce.length > maxNonce) {
    throw new ProofError('invocation.nonce', '/nonce');
  }
  if (Array.isArray(proof)) throw new ProofError('invocation.proof_several', '/proof');
  if (!isJsonObject(proof)) throw new ProofError('invocation.proof_missing', '/proof');
  return { document, proof, id, type, audience, nonce, ...readProof(proof) };
}

function readProof(proof: JsonObject) {
  if (Object.hasOwn(proof, 'previousProof')) throw refusal('invocation.proof_several', 'previousProof');
  for (const name of ['creator', 'invoker']) {
    if (Object.hasOwn(proof, name)) throw refusal('invocation.legacy_member', name);
  }
  if (proof.proofPurpose !== 'capabilityInvocation') throw refusal('invocation.proof_purpose', 'proofPurpose');
  const { verificationMethod, capability, capabilityAction: action, invocationTarget: target } = proof;
  if (!isUri(verificationMethod)) throw refusal('invocation.method_missing', 'verificationMethod');
  if (proof.created === undefined) throw refusal('invocation.created_missing', 'created');
  const created = parseInstant(proof.created);
  if (created === undefined) throw refusal('invocation.created_invalid', 'created');
  const expires = parseInstant(proof.expires);
  if (proof.expires !== undefined && expires === undefined) throw refusal('invocation.expires_invalid', 'expires');
  if (typeof capability !== 'string' && !isJsonObject(capability)) throw refusal('invocation.capability', 'capability');
  if (!isAction(action)) throw refusal('invocation.action_missing', 'capabilityAction');
  if (!isUri(target)) throw refusal('invocation.target_missing', 'invocationTarget');
  if (!isCanonicalTarget(target)) throw refusal('invocation.target_not_canonical', 'invocationTarget');
  return { created, expires, verificationMethod, capability, action, target };
}

function refusal(code: ProofCode, member: string): ProofError {
  return new ProofError(code, `/proof/${member}`);
}
