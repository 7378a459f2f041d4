import { addTexts } from '../error-text.ts';

/**
 * The reasons for refusing a message signature, or for not making one. The texts are fixed and contain no part of the input.
 * Codes `message.…` are faults of a received message, codes `signing.…` faults of a message to be signed.
 */

import type { JsonReason } from '../json.ts';

export const messageTexts = {
  'message.signature_missing': 'The message carries no signature.',
  'message.signature_repeated': 'The message carries more than one signature.',
  'message.malformed': 'The signature value is not a string of three parts.',
  'message.too_large': 'The signature value is too large.',
  'message.payload_embedded': 'The signature value carries a payload of its own.',
  'message.signature_empty': 'The signature part is empty.',
  'message.header_base64url': 'The header is not strict base64url.',
  'message.signature_base64url': 'The signature is not strict base64url.',
  'message.jwk': 'The header carries a key of its own (jwk).',
  'message.jku': 'The header names a key of its own (jku).',
  'message.x5u': 'The header names a certificate of its own (x5u).',
  'message.x5c': 'The header carries a certificate of its own (x5c).',
  'message.b64_absent': 'The header has no b64.',
  'message.b64_true': 'The header says b64 true, which is not for messages.',
  'message.b64_invalid': 'b64 is not a boolean.',
  'message.crit_invalid': 'crit is not an array of strings.',
  'message.crit_empty': 'crit is empty.',
  'message.crit_repeated': 'crit names a member twice.',
  'message.crit_unknown': 'crit names a member that is not understood here.',
  'message.crit_absent': 'crit names a member that the header does not have.',
  'message.crit_without_b64': 'crit does not name b64.',
  'message.crit_incomplete': 'crit names neither b64 alone nor all that the strict form demands.',
  'message.kind': 'The signature of a request stands on a response, or that of a response on a request.',
  'message.form': 'The form of the signature is not accepted here.',
  'message.alg_missing': 'The header names no algorithm.',
  'message.alg_none': 'The header names the algorithm none.',
  'message.alg_symmetric': 'The header names an algorithm with a shared secret.',
  'message.alg_unknown': 'The header names an algorithm that does not exist here.',
  'message.alg_form': 'The form of the signature does not have this algorithm.',
  'message.alg_mismatch': 'The algorithm is not the one the key is registered for.',
  'message.kid_invalid': 'The key id is not a string of 1 to 256 characters.',
  'message.kid_unknown': 'The key id is not one of a key of the sender.',
  'message.key_missing': 'The sender has no key that is valid now.',
  'message.key_retired': 'The signature is one of a key of the sender that has been retired.',
  'message.key_not_yet_valid': 'The signature is one of a key of the sender that is not valid yet.',
  'message.key_form': 'The key is registered for the strict form only.',
  'message.signature_length': 'The signature does not have the length of its algorithm and key.',
  'message.signature': 'The signature does not verify.',
  'message.request_target': 'The request has no body, and no request target that could be signed instead.',
  'message.target': 'The target URI of the message is not canonical.',
  'message.body_is_target': 'The body spells the request target, as the signature of an empty body does.',
  'message.htm': 'htm is not the method of the request.',
  'message.htu': 'htu is not the target URI of the request.',
  'message.aud': 'aud is not this recipient.',
  'message.iat': 'iat is not a whole number of seconds.',
  'message.jti': 'jti is not a string of 1 to 256 characters.',
  'message.sts': 'sts is not the status of the response.',
  'message.req': 'req is not the digest of the signature of the request.',
  'message.stale': 'The message was signed too long ago.',
  'message.in_future': 'The message was signed in the future.',
} as const;

export const signingTexts = {
  'signing.alg': 'The form of the signature does not have this algorithm.',
  'signing.kid': 'The key id is not a string of 1 to 256 characters.',
  'signing.key': 'The public key is registered for another algorithm.',
  'signing.body_ambiguous': 'In the ocen form a body of base64url characters alone could pass for a token.',
  'signing.body_is_target': 'The body spells the request target, as the signature of an empty body does.',
  'signing.request_target': 'The request has no body, and no request target that could be signed instead.',
  'signing.target': 'The target URI is not canonical.',
  'signing.method': 'The method is not an HTTP token.',
  'signing.recipient': 'The recipient is not a string of 1 to 256 characters.',
  'signing.iat': 'The time is not a whole number of seconds.',
  'signing.jti': 'The nonce is not a string of 1 to 256 characters.',
  'signing.status': 'The status is not one of HTTP.',
  'signing.request_signature': 'The signature value of the request is empty.',
  'signing.signature_length':
    'The signing port returned a signature of another length than its algorithm and key have.',
} as const;

/** Every code of a refused message signature. */
export type MessageCode = keyof typeof messageTexts | `message.header_${JsonReason | 'not_object'}`;

/** Faults of requests without exactly one signature: there is none, or it is not clear which one counts. */
const badRequests: ReadonlySet<string> = new Set<MessageCode>([
  'message.signature_missing',
  'message.signature_repeated',
]);

/**
 * Finds the HTTP status for a refused message signature: 400 if there is not exactly one signature, 401 for every other
 * `message.*`; undefined for any other code.
 *
 * @example
 * messageStatus('message.signature_missing'); // → 400
 * messageStatus('message.signature'); // → 401
 */
export function messageStatus(code: string): 400 | 401 | undefined {
  if (badRequests.has(code)) return 400;
  return code.startsWith('message.') ? 401 : undefined;
}

/** The parts that are JSON: the text of a fault begins with the name of its part. */
export const messageParts = {
  'message.header_': 'The header',
} as const;

addTexts(messageTexts);
addTexts(signingTexts);
addTexts(messageParts);
