/**
 * Invocations: a device uses a capability for one request at one server, once.
 *
 * 1. Check the size, then strict JSON, then the shape of the document and of its proof.
 * 2. The audience is the expected one, and the request is this request: its type; for a token the service and the scope; for a
 *    call the procedure, or the method and URI, and the digest of the message bytes as received.
 * 3. It is fresh: not made long ago, not in the future, and it ends soon.
 * 4. The action and the target are the expected ones.
 * 5. The capability is a root's id, or a chain, which is verified as by `verifyCapabilityChain`, from the caller's root.
 * 6. The capability allows the action, and the target is within its own.
 * 7. The proof is good: its method is looked up, the document of the method's controller lists it for invocations, and that
 *    controller is one of the tail's.
 *
 * The caller must check two more things, and only after this has passed: that none of `ids` was revoked, and that `nonce` was
 * not used before (remember it, with `verificationMethod`, until `freshUntil`).
 */
import {
  type Checks,
  callable,
  either,
  listOf,
  number,
  object,
  optional,
  options,
  someText,
  text,
} from '../argument.ts';
import { encodeBase64url } from '../base64url.ts';
import { type ProofCode, ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { PublicJwk } from '../jwk.ts';
import { canonicalTarget } from '../message/target.ts';
import { allows, defaultTolerance, rootAuthority } from './attenuation.ts';
import { checkedRequest, type Invocation, type InvokedRequest, readInvocation, requestKinds } from './invocation.ts';
import { checkRoot, type RootCapability } from './root.ts';
import { verifyInvocationProof } from './signature.ts';
import { isTargetWithin } from './target.ts';
import {
  type ChainExpectation,
  type ChainTerms,
  chainTermChecks,
  readDocument,
  type VerifiedChain,
  verdict,
  verifyChain,
} from './verify.ts';
import './refusal.ts';

/** The verifier's root with this id, made from its knowledge of the target; undefined if there is none. */
export type RootLookup = (id: string) => RootCapability | undefined | Promise<RootCapability | undefined>;

/** The requirements on an invocation. Times are in epoch milliseconds. */
export interface InvocationExpectation extends ChainTerms {
  /** The root, or a look-up by the id that the chain starts with. */
  readonly root: RootCapability | RootLookup;
  /** The name of this verifier. */
  readonly audience: string;
  readonly request: InvokedRequest;
  /** The actions that are accepted for this request. */
  readonly actions: readonly string[];
  /** The target of the request. Default: the whole target of the root. */
  readonly target?: string | undefined;
  /** The only accepted nonce. Without it any nonce passes, and the caller checks it afterwards. */
  readonly nonce?: string | undefined;
  /** The longest life of an invocation, in milliseconds. Default 60,000, for a token 300,000. */
  readonly maxAge?: number | undefined;
}

/** An invocation that met the expectation, and the chain that it invokes. */
export interface VerifiedInvocation extends VerifiedChain {
  readonly id: string;
  readonly root: RootCapability;
  readonly action: string;
  /** The invoked target: the target of the chain, or a part of it. */
  readonly invocationTarget: string;
  readonly nonce: string;
  readonly verificationMethod: string;
  /** The controller of the verification method; it is one of the controllers of the tail. */
  readonly invoker: string;
  readonly key: PublicJwk;
  /** Epoch milliseconds. */
  readonly created: number;
  /** Epoch milliseconds. After that this invocation is refused, and its nonce may be forgotten. */
  readonly freshUntil: number;
  /** The whole signed document, with unknown members. */
  readonly document: JsonObject;
}

const expectationChecks: Checks<InvocationExpectation> = {
  ...chainTermChecks,
  root: either(callable, object),
  audience: someText,
  request: checkedRequest,
  actions: listOf(text),
  target: optional(text),
  nonce: optional(text),
  maxAge: optional(number),
};

/**
 * Verifies that a device uses a capability for this request, at this server, now (ZCAP 0.3). Times are in epoch
 * milliseconds, `maxAge` is in milliseconds.
 *
 * The caller must check two more things, and only after this has passed: that none of `ids` was revoked, and that
 * `nonce` was not used before with this `verificationMethod` (remember it until `freshUntil`).
 *
 * @throws {ProofError} `invocation.*`, `capability.*`, `integrity.*`, `did.*`, `did_key.*`, `multikey.*`, `jcs.*`, and
 * every error of `resolve` and of a `root` that is a look-up
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist: a message is a
 * Uint8Array
 * @example
 * const request = { kind: 'rpc', procedure: '/countersign.v1.WalletService/GetWallet', message: utf8('') } as const;
 * const once = { id: `urn:uuid:${crypto.randomUUID()}`, nonce: 'nonce-1', created: now * 1000 };
 * const wish = { ...once, request, audience: api, capability, action: 'read' };
 * const invocation = await createInvocation(wish, phone.signer);
 * const expected = { crypto: cryptoPort, now: now * 1000, root, audience: api, request, actions: ['read'] };
 * const { invoker, nonce } = await verifyInvocation(JSON.stringify(invocation), expected);
 * [invoker, nonce]; // → [phone.did, 'nonce-1']
 */
export async function verifyInvocation(
  presented: Uint8Array | string,
  given: InvocationExpectation,
): Promise<VerifiedInvocation> {
  const expected = options(given, 'expected', expectationChecks);
  const invocation = readInvocation(readDocument(presented, 'invocation'));
  const { audience, nonce: only } = expected;
  if (invocation.audience !== audience) throw new ProofError('invocation.audience', '/audience');
  if (only !== undefined && invocation.nonce !== only) throw new ProofError('invocation.nonce_other', '/nonce');
  await checkRequest(invocation, expected);
  const freshUntil = checkTime(invocation, expected);
  const root = await rootOf(invocation, expected.root);
  checkPurpose(invocation, root, expected);
  const chain = await chainOf(invocation, { ...expected, root });
  const { id, document, nonce, action, created, target, verificationMethod } = invocation;
  if (!allows(chain, action)) throw refusal('invocation.action_not_allowed', 'capabilityAction');
  if (!isTargetWithin(target, chain.target)) throw refusal('invocation.target_outside', 'invocationTarget');
  const method = await verifyInvocationProof(invocation, chain.controllers.at(-1) ?? [], expected);
  const told = { id, document, nonce, action, created, invocationTarget: target, verificationMethod };
  return { ...told, ...chain, root, invoker: method.controller, key: method.key, freshUntil };
}

/** Step 2. */
async function checkRequest({ type, document }: Invocation, { request, crypto }: InvocationExpectation): Promise<void> {
  if (type !== requestKinds[request.kind].type) throw new ProofError('invocation.type', '/type');
  if (request.kind === 'token') {
    // An invocation for the realm gives no token for a service, and one for a service gives no token for the realm.
    checkMember(document, 'resource', request.resource);
    checkMember(document, 'scope', request.scope);
    return;
  }
  if (request.kind === 'rpc') checkMember(document, 'procedure', request.procedure);
  else {
    const uri = canonicalTarget(request.uri);
    if (uri === undefined) throw new ProofError('invocation.uri', '/uri');
    checkMember(document, 'method', request.method);
    checkMember(document, 'uri', uri);
  }
  checkMember(document, 'digest', encodeBase64url(await crypto.sha256(request.message)));
}

function checkMember(
  document: JsonObject,
  member: 'procedure' | 'method' | 'uri' | 'digest' | 'resource' | 'scope',
  expected: string | undefined,
): void {
  if (document[member] !== expected) throw new ProofError(`invocation.${member}`, `/${member}`);
}

/** Step 3. Returns the time until which it passes. Written so that a time of NaN refuses. */
function checkTime({ created, expires }: Invocation, expected: InvocationExpectation): number {
  const { now, request, clockTolerance: tolerance = defaultTolerance } = expected;
  const { isExpiryRequired, maxAge: usual } = requestKinds[request.kind];
  const maxAge = expected.maxAge ?? usual;
  if (!(created <= now + tolerance)) throw refusal('invocation.created_in_future', 'created');
  if (expires === undefined) {
    if (isExpiryRequired) throw refusal('invocation.expires_missing', 'expires');
    const freshUntil = created + maxAge + tolerance;
    if (!(now < freshUntil)) throw refusal('invocation.stale', 'created');
    return freshUntil;
  }
  const life = expires - created;
  if (!(life > 0 && life <= maxAge)) throw refusal('invocation.window', 'expires');
  if (!(now < expires + tolerance)) throw refusal('invocation.expired', 'expires');
  return expires + tolerance;
}

/** Step 4. */
function checkPurpose({ action, target }: Invocation, root: RootCapability, expected: InvocationExpectation): void {
  if (!expected.actions.includes(action)) throw refusal('invocation.action_unexpected', 'capabilityAction');
  if (target !== (expected.target ?? root.invocationTarget)) {
    throw refusal('invocation.target_unexpected', 'invocationTarget');
  }
}

async function rootOf({ capability }: Invocation, root: RootCapability | RootLookup): Promise<RootCapability> {
  if (typeof root !== 'function') return root;
  const id = typeof capability === 'string' ? capability : claimedRoot(capability.proof);
  const found = typeof id === 'string' ? await root(id) : undefined;
  if (found === undefined) throw refusal('capability.root_unknown', 'capability');
  if (found.id !== id) throw new ProofError('capability.root_invalid');
  return found;
}

function claimedRoot(proof: JsonValue | undefined): JsonValue | undefined {
  const chain = isJsonObject(proof) ? proof.capabilityChain : undefined;
  return Array.isArray(chain) ? chain[0] : undefined;
}

/** Step 5. */
async function chainOf({ capability }: Invocation, expected: ChainExpectation): Promise<VerifiedChain> {
  if (typeof capability !== 'string') return verifyChain(capability, '/proof/capability', expected);
  checkRoot(expected.root);
  if (capability !== expected.root.id) throw refusal('capability.root_unknown', 'capability');
  return verdict(expected.root, [], [rootAuthority(expected.root)]);
}

function refusal(code: ProofCode, member: string): ProofError {
  return new ProofError(code, `/proof/${member}`);
}
