/**
 * An RPC in a tunnel: a unary call is the body of an authcrypt message to the server's DID, and its answer the body of one to
 * the sender.
 *
 * 1. The body of a call contains the whole call: the full method, the authorization and the exact bytes of the message. Nothing
 *    is taken from the outer call, so no part can be replaced by a part of another call.
 * 2. Both sides refuse a call of the tunnel within the tunnel.
 * 3. The DID of the inner proof (the key of an invocation or of a token, the controller of a new wallet) must be the sender:
 *    call `checkProver` after the inner proof is verified. Otherwise a thief could seal a stolen proof.
 * 4. The answer names the call in `thid`, comes from the DID that the call went to, and repeats the method.
 */
import { having, object, someText, text } from '../argument.ts';
import { decodeBase64url, encodeBase64url } from '../base64url.ts';
import { ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { NamedAgreementKey, OwnAgreementKey } from './agreement-key.ts';
import { didOfKeyId } from './key-id.ts';
import { type Packing, pack } from './pack.ts';
import { type UnpackExpectation, type UnpackedMessage, unpack } from './unpack.ts';
import './refusal.ts';

/** The authorization that an open call has in its metadata. */
export type CallAuthorization =
  | { readonly token: string; readonly dpop?: string | undefined }
  | { readonly invocation: string };

/** A unary call in a tunnel: its method, its authorization and the exact bytes of its message. */
export interface Call {
  /** `/package.Service/Method` */
  readonly method: string;
  /** Undefined if the call needs none, or if its message proves itself. */
  readonly authorization: CallAuthorization | undefined;
  readonly message: Uint8Array;
}

/** The message of a successful call, or the reason of its failure. `status` is a status code of gRPC. */
export type Answer =
  | { readonly method: string; readonly status: 0; readonly message: Uint8Array }
  | { readonly method: string; readonly status: number; readonly error: string; readonly reason?: string | undefined };

/** The sender, the recipient and the times of a call or an answer. */
export interface CallSealing
  extends Pick<Packing, 'id' | 'createdTime' | 'expiresTime' | 'random' | 'ephemeral' | 'maxBytes'> {
  readonly sender: OwnAgreementKey;
  readonly recipient: NamedAgreementKey;
}

/** A call to be packed, with its sender, its recipient and its times in seconds since the epoch. */
export type CallPacking = CallSealing & Call;

/** An answer to be packed, with its sender, its recipient and its times in seconds since the epoch. */
export interface AnswerPacking extends CallSealing {
  /** The id of the call. */
  readonly callId: string;
  readonly answer: Answer;
}

type CallExpectation = Omit<UnpackExpectation, 'modes' | 'type' | 'thid'>;

/** `callId` and `method` are those of the call. `sender` is the DID that the call was packed for: it must answer. */
export interface AnswerExpectation extends CallExpectation {
  readonly callId: string;
  readonly method: string;
  readonly sender: string;
}

type Proved = Pick<UnpackedMessage, 'id' | 'recipientKid' | 'createdTime' | 'expiresTime' | 'rememberUntil'>;

interface Sender extends Proved {
  /** The DID that the envelope proves. */
  readonly sender: string;
  /** The key to pack the answer for. */
  readonly senderKid: string;
}

/** A call whose sender is proved. Times are in seconds since the epoch. */
export type UnpackedCall = Call & Sender;
/** An answer whose sender is proved. Times are in seconds since the epoch. */
export type UnpackedAnswer = Answer & Sender;

const callType = 'urn:countersign:rpc/1.0/call';
const answerType = 'urn:countersign:rpc/1.0/answer';
/** The name of a service with its package, and the name of a method. */
const rpc = /^\/(?:[A-Za-z][A-Za-z0-9_]*\.)+([A-Za-z][A-Za-z0-9_]*)\/[A-Za-z][A-Za-z0-9_]*$/;
const tunnel = 'SecureService';
const maxMethod = 256;
const maxCredential = 32_768;
const maxError = 1024;
/** https://grpc.io/docs/guides/status-codes */
const maxStatus = 16;
/** google.rpc.ErrorInfo. */
const reasonShape = /^[A-Z][A-Z0-9_]{0,61}[A-Z0-9]$/;
/** The characters of a metadata value. */
const visible = /^[\x21-\x7e]+$/;

/**
 * Packs a call into an authcrypt message (DIDComm Messaging v2.1). Times are in whole seconds since the epoch. The body
 * contains the whole call: the full method, the authorization and the exact bytes of the message.
 *
 * @throws {ProofError} `call.*`, `packing.*`
 * @throws {TypeError} naming the member that is of another type
 * @example
 * const sealing = { id: 'call-1', createdTime: now, expiresTime: now + 60, random };
 * const method = '/countersign.v1.WalletService/GetWallet';
 * const call = { method, authorization: { token: 'wallet-token' }, message: utf8('') };
 * const ends = { sender: agent.agreement, recipient: didKeyRecipient(lender.did) };
 * const packed = await packCall({ ...sealing, ...ends, ...call });
 * JSON.parse(packed).recipients.length; // → 1
 */
export async function packCall({ method, authorization, message, ...sealing }: CallPacking): Promise<string> {
  const body = { method, ...(authorization === undefined ? {} : { authorization: { ...authorization } }) };
  return packBody(callType, { ...body, message: encodeBase64url(message) }, callOf, sealing);
}

/**
 * Opens a call and proves its sender (DIDComm Messaging v2.1). Times are in seconds since the epoch.
 *
 * The caller must check the authorization within the call, then call `checkProver`, so that a thief cannot seal a
 * stolen proof; and must remember `sender` and `id` until `rememberUntil`, because a call that arrives twice opens
 * twice.
 *
 * @throws {ProofError} `call.*`, `didcomm.*`
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
 * @example
 * const sealing = { id: 'call-1', createdTime: now, expiresTime: now + 60, random, sender: agent.agreement };
 * const call = { method: '/countersign.v1.WalletService/GetWallet', authorization: undefined, message: utf8('') };
 * const packed = await packCall({ ...sealing, ...call, recipient: didKeyRecipient(lender.did) });
 * const expected = { keys: [lender.agreement], recipient: lender.did, senderKey: didKeySender, now };
 * const { sender, method } = await unpackCall(packed, expected);
 * [sender, method]; // → [agent.did, '/countersign.v1.WalletService/GetWallet']
 */
export async function unpackCall(presented: string | Uint8Array, expected: CallExpectation): Promise<UnpackedCall> {
  const message = await unpack(presented, { ...expected, modes: ['authcrypt'], type: callType });
  return { ...callOf(message.body), ...senderOf(message) };
}

/**
 * Packs the answer to a call into an authcrypt message (DIDComm Messaging v2.1). Times are in whole seconds since the
 * epoch; `status` is a status code of gRPC, 0 for success.
 *
 * @throws {ProofError} `call.*`, `packing.*`
 * @throws {TypeError} naming the member that is of another type
 * @example
 * const sealing = { id: 'answer-1', createdTime: now, expiresTime: now + 60, random, sender: lender.agreement };
 * const answer = { method: '/countersign.v1.WalletService/GetWallet', status: 0, message: utf8('wallet') } as const;
 * const recipient = didKeyRecipient(agent.did);
 * const packed = await packAnswer({ ...sealing, recipient, callId: 'call-1', answer });
 * JSON.parse(packed).recipients[0].header.kid; // → recipient.kid
 */
export async function packAnswer({ callId, answer, ...sealing }: AnswerPacking): Promise<string> {
  someText(callId, 'callId');
  object(answer, 'answer');
  const { method, status } = answer;
  const outcome =
    'error' in answer ? { error: answer.error, reason: answer.reason } : { message: encodeBase64url(answer.message) };
  return packBody(answerType, { method, status, ...outcome }, answerOf, sealing, callId);
}

/**
 * Opens the answer to a call: it names the call in `thid`, comes from the DID that the call went to, and repeats the
 * method. Times are in seconds since the epoch. It does not check whether the same answer came before.
 *
 * @throws {ProofError} `call.*`, `didcomm.*`
 * @throws {TypeError} naming the member of `expected` that is of another type, or that does not exist
 * @example
 * const method = '/countersign.v1.WalletService/GetWallet';
 * const sealing = { id: 'answer-1', createdTime: now, expiresTime: now + 60, random, sender: lender.agreement };
 * const to = { recipient: didKeyRecipient(agent.did), callId: 'call-1' };
 * const packed = await packAnswer({ ...sealing, ...to, answer: { method, status: 5, error: 'No such wallet.' } });
 * const keys = { keys: [agent.agreement], recipient: agent.did, senderKey: didKeySender, now };
 * (await unpackAnswer(packed, { ...keys, callId: 'call-1', method, sender: lender.did })).status; // → 5
 */
export async function unpackAnswer(
  presented: string | Uint8Array,
  { callId, method, ...expected }: AnswerExpectation,
): Promise<UnpackedAnswer> {
  // If one of them were undefined, any value would pass.
  someText(callId, 'expected.callId');
  someText(method, 'expected.method');
  someText(expected.sender, 'expected.sender');
  const message = await unpack(presented, { ...expected, modes: ['authcrypt'], type: answerType, thid: callId });
  const answer = answerOf(message.body);
  if (answer.method !== method) throw new ProofError('call.method');
  return { ...answer, ...senderOf(message) };
}

/**
 * Checks that the sender of a call is the DID of the verified proof within it: `prover` is that DID, or the DID URL of
 * its key. It does not verify the proof: the caller must have done so.
 *
 * @throws {ProofError} `call.prover`
 * @throws {TypeError} if `prover` is not a string
 * @example
 * checkProver({ sender: agent.did }, agent.signer.verificationMethod); // → undefined
 * checkProver({ sender: agent.did }, lender.did); // throws call.prover
 */
export function checkProver({ sender }: Pick<UnpackedCall, 'sender'>, prover: string): void {
  text(prover, 'prover');
  if ((didOfKeyId(prover) ?? prover) !== sender) throw new ProofError('call.prover');
}

/** Reads the body as the recipient will, so that a body that it would refuse is never sent. */
function packBody(
  type: string,
  body: JsonObject,
  read: (body: JsonObject) => unknown,
  { recipient, ...sealing }: CallSealing,
  thid?: string,
): Promise<string> {
  // Without a sender the message would be anonymous.
  having('agree')(sealing.sender, 'sender');
  object(recipient, 'recipient');
  // The JSON round trip removes undefined members, as sending does.
  read(JSON.parse(JSON.stringify(body)));
  return pack({ ...sealing, type, body, thid, recipients: [recipient] });
}

/** Steps 1 and 2. */
function callOf(body: JsonObject): Call {
  if (!hasOnly(body, ['method', 'authorization', 'message'])) throw new ProofError('call.body');
  const { method, authorization, message } = body;
  return {
    method: methodOf(method),
    authorization: authorization === undefined ? undefined : authorizationOf(authorization),
    message: messageOf(message),
  };
}

function answerOf(body: JsonObject): Answer {
  if (!hasOnly(body, ['method', 'status', 'message', 'error', 'reason'])) throw new ProofError('call.body');
  const { status, message, error, reason } = body;
  const method = methodOf(body.method);
  const isStatus = typeof status === 'number' && Number.isInteger(status) && status >= 0 && status <= maxStatus;
  const isWhole = status === 0 ? error === undefined && reason === undefined : message === undefined;
  if (!isStatus || !isWhole) throw new ProofError('call.status');
  if (status === 0) return { method, status, message: messageOf(message) };
  if (typeof error !== 'string' || error === '' || error.length > maxError) throw new ProofError('call.error');
  if (reason === undefined) return { method, status, error };
  if (typeof reason !== 'string' || !reasonShape.test(reason)) throw new ProofError('call.reason');
  return { method, status, error, reason };
}

function methodOf(value: JsonValue | undefined): string {
  const service = typeof value === 'string' && value.length <= maxMethod ? rpc.exec(value)?.[1] : undefined;
  if (typeof value !== 'string' || service === undefined) throw new ProofError('call.method');
  if (service === tunnel) throw new ProofError('call.nested');
  return value;
}

function authorizationOf(value: JsonValue): CallAuthorization {
  const members = isJsonObject(value) ? Object.keys(value).sort().join() : '';
  const isSound = isJsonObject(value) && Object.values(value).every(isCredential);
  if (!isSound || !['token', 'dpop,token', 'invocation'].includes(members)) throw new ProofError('call.authorization');
  return value as unknown as CallAuthorization;
}

function messageOf(value: JsonValue | undefined): Uint8Array {
  const bytes = typeof value === 'string' ? decodeBase64url(value, value.length) : undefined;
  if (bytes === undefined) throw new ProofError('call.message');
  return bytes;
}

/** An authcrypt message always has a sender. */
function senderOf({ id, sender, senderKid, recipientKid, createdTime, expiresTime, rememberUntil }: UnpackedMessage) {
  const proved = { sender: sender as string, senderKid: senderKid as string };
  return { id, ...proved, recipientKid, createdTime, expiresTime, rememberUntil };
}

function isCredential(value: JsonValue | undefined): boolean {
  return typeof value === 'string' && value.length <= maxCredential && visible.test(value);
}

function hasOnly(object: JsonObject, members: readonly string[]): boolean {
  return Object.keys(object).every((name) => members.includes(name));
}
