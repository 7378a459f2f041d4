import type { capabilityParts, capabilityTexts, invocationTexts } from './capability/refusal.ts';
import type { dataIntegrityTexts } from './data-integrity-refusal.ts';
import type { didTexts } from './did/refusal.ts';
import type { callTexts, didcommParts, didcommTexts, packingTexts } from './didcomm/refusal.ts';
import type { dpopTexts } from './dpop-refusal.ts';
import { textOf } from './error-text.ts';
import type { JsonReason } from './json.ts';
import type { messageParts, messageTexts, signingTexts } from './message/refusal.ts';
import type { receiptTexts } from './receipt-refusal.ts';
import type { subjectTokenTexts } from './subject-token-refusal.ts';

/**
 * The fault of a JSON part of a token. The code has it after the name of the part: `jws.header_syntax`,
 * `jwt.claims_duplicate_member`.
 */
const jsonTexts: Record<JsonReason | 'not_object', string> = {
  too_large: 'is too large',
  encoding: 'is not valid UTF-8',
  bom: 'starts with a byte order mark',
  syntax: 'is not valid JSON',
  depth: 'is nested too deeply',
  duplicate_member: 'names a member twice',
  lone_surrogate: 'contains a lone surrogate',
  not_object: 'is not a JSON object',
};

const texts = {
  'jws.malformed': 'The token is not a string of three parts.',
  'jws.too_large': 'The token is too large.',
  'jws.header_base64url': 'The header is not strict base64url.',
  'jws.payload_base64url': 'The payload is not strict base64url.',
  'jws.signature_base64url': 'The signature is not strict base64url.',
  'jws.b64': 'The header carries b64, which no token may.',
  'jws.crit': 'The header carries crit, which no token may.',
  'jws.jku': 'The header names a key of its own (jku).',
  'jws.jwk': 'The header carries a key of its own (jwk).',
  'jws.x5u': 'The header names a certificate of its own (x5u).',
  'jws.x5c': 'The header carries a certificate of its own (x5c).',
  'jws.alg_missing': 'The header names no algorithm.',
  'jws.alg_not_allowed': 'The algorithm is not allowed here.',
  'jws.alg_mismatch': 'The algorithm is not the one the key is registered for.',
  'jws.kid_invalid': 'The key id is not a string of 1 to 256 characters.',
  'jws.kid_unknown': 'The key id is not known here.',
  'jws.key_missing': 'No known key is registered for the algorithm.',
  'jws.typ_invalid': 'The type of the token is not a string.',
  'jws.signature_length': 'The signature does not have the length of its algorithm and key.',
  'jws.signature': 'The signature does not verify.',
  'jwt.typ': 'The type of the token is not the expected one.',
  'jwt.issuer': 'The issuer is not the expected one.',
  'jwt.audience_invalid': 'The audience is neither a string nor an array of strings.',
  'jwt.audience': 'The token is meant for another audience.',
  'jwt.subject': 'The subject is not a string with content.',
  'jwt.exp_missing': 'The token has no expiry.',
  'jwt.exp_invalid': 'The expiry is not a finite number.',
  'jwt.expired': 'The token has expired.',
  'jwt.nbf_invalid': 'The start of validity is not a finite number.',
  'jwt.not_yet_valid': 'The token is not valid yet.',
  'jwt.iat_missing': 'The token has no time of issue.',
  'jwt.iat_invalid': 'The time of issue is not a finite number.',
  'jwt.issued_in_future': 'The token was issued in the future.',
  'jwt.exp_before_iat': 'The token expires before it was issued.',
  'jwt.lifetime': 'The token lives longer than is allowed here.',
  'access_token.typ': 'The token is not a bearer token.',
  'access_token.client': 'The token does not name its client, or names two.',
  'access_token.bound': 'The token is bound to a key: it is good only together with a proof of that key.',
  'access_token.claim': 'A claim of the access token does not have its shape.',
} as const;

const jsonParts = { 'jws.header_': 'The header', 'jwt.claims_': 'The claims set' } as const;

type JsonParts = typeof jsonParts & typeof messageParts & typeof capabilityParts & typeof didcommParts;

type JsonCode = `${keyof JsonParts}${keyof typeof jsonTexts}`;

/** The stable code of a refusal; there is one for each check. */
export type ProofCode = keyof typeof texts | JsonCode | keyof Texts;

/** The texts of the rooms, which add them when they are loaded. */
type Texts = typeof dpopTexts &
  typeof subjectTokenTexts &
  typeof messageTexts &
  typeof signingTexts &
  typeof receiptTexts &
  typeof didTexts &
  typeof dataIntegrityTexts &
  typeof capabilityTexts &
  typeof invocationTexts &
  typeof didcommTexts &
  typeof packingTexts &
  typeof callTexts;

/**
 * A refused proof. `code` is stable and names the check that refused. The message is fixed for each code and contains
 * no part of the input. `pointer` (RFC 6901), if there is one, gives the place of the fault in the JSON document.
 *
 * @example
 * const error = new ProofError('jwt.expired');
 * error.message; // → 'The token has expired.'
 */
export class ProofError extends Error {
  override readonly name = 'ProofError';
  readonly code: ProofCode;
  readonly pointer: string | undefined;

  constructor(code: ProofCode, pointer?: string) {
    super(text(code));
    this.code = code;
    this.pointer = pointer;
  }
}

function text(code: ProofCode): string {
  const own = code in texts ? texts[code as keyof typeof texts] : textOf(code);
  if (own !== undefined) return own;
  const prefix = code.slice(0, code.indexOf('_') + 1);
  const part = jsonParts[prefix as keyof typeof jsonParts] ?? textOf(prefix);
  if (part === undefined) return 'The proof is refused.';
  return `${part} ${jsonTexts[code.slice(prefix.length) as keyof typeof jsonTexts]}.`;
}
