import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createContextValues } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import type { Registry } from 'prom-client';
import type { Context } from '../context.ts';
import { commonHeaders } from '../http/common-headers.ts';
import { refusalAnswer } from '../http/render.ts';
import { sourceOf } from '../http/source.ts';
import { Problem } from '../kernel/problem.ts';
import { server, traced, traceWith } from '../kernel/trace.ts';
import { acceptedTypes, type Content, contentOf } from './content.ts';
import { crossOrigin } from './cross-origin.ts';
import { type Flight, openFlight } from './flight.ts';
import { flightKey, universalHandler } from './handler.ts';
import { placeholders } from './inbound.ts';
import { type ObserveCall, rpcObservers } from './metrics.ts';
import { type Procedure, proceduresOf } from './procedure.ts';
import { rpcRefusal } from './refusal.ts';
import { send } from './send.ts';
import type { RpcService } from './service.ts';
import { type Target, targetOf } from './target.ts';

/** Takes a request, or leaves it to the other listeners. */
export type RpcWay = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

/**
 * A procedure with everything needed to serve it. A hot unary one may later get a shorter way here, without Connect.
 */
interface Mounted {
  readonly procedure: Procedure;
  readonly handler: UniversalHandler;
  readonly observe: ObserveCall;
}

/** Mounts services beside the HTTP routes, in the protocols gRPC, gRPC-Web and Connect, also with JSON. */
export function rpcWay(
  context: Context,
  services: readonly RpcService[],
  stopping: AbortSignal,
  registry: Registry,
): RpcWay {
  const observerOf = rpcObservers(registry);
  const source = sourceOf(context.config.trustedProxies);
  const origins = crossOrigin(context.config.corsOrigins);
  const mounted = new Map<string, Mounted>(
    proceduresOf(services).map((procedure) => [
      procedure.path,
      { procedure, handler: universalHandler(procedure), observe: observerOf(procedure) },
    ]),
  );

  function find(target: Target): Mounted | undefined {
    const found = mounted.get(target.procedure);
    return found?.procedure.realm === 'none' && target.realm !== undefined ? undefined : found;
  }

  async function serve({ procedure, handler, observe }: Mounted, content: Content, target: Target, wire: Wire) {
    const { incoming, outgoing } = wire;
    const started = context.clock.elapsed();
    const head = { target, metadata: headersOf(incoming), source: source(incoming) };
    const flight = openFlight(context, stopping, procedure, content, head);
    const closed = new Promise<void>((resolve) => outgoing.once('close', resolve));
    void closed.then(() => outgoing.writableEnded || flight.abandon());
    try {
      await traced(procedure.path.slice(1), () => inSpan(handler, flight, { ...wire, closed }), {
        kind: server,
        from: incoming.headers,
        attributes: () => ({
          'rpc.system': content.protocol,
          'rpc.method': procedure.path.slice(1),
          'countersign.request_id': flight.call.requestId,
        }),
      });
    } finally {
      flight.end();
      observe(content.protocol, flight.status(), (context.clock.elapsed() - started) / 1000);
      if (context.log.isLevelEnabled('debug')) {
        const { requestId } = flight.call;
        const { protocol } = content;
        context.log.debug({ requestId, procedure: procedure.path, protocol, status: flight.status() }, 'answered');
      }
    }
  }

  async function inSpan(handler: UniversalHandler, flight: Flight, wire: Parameters<typeof run>[2]) {
    await run(handler, flight, wire, origins(wire.incoming.headers.origin));
    traceWith(() => ({ 'rpc.response.status_code': flight.status() }));
  }

  return (incoming, outgoing) => {
    const target = targetOf(incoming.url as string);
    const found = find(target);
    const type = incoming.headers['content-type'] ?? null;
    if (found === undefined) {
      if (type === null || !grpcType.test(type) || !isProcedure(incoming, target)) return false;
      refuseUnknown(context, type, outgoing);
      return true;
    }
    if (incoming.method === 'OPTIONS') return false;
    const content = incoming.method === 'POST' ? contentOf(type, found.procedure.method) : undefined;
    if (content === undefined) refusePlainly(context, found.procedure, { incoming, outgoing });
    else serve(found, content, target, { incoming, outgoing }).catch(() => outgoing.destroy());
    return true;
  };
}

interface Wire {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

async function run(
  handler: UniversalHandler,
  flight: Flight,
  { incoming, outgoing, closed }: Wire & { readonly closed: Promise<void> },
  originHeaders: Readonly<Record<string, string>>,
): Promise<void> {
  const { call, content } = flight;
  const answer = await handler({
    httpVersion: incoming.httpVersion,
    method: 'POST',
    // Connect reads only the query of a GET from it.
    url: `http://localhost${call.procedure}`,
    header: new Headers({ 'content-type': content.type }),
    body: placeholders(flight, incoming as Readable),
    signal: call.signal,
    contextValues: createContextValues().set(flightKey, flight),
  });
  const headers = {
    ...Object.fromEntries(call.answerMetadata),
    ...commonHeaders(call.context, call.requestId),
    ...(content.protocol === 'connect' ? {} : { 'grpc-accept-encoding': 'identity,gzip' }),
    ...originHeaders,
    ...leftovers(incoming),
  };
  await send(answer, headers, outgoing, closed);
}

/** A refusal may come before the end of the body. The rest is discarded, and an HTTP/1.1 connection closes. */
function leftovers(incoming: IncomingMessage): Readonly<Record<string, string>> {
  if (incoming.readableEnded || incoming.httpVersionMajor > 1) return {};
  incoming.resume();
  return { connection: 'close' };
}

/** Joins the values of a name that occurs twice. Node's own `headers` would silently keep only the first of some. */
function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (!name.startsWith(':')) headers.append(name, rawHeaders[i + 1] as string);
  }
  return headers;
}

/**
 * Whether the path could be that of a procedure. A gRPC refusal has the HTTP status 200: on any other path it would tell a proxy that
 * asks the check, or a probe, that all is well, because its caller has sent this media type.
 */
function isProcedure({ method }: IncomingMessage, { procedure }: Target): boolean {
  return method === 'POST' && /^\/[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\/[A-Za-z_]\w*$/.test(procedure);
}

const grpcType = /^application\/grpc(?:-web)?(?:\+(?:proto|json))?(?: *;|$)/i;

/** A gRPC client needs a gRPC status (12) even on an unknown path. Other clients get the 404 of every path. */
function refuseUnknown(context: Context, type: string, outgoing: ServerResponse): void {
  const requestId = context.random.uuid();
  const headers = new Headers({ 'content-type': type.split(';', 1)[0] as string });
  setTrailerStatus(headers, rpcRefusal(new Problem('rpc.unimplemented'), requestId, context.config.defaultRealm));
  // Not writeHead: the head must be the end of the answer, as "Trailers-Only" demands.
  for (const [name, value] of [...headers, ...Object.entries(commonHeaders(context, requestId))]) {
    outgoing.setHeader(name, value);
  }
  outgoing.end();
}

/** For another method than POST, or an unknown content type, where a gRPC status has no place. */
function refusePlainly(context: Context, { method }: Procedure, { incoming, outgoing }: Wire): void {
  const requestId = context.random.uuid();
  const [problem, extra] =
    incoming.method === 'POST'
      ? [new Problem('request.media_type', { detail: `Send the message as one of ${acceptedTypes(method)}.` }), {}]
      : [new Problem('request.method'), { allow: 'POST' }];
  const { status, headers, body } = refusalAnswer(
    problem,
    { refusals: 'problem', security: 'none' },
    { requestId, params: {} },
  );
  outgoing.writeHead(status, { ...commonHeaders(context, requestId), ...headers, ...extra, ...leftovers(incoming) });
  outgoing.end(incoming.method === 'HEAD' ? undefined : body);
}
