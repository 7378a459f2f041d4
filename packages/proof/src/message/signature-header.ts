import { listOf, oneOf } from '../argument.ts';
import { ProofError } from '../error.ts';
import { type MessageForm, messageFormNames } from './form.ts';
import './refusal.ts';

/**
 * Header fields in any form of a runtime: pairs (fetch `Headers`, a list of raw fields) or a record (`IncomingMessage.headers`,
 * `headersDistinct`). Names may be in any case.
 */
export type HeaderFields =
  | Iterable<readonly [name: string, value: string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** The signature value of a message, and the forms that it may have. */
export interface FoundSignature {
  readonly value: string;
  /** The accepted forms that this value may have. */
  readonly forms: readonly MessageForm[];
}

/** The field of a message signature. */
export const signatureField = 'x-jws-signature';

const formList = listOf(oneOf(...messageFormNames));

/** Three parts. The last two may be empty here: their faults are distinguished later. */
const jws = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/;

/**
 * Finds the one signature value of a message in its header fields.
 *
 * 1. `x-jws-signature` always counts. A JWS contains no comma: a comma joins two fields (RFC 9110 §5.3), so such a
 *    field counts twice.
 * 2. `Signature`, the name in OCEN's prose, counts if its value is a JWS and there is no `Signature-Input`, which would
 *    make it a field of RFC 9421. It never has a strict signature.
 * 3. Both fields together must have exactly one value, even if two values are equal.
 *
 * It does not verify the value: pass `value` and `forms` to `verifyMessage`.
 *
 * @throws {ProofError} `message.signature_missing`, `message.signature_repeated`
 * @throws {TypeError} if `accepted` is not a list of forms
 * @example
 * const { value, forms } = signatureHeader({ 'X-JWS-Signature': signature }, ['rfc7797', 'strict']);
 * [value === signature, forms]; // → [true, ['rfc7797', 'strict']]
 * signatureHeader({}, ['strict']); // throws message.signature_missing
 */
export function signatureHeader(headers: HeaderFields, accepted: readonly MessageForm[]): FoundSignature {
  formList(accepted, 'accepted');
  const fields = fieldsOf(headers);
  const own = valuesOf(fields, signatureField);
  const aliasForms = accepted.filter((form) => form !== 'strict');
  const hasAlias = aliasForms.length > 0 && !fields.some(([name]) => name === 'signature-input');
  const alias = hasAlias ? valuesOf(fields, 'signature').filter((value) => jws.test(value)) : [];
  const [value, another] = [...own, ...alias];
  if (another !== undefined) throw new ProofError('message.signature_repeated');
  if (!value) throw new ProofError('message.signature_missing');
  return { value, forms: own.length === 1 ? accepted : aliasForms };
}

type Field = readonly [name: string, value: string];

function valuesOf(fields: readonly Field[], wanted: string): readonly string[] {
  return fields.flatMap(([name, value]) => (name === wanted ? value.split(',').map((one) => one.trim()) : []));
}

function fieldsOf(headers: HeaderFields): readonly Field[] {
  const pairs = isIterable(headers) ? [...headers] : Object.entries(headers);
  return pairs.flatMap(([name, value]) => {
    const values = typeof value === 'string' ? [value] : (value ?? []);
    return values.map((one) => [name.toLowerCase(), one] as const);
  });
}

function isIterable(headers: HeaderFields): headers is Iterable<readonly [string, string]> {
  return Symbol.iterator in headers;
}
