import { type AddressInfo, createServer, type Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { onTestFinished } from 'vitest';

export interface Received {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came over the wire. */
  readonly raw: string;
  readonly user: string | undefined;
  readonly tls: boolean;
}

export interface Mailbox {
  readonly port: number;
  /** `smtp://127.0.0.1:…`. */
  readonly url: string;
  readonly received: readonly Received[];
  close(): Promise<void>;
}

/** A real mail server on loopback, which offers STARTTLS with a certificate that nobody vouches for. Closed when the test ends. */
export async function mailbox(options: SMTPServerOptions = {}, port = 0): Promise<Mailbox> {
  const box = await openMailbox(options, port);
  onTestFinished(() => box.close());
  return box;
}

/** The same, for several tests: the caller closes it. */
export async function openMailbox(options: SMTPServerOptions = {}, port = 0): Promise<Mailbox> {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    closeTimeout: 100,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString('utf8'),
          user: session.user as string | undefined,
          tls: session.secure,
        });
        done();
      });
    },
    ...options,
  });
  // What a client does to its connection is not the test's end.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = () => new Promise<void>((resolve) => server.close(resolve));
  const bound = (server.server.address() as AddressInfo).port;
  return { port: bound, url: `smtp://127.0.0.1:${bound}`, received, close };
}

/** How a mail server refuses. */
export function smtpError(responseCode: number, text = 'no'): Error {
  return Object.assign(new Error(text), { responseCode });
}

/** Takes connections and never says a word, or only what `greet` says. Closed when the test ends. */
export async function silentServer(greet?: (socket: Socket) => void): Promise<{ url: string; connections(): number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    greet?.(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => sockets.size };
}
