import { Problem } from '../../kernel/problem.ts';

/**
 * The one place where a password becomes the text that is hashed, counted and looked up.
 *
 * NIST SP 800-63B-4 §3.1.1.2: verifiers "SHOULD apply the normalization process for stabilized strings using either the
 * NFKC or NFKD normalization" before hashing, so that the same key typed on two devices gives the same password.
 * Nothing is cut off, trimmed or folded.
 */

/** Characters (code points) of a password as presented. In UTF-8 at most 4 KiB, and at most 36 KiB after NFKC. */
export const longestPassword = 1_024;

/** The password in NFKC. Undefined if too long, or if it has lone surrogates, which all become the same U+FFFD. */
export function normalisedPassword(password: string): string | undefined {
  if (password.length > 2 * longestPassword || !password.isWellFormed()) return undefined;
  return characters(password) > longestPassword ? undefined : password.normalize('NFKC');
}

/** The same for a new password. @throws {Problem} `password.too_long`, `request.invalid` */
export function requirePassword(password: string): string {
  const text = normalisedPassword(password);
  if (text !== undefined) return text;
  throw password.isWellFormed()
    ? new Problem('password.too_long')
    : new Problem('request.invalid', { detail: 'A password must consist of whole characters.' });
}

/** NIST SP 800-63B-4 §3.1.1.2: "each Unicode code point SHALL be counted as a single character". */
export function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
