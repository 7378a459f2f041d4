/**
 * The texts that may be the code of a credential: RFC 8265 §3.3, UsernameCaseMapped, over the IdentifierClass of RFC
 * 8264 §4.2.
 *
 * 1. Width: full-width and half-width forms become the usual ones.
 * 2. Case: lower.
 * 3. Normalization: NFC.
 * 4. Parts between single spaces (RFC 8265 §3.5), each of one or more code points of the class: letters, digits and
 *    ASCII signs. The class has no invisible characters, no compatibility forms such as ﬁ, and no signs beyond ASCII.
 * 5. Code points that are allowed in one place only (RFC 5892, appendix A). Joiners are refused everywhere, because
 *    their rules need tables that no runtime has.
 * 6. Directions are not mixed (RFC 5893 §2).
 */
export function isUsername(given: string): boolean {
  const text = enforced(given);
  return text
    .split(' ')
    .every((part) => part !== '' && hasOnlyIdentifiers(part) && isInItsPlace(part) && hasOneDirection(part));
}

/** Steps 1 to 3. Forms that RFC 8265 maps to another compatibility form stay, and step 4 refuses them. */
function enforced(given: string): string {
  const usual = given.replace(/[\u3000\uff01-\uff9f\uffe0-\uffe2\uffe4-\uffe6]/g, (form) => form.normalize('NFKC'));
  return usual.toLowerCase().normalize('NFC').trim();
}

const allowed = /^[\u00df\u03c2\u06fd\u06fe\u0f0b\u3007\u00b7\u0375\u05f3\u05f4\u30fb]$/;
const refused =
  /[\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u;
const letterOrDigit = /^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u;

/** Step 4, in the order of RFC 8264 §8. */
function hasOnlyIdentifiers(text: string): boolean {
  return [...text].every((character) => {
    if (allowed.test(character) || /^[\x21-\x7e]$/.test(character)) return true;
    if (refused.test(character) || character.normalize('NFKC') !== character) return false;
    return letterOrDigit.test(character);
  });
}

/** Step 5: each sign with its allowed places. */
const places: readonly (readonly [RegExp, RegExp])[] = [
  [/\u00b7/g, /(?<=l)\u00b7(?=l)/g],
  [/\u0375/g, /\u0375(?=\p{Script=Greek})/gu],
  [/[\u05f3\u05f4]/g, /(?<=\p{Script=Hebrew})[\u05f3\u05f4]/gu],
];

function isInItsPlace(text: string): boolean {
  if (/\u30fb/.test(text) && !/[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(text)) return false;
  // Some Arabic and Persian digits look alike.
  if (/[\u0660-\u0669]/.test(text) && /[\u06f0-\u06f9]/.test(text)) return false;
  return places.every(([sign, place]) => (text.match(sign) ?? []).length === (text.match(place) ?? []).length);
}

/**
 * The Bidi classes that a username needs. The blocks of right-to-left scripts are the same in every version of Unicode.
 */
const directions: readonly (readonly [RegExp, string])[] = [
  [/^[\u0660-\u0669\u{10e60}-\u{10e7e}\u{10d30}-\u{10d39}]$/u, 'a'],
  [/^[0-9\u06f0-\u06f9]$/, 'e'],
  [/^\p{Mn}$/u, 'n'],
  [/^[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]$/u, 'r'],
  [/^[\p{L}\p{Mc}\p{Nd}]$/u, 'l'],
];

/**
 * Step 6: a text with right-to-left characters begins with one, ends with one or with a digit, and has no left-to-right
 * letter.
 */
function hasOneDirection(text: string): boolean {
  const classes = [...text].map((one) => directions.find(([kind]) => kind.test(one))?.[1] ?? 'o').join('');
  if (!/[ra]/.test(classes)) return true;
  return /^r[raeon]*$/.test(classes) && /[rae]n*$/.test(classes) && !(classes.includes('a') && classes.includes('e'));
}
