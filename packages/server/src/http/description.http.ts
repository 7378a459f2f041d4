import { z } from 'zod';
import type { HttpContext } from './call.ts';
import { openApi } from './openapi.ts';
import { docsPage, operationsOf } from './pages/docs-page.ts';
import { docsScript } from './pages/docs-script.ts';
import { frontPage } from './pages/front-page.ts';
import { asset, pageResponse, pageStyle, type ShownRealm } from './pages/page-frame.ts';
import { json } from './render.ts';
import { type AnyRoute, anybody, type Route, routeOf } from './route.ts';

/** What the pages show of the server. */
export interface Shown<C> {
  /** The default realm and its contact, or nothing where the database is away. */
  readonly realmOf: (context: C) => Promise<ShownRealm | undefined>;
  /** On a server for development only: the realm that calls from the page go to. */
  readonly tryRealmOf: (context: C) => string | undefined;
}

/**
 * The page at `/`, `/openapi.json`, and the same as a page for people. Both descriptions are generated from the table
 * of routes.
 */
export function descriptionRoutes<C extends HttpContext>(
  described: readonly AnyRoute[],
  { realmOf, tryRealmOf }: Shown<C>,
): readonly Route<C>[] {
  const route = routeOf<C>();
  const common = { method: 'GET', tag: 'Process', caller: anybody } as const;
  let operations: ReturnType<typeof operationsOf> | undefined;
  return [
    route({
      ...common,
      path: '/',
      operationId: 'getFrontPage',
      summary: 'What this server is, as a page.',
      answers: { 200: 'text/html' },
      handle: async ({ context }) => pageResponse(frontPage(await realmOf(context))),
    }),
    route({
      ...common,
      path: '/openapi.json',
      operationId: 'getDescription',
      summary: 'This API as OpenAPI 3.1.',
      answers: { 200: 'application/json' },
      handle: ({ context }) =>
        json(200, openApi(described, context.config.publicUrl), { 'cache-control': 'public, max-age=300' }),
    }),
    route({
      ...common,
      path: '/docs',
      operationId: 'getDocs',
      summary: 'This API as a page with a search. On a server for development it also calls the operations.',
      query: z.object({ q: z.string().max(200).optional() }),
      answers: { 200: 'text/html' },
      handle: async ({ context, query }) => {
        const tryRealm = tryRealmOf(context);
        operations ??= operationsOf(described);
        const realm = await realmOf(context);
        const view = { publicUrl: context.config.publicUrl, realm, search: query.q ?? '', tryRealm };
        return pageResponse(docsPage(operations, view), { connect: tryRealm !== undefined });
      },
    }),
    route({
      ...common,
      path: '/docs.css',
      operationId: 'getDocsStyle',
      summary: 'The style of the pages.',
      answers: { 200: 'text/css' },
      handle: () => asset('text/css; charset=utf-8', pageStyle),
    }),
    route({
      ...common,
      path: '/docs.js',
      operationId: 'getDocsScript',
      summary: 'The script of the page of the API.',
      answers: { 200: 'text/javascript' },
      handle: () => asset('text/javascript; charset=utf-8', docsScript),
    }),
  ];
}
