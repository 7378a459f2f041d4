import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono, type Context as HonoContext } from 'hono';
import { cors } from 'hono/cors';
import { Problem, toProblem } from '../kernel/problem.ts';
import { logRefusal } from '../kernel/refusal.ts';
import { server, traced, traceWith } from '../kernel/trace.ts';
import { transferCodingFault } from '../kernel/transfer-coding.ts';
import { storeProblem } from '../store/fault.ts';
import type { Answer } from './answer.ts';
import { limitArrival } from './arrival.ts';
import { readBytes } from './body.ts';
import type { Call, HttpContext, WireRequest } from './call.ts';
import { commonHeaders } from './common-headers.ts';
import { echoedCallRef } from './corporate.ts';
import { directWay, plainRequest, sendDirectly } from './direct.ts';
import type { Metrics } from './metrics.ts';
import { refusal, refusalAnswer, toResponse } from './render.ts';
import { targetFault } from './request-target.ts';
import type { AnyRoute, Route } from './route.ts';
import { hostFault, requireSingleFields } from './single-field.ts';
import { proxyTest, type SourceOf, sourceOf } from './source.ts';

/** The headers that a page of a configured origin may read: those that a caller acts upon. */
const exposedFields = ['x-request-id', 'x-callref', 'etag', 'www-authenticate', 'retry-after'] as const;

interface Bindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}
type Wire = HonoContext<{ Bindings: Bindings }>;

/** A handler of other protocols, which may take a request before the router sees it. */
export type OtherWay = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

/** The parts that all routes share: dispatch, refusals, and the headers of every answer. */
export function createApp<C extends HttpContext>(
  context: C,
  routes: readonly Route<C>[],
  stopping: AbortSignal,
  metrics: Metrics,
  otherWay: OtherWay,
): RequestListener {
  const { trustedProxies } = context.config;
  const shared: Shared<C> = {
    ...{ context, stopping, source: sourceOf(trustedProxies), isFromProxy: proxyTest(trustedProxies) },
  };
  const app = new Hono<{ Bindings: Bindings }>();
  const { corsOrigins } = context.config;
  if (corsOrigins.length > 0) {
    const allow = cors({ origin: [...corsOrigins], exposeHeaders: [...exposedFields], maxAge: 600 });
    const verdicts = routes.filter(({ isVerdict }) => isVerdict).map(({ path }) => shapeOf(path));
    app.use((wire, next) => {
      if (wire.req.method === 'OPTIONS' && verdicts.some((shape) => shape.test(wire.req.path))) return next();
      // A preflight is answered right here. It needs a request id too.
      if (wire.req.method === 'OPTIONS') setCommonHeaders(context, context.random.uuid(), wire.env.outgoing);
      return allow(wire, next);
    });
  }
  const observers = new Map<Route<C>, Observe>();
  for (const route of routes) {
    const observe = metrics.observerOf(route);
    observers.set(route, observe);
    app.on(route.method, route.path, (wire) => {
      const call = callOf(shared, wire as Wire);
      setCommonHeaders(context, call.requestId, wire.env.outgoing);
      const callRef = route.refusals === 'corporate' ? echoedCallRef(call.request) : undefined;
      if (callRef !== undefined) wire.env.outgoing.setHeader('x-callref', callRef);
      const answered = answer(call, (wire as Wire).env.incoming, route, route.handle, toResponse, observe);
      return call.method === 'HEAD' ? withoutBody(answered) : answered;
    });
  }
  const allowed = methodsByShape(routes);
  // One series for all of them, because the caller chooses these paths and methods.
  const observeNone = metrics.observerOf({ method: 'any', path: 'none' });
  app.notFound((wire) => {
    const started = context.clock.elapsed();
    const response = refuseUnrouted(wire as Wire);
    observeNone(response.status, (context.clock.elapsed() - started) / 1000);
    return response;
  });
  const refuseUnrouted = (wire: Wire) => {
    const known = allowed.filter(({ shape }) => shape.test(wire.req.path));
    const methods = known.flatMap((one) => one.methods);
    return known[0] === undefined
      ? refuseBare(shared, wire, 'request.not_found', 'problem', {})
      : refuseBare(shared, wire, 'request.method', known[0].refusals, { allow: [...new Set(methods)].join(', ') });
  };
  // The headers for cross-origin callers are written in one place only, so with such callers there is no short way.
  const direct = directWay(corsOrigins.length > 0 ? [] : routes, async (route, params, incoming, outgoing) => {
    const call = toCall(shared, plainRequest(incoming), params, incoming);
    const observe = observers.get(route) as Observe;
    const plain = await answer(call, incoming, route, route.direct, (refused) => refused, observe);
    sendDirectly(outgoing, commonHeaders(context, call.requestId), plain);
  });
  const viaRouter = getRequestListener(app.fetch as Parameters<typeof getRequestListener>[0]);
  return (incoming, outgoing) => {
    const fault = hostFault(incoming) ?? targetFault(incoming) ?? transferCodingFault(incoming);
    if (fault !== undefined) return refuseOutright(shared, fault, incoming, outgoing);
    if (!direct(incoming, outgoing)) {
      if (otherWay(incoming, outgoing)) return;
      void viaRouter(incoming, outgoing);
    }
    // Node's HTTP/1.1 server enforces this itself.
    if (incoming.httpVersionMajor > 1) limitArrival(incoming);
  };
}

interface Shared<C> {
  readonly context: C;
  readonly stopping: AbortSignal;
  readonly source: SourceOf;
  readonly isFromProxy: (incoming: IncomingMessage) => boolean;
}

type Observe = (status: number, seconds: number) => void;

/** From a call to its answer, on either way. */
function answer<C extends HttpContext, A extends { readonly status: number }>(
  ...given: Parameters<typeof answerInSpan<C, A>>
): Promise<A> {
  const [call, incoming, { method, path }] = given;
  return traced(`${method} ${path}`, () => answerInSpan<C, A>(...given), {
    kind: server,
    from: incoming.headers,
    attributes: () => ({
      'http.request.method': method,
      'http.route': path,
      'countersign.request_id': call.requestId,
    }),
  });
}

async function answerInSpan<C extends HttpContext, A extends { readonly status: number }>(
  call: Call<C>,
  incoming: IncomingMessage,
  route: Route<C>,
  handle: (call: Call<C>) => Promise<A> | A,
  render: (refused: Answer) => A,
  observe: Observe,
): Promise<A> {
  const { context } = call;
  const started = context.clock.elapsed();
  let response: A;
  try {
    requireSingleFields(incoming);
    response = await handle(call);
  } catch (thrown) {
    response = render(refuse(call, route, thrown));
  }
  observe(response.status, (context.clock.elapsed() - started) / 1000);
  const { status } = response;
  traceWith(() => ({ 'http.response.status_code': status }));
  if (context.log.isLevelEnabled('debug')) {
    context.log.debug(
      { requestId: call.requestId, method: route.method, route: route.path, status: response.status },
      'answered',
    );
  }
  return response;
}

/**
 * No getters in this object: an object literal with getters gets a hidden class of its own each time. Such a class
 * stays in the old generation until a full collection, and every inline cache that the call passes misses it.
 */
function toCall<C extends HttpContext>(
  { context, stopping, source, isFromProxy }: Shared<C>,
  request: WireRequest,
  params: Call['params'],
  incoming: IncomingMessage,
): Call<C> {
  const requestId = context.random.uuid();
  const from = source(incoming);
  let bytes: Promise<Uint8Array> | undefined;
  return {
    context,
    request,
    bytes: () => (bytes ??= readBytes(request)),
    method: incoming.method ?? '',
    target: incoming.url ?? '',
    params,
    query: queryOf(incoming.url ?? ''),
    requestId,
    source: from,
    isFromProxy: () => isFromProxy(incoming),
    stopping,
    caller: (actor) => ({ actor, requestId, source: from }),
  };
}

function callOf<C extends HttpContext>(shared: Shared<C>, wire: Wire): Call<C> {
  return toCall(shared, wire.req.raw, wire.req.param() as Record<string, string>, wire.env.incoming);
}

function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark === -1 ? '' : url.slice(mark));
}

/**
 * A HEAD request gets no body. An endless body, such as a stream of events, is cancelled, or it would go on without a
 * reader.
 */
async function withoutBody(answered: Promise<Response>): Promise<Response> {
  const { status, headers, body } = await answered;
  await body?.cancel();
  return new Response(null, { status, headers });
}

/** Sets the headers on Node's response, so that the handler's own answer stays light. */
function setCommonHeaders(context: HttpContext, requestId: string, outgoing: ServerResponse): void {
  for (const [name, value] of Object.entries(commonHeaders(context, requestId))) outgoing.setHeader(name, value);
}

/** The caller gets the public part, the log gets the cause, and the request id joins them. */
function refuse(call: Call, route: Pick<Route, 'refusals' | 'security' | 'path'>, thrown: unknown): Answer {
  const problem = toProblem(storeProblem(thrown));
  const { requestId, source } = call;
  traceWith(() => ({ 'countersign.problem': problem.code }));
  logRefusal(call.context.log, problem, { requestId, route: route.path, source: source.address });
  return refusalAnswer(problem, route, call);
}

/** Closes the connection, because a proxy in front may see other requests in its bytes. */
function refuseOutright(
  { context, source }: Shared<HttpContext>,
  fault: Problem,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
) {
  const requestId = context.random.uuid();
  logRefusal(context.log, fault, { requestId, route: 'none', source: source(incoming).address });
  const refused = refusalAnswer(fault, { refusals: 'problem', security: 'none' }, { requestId, params: {} });
  if (incoming.httpVersionMajor === 1) outgoing.setHeader('connection', 'close');
  sendDirectly(outgoing, commonHeaders(context, requestId), refused);
}

function refuseBare(
  shared: Shared<HttpContext>,
  wire: Wire,
  code: 'request.method' | 'request.not_found',
  refusals: Route['refusals'],
  headers: Record<string, string>,
): Response {
  const call = callOf(shared, wire);
  setCommonHeaders(shared.context, call.requestId, wire.env.outgoing);
  const response = refusal(new Problem(code), { refusals, security: 'none' }, call);
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}

/**
 * The methods of each path, for the 405. Only requests that no route takes look here: second handlers that refuse other
 * methods would make Hono compose a chain for every request.
 */
function methodsByShape(
  routes: readonly AnyRoute[],
): readonly { readonly shape: RegExp; readonly methods: readonly string[]; readonly refusals: Route['refusals'] }[] {
  return routes.map(({ path, method, refusals }) => ({
    refusals,
    shape: shapeOf(path),
    methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
  }));
}

function shapeOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/[.+*?^$()[\]{}|\\]/g, '\\$&').replace(/:[^/]+/g, '[^/]+')}$`);
}
