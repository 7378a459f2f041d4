import { request as httpRequest } from 'node:http';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from './support/eventually.ts';
import { emptySettings, frame, grpcHead, preface } from './support/http2-frames.ts';
import { grpcClient, testServices } from './support/rpc.ts';
import { administrator, type TestServer, testServer } from './support/server.ts';
import { testCertificate, testCertificateKey } from './support/tls.ts';

let server: TestServer;
const rig = testServices();
beforeAll(async () => {
  server = await testServer({ services: rig.services });
});
afterAll(() => server.close());

const wallets = 'countersign.v1.WalletService';

function h2(at = server.url, options = {}): ClientHttp2Session {
  const session = connect(at, options);
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  return session;
}

interface Answer {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number | undefined };
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(session: ClientHttp2Session, headers: Record<string, string>, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined });
    let head: Answer['headers'] = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on('response', (told) => {
      head = told;
    });
    stream.on('trailers', (told) => {
      trailers = told;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => resolve({ headers: head, trailers, body: Buffer.concat(chunks).toString() }));
    if (body !== undefined) stream.end(body);
  });
}

/** A bare connection, and all that came back on it until it ended. */
function raw(...parts: readonly (string | Buffer)[]) {
  const socket: Socket = createConnection(server.context.config.port, '127.0.0.1');
  socket.setNoDelay(true);
  onTestFinished(() => void socket.destroy());
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  const sent = (async () => {
    for (const part of parts) {
      socket.write(part);
      await pause(15);
    }
  })();
  return { socket, closed, sent, text: () => Buffer.concat(chunks).toString('latin1') };
}

const alive = async () => expect((await fetch(`${server.url}/healthz`)).status).toBe(200);

describe('one port', () => {
  test('speaks HTTP/1.1 and HTTP/2 at the same time', async () => {
    const session = h2();
    const grpc = grpcClient(server.url.replace('http://', ''), ['countersign/v1/wallet.proto']);
    onTestFinished(() => grpc.close());
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        if (i % 3 === 0) return (await fetch(`${server.url}/healthz`)).status;
        if (i % 3 === 1) return (await ask(session, { ':path': '/healthz' })).headers[':status'];
        return (await grpc.call(wallets, 'GetWallet', { wallet_id: `${i}` })).value?.['wallet_id'] === `${i}` && 200;
      }),
    );
    expect(new Set(answers)).toEqual(new Set([200]));
  });

  test('has the whole HTTP API on HTTP/2 too', async () => {
    const session = h2();
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: administrator.id,
      client_secret: administrator.secret,
    }).toString();
    const path = '/realms/system/protocol/openid-connect/token';
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    for (const length of [{ 'content-length': String(form.length) }, {}]) {
      const answer = await ask(session, { ':method': 'POST', ':path': path, ...type, ...length }, form);
      expect(answer.headers[':status']).toBe(200);
      const { access_token: token } = JSON.parse(answer.body);
      const realms = await ask(session, { ':path': '/admin/realms', authorization: `Bearer ${token}` });
      expect(realms.headers[':status']).toBe(200);
      expect(realms.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
      expect(realms.headers['x-content-type-options']).toBe('nosniff');
    }
    const missing = await ask(session, { ':path': '/nothing' });
    expect(missing.headers[':status']).toBe(404);
    expect(JSON.parse(missing.body)).toMatchObject({ requestId: missing.headers['x-request-id'] });
    const head = await ask(session, { ':method': 'HEAD', ':path': '/healthz' });
    expect([head.headers[':status'], head.body]).toEqual([200, '']);
    expect((await ask(session, { ':method': 'DELETE', ':path': '/healthz' })).headers[':status']).toBe(405);
    const large = await ask(session, { ':method': 'POST', ':path': path, ...type }, 'x'.repeat(1_100_000));
    expect(large.headers[':status']).toBe(413);
  });

  test.each([
    [['P', 'OST /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'], /^HTTP\/1\.1 405/],
    [['PR', 'OPFIND / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'], /^HTTP\/1\.1 40[045]/],
    [['G', 'E', 'T /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'], /^HTTP\/1\.1 200/],
    [['\x16\x03\x01\x02\x00'], /^HTTP\/1\.1 400/],
  ])('knows HTTP/1.1 however it is cut: %j', async (parts, answer) => {
    const { closed, text } = raw(...parts);
    await closed;
    expect(text()).toMatch(answer);
  });

  test('knows HTTP/2 however its preface is cut', async () => {
    const bytes = [...preface].map((letter) => Buffer.from(letter));
    const { socket, text, sent } = raw(...bytes, emptySettings);
    await sent;
    // The server's own SETTINGS, and the acknowledgement of ours.
    await eventually(() => text().includes('\x00\x00\x00\x04\x01\x00\x00\x00\x00'), 5_000);
    socket.destroy();
  });

  test('takes requests that follow one another without waiting', async () => {
    const get = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n';
    const { text, closed } = raw(get + get + get.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));
    await closed;
    expect(text().match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });
});

describe('TLS', () => {
  let secure: TestServer;
  beforeAll(async () => {
    secure = await testServer({
      services: testServices().services,
      env: {
        COUNTERSIGN_TLS_CERT: testCertificate,
        COUNTERSIGN_TLS_KEY: testCertificateKey,
        COUNTERSIGN_PUBLIC_URL: 'https://localhost',
      },
    });
  });
  afterAll(() => secure.close());
  const port = () => secure.context.config.port;

  test.each([
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [[], false],
  ])('offered %j it speaks %s', async (ALPNProtocols, chosen) => {
    const socket = tlsConnect({ port: port(), host: 'localhost', ALPNProtocols, rejectUnauthorized: false });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    expect(socket.alpnProtocol).toBe(chosen);
    socket.destroy();
  });

  test('serves HTTP/1.1, HTTP/2 and gRPC on the one port', async () => {
    const session = h2(`https://localhost:${port()}`, { rejectUnauthorized: false });
    const over2 = await ask(session, { ':path': '/healthz' });
    expect(over2.headers[':status']).toBe(200);
    expect(over2.headers['strict-transport-security']).toBeDefined();
    const over1 = await new Promise((resolve, reject) =>
      httpsRequest({ port: port(), host: 'localhost', path: '/healthz', rejectUnauthorized: false }, (answer) => {
        answer.resume();
        resolve([answer.statusCode, answer.httpVersion]);
      })
        .on('error', reject)
        .end(),
    );
    expect(over1).toEqual([200, '1.1']);
    const channel = credentials.createSsl(null, null, null, { rejectUnauthorized: false });
    const grpc = grpcClient(`localhost:${port()}`, ['countersign/v1/wallet.proto'], channel);
    onTestFinished(() => grpc.close());
    expect((await grpc.call(wallets, 'GetWallet', { wallet_id: 'w' })).value).toMatchObject({ wallet_id: 'w' });
  });
});

describe('a stopping server', () => {
  test('finishes the calls in flight on both protocols, takes no new one, and says so', async () => {
    const own = testServices();
    const stopping = await testServer({ services: own.services });
    const grpc = grpcClient(stopping.url.replace('http://', ''), ['countersign/v1/wallet.proto']);
    onTestFinished(() => grpc.close());
    const gates = [own.gate('a'), own.gate('b')];
    const overH2 = grpc.call(wallets, 'GetWallet', { wallet_id: 'a' });
    const overH1 = fetch(`${stopping.url}/${wallets}/GetWallet`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"walletId":"b"}',
    });
    const watching = h2(stopping.url);
    let goaway: number | undefined;
    watching.on('goaway', (code) => {
      goaway = code;
    });
    await ask(watching, { ':path': '/healthz' });
    // One that has said nothing yet must not keep the server.
    const silent = createConnection(stopping.context.config.port, '127.0.0.1');
    onTestFinished(() => void silent.destroy());
    await new Promise((resolve) => silent.on('error', () => {}).once('connect', resolve));
    await Promise.all(gates.map(({ entered }) => entered));
    const stopped = stopping.close();
    await eventually(() => goaway !== undefined, 5_000);
    expect(goaway).toBe(constants.NGHTTP2_NO_ERROR);
    await expect(fetch(`${stopping.url}/healthz`)).rejects.toThrow();
    for (const { release } of gates) release();
    expect((await overH2).value).toMatchObject({ wallet_id: 'a' });
    expect((await overH1).status).toBe(200);
    await stopped;
  });
});

describe('hostile connections', () => {
  test.each([
    ['garbage after PRI', ['PRI * HTTP/1.1\r\nhost: x\r\n\r\n']],
    ['a preface that ends otherwise', ['PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n']],
    ['no frame after the preface', [preface, 'GET / HTTP/1.1\r\n\r\n'.repeat(20)]],
    ['a frame larger than allowed', [preface, emptySettings, frame(0, 0, 1, Buffer.alloc(20_000))]],
    ['data for a stream that is not open', [preface, emptySettings, frame(0, 1, 5, Buffer.from('x'))]],
    ['headers that are no HPACK', [preface, emptySettings, frame(1, 5, 1, Buffer.alloc(64, 0xff))]],
    ['settings that are not allowed', [preface, frame(4, 0, 0, Buffer.from([0, 4, 0xff, 0xff, 0xff, 0xff]))]],
  ])('%s: the connection ends, the server does not', async (_what, parts) => {
    const { closed, sent } = raw(...parts);
    await sent;
    await closed;
    await alive();
  });

  test('half a preface and then the end', async () => {
    const { socket, sent, closed } = raw('PR');
    await sent;
    socket.end();
    await closed;
    await alive();
  });

  test('headers beyond 16 KiB are refused, in both protocols', async () => {
    const session = h2();
    const refused = await ask(session, { ':path': '/healthz', 'x-large': 'x'.repeat(20_000) }).then(
      ({ headers }) => headers[':status'],
      (thrown: NodeJS.ErrnoException) => thrown.code,
    );
    expect(refused).not.toBe(200);
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x-${i}`, 'y']));
    const manyRefused = await ask(h2(), { ':path': '/healthz', ...many }).then(
      ({ headers }) => headers[':status'],
      (thrown: NodeJS.ErrnoException) => thrown.code,
    );
    expect(manyRefused).not.toBe(200);
    const over1 = await new Promise((resolve, reject) =>
      httpRequest(`${server.url}/healthz`, { headers: { 'x-large': 'x'.repeat(20_000) } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      })
        .on('error', reject)
        .end(),
    );
    expect(over1).toBe(431);
    await alive();
  });

  test('a hundred calls at a time on one connection, not more', async () => {
    const session = h2();
    await ask(session, { ':path': '/healthz' });
    expect(session.remoteSettings).toMatchObject({ maxConcurrentStreams: 100, maxHeaderListSize: 16_384 });
  });

  test('rapid resets (CVE-2023-44487) end the connection after a few hundred', async () => {
    const before = rig.calls.length;
    const { socket, closed } = raw(preface, emptySettings);
    await pause(50);
    const head = grpcHead(`/${wallets}/GetWallet`);
    const reset = Buffer.from([0, 0, 0, 8]);
    const attack = Array.from({ length: 5_000 }, (_, i) => [
      frame(1, 4, 2 * i + 1, head),
      frame(3, 0, 2 * i + 1, reset),
    ]);
    socket.write(Buffer.concat(attack.flat()));
    await closed;
    expect(rig.calls.length - before).toBeLessThan(500);
    await alive();
  });
});
