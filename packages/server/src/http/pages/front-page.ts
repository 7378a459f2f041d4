import { contactLine, htmlPage, type ShownRealm, toHtml } from './page-frame.ts';

/** The page at `/`: what this server is, and where to go. */
export function frontPage(realm: ShownRealm | undefined): string {
  return htmlPage(
    'Countersign',
    `<main>
<h1>Countersign</h1>
<p>This server authenticates the organisations, wallets and people of a network. It gives them sessions and signed tokens. Anyone can
verify such a token offline, with the public keys of its issuer.</p>
${realm === undefined ? '' : realmSection(realm)}
<h2>For developers</h2>
<ul>
<li><a href="/docs">The API, with a search</a></li>
<li><a href="/openapi.json">The same as OpenAPI 3.1</a>, for tools</li>
</ul>
</main>`,
  );
}

function realmSection({ issuer, contact }: ShownRealm): string {
  const link = (path: string, text: string) => `<li><a href="${toHtml(issuer + path)}">${text}</a></li>`;
  return `<h2>The network</h2>
<p>Its issuer is <code>${toHtml(issuer)}</code>. Programs find everything else from there:</p>
<ul>
${link('/.well-known/openid-configuration', 'Discovery')}
${link('/protocol/openid-connect/certs', 'Public keys')}
</ul>
<p>If you were given another issuer, use that one.</p>
${contactLine(contact)}`;
}
