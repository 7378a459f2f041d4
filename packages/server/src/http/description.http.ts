import type { HttpContext } from './call.ts';
import { docsPage, type PageContact } from './docs-page.ts';
import { openApi } from './openapi.ts';
import { json } from './render.ts';
import { type AnyRoute, anybody, type Route, routeOf } from './route.ts';

/**
 * `/openapi.json`, and the same as a page for people. Both are generated from the table of routes. `contactOf` gives
 * the people behind the server, for the page.
 */
export function descriptionRoutes<C extends HttpContext>(
  described: readonly AnyRoute[],
  contactOf: (context: C) => Promise<PageContact | undefined>,
): readonly Route<C>[] {
  const route = routeOf<C>();
  const common = { method: 'GET', tag: 'Process', caller: anybody } as const;
  return [
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
      summary: 'This API as a page.',
      answers: { 200: 'text/html' },
      handle: async ({ context }) =>
        new Response(docsPage(described, context.config.publicUrl, await contactOf(context)), {
          headers: {
            'content-type': 'text/html; charset=utf-8',
            'cache-control': 'public, max-age=300',
            'content-security-policy':
              "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
          },
        }),
    }),
  ];
}
