import type { HeaderFields } from '@countersign/proof';
import { problem } from '../message/message-problem.ts';
import { fieldValues } from './bearer-token.ts';
import './caller-refusal.ts';

/** The characters that are allowed in a header field. */
const shape = /^[\x21-\x7e]{1,128}$/;

/** `X-CallRef`; undefined unless there is exactly one that can be sent on. */
export function callRefOf(headers: HeaderFields): string | undefined {
  const [given, another] = fieldValues(headers, 'x-callref');
  return given !== undefined && another === undefined && shape.test(given) ? given : undefined;
}

/**
 * `X-CallRef` for use as the correlation id of a chain.
 *
 * @throws {MessageProblem} `call_ref.malformed`
 */
export function requireCallRef(headers: HeaderFields): string | undefined {
  const given = callRefOf(headers);
  if (given === undefined && fieldValues(headers, 'x-callref').length > 0) throw problem('call_ref.malformed');
  return given;
}
