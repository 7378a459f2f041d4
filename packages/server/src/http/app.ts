import type { IncomingMessage, ServerResponse } from 'node:http';
import { Hono, type Context as HonoContext } from 'hono';
import { cors } from 'hono/cors';
import type { Context } from '../context.ts';
import { Problem, rendering, toProblem } from '../kernel/problem.ts';
import { storeProblem } from '../store/fault.ts';
import { requireRealm } from '../subject/realm.ts';
import type { Call } from './call.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { refusal } from './render.ts';
import type { Route } from './route.ts';
import { type SourceOf, sourceOf } from './source.ts';

interface Bindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}
type Wire = HonoContext<{ Bindings: Bindings }>;

export interface App {
  readonly fetch: Hono<{ Bindings: Bindings }>['fetch'];
  readonly metrics: Metrics;
}

/** Everything that all routes share: who answers, what a refusal looks like, what every answer carries. */
export function createApp(context: Context, routes: readonly Route[], stopping: AbortSignal): App {
  const metrics = createMetrics(context);
  const shared: Shared = { context, stopping, source: sourceOf(context.config.trustedProxies) };
  const app = new Hono<{ Bindings: Bindings }>();
  const { corsOrigins } = context.config;
  if (corsOrigins.length > 0) {
    const allow = cors({ origin: [...corsOrigins], exposeHeaders: ['x-request-id', 'etag'], maxAge: 600 });
    app.use((wire, next) => {
      // A preflight is answered right here, and every answer carries a request id.
      if (wire.req.method === 'OPTIONS') commonHeaders(context, context.random.uuid(), wire.env.outgoing);
      return allow(wire, next);
    });
  }
  for (const route of routes) {
    const observe = metrics.observerOf(route);
    app.on(route.method, route.path, (wire) => answer(shared, route, wire, observe));
  }
  const allowed = methodsByShape(routes);
  app.notFound((wire) => {
    const methods = allowed.filter(({ shape }) => shape.test(wire.req.path)).flatMap((known) => known.methods);
    return methods.length === 0
      ? refuseBare(shared, wire as Wire, 'request.not_found', {})
      : refuseBare(shared, wire as Wire, 'request.method', { allow: [...new Set(methods)].join(', ') });
  });
  return { fetch: app.fetch, metrics };
}

interface Shared {
  readonly context: Context;
  readonly stopping: AbortSignal;
  readonly source: SourceOf;
}

async function answer(
  shared: Shared,
  route: Route,
  wire: Wire,
  observe: (status: number, seconds: number) => void,
): Promise<Response> {
  const { context } = shared;
  const started = context.clock.elapsed();
  const call = toCall(shared, wire);
  commonHeaders(context, call.requestId, wire.env.outgoing);
  let response: Response;
  try {
    response = await route.handle(call);
  } catch (thrown) {
    response = refuse(call, route, thrown);
  }
  observe(response.status, (context.clock.elapsed() - started) / 1000);
  if (context.log.isLevelEnabled('debug')) {
    context.log.debug(
      { requestId: call.requestId, method: route.method, route: route.path, status: response.status },
      'answered',
    );
  }
  return response;
}

/**
 * No getters in this object: an object literal with getters gets a hidden class of its own each time, which stays in the old
 * generation until a full collection and is unknown to every inline cache that the call passes.
 */
function toCall({ context, stopping, source }: Shared, wire: Wire): Call {
  const requestId = context.random.uuid();
  const params = wire.req.param() as Record<string, string>;
  const from = source(wire.env.incoming);
  return {
    context,
    request: wire.req.raw,
    params,
    query: queryOf(wire.req.url),
    requestId,
    source: from,
    stopping,
    realm: () => requireRealm(context, params['realm'] ?? ''),
    caller: (actor) => ({ actor, requestId, source: from }),
  };
}

function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark === -1 ? '' : url.slice(mark));
}

/** Written to the socket's own response: the answer of a handler stays as light as it is. */
function commonHeaders(context: Context, requestId: string, outgoing: ServerResponse): void {
  outgoing.setHeader('x-request-id', requestId);
  outgoing.setHeader('x-content-type-options', 'nosniff');
  if (context.config.publicUrl.startsWith('https:'))
    outgoing.setHeader('strict-transport-security', 'max-age=63072000');
}

/** The public part goes to the caller, the cause to the log, and the request id joins them. */
function refuse(call: Call, route: Pick<Route, 'refusals' | 'security' | 'path'>, thrown: unknown): Response {
  const problem = toProblem(storeProblem(thrown));
  const { status } = rendering(problem);
  const entry = {
    requestId: call.requestId,
    route: route.path,
    code: problem.code,
    pointer: problem.pointer,
    source: call.source,
  };
  if (status >= 500) call.context.log.error({ ...entry, cause: describe(problem.cause) }, 'a request failed');
  else call.context.log.info({ ...entry, cause: reason(problem.cause) }, 'a request was refused');
  return refusal(problem, route, call);
}

function refuseBare(
  shared: Shared,
  wire: Wire,
  code: 'request.method' | 'request.not_found',
  headers: Record<string, string>,
): Response {
  const call = toCall(shared, wire);
  commonHeaders(shared.context, call.requestId, wire.env.outgoing);
  const response = refusal(new Problem(code), { refusals: 'problem', security: 'none' }, call);
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}

/** A fault of ours: with its stack. The message of a database error may quote values, so only its code is kept. */
function describe(cause: unknown): unknown {
  if (!(cause instanceof Error)) return undefined;
  const { code, errcode } = cause as { code?: unknown; errcode?: unknown };
  return {
    name: cause.name,
    code: code ?? errcode,
    message: code === undefined ? cause.message : undefined,
    stack: frames(cause),
  };
}

function frames(error: Error): string | undefined {
  return error.stack
    ?.split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .slice(0, 12)
    .join('\n');
}

/** A refusal: the reason without a stack. Reasons are written by us or by `proof`, and hold no value of the caller. */
function reason(cause: unknown): unknown {
  return cause instanceof Error ? ((cause as { code?: unknown }).code ?? cause.message) : undefined;
}

/**
 * What 405 needs. Only a request that no route takes looks here: a second handler for every path, to refuse other methods, would
 * make Hono compose a chain for every request.
 */
function methodsByShape(
  routes: readonly Route[],
): readonly { readonly shape: RegExp; readonly methods: readonly string[] }[] {
  return routes.map(({ path, method }) => ({
    shape: new RegExp(`^${path.replace(/[.+*?^$()[\]{}|\\]/g, '\\$&').replace(/:[^/]+/g, '[^/]+')}$`),
    methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
  }));
}
