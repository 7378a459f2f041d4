import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Problem } from '../kernel/problem.ts';
import { arrivalTime } from './arrival.ts';
import { createHttp2, type Http2 } from './http2.ts';
import { protocolOf } from './preface.ts';
import { readTls, type TlsFiles } from './tls.ts';

/** The one port, for HTTP/1.1 and HTTP/2. */
export interface Port {
  /** `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Stops accepting and finishes running requests (at most 10 s). */
  close(): Promise<void>;
}

/** Milliseconds that running requests have to end when the server stops. */
const grace = 10_000;

const limits = { requestTimeout: arrivalTime, headersTimeout: 10_000, keepAliveTimeout: 65_000, maxHeaderSize: 16_384 };

/** Where to listen. */
interface PortConfig {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsFiles | undefined;
}

/**
 * Node's HTTP/1.1 server listens, with its limits and its count of connections. A connection that speaks HTTP/2 is
 * passed on before that server has seen it. Without TLS the first bytes decide (RFC 9113 §3.4), with TLS the ALPN.
 */
export async function openPort(config: PortConfig, listener: RequestListener): Promise<Port> {
  const http2 = createHttp2(listener);
  const undecided = new Set<Socket>();
  const server =
    config.tls === undefined ? plainServer(listener, http2, undecided) : tlsServer(config.tls, listener, http2);
  await bind(server, config);
  const { address, port, family } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    address: `${config.tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    close: () => close(server, http2, undecided),
  };
}

type ConnectionListener = (this: Server, socket: Socket) => void;

function plainServer(listener: RequestListener, http2: Http2, undecided: Set<Socket>): Server {
  const server = createServer(limits, listener);
  const serveHttp1 = takeOver(server, 'connection');
  server.on('connection', (socket) => {
    undecided.add(socket);
    protocolOf(socket, limits.headersTimeout, (protocol) => {
      undecided.delete(socket);
      if (protocol === 'h2') http2.serve(socket);
      else if (protocol === 'http/1.1') serveHttp1.call(server, socket);
    });
  });
  return server;
}

function tlsServer(tls: TlsFiles, listener: RequestListener, http2: Http2): Server {
  const server = createTlsServer(
    {
      ...limits,
      handshakeTimeout: limits.headersTimeout,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2', 'http/1.1'],
      ...readTls(tls),
    },
    listener,
  ) as unknown as Server;
  const serveHttp1 = takeOver(server, 'secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') http2.serve(socket);
    else serveHttp1.call(server, socket);
  });
  return server;
}

/** Takes over the server's own listener for new connections, and returns it to be called by hand. */
function takeOver(server: Server, event: 'connection' | 'secureConnection'): ConnectionListener {
  const [own, ...others] = server.listeners(event);
  if (own === undefined || others.length > 0) throw new Error(`Node's HTTP server no longer has one ${event} listener`);
  server.removeListener(event, own as ConnectionListener);
  return own as ConnectionListener;
}

/**
 * Checks that the port can be opened, before a start changes anything.
 *
 * @throws {Problem} `config.invalid`, naming the variable
 */
export async function checkPort(config: PortConfig): Promise<void> {
  if (config.tls !== undefined) readTls(config.tls);
  const probe = createTcpServer();
  await bind(probe, config);
  await new Promise((closed) => probe.close(closed));
}

/** Faults of the address and not of the port number. */
const hostFaults = new Set(['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EINVAL', 'EAFNOSUPPORT']);

function bind(server: TcpServer, { host, port }: PortConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const { code = 'unknown' } = cause;
      const text = hostFaults.has(code)
        ? `COUNTERSIGN_HOST: ${host} is not an address of this machine (${code}).`
        : `COUNTERSIGN_PORT: ${host}:${port} ${code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be listened on (${code})`}.`;
      reject(new Problem('config.invalid', { detail: text, cause }));
    });
    server.listen(port, host, resolve);
  });
}

function close(server: Server, http2: Http2, undecided: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      server.closeAllConnections();
      http2.destroy();
    }, grace);
    // A kept-alive connection becomes idle only after its last answer has ended.
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(idle);
      resolve();
    });
    server.closeIdleConnections();
    http2.close();
    for (const socket of undecided) socket.destroy();
  });
}
