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
import { checkRealm } from '../discovery.ts';
import { ClientError } from '../error.ts';
import { fetchJson, type Transport, transportChecks } from '../fetch-json.ts';
import { byToken, postToRealm, type RealmCaller } from '../registry/realm-call.ts';

export type { VerifiedReceipt } from '@countersign/proof';

/** A message with its signature, as sent or received. */
export interface ReceiptedMessage {
  /** The value of `x-jws-signature`. */
  readonly signature: string;
  /** The exact bytes; empty if there is no body. */
  readonly body: Uint8Array;
  /** The participant that signed the message. */
  readonly participantId: string;
  /** For a request: its method, and its absolute URI or its request target. */
  readonly method?: string;
  readonly target?: string;
  /** For a response: its status, and the signature value of its request. */
  readonly status?: number;
  readonly requestSignature?: string;
  /** For the caller's own strict message: its recipient. */
  readonly audience?: string;
}

/** The realm, the caller's token and the message for a receipt. */
export interface RequestReceiptOptions extends RealmCaller {
  readonly message: ReceiptedMessage;
}

/**
 * Asks the realm for a receipt of a message that is good now. Keep the receipt beside the message: the realm stores
 * neither.
 *
 * It does not verify the receipt: `verifyReceipt` does.
 *
 * @throws {ClientError} `receipt.refused` with the server's text, `receipt.malformed`, `http.*`
 * @throws {TypeError} if the body is not a Uint8Array, or another member is of another type
 * @example
 * const token = createTokenSource({ ...realm, ...secrets.lender });
 * const sent = { signature, body: message.body, participantId: 'agent', method: 'POST', target: '/v4/loans' };
 * const receipt = await requestReceipt({ ...realm, token, message: sent });
 * receipt.split('.').length; // → 3
 */
export async function requestReceipt(asked: RequestReceiptOptions): Promise<string> {
  const options = optionsOf(asked, 'options', requestChecks);
  // Picked one by one: the caller's object may have other members, which the server would refuse. Undefined members stay out of
  // the JSON.
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

/** The receipt keys of one realm, from its `/receipts/certs`. */
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
 * Fetches all keys that ever signed receipts of the realm.
 *
 * The caller must keep them in a place where they cannot be changed: a stranger who can write there can forge receipts.
 *
 * @throws {ClientError} `receipt.unavailable`, `receipt.malformed`, `discovery.issuer_url`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const certs = await fetchReceiptCerts(realm);
 * [certs.issuer === issuer.url, certs.keys.length]; // → [true, 1]
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
  /** The result of `fetchReceiptCerts`; it may have been stored as JSON meanwhile. */
  readonly certs: unknown;
  /** The exact bytes. Without them, the message is not checked. */
  readonly body?: Uint8Array | undefined;
}

const expectationChecks: Checks<ReceiptExpectation> = { certs: (value) => value, body: optional(bytes) };

/**
 * Verifies a receipt with saved keys, without asking a server. Times in the result are in seconds since the epoch. With
 * `body` it checks that the receipt is for exactly this message.
 *
 * Without `body` the message is not checked, and `checked` says so. The caller must check that `certs` are those of a
 * realm that it trusts.
 *
 * @throws {ProofError} `jws.*`, `receipt.*`
 * @throws {ClientError} `receipt.malformed` if the keys do not have their shape
 * @throws {TypeError} if `body` is not a Uint8Array, or `expected` has an unknown member
 * @example
 * const certs = await fetchReceiptCerts(realm);
 * const { participantId, checked } = await verifyReceipt(await issuer.receipt(), { certs, body: message.body });
 * [participantId, checked]; // → ['agent', 'message']
 */
export async function verifyReceipt(receipt: string, expected: ReceiptExpectation): Promise<VerifiedReceipt> {
  const { certs, body } = optionsOf(expected, 'expected', expectationChecks);
  const { issuer, keys } = receiptCerts(certs);
  return verifyWith(receipt, { crypto: cryptoPort, keys: parseReceiptKeys({ keys }), issuer, body });
}

function receiptCerts(value: unknown): ReceiptCerts {
  const { issuer, keys } = isJsonObject(value as JsonObject) ? (value as JsonObject) : {};
  if (typeof issuer !== 'string' || !Array.isArray(keys)) {
    throw new ClientError('receipt.malformed', 'This is not a set of receipt keys with its issuer.');
  }
  return { issuer, keys: keys.filter(isJsonObject) };
}

/** Base64 of RFC 4648 §4, with padding. */
function base64(bytes: Uint8Array): string {
  const text = encodeBase64url(bytes).replaceAll('-', '+').replaceAll('_', '/');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}
