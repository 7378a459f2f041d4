/** One wallet, its owner, two devices, a thief: chains and invocations of theirs, with whatever is to be wrong with them. */
import { sign } from 'node:crypto';
import {
  type CapabilitySigner,
  createRootCapability,
  encodeBase64url,
  type InvocationExpectation,
  type InvokedRequest,
} from '../../src/index.ts';
import { bytes, contexts, type Doc, instant, type Json, type Party, party, secure } from './capability.ts';
import { nodePort } from './message.ts';

export const owner = party('owner');
export const phone = party('phone');
export const tablet = party('tablet');
export const thief = party('thief');

export const now = 1_800_000_000;
export const day = 86_400;
export const target = 'urn:countersign:wallet:alice';
export const root = createRootCapability(target, owner.did);
export const audience = 'https://wallet.example';

export interface Change {
  readonly members?: Doc;
  readonly proof?: Doc;
}

/** The parent's chain, then the parent. */
export function chainAfter(parent: Doc): readonly Json[] {
  if (parent.parentCapability === undefined) return [parent.id as string];
  const chain = (parent.proof as Doc).capabilityChain as readonly Json[];
  return [...chain.map((entry) => (typeof entry === 'string' ? entry : ((entry as Doc).id as string))), parent];
}

/** A delegation of `parent`, signed by `by`, to `to`: sound unless `change` says otherwise. A member that is undefined is left out. */
export function delegation(parent: Doc, by: Party, to: Party, { members = {}, proof = {} }: Change = {}): Doc {
  const document = {
    '@context': contexts,
    id: `urn:uuid:${to.did.slice(-12)}`,
    parentCapability: parent.id,
    controller: to.did,
    invocationTarget: parent.invocationTarget,
    expires: instant(now + day),
    allowedAction: ['read', 'write'],
    ...members,
  };
  const options = {
    created: instant(now - 100),
    proofPurpose: 'capabilityDelegation',
    capabilityChain: chainAfter(parent),
    ...proof,
  };
  return secure(document, options, by);
}

export const rootDoc: Doc = { ...root } as Doc;
export const toPhone = delegation(rootDoc, owner, phone);
export const toTablet = delegation(toPhone, phone, tablet, { members: { allowedAction: ['read'] } });

export const message = bytes('{"walletId":"alice"}');
export const digest = encodeBase64url(nodePort.sha256(message) as Uint8Array);
export const procedure = '/countersign.v1.WalletService/GetWallet';
export const uri = 'https://wallet.example/realms/dev/wallets/alice?view=full';

export const requests = {
  token: { kind: 'token' },
  rpc: { kind: 'rpc', procedure, message },
  http: { kind: 'http', method: 'POST', uri, message },
} as const satisfies Record<string, InvokedRequest>;

const bound = {
  token: { type: 'TokenRequest' },
  rpc: { type: 'RpcCall', procedure, digest },
  http: { type: 'HttpCall', method: 'POST', uri, digest },
} as const;

/** An invocation of `capability` (a root's id, or a delegation), signed by `by`. */
export function invocation(
  capability: Json | undefined,
  by: Party,
  { members = {}, proof = {} }: Change = {},
  kind: keyof typeof bound = 'rpc',
): Doc {
  const document = {
    '@context': contexts,
    id: 'urn:uuid:7f1a7f0e-1f4f-4b3a-9a55-1d1f6f0b0001',
    audience,
    nonce: 'n-0S6_WzA2Mj',
    ...bound[kind],
    ...members,
  };
  const options = {
    created: instant(now - 5),
    expires: instant(now + 50),
    proofPurpose: 'capabilityInvocation',
    capability,
    capabilityAction: 'read',
    invocationTarget: target,
    ...proof,
  };
  return secure(document, options, by);
}

export function expecting(change: Partial<InvocationExpectation> = {}): InvocationExpectation {
  return {
    crypto: nodePort,
    root,
    now: now * 1000,
    audience,
    request: requests.rpc,
    actions: ['read'],
    target,
    ...change,
  };
}

/** What our own functions sign with. */
export function signerOf({ kid, privateKey }: Party): CapabilitySigner {
  return { alg: 'Ed25519', verificationMethod: kid, crypto: nodePort, sign: (data) => sign(null, data, privateKey) };
}
