import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from './answer.ts';
import type { WireRequest } from './call.ts';
import type { Route } from './route.ts';

/** Takes a request, or leaves it to the router. */
export type DirectWay = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

export type DirectRoute<C> = Route<C> & Required<Pick<Route<C>, 'direct'>>;

/** A route with the pattern of its paths that need no decoding. */
interface Lane<C> {
  readonly route: DirectRoute<C>;
  readonly shape: RegExp;
}

type Serve<C> = (
  route: DirectRoute<C>,
  params: Readonly<Record<string, string>>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
) => Promise<void>;

/**
 * The short way of the few hot routes (`Route.direct`), from Node's request to Node's response: a router, a `Request`
 * and a `Response` would cost the token endpoint a fifth of its time. It takes only plain requests (the method, a path
 * without escapes or query, a declared length). All other requests go the long way, to the same rules.
 */
export function directWay<C>(routes: readonly Route<C>[], serve: Serve<C>): DirectWay {
  const lanes = routes.filter((route): route is DirectRoute<C> => route.direct !== undefined).map(toLane);
  return (incoming, outgoing) => {
    for (const { route, shape } of lanes) {
      if (incoming.method !== route.method) continue;
      const match = shape.exec(incoming.url as string);
      if (match === null || header(incoming, 'content-length') === null) continue;
      serve(route, match.groups ?? {}, incoming, outgoing).catch(() => outgoing.destroy());
      return true;
    }
    return false;
  };
}

function toLane<C>(route: DirectRoute<C>): Lane<C> {
  return { route, shape: new RegExp(`^${route.path.replace(/:([^/]+)/g, '(?<$1>[A-Za-z0-9_-]+)')}$`) };
}

/** Node's request with the few members of a web `Request` that handlers read. */
export function plainRequest(incoming: IncomingMessage): WireRequest {
  return {
    headers: { get: (name) => header(incoming, name) },
    body: null,
    arrayBuffer: () => wholeBody(incoming),
  };
}

/**
 * Joins the values of a name that occurs twice, as `Headers` does. Node's own `headers` would silently keep the first.
 */
function header(incoming: IncomingMessage, name: string): string | null {
  const { rawHeaders } = incoming;
  let value: string | null = null;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const one = rawHeaders[i] as string;
    if (one.length !== name.length || one.toLowerCase() !== name) continue;
    value = value === null ? (rawHeaders[i + 1] as string) : `${value}, ${rawHeaders[i + 1]}`;
  }
  return value;
}

/** The declared size was checked before, and Node enforces it. Rejects if the caller goes away. */
function wholeBody(incoming: IncomingMessage): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () =>
      resolve(new Uint8Array(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).buffer),
    );
    incoming.on('error', reject);
  });
}

export function sendDirectly(outgoing: ServerResponse, common: Answer['headers'], answer: Answer): void {
  const body = answer.body ?? '';
  outgoing.writeHead(answer.status, { ...common, ...answer.headers, 'content-length': Buffer.byteLength(body) });
  outgoing.end(body);
}
