import {
  encodeBase64url,
  isJsonObject,
  type JsonObject,
  parseReceiptKeys,
  type VerifiedReceipt,
  verifyReceipt as verifyWith,
} from '@countersign/proof';
import {
  bytes,
  type Checks,
  having,
  object,
  optional,
  options as optionsOf,
  someText,
  text,
} from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import { checkRealm } from './discovery.ts';
import { ClientError } from './error.ts';
import { fetchJson, type Transport, transportChecks } from './fetch-json.ts';
import { byToken, postToRealm, type RealmCaller } from './realm-call.ts';

export type { VerifiedReceipt } from '@countersign/proof';

/** A message with its signature, as sent or received. */
export interface ReceiptedMessage {
  /** The value of `x-jws-signature`. */
  readonly signature: string;
  /** The exact bytes; empty where there is no body. */
  readonly body: Uint8Array;
  /** Whose message it is. */
  readonly participantId: string;
  /** Of a request: its method, and its absolute URI or its request target. */
  readonly method?: string;
  readonly target?: string;
  /** Of a response: its status, and the signature value of its request. */
  readonly status?: number;
  readonly requestSignature?: string;
  /** Whom a strict message of our own is for. */
  readonly audience?: string;
}

export interface RequestReceiptOptions extends RealmCaller {
  readonly message: ReceiptedMessage;
}

/**
 * A receipt of a message that is good now, to be kept beside the message: the realm keeps neither.
 *
 * @throws {ClientError} `receipt.refused` with the server's words, `receipt.malformed`, `http.*`
 * @throws {TypeError} where the body is no Uint8Array
 */
export async function requestReceipt(asked: RequestReceiptOptions): Promise<string> {
  const options = optionsOf(asked, 'options', requestChecks);
  // Picked one by one: a caller's object may hold more, which the server would refuse. What is undefined stays out of the JSON.
  const { body: given, signature, participantId, method, target, status, requestSignature, audience } = options.message;
  const body = bytes(given, 'message.body');
  someText(signature, 'message.signature');
  someText(participantId, 'message.participantId');
  const said = { signature, participantId, method, target, status, requestSignature, audience };
  const { receipt } = await postToRealm(
    options,
    'receipt',
    '/receipts',
    { ...said, payload: base64(body) },
    byToken(options),
  );
  if (typeof receipt !== 'string') throw new ClientError('receipt.malformed', 'The answer has no receipt.');
  return receipt;
}

/** The keys of receipts of one realm, as its `/receipts/certs` gives them. */
export interface ReceiptCerts {
  readonly issuer: string;
  readonly keys: readonly JsonObject[];
}

const requestChecks: Checks<RequestReceiptOptions> = {
  ...transportChecks,
  issuer: text,
  token: having('token'),
  message: object,
};
const certsChecks: Checks<Transport & { readonly issuer: string }> = { ...transportChecks, issuer: text };

const maxBytes = 1_048_576;

/**
 * The keys that receipts of the realm were ever signed with. Keep them where they cannot be changed: whoever can write there can
 * write receipts.
 *
 * @throws {ClientError} `receipt.unavailable`, `receipt.malformed`, `http.*`
 */
export async function fetchReceiptCerts(given: Transport & { readonly issuer: string }): Promise<ReceiptCerts> {
  const options = optionsOf(given, 'options', certsChecks);
  const { issuer } = options;
  checkRealm(issuer);
  const { status, value } = await fetchJson(`${issuer}/receipts/certs`, { maxBytes }, options);
  if (status !== 200) throw new ClientError('receipt.unavailable', `The issuer answers ${status}.`);
  const certs = receiptCerts(value);
  if (certs.issuer !== issuer) throw new ClientError('receipt.malformed', 'The keys are those of another issuer.');
  return certs;
}

export interface ReceiptExpectation {
  /** As `fetchReceiptCerts` gave them; they may have been JSON meanwhile. */
  readonly certs: unknown;
  /** The exact bytes. Left out, the message is not looked at. */
  readonly body?: Uint8Array | undefined;
}

const expectationChecks: Checks<ReceiptExpectation> = { certs: (value) => value, body: optional(bytes) };

/**
 * Checks a receipt with keys that we have kept: no server is asked. With `body`, that it is a receipt of this very message;
 * without, the message is not looked at, and `checked` says so.
 *
 * @throws {ProofError} `jws.*`, `receipt.*`; {ClientError} `receipt.malformed` where the keys are not what they should be
 * @throws {TypeError} where `body` is there and no Uint8Array, or `expected` has another member
 */
export async function verifyReceipt(receipt: string, expected: ReceiptExpectation): Promise<VerifiedReceipt> {
  const { certs, body } = optionsOf(expected, 'expected', expectationChecks);
  const { issuer, keys } = receiptCerts(certs);
  return verifyWith(receipt, { crypto: cryptoPort, keys: parseReceiptKeys({ keys }), issuer, body });
}

function receiptCerts(value: unknown): ReceiptCerts {
  const { issuer, keys } = isJsonObject(value as JsonObject) ? (value as JsonObject) : {};
  if (typeof issuer !== 'string' || !Array.isArray(keys)) {
    throw new ClientError('receipt.malformed', 'This is no set of receipt keys with its issuer.');
  }
  return { issuer, keys: keys.filter(isJsonObject) };
}

/** RFC 4648 §4, with padding. */
function base64(bytes: Uint8Array): string {
  const text = encodeBase64url(bytes).replaceAll('-', '+').replaceAll('_', '/');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}
