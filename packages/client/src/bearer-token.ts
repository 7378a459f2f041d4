import type { HeaderFields } from '@countersign/proof';
import { problem } from './message-problem.ts';

/** RFC 6750 §2.1, and exactly once. Throws {MessageProblem} `token.missing`, `token.malformed`. */
export function bearerToken(headers: HeaderFields): string {
  const values = fieldValues(headers, 'authorization');
  if (values.length === 0) throw problem('token.missing');
  const token = values.length === 1 ? /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(values[0] as string)?.[1] : undefined;
  if (token === undefined) throw problem('token.malformed');
  return token;
}

export function fieldValues(headers: HeaderFields, wanted: string): readonly string[] {
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  return pairs.flatMap(([name, value]) => (name.toLowerCase() === wanted ? [value ?? []].flat() : []));
}
