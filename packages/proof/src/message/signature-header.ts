import { listOf, oneOf } from '../argument.ts';
import { ProofError } from '../error.ts';
import { type MessageForm, messageFormNames } from './form.ts';

/**
 * Header fields as a runtime has them: pairs (fetch `Headers`, a list of raw fields) or a record (`IncomingMessage.headers`,
 * `headersDistinct`). Names in any case.
 */
export type HeaderFields =
  | Iterable<readonly [name: string, value: string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface FoundSignature {
  readonly value: string;
  /** The accepted forms in which this value may be: what to expect of it. */
  readonly forms: readonly MessageForm[];
}

/** The field that carries a message signature, sent and accepted. */
export const signatureField = 'x-jws-signature';

const formList = listOf(oneOf(...messageFormNames));

/** Three parts, the last two of which may be empty: their faults are told apart later. */
const jws = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/;

/**
 * The one signature value of a message.
 *
 * 1. `x-jws-signature` always counts. A comma is in no JWS: it joins two fields (RFC 9110 §5.3), so such a field counts twice.
 * 2. `Signature`, the name in OCEN's prose, counts where its value is a JWS and no `Signature-Input` is there: that would make it
 *    a field of RFC 9421. It never carries a strict signature.
 * 3. There must be exactly one value across both, even where the two are equal.
 *
 * @throws {ProofError} `message.signature_missing` or `message.signature_repeated`
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
