import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Problem } from '../kernel/problem.ts';
import { flat } from './fields.ts';
import { refusalOf } from './refusal.ts';

export interface Address {
  /** As in a URL: an IPv6 address has brackets. */
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  readonly url: string;
  /** Waits a while for running calls to end. */
  stop(): Promise<void>;
}

export interface ListenerOptions {
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

type Handle = (request: IncomingMessage, response: ServerResponse, waits?: boolean) => Promise<void>;

/** Strict whatever NODE_OPTIONS says: `Transfer-Encoding` beside `Content-Length`, for example, ends the connection. */
const limits: ServerOptions = {
  insecureHTTPParser: false,
  requireHostHeader: true,
  maxHeaderSize: 32_768,
  headersTimeout: 15_000,
  requestTimeout: 120_000,
  keepAliveTimeout: 65_000,
};
/** Milliseconds that running calls have to end after a stop. */
const grace = 10_000;
/** Milliseconds without traffic after which a connection is closed. */
const silence = 180_000;

/** Once the URL is known, `handling` makes the function that answers. */
export async function listen(
  { host, port }: Address,
  handling: (url: string) => Handle,
  { tls }: ListenerOptions = {},
): Promise<Listener> {
  const server: Server = tls ? createTlsServer({ ...limits, ...tls }) : createServer(limits);
  server.maxConnections = 2_000;
  server.setTimeout(silence, (socket) => socket.destroy());
  server.on('clientError', refuseUnreadable);
  // Node would close the connection without an answer.
  server.on('connect', (_request, socket) => say(socket as Socket, new Problem('request.method')));
  server.listen(port, host.replace(/^\[|\]$/g, ''));
  await once(server, 'listening');
  const { port: actual } = server.address() as AddressInfo;
  const url = `${tls ? 'https' : 'http'}://${host}:${actual}`;
  const handle = handling(url);
  server.on('request', (request, response) => void handle(request, response));
  server.on('checkContinue', (request, response) => void handle(request, response, true));
  return {
    url,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const impatient = setTimeout(() => server.closeAllConnections(), grace);
      await closed;
      clearTimeout(impatient);
    },
  };
}

/** The parser could not read this request, so the bytes after it mean nothing: the connection closes. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
  else say(socket, new Problem(isLate ? 'request.timeout' : 'request.invalid'));
}

function say(socket: Socket, problem: Problem): void {
  const { status, fields, body } = refusalOf(problem);
  const own = flat([...fields, ['Content-Length', String(body.length)], ['Connection', 'close']]);
  const lines = own.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${own[i + 1]}`] : []));
  socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('\r\n')}\r\n\r\n${Buffer.from(body).toString()}`);
}
