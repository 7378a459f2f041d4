import type { Security } from './render.ts';
import type { AnyRoute } from './route.ts';

/** How to reach the administrators. */
export interface PageContact {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  readonly url?: string | undefined;
}

/** A page that people can read without JavaScript and without any other host. */
export function docsPage(routes: readonly AnyRoute[], publicUrl: string, contact?: PageContact): string {
  const tags = [...new Set(routes.map((route) => route.tag))];
  const sections = tags.map((tag) =>
    section(
      tag,
      routes.filter((route) => route.tag === tag),
    ),
  );
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Countersign API</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
code{font:14px ui-monospace,monospace}h2{margin-top:2.5rem;border-bottom:1px solid #ccc}
table{border-collapse:collapse;width:100%}td{padding:.35rem .75rem .35rem 0;vertical-align:top;border-bottom:1px solid #eee}
.m{font-weight:600;white-space:nowrap}.s{color:#555;white-space:nowrap}
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}td{border-color:#333}.s{color:#aaa}a{color:#8ab4f8}}
</style>
<h1>Countersign API</h1>
<p>Base URL <code>${toHtml(publicUrl)}</code>. The same as a document for tools: <a href="/openapi.json">/openapi.json</a>.</p>
${contact === undefined ? '' : contactLine(contact)}${sections.join('\n')}
</html>
`;
}

function contactLine({ name, email, url }: PageContact): string {
  const parts = [
    name === undefined ? [] : [toHtml(name)],
    email === undefined
      ? []
      : [`<a href="mailto:${toHtml(encodeURIComponent(email).replace('%40', '@'))}">${toHtml(email)}</a>`],
    url === undefined ? [] : [`<a href="${toHtml(url)}" rel="noreferrer">${toHtml(url)}</a>`],
  ].flat();
  return parts.length === 0 ? '' : `<p>Contact of the administrators: ${parts.join(', ')}.</p>\n`;
}

function section(tag: string, routes: readonly AnyRoute[]): string {
  const rows = routes.map(
    ({ method, path, summary, security }) =>
      `<tr><td class="m">${method}</td><td><code>${toHtml(path.replace(/:([A-Za-z_]+)/g, '{$1}'))}</code><br>${toHtml(summary)}</td><td class="s">${proof[security]}</td></tr>`,
  );
  return `<h2>${toHtml(tag)}</h2><table>${rows.join('')}</table>`;
}

const proof: Record<Security, string> = {
  none: 'anyone',
  client: 'client credentials',
  bearer: 'bearer token',
  session: 'session',
  administrator: 'administrator',
  participant: 'the participant itself',
};

function toHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
