import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { createConnection } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { untilAborted } from '../src/rpc/flight.ts';
import { eventually } from './support/eventually.ts';
import { emptySettings, frame, grpcHead, preface } from './support/http2-frames.ts';
import { testServices } from './support/rpc.ts';
import { type TestServer, testServer } from './support/server.ts';

let server: TestServer;
let session: ClientHttp2Session;
const rig = testServices();
beforeAll(async () => {
  server = await testServer({ services: rig.services });
  session = connect(server.url);
});
afterAll(async () => {
  session.destroy();
  await server.close();
});

const path = '/countersign.v1.WalletService/CreateWallet';

interface Answer {
  /** The gRPC status, wherever it stood. */
  readonly status: number;
  readonly message: string;
  readonly http: number;
}

/** A gRPC call made by hand: any bytes as the body, cut into the chunks given. */
function call(headers: Record<string, string>, ...chunks: readonly Uint8Array[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      ...headers,
    });
    const told: IncomingHttpHeaders = {};
    stream.on('response', (head) => Object.assign(told, head));
    stream.on('trailers', (trailers) => Object.assign(told, trailers));
    stream.on('error', reject);
    stream.on('close', () =>
      resolve({
        status: Number(told['grpc-status']),
        message: decodeURIComponent(String(told['grpc-message'] ?? '')),
        http: Number(told[':status']),
      }),
    );
    stream.resume();
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
  });
}

function message(bytes: Uint8Array, flags = 0, length = bytes.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** CreateWalletRequest { description } */
const described = (text: string) => {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x12, bytes.length]), bytes]);
};
const gzip = { 'grpc-encoding': 'gzip' };
const zeros = gzipSync(Buffer.alloc(10 * 1024 * 1024));

describe('a gRPC message that is', () => {
  test.each<[string, Record<string, string>, readonly Uint8Array[], number, RegExp]>([
    ['missing', {}, [], 3, /missing/],
    ['cut off in its prefix', {}, [Buffer.from([0, 0])], 3, /ends within/],
    ['cut off', {}, [message(described('d'), 0, 100)], 3, /ends within/],
    ['there twice', {}, [message(described('d')), message(described('d'))], 3, /one message/],
    ['larger than 1 MiB by its prefix', {}, [message(described('d'), 0, 0xffffffff)], 8, /1 MiB/],
    ['of unknown flags', {}, [message(described('d'), 2)], 3, /flags/],
    ['compressed without a word', {}, [message(gzipSync(described('d')), 1)], 3, /no header says how/],
    ['compressed by nothing we know', { 'grpc-encoding': 'br' }, [message(described('d'), 1)], 12, /gzip or identity/],
    [
      'in a body that is compressed as a whole',
      { 'content-encoding': 'gzip' },
      [message(described('d'))],
      12,
      /^content-encoding: /,
    ],
    ['no gzip', gzip, [message(described('d'), 1)], 3, /not gzip/],
    ['cut-off gzip', gzip, [message(gzipSync(described('d')).subarray(0, 12), 1)], 3, /not gzip/],
    ['a gzip bomb', gzip, [message(zeros, 1)], 8, /1 MiB/],
    ['no protobuf', {}, [message(Buffer.alloc(40, 0xff))], 3, /is not a countersign\.v1\.CreateWalletRequest/],
    ['a field that ends too late', {}, [message(Buffer.from([0x12, 0x7f, 0x61]))], 3, /CreateWalletRequest/],
    ['nested groups without end', {}, [message(Buffer.alloc(1_000_000, 0x0b))], 3, /CreateWalletRequest/],
    ['text that is no UTF-8', {}, [message(Buffer.from([0x12, 0x01, 0xff]))], 3, /CreateWalletRequest/],
    ['given a malformed deadline', { 'grpc-timeout': 'soon' }, [message(described('d'))], 3, /grpc-timeout/],
    ['given a negative deadline', { 'grpc-timeout': '-1S' }, [message(described('d'))], 3, /grpc-timeout/],
    ['given no time', { 'grpc-timeout': '0n' }, [message(described('d'))], 4, /deadline/],
  ])('%s is refused', async (_what, headers, chunks, status, text) => {
    const answer = await call(headers, ...chunks);
    expect(answer).toMatchObject({ http: 200, status });
    expect(answer.message).toMatch(text);
  });

  test.each<[string, Record<string, string>, readonly Uint8Array[]]>([
    ['empty', {}, [message(new Uint8Array())]],
    ['in chunks of one byte', {}, [...message(described('d'))].map((byte) => Buffer.from([byte]))],
    ['empty and compressed', gzip, [message(new Uint8Array(), 1)]],
    ['not compressed, though it might be', gzip, [message(described('d'))]],
    ['of a field that we do not know', {}, [message(Buffer.from([0x7a, 0x01, 0x61]))]],
    ['given a deadline of eleven thousand years', { 'grpc-timeout': '99999999H' }, [message(described('d'))]],
  ])('%s is served', async (_what, headers, chunks) => {
    expect(await call(headers, ...chunks)).toMatchObject({ http: 200, status: 0 });
  });
});

test('a bomb of 10 MB costs no more than 50 ms of this process', async () => {
  await call(gzip, message(zeros, 1));
  const started = process.cpuUsage();
  for (let i = 0; i < 5; i++) await call(gzip, message(zeros, 1));
  const { user, system } = process.cpuUsage(started);
  // Both ends are in this process, and it works on other things too: a generous bound for one of five.
  expect((user + system) / 5_000).toBeLessThan(50);
});

test.each([
  ['content-encoding: gzip', 'gzip', gzipSync('{"description":"d"}'), 200],
  ['a bomb', 'gzip', zeros, 429],
  ['no gzip', 'gzip', Buffer.from('{}'), 400],
  ['another compression', 'br', Buffer.from('{}'), 404],
  ['more than 1 MiB', 'identity', Buffer.alloc(1_100_000, 0x20), 429],
])('a JSON call with %s', async (_what, encoding, body, status) => {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-encoding': encoding },
    body,
  });
  // Connect's own statuses: resource_exhausted is 429, unimplemented 501 or 404 by its version.
  if (status === 404) expect([404, 501]).toContain(response.status);
  else expect(response.status).toBe(status);
  expect(response.headers.get('x-request-id')).not.toBeNull();
});

test('a type of content that is gRPC only by its beginning is none', async () => {
  for (const type of ['application/grpcfoo', 'application/grpc+thrift', 'application/grpc-web-text', '']) {
    const answer = await call({ 'content-type': type }, message(described('d')));
    expect([type, answer.http]).toEqual([type, 415]);
  }
});

test('a type of content with spaces without end costs no more than a short one', async () => {
  const started = process.cpuUsage();
  for (let i = 0; i < 10; i++) {
    const answer = await call({ 'content-type': `application/grpc${' '.repeat(15_000)}x` }, message(described('d')));
    expect(answer.http).toBe(415);
  }
  const { user, system } = process.cpuUsage(started);
  expect((user + system) / 1_000).toBeLessThan(1_000);
});

test('a refusal that quotes the caller, cut within a character, arrives', async () => {
  for (const before of ['', 'a']) {
    const named = Buffer.from(JSON.stringify({ [before + '\u{1f600}'.repeat(400)]: 1 }));
    const answer = await call({ 'content-type': 'application/grpc+json' }, message(named));
    expect(answer).toMatchObject({ http: 200, status: 3 });
    expect(answer.message).toMatch(/is not a countersign\.v1\.CreateWalletRequest.*\u{1f600}/u);
  }
});

test('a caller that goes away within its message leaves nothing behind', async () => {
  const before = rig.calls.length;
  const socket = createConnection(server.context.config.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.resume().write(Buffer.concat([Buffer.from(preface), emptySettings]));
  for (let id = 1; id < 40; id += 2) {
    socket.write(Buffer.concat([frame(1, 4, id, grpcHead(path)), frame(0, 0, id, message(described('d'), 0, 1_000))]));
  }
  await pause(50);
  for (let id = 1; id < 40; id += 2) socket.write(frame(3, 0, id, Buffer.from([0, 0, 0, 8])));
  expect(await call({}, message(described('d')))).toMatchObject({ status: 0 });
  expect(rig.calls.length).toBe(before + 1);
  await eventually(() => cancelled() >= 20, 5_000);

  function cancelled(): number {
    return server.logged.filter((line) => /"status":1[,}]/.test(line) && line.includes('"answered"')).length;
  }
});

test('a caller that never finishes its message is not waited for beyond its deadline', async () => {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    'grpc-timeout': '100m',
  });
  onTestFinished(() => void stream.destroy());
  stream.on('error', () => {});
  const told: IncomingHttpHeaders = {};
  stream.on('trailers', (trailers) => Object.assign(told, trailers));
  stream.resume();
  stream.write(message(described('d'), 0, 1_000));
  await eventually(() => told['grpc-status'] === '4', 5_000);
});

test('a caller that reads no answer, and then goes away, causes no further ones', async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => void warnings.push(warning);
  process.on('warning', warned);
  onTestFinished(() => void process.off('warning', warned));
  const deaf = connect(server.url, { settings: { initialWindowSize: 0 } });
  onTestFinished(() => deaf.destroy());
  const procedure = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  const symbol = Buffer.from('countersign.v1.WalletService');
  const asked = message(Buffer.concat([Buffer.from([0x22, symbol.length]), symbol]));
  const streams = Array.from({ length: 5 }, () =>
    deaf.request({ ':method': 'POST', ':path': procedure, 'content-type': 'application/grpc' }),
  );
  for (const stream of streams) {
    stream.on('error', () => {});
    for (let i = 0; i < 400; i++) stream.write(asked);
  }
  await pause(300);
  for (const stream of streams) stream.close(8);
  await eventually(() => answered() === streams.length, 5_000);
  await pause(50);
  // Each answer that was made for a caller that had gone waited for it once more.
  expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([]);

  function answered(): number {
    return server.logged.filter((line) => line.includes(procedure) && line.includes('"answered"')).length;
  }
});

test('what fails after its call was given up does not end the process', async () => {
  const rejections: unknown[] = [];
  const rejected = (reason: unknown) => void rejections.push(reason);
  process.on('unhandledRejection', rejected);
  onTestFinished(() => void process.off('unhandledRejection', rejected));
  const late = (): Promise<never> => pause(1).then(() => Promise.reject(new Error('late')));
  const givenUp = new AbortController();
  const waiting = untilAborted(givenUp.signal, late());
  givenUp.abort(new Error('given up'));
  await expect(waiting).rejects.toThrow('given up');
  await expect(untilAborted(givenUp.signal, late())).rejects.toThrow('given up');
  await pause(20);
  expect(rejections).toEqual([]);
});
