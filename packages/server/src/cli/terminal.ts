/**
 * Texts of a server or of a stranger on the terminal of the person who runs a command: they must not control it.
 */

/** Without control characters and signs that turn the text. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD');
}

/** JSON for people and programs. What JSON itself leaves as it is, and a terminal may obey, is escaped: the value stays. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[\u007f-\u009f\u2028\u2029\p{Bidi_Control}]/gu, escaped);
}

/** None of them needs two code units. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
