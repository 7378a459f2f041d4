import { bytes, object, text, wrong } from '../argument.ts';

/** A request, as it was sent or received. */
export interface RequestMessage {
  readonly kind: 'request';
  /** The method as sent; methods are case-sensitive (RFC 9110 §9.1). */
  readonly method: string;
  /** The absolute target URI (RFC 9110 §7.1). Only the strict form reads it. */
  readonly target: string;
  /** The request target exactly as sent, query included (RFC 9112 §3.2): it is signed if there is no body. */
  readonly requestTarget: string;
  /** The exact bytes; empty if there is no body. */
  readonly body: Uint8Array;
}

/** A response, as it was sent or received. `status` is the HTTP status. */
export interface ResponseMessage {
  readonly kind: 'response';
  readonly status: number;
  /** The signature value of the request that this answers. Only the strict form reads it. */
  readonly requestSignature: string;
  readonly body: Uint8Array;
}

/** A request or a response. */
export type Message = RequestMessage | ResponseMessage;
/** Whether a message is a request or a response. */
export type MessageKind = Message['kind'];

/**
 * The message with each member read once and its type checked. Other members of the object are dropped.
 *
 * @throws {TypeError} naming the member: a body is a Uint8Array, and texts are strings
 */
export function checkedMessage(given: Message, name: string): Message {
  object(given, name);
  const { kind } = given;
  if (kind === 'response') {
    const { status, requestSignature, body } = given;
    if (typeof status !== 'number') throw wrong(`${name}.status`, 'a number');
    text(requestSignature, `${name}.requestSignature`);
    return { kind, status, requestSignature, body: bytes(body, `${name}.body`) };
  }
  if (kind !== 'request') throw wrong(`${name}.kind`, 'request or response');
  const { method, target, requestTarget, body } = given;
  text(method, `${name}.method`);
  text(target, `${name}.target`);
  text(requestTarget, `${name}.requestTarget`);
  return { kind, method, target, requestTarget, body: bytes(body, `${name}.body`) };
}

const encoder = new TextEncoder();
const maxTargetLength = 8192;

/**
 * The bytes that a signature covers: the body; for a request without a body its request target; for a response without a body
 * no bytes. Undefined for a request with neither a body nor a request target.
 */
export function signedBytes(message: Message): Uint8Array | undefined {
  if (message.kind === 'response' || message.body.length > 0) return message.body;
  return isRequestTarget(message.requestTarget) ? encoder.encode(message.requestTarget) : undefined;
}

/** RFC 7797 §3 with `b64` false: `base64url(header) + "." + payload`. The body is copied only here. */
export function signingInput(encodedHeader: string, payload: Uint8Array): Uint8Array {
  const { length } = encodedHeader;
  const input = take(length + 1 + payload.length);
  encoder.encodeInto(encodedHeader, input);
  input[length] = 0x2e;
  input.set(payload, length + 1);
  return input;
}

const slabBytes = 65_536;
let slab = new ArrayBuffer(slabBytes);
let taken = 0;

/**
 * New, zeroed bytes. Small ones are cut from a slab, each part of it once: separate memory for each message would cost 5 % of
 * the time.
 */
function take(length: number): Uint8Array {
  if (length > slabBytes >> 2) return new Uint8Array(length);
  if (taken + length > slabBytes) {
    slab = new ArrayBuffer(slabBytes);
    taken = 0;
  }
  const bytes = new Uint8Array(slab, taken, length);
  taken += length;
  return bytes;
}

/**
 * Whether a body has the same bytes as its request target. The signature of a request without a body covers the same bytes, so
 * one message could pass for the other. The strict form must prevent this. `signedBytes` refuses if both are empty.
 */
export function spellsItsTarget(message: Message): boolean {
  if (message.kind === 'response' || message.body.length !== message.requestTarget.length) return false;
  const { body, requestTarget } = message;
  return body.every((byte, i) => byte === requestTarget.charCodeAt(i));
}

/** RFC 9112 §3.2.1, §3.2.2, §3.2.4: a path, an absolute URI or `*`, but never text that could be read as base64url. */
function isRequestTarget(target: string): boolean {
  return target.length <= maxTargetLength && /^(?:\/|https?:\/\/|\*$)[\x21-\x7e]*$/i.test(target);
}
