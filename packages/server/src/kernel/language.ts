/** The languages in which people get invitations, and the pages that explain them. The first is the default. */
export const languages = ['en', 'hi', 'pt', 'fr'] as const;
export type Language = (typeof languages)[number];

/** Undefined for any other text. */
export function languageNamed(text: string | null | undefined): Language | undefined {
  return languages.find((one) => one === text);
}

/** The reader's favourite among our languages, by RFC 9110 §12.5.4. Only the main part of a tag counts: `pt-BR` is `pt`. */
export function preferredLanguage(acceptLanguage: string | null): Language {
  let best: { language: Language; weight: number } = { language: languages[0], weight: 0 };
  for (const range of (acceptLanguage ?? '').slice(0, longest).split(',')) {
    const [, tag = '', q = '1'] =
      /^\s*([a-z]{1,8})(?:-[a-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?$/i.exec(range) ?? [];
    const language = languageNamed(tag.toLowerCase());
    if (language !== undefined && Number(q) > best.weight) best = { language, weight: Number(q) };
  }
  return best.language;
}

/** Letters of the field that are read. */
const longest = 1_000;
