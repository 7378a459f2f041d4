import { z } from 'zod';
import { toSchema } from '../openapi.ts';
import type { Security } from '../render.ts';
import type { AnyRoute } from '../route.ts';
import { contactLine, htmlPage, type ShownRealm, toHtml } from './page-frame.ts';
import { shapeOf } from './schema-shape.ts';

/** One operation as the page shows it. */
interface Operation {
  readonly tag: string;
  readonly id: string;
  /** What a search looks through, in small letters. */
  readonly words: string;
  /** HTML, without what a search changes. */
  readonly summary: string;
  readonly rest: string;
  /** Attributes for the script that calls the operation. */
  readonly attributes: string;
}

export function operationsOf(routes: readonly AnyRoute[]): readonly Operation[] {
  return routes.map((route) => {
    const { method, tag, operationId, summary, security } = route;
    const path = route.path.replace(/:([A-Za-z_]+)/g, '{$1}');
    const query = Object.keys(route.query?.shape ?? {});
    return {
      tag,
      id: operationId,
      words: [method, path, tag, operationId, summary, proof[security], ...query].join(' ').toLowerCase(),
      summary: `<b>${method}</b> <code>${toHtml(path)}</code> ${toHtml(summary)} <span>${proof[security]}</span>`,
      rest: partsOf(route),
      attributes: attributesOf({ method, path, query: query.join(' '), body: route.body?.mediaTypes[0] ?? '' }),
    };
  });
}

export interface DocsView {
  readonly publicUrl: string;
  readonly realm: ShownRealm | undefined;
  /** What is looked for: operations without one of its words are hidden. */
  readonly search: string;
  /** The realm that calls from the page go to. Absent: no calls from the page. */
  readonly tryRealm: string | undefined;
}

/** The API as a page for people: every operation, folded, with a search. Its script only makes it more comfortable. */
export function docsPage(operations: readonly Operation[], view: DocsView): string {
  const words = view.search.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 20);
  const isFound = (one: Operation) => words.every((word) => one.words.includes(word));
  const count = operations.filter(isFound).length;
  const sections = [...new Set(operations.map(({ tag }) => tag))].map((tag) => {
    const own = operations.filter((one) => one.tag === tag);
    return `<section${own.some(isFound) ? '' : ' hidden'}><h2>${toHtml(tag)}</h2>${own.map((one) => details(one, isFound(one))).join('\n')}</section>`;
  });
  const tried = view.tryRealm === undefined ? '' : ` ${attributesOf({ realm: view.tryRealm })}`;
  return htmlPage(
    'Countersign API',
    `<main${tried}>
<h1>Countersign API</h1>
<p>Base URL <code>${toHtml(view.publicUrl)}</code>. <a href="/openapi.json">The same as OpenAPI 3.1</a>. <a href="/">What this server is</a>.</p>
${contactLine(view.realm?.contact)}<form role="search" action="/docs"><label for="q">Search the operations</label>
<input id="q" name="q" type="search" autocomplete="off" maxlength="200" value="${toHtml(view.search)}"><button>Search</button></form>
<p id="found" role="status">${count} of ${operations.length} operations</p>
${sections.join('\n')}
</main>`,
    '<script src="/docs.js" defer></script>',
  );
}

function details({ id, words, summary, rest, attributes }: Operation, isFound: boolean): string {
  return `<details id="${id}" ${attributesOf({ words })} ${attributes}${isFound ? '' : ' hidden'}><summary>${summary}</summary><div>${rest}</div></details>`;
}

function attributesOf(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `data-${name}="${toHtml(value)}"`)
    .join(' ');
}

function partsOf({ query, body, answers, security, ownProofs = [] }: AnyRoute): string {
  const proofs = security === 'participant' && ownProofs.length > 0 ? ` (${ownProofs.join(', ')})` : '';
  return [
    `<p>Proof: ${toHtml(proof[security] + proofs)}</p>`,
    query === undefined ? '' : part('Query', shapeOf(toSchema(query, 'input'))),
    body === undefined
      ? ''
      : part(
          `Body, ${body.mediaTypes.join(' or ')}${body.optional ? ', optional' : ''}`,
          shapeOf(toSchema(body.schema, 'input')),
        ),
    ...Object.entries(answers).map(([status, shape]) =>
      part(`Answer ${status}`, shape instanceof z.ZodType ? shapeOf(toSchema(shape, 'output')) : shape),
    ),
  ].join('');
}

/** A scrollable block must be reachable by the keyboard. */
function part(title: string, text: string): string {
  return `<h3>${toHtml(title)}</h3><pre tabindex="0">${toHtml(text)}</pre>`;
}

const proof: Record<Security, string> = {
  none: 'anyone',
  client: 'client credentials',
  bearer: 'bearer token',
  session: 'session',
  administrator: 'administrator',
  participant: 'the participant itself',
};
