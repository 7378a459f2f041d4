import { z } from 'zod';

/**
 * Stored text of one line that people read: they see all of it. No control characters, no NUL (which PostgreSQL cannot
 * store), whole characters only, nothing invisible, and nothing that turns the text direction, which would let one name
 * pass for another.
 */
export function lineOfText(max = 255) {
  return z.string().min(1).max(max).refine(isLine, rule).refine(isPlain, plainRule);
}

/** A search text. It may also match names from before invisible characters were refused. */
export function searchText(max = 255) {
  return z.string().min(1).max(max).refine(isLine, rule);
}

const rule = 'must be one line of text without control characters';
const plainRule = 'must not have invisible characters or characters that change the direction of the text';

/** The name of an audience, where it is registered and where it is asked for. A name with spaces could look like none. */
export const audienceText = lineOfText(2_048).regex(/^\S+$/, 'must not contain spaces');

/** Ids that others choose stand in URLs and must not need escapes there. A URL parser would swallow `.` and `..`. */
export const entryId = z
  .string()
  .regex(/^(?!\.{1,2}$)[A-Za-z0-9._~:@-]{1,255}$/, 'must be 1 to 255 of A-Z, a-z, 0-9 and . _ ~ : @ -');

/** True if the text could name an entry in a URL. Longer texts, and texts with control characters, name nothing. */
export function isName(text: string): boolean {
  return text.length > 0 && text.length <= 255 && isLine(text);
}

export function isLine(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(text);
}

/**
 * Refuses the characters of Unicode's own lists, and two signs without ink that are on neither list. A joiner counts as
 * visible where it changes the picture: between letters of scripts that are written with it, and in emoji. So does a
 * selector after a sign that is drawn in two ways.
 */
export function isPlain(text: string): boolean {
  const seen = text.replace(joined, '');
  return !/[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800\u{1d159}]/u.test(seen);
}

const joinedScripts = [
  ...['Arab', 'Syrc', 'Mong', 'Nkoo', 'Deva', 'Beng', 'Guru', 'Gujr', 'Orya', 'Taml', 'Telu', 'Knda', 'Mlym', 'Sinh'],
  ...['Khmr', 'Mymr', 'Tibt'],
]
  .map((script) => `\\p{Script=${script}}`)
  .join('');
const joined = new RegExp(
  [
    `(?<=[${joinedScripts}\\p{M}])[\\u200c\\u200d](?=[${joinedScripts}])`,
    '(?<=\\p{Extended_Pictographic}[\\ufe0f\\u{1f3fb}-\\u{1f3ff}]?)\\u200d(?=\\p{Extended_Pictographic})',
    '(?<=\\p{Extended_Pictographic})[\\ufe0e\\ufe0f]',
  ].join('|'),
  'gu',
);
