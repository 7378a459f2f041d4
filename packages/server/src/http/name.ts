import { type PageRequest, pageRequest } from '../kernel/page.ts';
import { Problem } from '../kernel/problem.ts';
import { isName } from '../kernel/text.ts';
import type { Call } from './call.ts';

/** A path parameter that may name an entry. What cannot be a name (too long, control characters) is the name of nothing: 404. */
export function pathName(call: Call, parameter: string): string {
  const value = call.params[parameter] ?? '';
  if (!isName(value)) throw new Problem('request.not_found');
  return value;
}

/** `?limit=&after=` of a list. */
export function pageOf(call: Call): PageRequest {
  const after = call.query.get('after') ?? undefined;
  if (after !== undefined && after !== '' && !isName(after)) {
    throw new Problem('request.invalid', 'after is not the id of an entry.', { pointer: 'after' });
  }
  return pageRequest(call.query.get('limit') ?? undefined, after);
}
