import { Problem } from '../kernel/problem.ts';
import { isName } from '../kernel/text.ts';
import type { Call } from './call.ts';

/** A path parameter that may name an entry. A value that cannot be a name (too long, control characters) is a 404. */
export function pathName(call: Call, parameter: string): string {
  const value = call.params[parameter] ?? '';
  if (!isName(value)) throw new Problem('request.not_found');
  return value;
}
