/** What all pages of the server share. They need no other host, and no JavaScript to be read. */

/** The default realm, as the pages show it. No page names another realm. */
export interface ShownRealm {
  readonly issuer: string;
  readonly contact: PageContact | undefined;
}

/** How to reach the administrators. */
export interface PageContact {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  readonly url?: string | undefined;
}

/** `body` is HTML. Everything in it that is not from the source went through `toHtml`. */
export function htmlPage(title: string, body: string, script = ''): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${toHtml(title)}</title>
<link rel="stylesheet" href="/docs.css">${script}</head>
<body>
${body}
</body></html>
`;
}

/**
 * Nothing of another origin, nothing inline, in no frame. `connect` lets the page's own script call this server, and no
 * other.
 */
export function pageResponse(html: string, { connect = false } = {}): Response {
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    ...(connect ? ["connect-src 'self'"] : []),
  ];
  return asset('text/html; charset=utf-8', html, {
    'content-security-policy': policy.join('; '),
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
  });
}

/** A public answer, the same for every caller. */
export function asset(type: string, text: string, more: Readonly<Record<string, string>> = {}): Response {
  return new Response(text, { headers: { 'content-type': type, 'cache-control': 'public, max-age=300', ...more } });
}

export function contactLine(contact: PageContact | undefined): string {
  const { name, email, url } = contact ?? {};
  const parts = [
    name === undefined ? [] : [toHtml(name)],
    email === undefined
      ? []
      : [`<a href="mailto:${toHtml(encodeURIComponent(email).replace('%40', '@'))}">${toHtml(email)}</a>`],
    url === undefined ? [] : [`<a href="${toHtml(url)}" rel="noreferrer">${toHtml(url)}</a>`],
  ].flat();
  return parts.length === 0 ? '' : `<p>Contact of the administrators: ${parts.join(', ')}.</p>\n`;
}

export function toHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export const pageStyle = `:root{color-scheme:light dark;--ink:#1a1a1a;--ground:#fff;--line:#8a8a8a;--soft:#595959;--link:#0b57d0}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--ground:#161616;--line:#7a7a7a;--soft:#b0b0b0;--link:#8ab4f8}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--ground)}
a{color:var(--link)}code,pre,textarea{font:14px/1.5 ui-monospace,monospace}
pre{overflow-x:auto;border-left:3px solid var(--line);padding-left:.75rem;margin:.5rem 0}
h2{margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}h3{margin:1rem 0 .25rem;font-size:1rem}
summary{cursor:pointer;padding:.3rem 0}summary span{color:var(--soft)}details>div{padding:0 0 1rem 1.25rem}
[hidden]{display:none}:focus-visible{outline:3px solid var(--link);outline-offset:2px}
label{display:block;margin:.5rem 0 .15rem}input,textarea{box-sizing:border-box;width:100%;padding:.4rem;border:1px solid var(--line)}
input,textarea,button{color:inherit;background:var(--ground);font-size:1rem}button{margin-top:.5rem;padding:.4rem 1rem;border:1px solid var(--line)}
`;
