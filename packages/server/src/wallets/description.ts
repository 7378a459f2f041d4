import { Problem } from '../kernel/problem.ts';
import { isLine, isPlain } from '../kernel/text.ts';

/** What a wallet is called, by whoever invites to it or makes it. It may be empty. */
export function requireDescription(description: string): void {
  if (description.length <= 255 && isLine(description) && isPlain(description)) return;
  const detail = 'description must be one line of at most 255 characters, none of them invisible.';
  throw new Problem('request.invalid', detail, { pointer: 'description' });
}
