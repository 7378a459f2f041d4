import { type Html, html, htmlText } from '../../kernel/html.ts';
import { type Language, languages } from '../../kernel/language.ts';

/** A page for people, made here: it needs no script and no other host. */
export interface WebPage {
  readonly language: Language;
  readonly title: string;
  readonly body: Html;
  /** The same page in each language. */
  readonly otherLanguages: (language: Language) => string;
  /** For the style of this answer, 128 random bits. */
  readonly nonce: string;
}

/** The names of the languages in themselves. */
const languageNames: Readonly<Record<Language, string>> = {
  en: 'English',
  hi: 'हिन्दी',
  pt: 'Português',
  fr: 'Français',
};

const style = html`body{font:17px/1.6 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
code{font:15px ui-monospace,monospace;overflow-wrap:anywhere}li{margin:.6rem 0}nav a{margin-right:1rem}
blockquote{margin:1rem 0;padding:.2rem 1rem;border-left:4px solid #999;overflow-wrap:anywhere}.note{color:#555}
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}.note{color:#aaa}a{color:#8ab4f8}}`;

/**
 * Loads nothing, runs nothing, sends nothing, stands in no frame, and tells no other site its address. Search engines
 * leave it out.
 */
export function webPage({ language, title, body, otherLanguages, nonce }: WebPage): Response {
  const links = languages.map((one) =>
    one === language
      ? html`<span lang="${one}">${languageNames[one]}</span> `
      : html`<a href="${otherLanguages(one)}" hreflang="${one}" lang="${one}">${languageNames[one]}</a> `,
  );
  const page = html`<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title>
<style nonce="${nonce}">
${style}
</style></head>
<body><main><h1>${title}</h1>
${body}
</main><nav>${links}</nav></body></html>
`;
  return new Response(htmlText(page), {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-language': language,
      vary: 'accept-language',
      'referrer-policy': 'no-referrer',
      'x-robots-tag': 'noindex',
      'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'`,
    },
  });
}
