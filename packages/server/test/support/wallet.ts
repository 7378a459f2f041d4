/**
 * A device as somebody writes it who has read the documentation only: its documents are made and signed without the code under test,
 * so that a mistake there cannot hide here.
 */
import { createHash, createPublicKey, randomBytes, randomUUID, sign } from 'node:crypto';
import {
  contexts,
  type Doc,
  instant,
  type Json,
  type Party,
  partyOf,
  secure,
} from '../../../proof/test/support/capability.ts';
import { chainAfter } from '../../../proof/test/support/wallet.ts';
import type { GrpcClient } from './rpc.ts';

export type Device = Party;

/** `DIDKey.generate()` */
export const newDevice = (): Device => partyOf(randomBytes(32));

/** Seconds. */
const now = () => Math.floor(Date.now() / 1000);
export const json = (document: unknown) => Buffer.from(JSON.stringify(document));
export const read = (bytes: unknown) =>
  JSON.parse(Buffer.from(bytes as string, 'base64').toString() || String(bytes)) as Doc;
export const base64url = (document: unknown) => json(document).toString('base64url');

export interface Challenge {
  readonly nonce: string;
  readonly audience: string;
}

/** The signed request for a new wallet. */
export function createRequest(device: Device, challenge: Challenge, members: Doc = {}, proof: Doc = {}): Doc {
  const document = {
    type: 'CreateWallet',
    controller: device.did,
    audience: challenge.audience,
    nonce: challenge.nonce,
    created: instant(now()),
    ...members,
  };
  return secure(document, { created: instant(now()), proofPurpose: 'authentication', ...proof }, device);
}

interface Change {
  readonly members?: Doc;
  readonly proof?: Doc;
}

/** The invocation of a capability for a token. */
export function tokenRequest(device: Device, zcap: Json, challenge: Challenge, { members, proof }: Change = {}): Doc {
  const document = {
    '@context': contexts,
    id: `urn:uuid:${randomUUID()}`,
    type: 'TokenRequest',
    audience: challenge.audience,
    nonce: challenge.nonce,
    ...members,
  };
  return secure(document, { ...invoking(zcap), ...proof }, device);
}

export interface BoundCall {
  readonly procedure: string;
  readonly message: Uint8Array;
  readonly audience: string;
}

/** The invocation of a capability for one call. */
export function callInvocation(device: Device, zcap: Json, call: BoundCall, { members, proof }: Change = {}): Doc {
  const document = {
    '@context': contexts,
    id: `urn:uuid:${randomUUID()}`,
    type: 'RpcCall',
    audience: call.audience,
    nonce: randomBytes(16).toString('base64url'),
    procedure: call.procedure,
    digest: createHash('sha256').update(call.message).digest('base64url'),
    ...members,
  };
  const expires = { expires: instant(now() + 50) };
  return secure(document, { ...invoking(zcap), ...expires, ...proof }, device);
}

function invoking(zcap: Json): Doc {
  const target = typeof zcap === 'object' && zcap !== null ? (zcap as Doc).invocationTarget : undefined;
  return {
    created: instant(now()),
    proofPurpose: 'capabilityInvocation',
    capability: zcap,
    capabilityAction: 'read',
    invocationTarget: target,
  };
}

/** What a device passes on. */
export function delegation(
  parent: Doc,
  by: Device,
  to: { readonly did: string },
  { members, proof }: Change = {},
): Doc {
  const document = {
    '@context': contexts,
    id: `urn:uuid:${randomUUID()}`,
    parentCapability: parent.id,
    controller: to.did,
    invocationTarget: parent.invocationTarget,
    expires: instant(now() + 86_400),
    allowedAction: ['read'],
    ...members,
  };
  const options = {
    created: instant(now()),
    proofPurpose: 'capabilityDelegation',
    capabilityChain: chainAfter(parent),
    ...proof,
  };
  return secure(document, options, by);
}

export function dpopProof(device: Device, claims: Doc, header: Doc = {}): string {
  const { kty, crv, x } = createPublicKey(device.privateKey).export({ format: 'jwk' });
  const parts = [
    { typ: 'dpop+jwt', alg: 'EdDSA', jwk: { kty, crv, x }, ...header },
    { htm: 'POST', iat: now(), jti: randomUUID(), ...claims },
  ].map(base64url);
  const input = parts.join('.');
  return `${input}.${sign(null, Buffer.from(input), device.privateKey).toString('base64url')}`;
}

const packageName = 'countersign.v1';

/** The three services over gRPC, with what each answers. */
export function walletCalls(grpc: GrpcClient, realm?: string) {
  const call = async (service: string, method: string, request: object, metadata: Record<string, string> = {}) => {
    const all = realm === undefined ? metadata : { realm, ...metadata };
    const answer = await grpc.call(`${packageName}.${service}`, method, request, { metadata: all });
    if (answer.error !== undefined) throw answer.error;
    return answer.value as Record<string, string>;
  };
  return {
    call,
    challenge: async () => (await call('AuthService', 'GetChallenge', {})) as unknown as Challenge,
  };
}
