import { Problem } from '../kernel/problem.ts';
import { isLine, isPlain } from '../kernel/text.ts';

/**
 * Checks the description that the inviter or maker of a wallet gives it. It may be empty.
 *
 * @throws {Problem} `request.invalid`
 */
export function requireDescription(description: string): void {
  if (description.length <= 255 && isLine(description) && isPlain(description)) return;
  const detail = 'description must be one line of at most 255 characters, none of them invisible.';
  throw new Problem('request.invalid', { detail, pointer: 'description' });
}
