import { type Language, languageNamed, languages } from '../kernel/language.ts';
import { Problem } from '../kernel/problem.ts';
import { isLine, isPlain } from '../kernel/text.ts';
import type { WalletInvitationTable } from '../store/schema.ts';

/** What the inviter says to the invited person. The mail and its page show it as the inviter's own, unchecked. */
export interface InvitationWords {
  readonly language: Language;
  /** May be empty, as may the message. */
  readonly inviterName: string;
  readonly message: string;
}

const most = { inviter_name: 100, message: 500 } as const;

/**
 * An empty language is the default one.
 *
 * @throws {Problem} `request.invalid` that names the field
 */
export function requireWords({ language, inviterName, message }: Readonly<Record<keyof InvitationWords, string>>) {
  requireLine('inviter_name', inviterName);
  requireLine('message', message);
  const chosen = language === '' ? languages[0] : languageNamed(language);
  if (chosen !== undefined) return { language: chosen, inviterName, message } satisfies InvitationWords;
  const detail = `language must be one of ${languages.join(', ')}.`;
  throw new Problem('request.invalid', { detail, pointer: 'language' });
}

function requireLine(name: keyof typeof most, text: string): void {
  if (text.length <= most[name] && isLine(text) && isPlain(text)) return;
  const detail = `${name} must be one line of at most ${most[name]} characters, none of them invisible and none that turns the direction of the text.`;
  throw new Problem('request.invalid', { detail, pointer: name });
}

/** The words of a stored invitation. An older one is in English and has none. */
export function wordsOf({ language, inviter_name, message }: WalletInvitationTable): InvitationWords {
  return {
    language: languageNamed(language) ?? languages[0],
    inviterName: inviter_name ?? '',
    message: message ?? '',
  };
}
