import { claimFaultTexts } from './claim-fault.ts';
import { type SenderFaultName, senderFaults } from './sender-fault.ts';

/** Faults of the value and of its header, if the right bytes were signed. */
const valueFaultTexts = {
  none: 'The signature verifies: there is nothing to explain. This is no verification.',
  stated: 'The refusal names the fault, and nothing more could be found.',
  too_large: 'The message is too large to try variants of it.',
  value_whitespace: 'The value has whitespace around it.',
  value_quoted: 'The value is in quotes.',
  one_dot: 'The value has one dot. A detached payload leaves two: header, nothing, signature.',
  header_spelling: 'The header is not strict base64url: padding, or the alphabet of plain base64.',
  signature_padded: 'The signature is padded. base64url has no padding here.',
  signature_base64: 'The signature is in plain base64. It has to be in base64url.',
  signature_hex: 'The signature is in hexadecimal. It has to be in base64url.',
  signature_der: 'The ECDSA signature is in DER. JOSE has r||s (RFC 7518 section 3.4).',
  payload_embedded: 'The value carries the body of the message within itself. Detach it: header, nothing, signature.',
  payload_embedded_other: 'The value is a token over something that is not the body of the message.',
  appendix_f:
    'The payload was base64url-encoded before signing, as in RFC 7515 appendix F. Here the raw bytes are signed, and the header has "b64":false.',
  b64_missing: 'The raw bytes were signed and the header does not say so: "b64":false is missing.',
  b64_true: 'The header says "b64":true. It has to be false, and the raw bytes signed.',
  crit_missing: 'The header has no crit, and the form without it is not accepted here. Send "crit":["b64"].',
  form_too_weak: 'The signature is good, and its form is not accepted: a stricter one is demanded.',
  alg_misspelled: 'The header misspells the algorithm: the signature is one of the algorithm of the registered key.',
  alg_not_registered: 'The signature is good for the algorithm in the header, and the key is registered for another.',
  alg_not_of_form: 'The signature is good, and its form does not have this algorithm. Send "crit":["b64"].',
  alg_other: 'The signature was made with another algorithm than the header names.',
  kid_unknown: 'The signature is good, and its key id is not that of a registered key.',
  key_previous: 'The signature was made with a key that has been retired.',
  key_next: 'The signature was made with a key that is not valid yet.',
  key_other: 'The signature was made with a key that is not registered, or is none at all.',
  hash_sha1: 'The signature was made with SHA-1. The algorithm has SHA-256.',
  hash_sha384: 'The signature was made with SHA-384. The algorithm has SHA-256.',
  hash_sha512: 'The signature was made with SHA-512. The algorithm has SHA-256.',
  bytes_other: 'The signature was made with a registered key, over other bytes than these and all variants tried.',
  signing_input_differs:
    'The signature is good over the signing input that was given, which is not that of this message.',
  signing_input_not_signed: 'The signature is not one over the signing input that was given.',
  unknown: 'None of the known faults fits.',
} as const;

export type ValueFaultName = keyof typeof valueFaultTexts;
/** The stable name of what is wrong with a signature; `none` if nothing is. */
export type Fault = ValueFaultName | keyof typeof claimFaultTexts | SenderFaultName;

export function faultText(fault: Fault): string {
  if (Object.hasOwn(senderFaults, fault)) return senderFaults[fault as SenderFaultName].text;
  return { ...valueFaultTexts, ...claimFaultTexts }[fault as ValueFaultName];
}
