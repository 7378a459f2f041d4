/**
 * A device as somebody writes it who has read the documentation only: its documents are made and signed without the code under test,
 * so that a mistake there cannot hide here.
 */
import { createHash, createPublicKey, randomBytes, randomUUID, sign } from 'node:crypto';
import { onTestFinished } from 'vitest';
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
import { eventually } from './eventually.ts';
import { type GrpcClient, grpcClient } from './rpc.ts';
import { type TestServer, type TestServerOptions, testServer } from './server.ts';
import type { Mailbox } from './smtp.ts';

export type Device = Party;

/** `DIDKey.generate()` */
export const newDevice = (): Device => partyOf(randomBytes(32));

/** Seconds. */
const now = () => Math.floor(Date.now() / 1000);
export const json = (document: unknown) => Buffer.from(JSON.stringify(document));
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

export interface Change {
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
    // A second may pass between one delegation and the next.
    expires: instant(Math.min(now() + 86_400, Date.parse(String(parent.expires)) / 1000)),
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

/** A call over gRPC: what it answers, or throws the status. */
export type WalletCall = (
  method: string,
  request: object,
  metadata?: Record<string, string>,
) => Promise<Record<string, string> & Record<string, unknown>>;

export interface WalletServer extends TestServer {
  readonly grpc: GrpcClient;
  /** `WalletService/GetWallet`, in the default realm. */
  readonly call: WalletCall;
  challenge(): Promise<Challenge>;
  /** Metadata of an administrator. */
  administrator(): Promise<Record<string, string>>;
}

/** A server, and a gRPC client for it. Closed when the test ends. */
export async function walletServer(options: TestServerOptions): Promise<WalletServer> {
  const server = await testServer(options);
  // Of two nodes that say the same of themselves, this one.
  const grpc = grpcClient(`localhost:${server.context.config.port}`, ['countersign/v1/wallet.proto']);
  let closing: Promise<void> | undefined;
  const close = () => {
    grpc.close();
    closing ??= server.close();
    return closing;
  };
  onTestFinished(close);
  return withCalls({ ...server, close }, grpc);
}

export function withCalls(server: TestServer, grpc: GrpcClient): WalletServer {
  const call: WalletCall = async (name, request, metadata = {}) => {
    const [service = '', method = ''] = name.split('/');
    const answer = await grpc.call(`countersign.v1.${service}`, method, request, { metadata });
    if (answer.error !== undefined) throw answer.error;
    return answer.value as Record<string, string>;
  };
  return {
    ...server,
    grpc,
    call,
    challenge: async () => (await call('AuthService/GetChallenge', {})) as unknown as Challenge,
    administrator: async () => ({ authorization: `Bearer ${await server.adminToken()}` }),
  };
}

export interface OpenWallet {
  readonly id: string;
  readonly device: Device;
  readonly zcap: Doc;
}

/** New registration. */
export async function openWallet(server: WalletServer, members: Doc = {}, device = newDevice()): Promise<OpenWallet> {
  const request = createRequest(device, await server.challenge(), members);
  const created = await server.call('WalletService/CreateWallet', { signed_request: json(request) });
  return { id: created.wallet_id as string, device, zcap: JSON.parse(Buffer.from(created.zcap as string).toString()) };
}

/** Existing registration: the metadata of calls by a bearer token. */
export async function tokenFor(
  server: WalletServer,
  device: Device,
  zcap: Doc,
  actions: readonly string[] = [],
): Promise<Record<string, string>> {
  const invocation = tokenRequest(device, zcap, await server.challenge(), {
    proof: { capabilityAction: actionOf(zcap) },
  });
  const issued = await server.call('AuthService/AcquireToken', { invocation: json(invocation), actions });
  return { authorization: `Bearer ${issued.wallet_token}` };
}

/** `GetWallet` without a token: an invocation of the capability for this one call. */
export function invokeOnce(server: WalletServer, { id }: Pick<OpenWallet, 'id'>, device: Device, zcap: Doc) {
  // The message is the wallet id alone.
  const message = Buffer.concat([Buffer.from([0x0a, id.length]), Buffer.from(id)]);
  const bound = { procedure: '/countersign.v1.WalletService/GetWallet', message, audience: server.issuer() };
  const metadata = { 'capability-invocation': base64url(callInvocation(device, zcap, bound)) };
  return server.call('WalletService/GetWallet', { wallet_id: id }, metadata);
}

function actionOf({ allowedAction }: Doc): string {
  return [allowedAction].flat()[0] as string;
}

/** Registers what one device passes on to another. */
export async function grantTo(
  server: WalletServer,
  from: { readonly device: Device; readonly zcap: Doc; readonly id: string },
  change: Change = {},
  to: Device = newDevice(),
): Promise<OpenWallet> {
  const zcap = delegation(from.zcap, from.device, to, change);
  const token = await tokenFor(server, from.device, from.zcap);
  await server.call('WalletService/GrantAccess', { wallet_id: from.id, zcap: json(zcap) }, token);
  return { id: from.id, device: to, zcap };
}

/** The code of the mail that came last. */
export async function codeIn(box: Mailbox): Promise<string> {
  const mail = await eventually(() => box.received.at(-1), 5_000);
  return /csw_[A-Za-z0-9_-]{43}/.exec(mail.raw)?.[0] ?? '';
}
