import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

/** Serves HTTP/2 on connections that another server has accepted. */
export interface Http2 {
  serve(socket: Socket): void;
  /** Tells every caller to go elsewhere (GOAWAY) and finishes running requests. */
  close(): void;
  destroy(): void;
}

/** Bytes of names and values, as in HTTP/1.1. */
const maxHeaders = 16_384;

const limits = {
  settings: { maxConcurrentStreams: 100, maxHeaderListSize: maxHeaders },
  // More resets end the connection (CVE-2023-44487): first a burst, then so many per second.
  streamResetBurst: 200,
  streamResetRate: 50,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
};

/** Milliseconds that the other side has to close its half of an ended connection. */
const linger = 1_000;

/** `idle`: milliseconds that a connection may be without a request, as between two requests of HTTP/1.1. */
export function createHttp2(listener: RequestListener, idle = 65_000): Http2 {
  const connections = new Set<Connection>();
  const server = createServer(limits);
  server.on('request', (incoming, outgoing) => {
    // nghttp2 enforces the bound only after the caller has acknowledged it.
    if (sizeOf(incoming.rawHeaders) > maxHeaders) outgoing.writeHead(431).end();
    // Node's compatibility classes imitate those of HTTP/1.1 for this purpose.
    else listener(incoming as unknown as IncomingMessage, outgoing as unknown as ServerResponse<IncomingMessage>);
  });
  // A fault ends its connection. Without this listener it would end the process.
  server.on('sessionError', (_error, session) => session.destroy());
  return {
    serve(socket) {
      server.once('session', (session) => {
        const connection = guard(session, socket, idle);
        connections.add(connection);
        socket.once('close', () => connections.delete(connection));
      });
      server.emit('connection', socket);
    },
    close() {
      for (const { end } of connections) end();
    },
    destroy() {
      for (const { socket } of connections) socket.destroy();
    },
  };
}

function sizeOf(headers: readonly string[]): number {
  let size = 0;
  for (const part of headers) size += part.length;
  return size;
}

interface Connection {
  readonly socket: Socket;
  /** Ends gracefully, then for good if the other side leaves its half open. */
  end(): void;
}

/**
 * Ends useless connections: those without a request for a time, even if bytes trickle in, and those with requests whose
 * other side no longer answers a ping.
 */
function guard(session: ServerHttp2Session, socket: Socket, idle: number): Connection {
  let open = 0;
  let unanswered = false;
  const timer = setInterval(look, idle).unref();
  session.on('stream', (stream) => {
    open++;
    stream.once('close', () => {
      open--;
      timer.refresh();
      if (open === 0 && session.closed) cutSoon();
    });
  });
  socket.once('close', () => clearInterval(timer));

  function look(): void {
    if (open === 0) end();
    else if (unanswered) socket.destroy();
    else unanswered = session.ping(() => (unanswered = false));
  }

  function end(): void {
    if (!session.closed) session.close();
    if (open === 0) cutSoon();
  }

  /** Node's session would wait for ever for the other side to close. */
  function cutSoon(): void {
    setTimeout(() => socket.destroy(), linger).unref();
  }

  return { socket, end };
}
