import type { HeaderFields } from '@countersign/proof';
import { text } from '@countersign/proof/argument';
import { problem } from '../message/message-problem.ts';
import './caller-refusal.ts';

/**
 * The bearer token of RFC 6750 §2.1, which must come exactly once.
 *
 * @throws {MessageProblem} `token.missing`, `token.malformed`
 */
export function bearerToken(headers: HeaderFields): string {
  const { token, scheme } = presentedToken(headers);
  if (scheme !== 'bearer') throw problem('token.malformed');
  return token;
}

export interface PresentedToken {
  readonly token: string;
  readonly scheme: 'bearer' | 'dpop';
}

/**
 * The bearer token, or the DPoP token of RFC 9449 §7.1.
 *
 * @throws {MessageProblem} `token.missing`, `token.malformed`
 */
export function presentedToken(headers: HeaderFields): PresentedToken {
  const [value, ...more] = fieldValues(headers, 'authorization');
  if (value === undefined) throw problem('token.missing');
  const [, scheme, token] = /^(bearer|dpop) +([A-Za-z0-9._~+/-]+=*)$/i.exec(value) ?? [];
  if (token === undefined || more.length > 0) throw problem('token.malformed');
  return { token, scheme: scheme?.toLowerCase() === 'dpop' ? 'dpop' : 'bearer' };
}

export function fieldValues(headers: HeaderFields, wanted: string): readonly string[] {
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  const values = pairs.flatMap(([name, value]) => (name.toLowerCase() === wanted ? [value ?? []].flat() : []));
  return values.map((value) => text(value, `the field ${wanted}`));
}
