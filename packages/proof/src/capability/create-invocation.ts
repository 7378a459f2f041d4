import { type Checks, number, object, optional, options, someText, text } from '../argument.ts';
import { encodeBase64url } from '../base64url.ts';
import type { CryptoPort } from '../crypto.ts';
import { checkSigner, createDataIntegrityProof } from '../data-integrity.ts';
import { ProofError } from '../error.ts';
import { formatInstant } from '../instant.ts';
import type { JsonObject } from '../json.ts';
import { canonicalTarget } from '../message/target.ts';
import { checkedRequest, type InvokedRequest, readInvocation, requestKinds } from './invocation.ts';
import { capabilityContext, dataIntegrityContext } from './link.ts';
import type { RootCapability } from './root.ts';
import type { CapabilitySigner } from './signature.ts';
import './refusal.ts';

/** The request, its audience and the capability. Times are in epoch milliseconds. */
export interface InvocationRequest {
  /** `urn:uuid:` with a random UUID. */
  readonly id: string;
  readonly request: InvokedRequest;
  /** The server that gets the invocation. */
  readonly audience: string;
  /** The nonce of the server's challenge, or a random one. It may be used once. */
  readonly nonce: string;
  /** A delegation as it was received, or a root, if its controller itself invokes. */
  readonly capability: RootCapability | JsonObject;
  readonly action: string;
  /** Default: the target of the capability. */
  readonly target?: string | undefined;
  readonly created: number;
  /** Default: the latest end that this kind of request allows. */
  readonly expires?: number | undefined;
}

const requestChecks: Checks<InvocationRequest> = {
  id: text,
  request: checkedRequest,
  audience: someText,
  nonce: text,
  capability: object,
  action: text,
  target: optional(text),
  created: number,
  expires: optional(number),
};

/**
 * Makes and signs an invocation: a device uses a capability for one request at one server. Times are in epoch
 * milliseconds; without `expires` it lives for 60,000 ms, for a token 300,000 ms. Send the document unchanged, and once
 * (ZCAP 0.3).
 *
 * It checks the shape of the document only. The caller must check that the signer's DID controls the capability and
 * that the capability allows the action; otherwise the server refuses.
 *
 * @throws {ProofError} `invocation.*`, `integrity.*`, `jcs.*`
 * @throws {TypeError} naming the member that is of another type, or that does not exist
 * @example
 * const request = { kind: 'rpc', procedure: '/countersign.v1.WalletService/GetWallet', message: utf8('') } as const;
 * const once = { id: `urn:uuid:${crypto.randomUUID()}`, nonce: crypto.randomUUID(), created: now * 1000 };
 * const wish = { ...once, request, audience: api, capability, action: 'read' };
 * const invocation = await createInvocation(wish, phone.signer);
 * invocation.type; // → 'RpcCall'
 */
export async function createInvocation(given: InvocationRequest, signer: CapabilitySigner): Promise<JsonObject> {
  const wanted = options(given, 'wanted', requestChecks);
  checkSigner(signer);
  const { id, request, audience, nonce, capability, action, created } = wanted;
  const { type, maxAge } = requestKinds[request.kind];
  const document: JsonObject = {
    '@context': [capabilityContext, dataIntegrityContext],
    id,
    type,
    audience,
    nonce,
    ...(await boundMembers(request, signer.crypto)),
  };
  const purpose = 'capabilityInvocation';
  const { verificationMethod } = signer;
  const expires = wanted.expires ?? created + maxAge;
  const members: JsonObject = {
    capability: Object.hasOwn(capability, 'parentCapability') ? (capability as JsonObject) : (capability.id as string),
    capabilityAction: action,
    invocationTarget: wanted.target ?? (capability.invocationTarget as string),
  };
  const proof = { ...members, proofPurpose: purpose, verificationMethod, created: formatInstant(created) };
  readInvocation({ ...document, proof });
  return createDataIntegrityProof(document, { verificationMethod, purpose, created, expires, members }, signer);
}

async function boundMembers(request: InvokedRequest, crypto: Pick<CryptoPort, 'sha256'>): Promise<JsonObject> {
  if (request.kind === 'token') {
    const { resource, scope } = request;
    return { ...(resource === undefined ? {} : { resource }), ...(scope === undefined ? {} : { scope }) };
  }
  const digest = encodeBase64url(await crypto.sha256(request.message));
  if (request.kind === 'rpc') return { procedure: request.procedure, digest };
  const uri = canonicalTarget(request.uri);
  if (uri === undefined) throw new ProofError('invocation.uri', '/uri');
  return { method: request.method, uri, digest };
}
