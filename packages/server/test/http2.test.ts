import type { IncomingMessage, RequestListener } from 'node:http';
import { connect } from 'node:http2';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { limitArrival } from '../src/http/arrival.ts';
import { createHttp2 } from '../src/http/http2.ts';
import { protocolOf } from '../src/http/preface.ts';
import { eventually } from './support/eventually.ts';
import { emptySettings, frame, grpcHead, preface } from './support/http2-frames.ts';

/** A port that gives every connection to `serve`; the times of the real one would take minutes here. */
async function portOf(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function dial(port: number, ...parts: readonly (string | Uint8Array)[]) {
  const socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  const told: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => told.push(chunk)).on('error', () => {});
  // It keeps its own half open: that the server has ended is all that it can see.
  const closed = new Promise<void>((resolve) => socket.on('end', resolve).on('close', resolve));
  for (const part of parts) socket.write(part);
  return { socket, closed, text: () => Buffer.concat(told).toString('latin1') };
}

const goaway = '\x00\x00\x08\x07';
const never: RequestListener = () => {};

test('a connection that says nothing, or half of what would tell, is ended', async () => {
  const seen: unknown[] = [];
  const port = await portOf((socket) => protocolOf(socket, 80, (protocol) => seen.push(protocol)));
  await Promise.all([dial(port).closed, dial(port, 'PRI').closed]);
  await eventually(() => seen.length === 2, 5_000);
  expect(seen).toEqual([undefined, undefined]);
});

test('what the first bytes told is left for whoever serves the connection', async () => {
  const http2 = createHttp2((_incoming, outgoing) => outgoing.end('served'));
  const port = await portOf((socket) =>
    protocolOf(socket, 1_000, (protocol) =>
      protocol === 'h2' ? http2.serve(socket) : socket.on('data', (chunk) => socket.end(`h1:${chunk}`)),
    ),
  );
  const plain = dial(port, 'GET');
  await eventually(() => plain.text() === 'h1:GET', 5_000);
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  let body = '';
  stream.on('data', (chunk) => {
    body += chunk;
  });
  await new Promise((resolve) => stream.once('close', resolve));
  expect(body).toBe('served');
});

test('an HTTP/2 connection without a request is ended, though bytes trickle in and it never closes its half', async () => {
  const http2 = createHttp2(never, 100);
  const port = await portOf((socket) => http2.serve(socket));
  const idle = dial(port, preface, emptySettings);
  const trickle = setInterval(() => idle.socket.write(frame(6, 0, 0, new Uint8Array(8))), 20);
  onTestFinished(() => clearInterval(trickle));
  await idle.closed;
  expect(idle.text()).toContain(goaway);
});

test('one with a request lives, as long as the other side answers pings', async () => {
  const http2 = createHttp2(never, 60);
  const port = await portOf((socket) => http2.serve(socket));
  const dead = dial(port, preface, emptySettings, frame(1, 4, 1, grpcHead('/a.B/C')));
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => {});
  await dead.closed;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect([session.destroyed, stream.closed]).toEqual([false, false]);
});

test('an HTTP/2 request whose body does not come is ended', async () => {
  const http2 = createHttp2((incoming) => limitArrival(incoming as IncomingMessage, 60));
  const port = await portOf((socket) => http2.serve(socket));
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/', ':method': 'POST' });
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('close', resolve));
  expect(stream.rstCode).toBe(8);
});
