import { z } from 'zod';

/** Text of one line that people read: no control characters, no NUL (which PostgreSQL cannot store), whole characters only. */
export function lineOfText(max = 255) {
  return z.string().min(1).max(max).refine(isLine, 'must be one line of text without control characters');
}

/** The name of an entry in a URL of ours: what is longer or holds control characters is the name of nothing. */
export function isName(text: string): boolean {
  return text.length > 0 && text.length <= 255 && isLine(text);
}

export function isLine(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(text);
}
