import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

/** HTTP/2 connections that somebody else has accepted. */
export interface Http2 {
  serve(socket: Socket): void;
  /** Tells every caller to go elsewhere (GOAWAY) and finishes what is in flight. */
  close(): void;
  destroy(): void;
}

/** Bytes of names and values, as in HTTP/1.1. */
const maxHeaders = 16_384;

const limits = {
  settings: { maxConcurrentStreams: 100, maxHeaderListSize: maxHeaders },
  // Resets beyond that end the connection (CVE-2023-44487): a burst, then so many a second.
  streamResetBurst: 200,
  streamResetRate: 50,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
};

/** Milliseconds that the other side gets to close its half of a connection that has ended. */
const linger = 1_000;

/** `idle`: milliseconds that a connection may be without a request, as between two requests of HTTP/1.1. */
export function createHttp2(listener: RequestListener, idle = 65_000): Http2 {
  const connections = new Set<Connection>();
  const server = createServer(limits);
  server.on('request', (incoming, outgoing) => {
    // nghttp2 holds callers to the bound only once they have acknowledged it.
    if (sizeOf(incoming.rawHeaders) > maxHeaders) outgoing.writeHead(431).end();
    // The classes are Node's own imitation of HTTP/1.1's, made for this.
    else listener(incoming as unknown as IncomingMessage, outgoing as unknown as ServerResponse<IncomingMessage>);
  });
  // A fault of one connection is that connection's end; without a listener it would be ours.
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
  /** Gracefully; for good where the other side leaves its half of the connection open. */
  end(): void;
}

/**
 * Ends connections that nothing comes of: without a request for a time, however many bytes trickle in; and with requests, when the
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

  /** Node's session waits for the other side to close, for ever. */
  function cutSoon(): void {
    setTimeout(() => socket.destroy(), linger).unref();
  }

  return { socket, end };
}
