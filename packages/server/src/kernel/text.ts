import { z } from 'zod';

/** Text of one line that people read: no control characters, no NUL (which PostgreSQL cannot store), whole characters only. */
export function lineOfText(max = 255) {
  return z.string().min(1).max(max).refine(isLine, 'must be one line of text without control characters');
}

/** Ids that we take from others stand in URLs and need no escaping there; a URL parser would swallow `.` and `..`. */
export const entryId = z
  .string()
  .regex(/^(?!\.{1,2}$)[A-Za-z0-9._~:@-]{1,255}$/, 'must be 1 to 255 of A-Z, a-z, 0-9 and . _ ~ : @ -');

/** The name of an entry in a URL of ours: what is longer or holds control characters is the name of nothing. */
export function isName(text: string): boolean {
  return text.length > 0 && text.length <= 255 && isLine(text);
}

export function isLine(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(text);
}
