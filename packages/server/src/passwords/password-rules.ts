import { Problem } from '../kernel/problem.ts';
import type { PasswordRules } from '../subject/password-config.ts';
import { breachDigest } from '../subject/secrets/breach-digest.ts';
import { characters, requirePassword } from '../subject/secrets/password-text.ts';
import { isCommon } from './common-passwords.ts';
import { isMadeOf, isPattern, likenesses } from './likeness.ts';

/** The first guesses of an attacker who knows the service and the person. */
export interface PasswordContext {
  /** The realm, the names of the identity, the credential's code and address. */
  readonly words: readonly string[];
  /** True if one of these digests (`breachDigest`) is on the imported list. */
  readonly isBlocked: (digests: readonly string[]) => Promise<boolean>;
}

const classes: readonly RegExp[] = [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{Ll}\p{Lu}\p{Nd}]/u];
const productName = 'countersign';

/**
 * @throws {Problem} the first that applies: `password.too_short`, `password.too_long`, `password.too_simple`,
 * `password.compromised`
 */
export async function requireAcceptable(
  password: string,
  rules: Pick<PasswordRules, 'minimumLength' | 'maximumLength' | 'complexity'>,
  context: PasswordContext,
): Promise<void> {
  const text = requirePassword(password);
  const length = characters(text);
  // NFKC turns U+FDFA into eighteen characters, and a letter with a separate accent into one: the smaller count is what
  // was chosen.
  if (Math.min(characters(password), length) < rules.minimumLength)
    throw new Problem('password.too_short', {
      detail: `The password needs at least ${rules.minimumLength} characters.`,
    });
  if (length > rules.maximumLength)
    throw new Problem('password.too_long', { detail: `The password has more than ${rules.maximumLength} characters.` });
  if (classes.filter((kind) => kind.test(text)).length < rules.complexity)
    throw new Problem('password.too_simple', {
      detail: `The password needs ${rules.complexity} of: lower case, upper case, digits, other characters.`,
    });
  if (isExpected(text.toLowerCase(), context.words) || (await context.isBlocked(digestsOf(text))))
    throw new Problem('password.compromised');
}

/** A common password, a context word, or a form derived from one by a rule. */
function isExpected(password: string, words: readonly string[]): boolean {
  if (isPattern(password)) return true;
  const context = contextWords(words);
  for (const form of likenesses(password)) if (isCommon(form) || isMadeOf(form, context)) return true;
  return false;
}

/** The words as they are, without the separators of their parts, and the parts that are long enough to matter. */
function contextWords(words: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const word of [productName, ...words]) {
    const text = word.normalize('NFKC').toLowerCase();
    const parts = text.split(/[^\p{L}\p{N}]+/u);
    for (const part of [text, parts.join(''), ...parts.filter((part) => part.length >= 3)]) found.add(part);
  }
  found.delete('');
  return [...found];
}

/** Lists have the typed text, so it is looked up as it is and in lower case. */
function digestsOf(text: string): readonly string[] {
  return [...new Set([text, text.toLowerCase()])].map(breachDigest);
}
