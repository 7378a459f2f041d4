/**
 * Calls that only the realm can read: the call is a DIDComm message to the realm's DID, and the answer is one to the device's
 * DID.
 *
 * 1. The realm names its DID once: a did:peer:4, whose long form proves its document.
 * 2. The call and its proof are packed and sealed with the key of this device: the realm refuses the proof of another device.
 * 3. The answer must come from that DID and be for that call.
 */

import type { DescMessage, DescMethod, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { encodeBase64url, isJsonObject, type JsonObject, parseDidPeer4 } from '@countersign/proof';
import { object, record } from '@countersign/proof/argument';
import type { CallAuthorization, NamedAgreementKey, UnpackedAnswer } from '@countersign/proof/didcomm';
import { ClientError, type RealmCode } from '../error.ts';
import { once } from '../once.ts';
import { type By, type CallFields, requireBy } from './by.ts';
import { type Device, newId, textIn } from './device.ts';
import { bytesIn, serialized } from './rpc.ts';

/** `wallet.pack(WalletService.method.getWallet, { walletId })`, with the descriptors of `@countersign/client/rpc`. */
export type Pack = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  by?: By,
) => Promise<MessageShape<O>>;

interface Prover {
  authorize(path: string): Promise<CallFields>;
  invoke(path: string, message: Uint8Array): Promise<CallFields>;
}

/** The proof of a call, for the exact bytes of its message. */
export type Prove = (message: Uint8Array) => Promise<CallFields>;

/** Seconds for which a packed call may be opened. */
const life = 60;
const maxBytes = 1_048_576;

export function packer(device: Device, prover: Prover): Pack {
  return async (method, request, by = 'token') => {
    object(method, 'method');
    record(request, 'request');
    requireBy(by, 'by');
    const { create, fromBinary, toBinary } = await import('@bufbuild/protobuf');
    const path = `/${method.parent.typeName}/${method.name}`;
    const message = toBinary(method.input, create(method.input, request));
    const fields = by === 'token' ? await prover.authorize(path) : await prover.invoke(path, message);
    return fromBinary(method.output, await sealed(device, path, message, fields));
  };
}

/** The same for a call in JSON, whose method is looked up by its path. @throws {ClientError} `packed.required` if unknown */
export async function callPacked(device: Device, path: string, request: JsonObject, prove: Prove): Promise<JsonObject> {
  const { create, fromBinary, fromJson, toBinary, toJson } = await import('@bufbuild/protobuf');
  const { AuthService, ProviderService, RecoveryService, WalletService } = await import('../rpc.ts');
  const method = [AuthService, ProviderService, RecoveryService, WalletService]
    .flatMap(({ methods }): readonly DescMethod[] => methods)
    .find(({ parent, name }) => `/${parent.typeName}/${name}` === path);
  if (method === undefined)
    throw new ClientError('packed.required', 'The realm takes this method only packed: use pack.');
  const message = toBinary(method.input, create(method.input, fromJson(method.input, request as never)));
  const answer = await sealed(device, path, message, await prove(message));
  return toJson(method.output, fromBinary(method.output, answer)) as JsonObject;
}

const recipients = new WeakMap<Device, () => Promise<NamedAgreementKey>>();

/** The bytes of the answer. */
async function sealed(device: Device, path: string, message: Uint8Array, fields: CallFields): Promise<Uint8Array> {
  const recipient = recipients.get(device) ?? once(() => realmKeyOf(device));
  recipients.set(device, recipient);
  const answer = await exchange(device, await recipient(), { path, message, authorization: authorizationOf(fields) });
  if (answer.status !== 0) throw refusalOf(answer);
  return (answer as { readonly message: Uint8Array }).message;
}

interface PackedCall {
  readonly path: string;
  readonly message: Uint8Array;
  readonly authorization: CallAuthorization | undefined;
}

/**
 * Steps 2 and 3.
 *
 * @throws {ProofError} `didcomm.*`, `call.*` if the answer is not from the realm
 */
async function exchange(
  device: Device,
  recipient: NamedAgreementKey,
  { path: method, message, authorization }: PackedCall,
): Promise<UnpackedAnswer> {
  const { packCall, unpackAnswer } = await import('@countersign/proof/didcomm');
  const sender = await device.key.agreement?.();
  if (sender === undefined) {
    throw new ClientError('wallet.no_agreement_key', 'The key of this device is kept where it cannot open messages.');
  }
  const seconds = () => Math.floor(device.now() / 1000);
  const id = newId();
  const call = { method, authorization, message, id, sender, recipient, maxBytes };
  const times = { createdTime: seconds(), expiresTime: seconds() + life };
  const packed = await packCall({ ...call, ...times, random });
  const request = serialized({ message: encodeBase64url(new TextEncoder().encode(packed)) });
  const answer = await device.call('/countersign.v1.SecureService/Request', request);
  return unpackAnswer(bytesIn(textIn(answer, 'message'), 2 * maxBytes), {
    keys: [sender],
    recipient: device.key.did,
    sender: didOf(recipient.kid),
    senderKey: (kid) => (kid === recipient.kid ? recipient.key : undefined),
    callId: id,
    method,
    now: seconds(),
    maxBytes,
  });
}

/**
 * Step 1.
 *
 * @throws {ClientError} `realm.did`
 * @throws {ProofError} `did_peer.*`
 */
async function realmKeyOf(device: Device): Promise<NamedAgreementKey> {
  const { agreementKey } = await import('@countersign/proof/didcomm');
  const answer = await device.call('/countersign.v1.ProviderService/GetConfiguration', serialized({}));
  const kid = textIn(answer, 'keyAgreementKeyId');
  const { document } = await parseDidPeer4(longFormIn(answer), device.crypto);
  const method = document.verificationMethods.get(kid);
  const result = method?.keyType === 'X25519' ? agreementKey('X25519', method.publicKey) : undefined;
  if (result?.ok && answer.audience === device.issuer) return { kid, key: result.key };
  throw new ClientError('realm.did', 'The realm names no key that messages can be packed for.');
}

function longFormIn({ didDocument }: JsonObject): string {
  const names = isJsonObject(didDocument) && Array.isArray(didDocument.alsoKnownAs) ? didDocument.alsoKnownAs : [];
  const long = names.find((name) => typeof name === 'string' && /^did:peer:4[^:]+:/.test(name));
  if (typeof long === 'string') return long;
  throw new ClientError('realm.did', 'The realm does not prove its DID.');
}

/** Undefined if the message proves itself. */
function authorizationOf(fields: CallFields): CallAuthorization | undefined {
  const { authorization, dpop, 'capability-invocation': invocation } = fields;
  if (invocation !== undefined) return { invocation };
  if (authorization === undefined) return undefined;
  const token = authorization.slice(authorization.indexOf(' ') + 1);
  return dpop === undefined ? { token } : { token, dpop };
}

/** `WALLET_DENIED` becomes `wallet.denied`: the first word of a code contains no underscore. */
function refusalOf(answer: UnpackedAnswer): ClientError {
  const { error, reason, status } = answer as { error: string; reason?: string; status: number };
  const code = reason?.toLowerCase().replace('_', '.') as RealmCode | undefined;
  return new ClientError(code ?? `rpc.${status}`, error);
}

function didOf(kid: string): string {
  return kid.slice(0, kid.indexOf('#'));
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
