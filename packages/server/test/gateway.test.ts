/** The gateway in front of a plain application, seen from both sides of it. */

import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { request as httpRequest, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import {
  createRemoteJwks,
  fixedKeys,
  type GatewayRequest,
  type GatewaySubjectOptions,
  type Participant,
  ProofError,
  verifyGatewaySubject,
} from '@countersign/client';
import { cryptoPort } from '@countersign/client/node-crypto';
import { type PublicJwk, parsePublicJwk, verifyMessage } from '@countersign/proof';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type RawAnswer, type RawRequest, send } from '../../client/test/support/raw-request.ts';
import type { Gateway } from '../src/gateway/start.ts';
import { temporaryDir } from './support/context.ts';
import { eventually } from './support/eventually.ts';
import {
  type Application,
  application,
  gatewayOf,
  newKey,
  publicHalf,
  type Received,
  type SignedParts,
  signedFields,
  type Town,
  town,
} from './support/gateway.ts';

let place: Town;
let app: Application;
let gateway: Gateway;
let agent: Participant;
/** What the application does with the next requests. */
let answer: (received: Received, response: ServerResponse) => void;
const lines: string[] = [];

const plainAnswer = (_: Received, response: ServerResponse) => void response.end('{"ack":true}');

beforeAll(async () => {
  place = await town();
  answer = plainAnswer;
  app = await application((received, response) => answer(received, response));
  gateway = await gatewayOf(
    place,
    'lender',
    app.url,
    { unsigned: ['/files/*', '/feed'], maxBody: 2_000_000, maxResponse: 12_000_000, timeout: 1_000 },
    (line) => lines.push(line),
  );
  agent = place.sdk('agent');
});

afterEach(() => {
  answer = plainAnswer;
  app.received.length = 0;
});

afterAll(async () => {
  await gateway?.stop();
  await app?.close();
  await place?.close();
});

/** One signed request, sent with nothing normalised. */
async function call(parts: SignedParts & Pick<RawRequest, 'chunked'> = {}, extra: readonly string[] = []) {
  const { method = 'POST', path = '/loans', body = method === 'POST' ? '{"loan":1}' : '' } = parts;
  const fields = await signedFields(agent, gateway.url, { ...parts, method, path, body });
  const raw = { method, path, body: body as string, headers: [...fields, ...extra] };
  return send(gateway.url, parts.chunked === undefined ? raw : { ...raw, chunked: parts.chunked });
}

function keyOf(name: 'lender' | 'agent'): PublicJwk {
  const parsed = parsePublicJwk(publicHalf(place.keys[name]) as never);
  if (!parsed.ok) throw new Error('The keys of the tests are good.');
  return parsed.key;
}

/** Whether the lender signed this answer over these bytes. */
function isSigned({ status, headers }: RawAnswer, body: Uint8Array): Promise<boolean> {
  return verifyMessage(headers['x-jws-signature'], {
    crypto: cryptoPort,
    message: { kind: 'response', status, requestSignature: '', body },
    forms: ['ocen', 'rfc7797'],
    keys: [{ jwk: keyOf('lender') }],
    now: Date.now() / 1000,
  }).then(
    () => true,
    (error) => {
      if (error instanceof ProofError) return false;
      throw error;
    },
  );
}

function subjectOptions() {
  const keys = createRemoteJwks({ uri: `${gateway.adminUrl}/.well-known/countersign-gateway/jwks.json` });
  return { keys, audience: app.url };
}

/** What a raw connection answers, until it is closed or falls silent. */
async function exchange(text: string): Promise<string> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk;
  });
  socket.on('error', () => {});
  socket.setTimeout(400, () => socket.destroy());
  socket.write(text);
  await once(socket, 'close');
  return said;
}

describe('a request that passes', () => {
  test.each([
    '/loans?amount=1&x=%2F%20',
    '//double//slashes/',
    '/a%2Fb/%2e%2e/c',
    '/a/./b/../c',
    "/it's;v=1,2/(x)?a[]=1&b={}|^`",
    '/?',
  ])('%s reaches the application byte for byte', async (path) => {
    expect((await call({ path })).status).toBe(200);
    expect((await call({ path, method: 'GET' })).status).toBe(200);
    expect(app.received.map(({ url }) => url)).toEqual([path, path]);
  });

  test('in absolute form too, where it is ours', async () => {
    const path = `${gateway.url}/loans?x=1`;
    const fields = await signedFields(agent, '', { method: 'GET', path });
    expect((await send(gateway.url, { method: 'GET', path, headers: fields })).status).toBe(200);
    expect(app.received[0]?.url).toBe(path);
  });

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'PROPFIND'])(
    '%s is verified like any other',
    async (method) => {
      const unsigned = await send(gateway.url, { method, path: '/loans' });
      expect(unsigned.status).toBe(401);
      expect(app.received).toHaveLength(0);
      expect((await call({ method, body: '' })).status).toBe(200);
      expect(app.received[0]).toMatchObject({ method, url: '/loans' });
    },
  );

  test.each([undefined, 1, 4_096])('its body arrives whole, whether in chunks of %s or not', async (chunked) => {
    const body = 'é{"x":1}\n'.repeat(chunked === 1 ? 20 : 20_000);
    const { status } = await call({ body, ...(chunked === undefined ? {} : { chunked }) });
    expect(status).toBe(200);
    expect(app.received[0]?.body.toString()).toBe(body);
    expect(app.received[0]?.headers['content-length']).toBe(String(Buffer.byteLength(body)));
    expect(app.received[0]?.headers['transfer-encoding']).toBeUndefined();
  });

  test('keeps its own fields, repeated ones too, and loses those of the connection', async () => {
    await call({}, [
      'X-Trace',
      'a',
      'x-trace',
      'b',
      'Connection',
      'x-secret, keep-alive',
      'X-Secret',
      '1',
      'TE',
      'trailers',
      'Transfer_Encoding',
      'chunked',
      'Keep.Alive',
      '1',
    ]);
    const { rawHeaders = [], headers } = app.received[0] ?? {};
    expect(rawHeaders.filter((_, i) => rawHeaders[i - 1]?.toLowerCase() === 'x-trace')).toEqual(['a', 'b']);
    expect(headers).not.toHaveProperty('x-secret');
    expect(headers).not.toHaveProperty('te');
    // As CGI and its successors would read them.
    expect(headers).not.toHaveProperty('transfer_encoding');
    expect(headers).not.toHaveProperty('keep.alive');
    expect(headers).not.toHaveProperty('authorization');
    expect(headers?.['x-jws-signature']).toBeDefined();
    expect(headers?.host).toBe(new URL(app.url).host);
  });
});

describe('who sent it', () => {
  test('is told in one field, which only the gateway can write', async () => {
    const body = '{"loan":7}';
    await call({ path: '/loans?x=1', body, form: 'strict' }, [
      ...['x-countersign-subject', 'forged', 'X-Countersign-Subject', 'forged', 'x_countersign_subject', 'forged'],
      ...['X.Countersign.Subject', 'forged', 'x-countersign-admin', 'forged', 'connection', 'x-countersign-subject'],
    ]);
    const [received] = app.received;
    const { rawHeaders = [] } = received ?? {};
    expect(rawHeaders.filter((text) => /countersign/i.test(text))).toEqual(['x-countersign-subject']);
    const subject = await verifyGatewaySubject(
      {
        subject: received?.headers['x-countersign-subject'],
        method: 'POST',
        requestTarget: '/loans?x=1',
        body: Buffer.from(body),
      },
      subjectOptions(),
    );
    expect(subject).toMatchObject({
      participantId: 'agent',
      clientId: 'agent-client',
      realm: 'dev',
      roles: ['LOAN_AGENT'],
      verdict: { form: 'strict', binding: 'message', replay: 'first' },
    });
    expect({ ...subject.resourceAccess }).toEqual({ 'loan-api': ['apply'] });
  });

  test('and whether it may be a replay', async () => {
    const body = JSON.stringify({ once: Math.random() });
    const replays: string[] = [];
    for (const _ of [1, 2]) {
      await call({ body });
      const { headers, method = '', url = '' } = app.received.at(-1) ?? {};
      const request = {
        subject: headers?.['x-countersign-subject'],
        method,
        requestTarget: url,
        body: Buffer.from(body),
      };
      replays.push((await verifyGatewaySubject(request, subjectOptions())).verdict.replay);
    }
    expect(replays).toEqual(['first', 'seen']);
  });

  test('a caller cannot say where it comes from', async () => {
    const lies = [
      ...[
        'X-Forwarded-For',
        'X_Forwarded_For',
        'Forwarded',
        'Forwarded-For',
        'X-Real-IP',
        'Client-IP',
        'X-ProxyUser-Ip',
      ],
      ...[
        'CF-Connecting-IP',
        'CF-Connecting-IPv6',
        'CF-Pseudo-IPv4',
        'Fastly-Client-IP',
        'Fly-Client-IP',
        'DO-Connecting-IP',
      ],
      ...['X-Azure-ClientIP', 'X-Azure-SocketIP', 'X-Envoy-External-Address', 'X-AppEngine-User-IP', 'Ali-CDN-Real-IP'],
      ...[
        'WL-Proxy-Client-IP',
        'X-NF-Client-Connection-IP',
        'X-Vercel-Forwarded-For',
        'X-Vercel-Proxied-For',
        'Remote-Addr',
      ],
    ];
    await call(
      {},
      lies.flatMap((name) => [name, '192.0.2.1']),
    );
    const { rawHeaders, headers } = app.received[0] as Received;
    expect(rawHeaders.join()).not.toContain('192.0.2.1');
    expect(headers['x-forwarded-for']).toBe('127.0.0.1');
    expect(headers['x-forwarded-host']).toBe(new URL(gateway.url).host);
  });

  test('a caller cannot make the application see another method or target than was verified', async () => {
    const lies = [
      ...[
        'X-Original-URL',
        'X_Original_URL',
        'X-Rewrite-URL',
        'X-Original-URI',
        'X-Forwarded-Prefix',
        'X-Envoy-Original-Path',
      ],
      ...[
        'X-HTTP-Method-Override',
        'X-HTTP-Method',
        'X-Method-Override',
        'x.http.method.override',
        'X-Forwarded-Method',
      ],
      ...['X-Original-Host', 'X-HTTP-Host-Override', 'X-Host-Override', 'X-Client-IP', 'True-Client-IP'],
      // CGI makes the proxy of its own calls of it (CVE-2016-5385).
      'Proxy',
    ];
    await call(
      {},
      lies.flatMap((name) => [name, 'a-lie']),
    );
    const { rawHeaders, method, url } = app.received[0] as Received;
    expect(rawHeaders.join()).not.toContain('a-lie');
    expect([method, url]).toEqual(['POST', expect.stringMatching(/^\//)]);
  });

  test('a request with two Host fields is refused, whichever of them is right', async () => {
    const { host } = new URL(gateway.url);
    for (const other of [host, 'elsewhere.example']) {
      const answer = await call({}, ['Host', other]);
      expect([answer.status, answer.json().code]).toEqual([400, 'request.invalid']);
    }
    expect(app.received).toEqual([]);
  });

  type Change = readonly [string, string, Partial<GatewayRequest>, Partial<GatewaySubjectOptions>];
  const changes: readonly Change[] = [
    ['gateway_subject.method', 'for another method', { method: 'PUT' }, {}],
    ['gateway_subject.path', 'for another path', { requestTarget: '/other' }, {}],
    ['gateway_subject.digest', 'for another body', { body: Buffer.from('{}') }, {}],
    ['gateway_subject.missing', 'that is not there', { subject: undefined }, {}],
    ['gateway_subject.repeated', 'that is there twice', { subject: ['a', 'b'] }, {}],
    ['jws.malformed', 'that is no JWT', { subject: 'x' }, {}],
    ['jwt.audience', 'for another application', {}, { audience: 'http://other.example' }],
    ['jwt.expired', 'of two minutes ago', {}, { now: () => Date.now() + 120_000 }],
    ['jwt.issued_in_future', 'of a gateway that is ahead', {}, { now: () => Date.now() - 120_000 }],
    ['jws.kid_unknown', 'of another gateway', {}, { keys: fixedKeys([]) }],
  ];
  test.each(changes)('%s: a field %s is refused', async (code, _, change, options) => {
    await call();
    const { headers, method = '', url = '', body = Buffer.of() } = app.received[0] ?? {};
    const request = { subject: headers?.['x-countersign-subject'], method, requestTarget: url, body, ...change };
    const refused = verifyGatewaySubject(request, { ...subjectOptions(), ...options });
    await expect(refused).rejects.toMatchObject({ code });
  });

  test('an access token is no such field', async () => {
    const request = { subject: await agent.token(), method: 'POST', requestTarget: '/', body: Buffer.of() };
    const keys = createRemoteJwks({ uri: `${place.server.issuer()}/protocol/openid-connect/certs` });
    await expect(verifyGatewaySubject(request, { keys, audience: app.url })).rejects.toMatchObject({ code: 'jwt.typ' });
  });
});

describe('what no application behind us sees, though it is signed', () => {
  test.each([
    ['gateway.upgrade', 400, {}, ['Connection', 'Upgrade', 'Upgrade', 'websocket']],
    [
      'gateway.upgrade',
      400,
      {},
      ['Connection', 'Upgrade, HTTP2-Settings', 'Upgrade', 'h2c', 'HTTP2-Settings', 'AAMAAABkAAQ'],
    ],
    ['request.method', 405, { method: 'TRACE' }, []],
    ['gateway.misdirected', 421, { path: 'http://evil.example/loans', method: 'GET' }, []],
    ['request.not_found', 404, { path: '/.well-known/countersign-gateway/jwks.json', method: 'GET' }, []],
    ['request.not_found', 404, { path: '/.well-known/countersign-gateway/metrics' }, []],
    ['body.too_large', 413, { body: 'x'.repeat(2_000_001) }, []],
    ['body.too_large', 413, { body: 'x'.repeat(2_000_001), chunked: 65_536 }, []],
  ] as const)('%s', async (code, status, parts, extra) => {
    const refused = await call(parts, extra);
    expect([refused.status, refused.json().code]).toEqual([status, code]);
    expect(refused.json()).toMatchObject({ type: `urn:countersign:problem:${code}`, status });
    expect(app.received).toHaveLength(0);
  });

  test('a path of the gateway in absolute form', async () => {
    const path = `${gateway.url}/.well-known/countersign-gateway/jwks.json`;
    const fields = await signedFields(agent, '', { method: 'GET', path });
    const refused = await send(gateway.url, { method: 'GET', path, headers: fields });
    expect([refused.status, refused.json().code]).toEqual([404, 'request.not_found']);
    expect(app.received).toHaveLength(0);
  });

  test('a body that ends too early', async () => {
    const fields = await signedFields(agent, gateway.url, { body: 'abc' });
    const { hostname, port } = new URL(gateway.url);
    const socket = connect(Number(port), hostname).resume();
    const pairs = fields.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${fields[i + 1]}`] : []));
    socket.end(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n${pairs.join('\r\n')}\r\n\r\nabc`);
    await once(socket, 'close');
    await call();
    expect(app.received.map(({ url }) => url)).toEqual(['/loans']);
  });
});

describe('requests that two servers might read in two ways', () => {
  const smuggled = 'GET /admin HTTP/1.1\r\nhost: x\r\n\r\n';
  const chunked = `3\r\nabc\r\n0\r\n\r\n${smuggled}`;
  test.each([
    ['Content-Length beside Transfer-Encoding', 'content-length: 3\r\ntransfer-encoding: chunked', chunked],
    ['Transfer-Encoding beside Content-Length', 'transfer-encoding: chunked\r\ncontent-length: 3', chunked],
    ['two Content-Lengths', 'content-length: 3\r\ncontent-length: 40', `abc${smuggled}`],
    ['a list of Content-Lengths', 'content-length: 3, 40', `abc${smuggled}`],
    ['a negative Content-Length', 'content-length: -3', 'abc'],
    ['a Content-Length with a sign', 'content-length: +3', 'abc'],
    ['a Content-Length in hexadecimal', 'content-length: 0x3', 'abc'],
    ['an unknown coding', 'transfer-encoding: xchunked', chunked],
    ['chunked that is not the last', 'transfer-encoding: chunked, identity', chunked],
    ['chunked behind a space', 'transfer-encoding : chunked', chunked],
    ['chunked on a folded line', 'transfer-encoding:\r\n chunked\r\ncontent-length: 3', chunked],
    ['chunked behind a tab', 'transfer-encoding:\tchunked\r\ncontent-length: 3', chunked],
    ['a bare line feed', 'content-length: 3\nx: y', 'abc'],
    ['a NUL', 'content-length: 3\r\nx: \0', 'abc'],
    ['a chunk size that is no number', 'transfer-encoding: chunked', `x\r\nabc\r\n0\r\n\r\n`],
    ['a chunk that is longer than it says', 'transfer-encoding: chunked', `1\r\nabc\r\n0\r\n\r\n`],
    ['a coding besides chunks', 'transfer-encoding: gzip, chunked', `3\r\nabc\r\n0\r\n\r\n${smuggled}`],
    ['a chunk size beyond measure', 'transfer-encoding: chunked', `${'f'.repeat(20)}\r\nabc\r\n0\r\n\r\n`],
  ])('%s: refused, and nothing of it passes', async (_, framing, rest) => {
    const fields = await signedFields(agent, gateway.url, { path: '/loans', body: 'abc' });
    const pairs = fields.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${fields[i + 1]}`] : []));
    const said = await exchange(
      `POST /loans HTTP/1.1\r\nhost: x\r\n${pairs.join('\r\n')}\r\n${framing}\r\n\r\n${rest}`,
    );
    expect(said).toMatch(/^HTTP\/1\.1 400 /);
    expect(said.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(app.received).toHaveLength(0);
  });

  test('what follows on the same connection is verified for itself', async () => {
    const fields = await signedFields(agent, gateway.url, { path: '/loans', body: 'abc' });
    const pairs = fields.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${fields[i + 1]}`] : []));
    const said = await exchange(
      `POST /loans HTTP/1.1\r\nhost: x\r\n${pairs.join('\r\n')}\r\ncontent-length: 3\r\n\r\nabc${smuggled}`,
    );
    expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 401']);
    expect(app.received.map(({ url }) => url)).toEqual(['/loans']);
  });

  test.each(['CONNECT evil.example:443', 'GET loans', 'GET /a b', 'GET', 'get / HTTP/3.0'])(
    '%j is no request',
    async (line) => {
      const said = await exchange(`${line} HTTP/1.1\r\nhost: x\r\n\r\n`);
      expect(said).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(app.received).toHaveLength(0);
    },
  );
});

test('a caller that waits for our word is told at once when its body is too large', async () => {
  const heard = async (length: number, body: string) => {
    const fields = await signedFields(agent, gateway.url, { path: '/loans', body });
    const { hostname, port } = new URL(gateway.url);
    const headers = [...fields, 'host', 'x', 'expect', '100-continue', 'content-length', String(length)];
    const request = httpRequest({ hostname, port, method: 'POST', path: '/loans', headers });
    let continued = false;
    request.on('continue', () => {
      continued = true;
      request.end(body);
    });
    request.flushHeaders();
    const [response] = await once(request, 'response');
    response.resume();
    request.on('error', () => {});
    return [continued, response.statusCode];
  };
  expect(await heard(2_000_001, '')).toEqual([false, 413]);
  expect(app.received).toHaveLength(0);
  expect(await heard(3, 'abc')).toEqual([true, 200]);
  expect(app.received[0]?.headers).not.toHaveProperty('expect');
});

describe('a response', () => {
  test.each([
    ['in one part', (response: ServerResponse) => response.end('{"ack":true}'), Buffer.from('{"ack":true}')],
    [
      'in many parts, without a length',
      (response: ServerResponse) => {
        for (const part of ['{"a', '":', '1}']) response.write(part);
        response.end();
      },
      Buffer.from('{"a":1}'),
    ],
    ['of nothing', (response: ServerResponse) => response.end(), Buffer.of()],
    [
      'that is compressed',
      (response: ServerResponse) => response.setHeader('content-encoding', 'gzip').end(gzipSync('{"a":1}')),
      gzipSync('{"a":1}'),
    ],
    [
      'of four megabytes',
      (response: ServerResponse) => response.end(Buffer.alloc(4_000_001, 'x ')),
      Buffer.alloc(4_000_001, 'x '),
    ],
  ])('%s is signed over the bytes that are sent', async (_, respond, bytes) => {
    answer = (_received, response) => void respond(response);
    const signed = await call();
    expect(signed.body.equals(bytes)).toBe(true);
    expect(signed.headers['content-length']).toBe(String(bytes.length));
    expect(await isSigned(signed, bytes)).toBe(true);
    expect(await isSigned(signed, Buffer.from('something else'))).toBe(false);
  });

  test.each([200, 201, 404, 409, 500, 503])('with status %i is signed like any other', async (status) => {
    answer = (_, response) => void response.writeHead(status, { 'x-app': '1' }).end('{}');
    const signed = await call();
    expect([signed.status, signed.headers['x-app'], await isSigned(signed, signed.body)]).toEqual([status, '1', true]);
  });

  test('without a body is signed over no bytes', async () => {
    const none = Buffer.of();
    answer = (_, response) => void response.setHeader('content-length', '12').end();
    const head = await call({ method: 'HEAD' });
    expect([head.headers['content-length'], await isSigned(head, none)]).toEqual(['12', true]);
    answer = (_, response) => void response.writeHead(204).end();
    const empty = await call();
    expect([empty.status, empty.headers['content-length'], await isSigned(empty, none)]).toEqual([
      204,
      undefined,
      true,
    ]);
    answer = (_, response) => void response.writeHead(304, { etag: '"1"' }).end();
    const same = await call({ method: 'GET' });
    expect([same.status, same.headers.etag, await isSigned(same, none)]).toEqual([304, '"1"', true]);
  });

  test('keeps its fields, and nobody signs but the gateway', async () => {
    answer = (_, response) => {
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response.setHeader('x-jws-signature', 'e30..AA');
      response.setHeader('signature', 'e30..AA');
      response.setHeader('X-Countersign-Verified', 'forged');
      response.setHeader('connection', 'close, x-hop');
      response.setHeader('x-hop', '1');
      response.end('{}');
    };
    const signed = await call();
    expect(signed.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(await isSigned(signed, signed.body)).toBe(true);
    for (const name of ['signature', 'x-countersign-verified', 'x-hop'])
      expect(signed.headers).not.toHaveProperty(name);
  });

  test('to a strict request is strict: it cannot answer another', async () => {
    answer = (_, response) => void response.end('{"ack":true}');
    const verified = await agent.fetch(`${gateway.url}/loans`, {
      to: 'lender',
      method: 'POST',
      body: '{}',
      form: 'strict',
    });
    expect(verified.countersign).toMatchObject({ form: 'strict', binding: 'message', participant: { id: 'lender' } });
  });

  test('that is larger than can be signed is refused whole, in a refusal that is signed', async () => {
    answer = (_, response) => void response.end(Buffer.alloc(12_000_001));
    const refused = await call();
    expect([refused.status, refused.json().code]).toEqual([502, 'gateway.response_too_large']);
    expect(await isSigned(refused, refused.body)).toBe(true);
  });

  test.each([
    ['gateway.upstream_timeout', 504, (_: ServerResponse) => {}],
    ['gateway.upstream_timeout', 504, (response: ServerResponse) => void response.write('half of it')],
    ['gateway.upstream_unreachable', 502, (response: ServerResponse) => void response.destroy()],
    [
      'gateway.upstream_unreachable',
      502,
      (response: ServerResponse) =>
        void response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy()),
    ],
    ['gateway.response_refused', 502, (response: ServerResponse) => void response.writeHead(777).end()],
  ])('that does not come (%s) is never half an answer', async (code, status, respond) => {
    answer = (_, response) => respond(response);
    const refused = await call();
    expect([refused.status, refused.json().code, await isSigned(refused, refused.body)]).toEqual([status, code, true]);
  });

  test('of a route declared unsigned streams: its beginning is there before its end', async () => {
    let finish = () => {};
    answer = (_, response) => {
      response.write('begin');
      finish = () => void response.end('end');
    };
    const fields = await signedFields(agent, gateway.url, { method: 'GET', path: '/files/large' });
    const { hostname, port } = new URL(gateway.url);
    const request = httpRequest({ hostname, port, path: '/files/large', headers: ['host', 'x', ...fields] }).end();
    const [response] = await once(request, 'response');
    expect(response.headers).not.toHaveProperty('x-jws-signature');
    const [first] = await once(response, 'data');
    expect(String(first)).toBe('begin');
    finish();
    const [rest] = await once(response, 'data');
    expect(String(rest)).toBe('end');
  });

  test('of an unsigned route that breaks off is cut, not ended', async () => {
    answer = (_, response) => void response.write('half', () => response.destroy());
    await expect(call({ method: 'GET', path: '/feed' })).rejects.toThrow();
  });

  test.each([
    '/files',
    '/files/../loans',
    '/files/%2e%2e/loans',
    '/files//x',
    '/FEED',
    '/feed/',
    '/files/a;b',
    '//files/x',
  ])('of %s, which is none of the routes, is signed', async (path) => {
    const signed = await call({ path });
    expect(await isSigned(signed, signed.body)).toBe(true);
  });

  test('an unsigned route takes no unsigned request', async () => {
    expect((await send(gateway.url, { method: 'GET', path: '/files/large' })).status).toBe(401);
    expect(app.received).toHaveLength(0);
  });
});

test('a caller that goes away takes its request to the application along', async () => {
  let left = false;
  answer = (_, response) => void response.on('close', () => (left = true));
  const fields = await signedFields(agent, gateway.url, { method: 'GET', path: '/loans' });
  const { hostname, port } = new URL(gateway.url);
  const request = httpRequest({ hostname, port, path: '/loans', headers: ['host', 'x', ...fields] });
  request.on('error', () => {});
  request.end();
  await eventually(() => app.received.length === 1, 5_000);
  request.destroy();
  await eventually(() => left, 900);
});

test('nothing that proves anything is logged; every answer is counted', async () => {
  lines.length = 0;
  const token = await agent.token();
  await call({ path: '/loans?secret=7' });
  await send(gateway.url, { path: '/loans', headers: ['authorization', `Bearer ${token}x`] });
  await eventually(() => lines.length >= 2, 5_000);
  const log = lines.join('');
  expect(log).toContain('"path":"/loans"');
  expect(log).toContain('"participantId":"agent"');
  expect(log).toMatch(/"reason":"jws\.[a-z_0-9]+"/);
  for (const secret of [token, 'secret=7', place.secret('lender'), 'eyJ']) expect(log).not.toContain(secret);
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(/countersign_gateway_requests_total\{direction="inbound",status="200",reason="passed"\} \d+/);
  expect(metrics).toMatch(
    /countersign_gateway_requests_total\{direction="inbound",status="401",reason="token\.missing"\} \d+/,
  );
});

test('the port of the operator tells of keys and health, and of no private member', async () => {
  const get = async (path: string) => fetch(gateway.adminUrl + path);
  expect((await get('/healthz')).status).toBe(200);
  expect((await get('/readyz')).status).toBe(200);
  expect((await get('/loans')).status).toBe(404);
  expect((await get('/constructor')).status).toBe(404);
  const { keys } = (await (await get('/.well-known/countersign-gateway/jwks.json')).json()) as { keys: object[] };
  expect(Object.keys(keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'x', 'y']);
  expect(app.received).toHaveLength(0);
});

/** A server that takes one request on each connection and closes it at the next, without a word. */
async function forgetful() {
  let connections = 0;
  const requests: string[] = [];
  const server = createServer((socket) => {
    connections++;
    let seen = 0;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      if (seen++ > 0) return void socket.destroy();
      requests.push(String(chunk).split(' ', 1)[0] as string);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests, connections: () => connections, close: () => server.close() };
}

test.each(['GET', 'POST'])('an application that switches the protocol is 502 for %s, at once', async (method) => {
  const app = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    );
  }).listen(0, '127.0.0.1');
  await once(app, 'listening');
  const { port } = app.address() as AddressInfo;
  const other = await gatewayOf(place, 'lender', `http://127.0.0.1:${port}`, {
    listen: { host: '127.0.0.1', port: 0 },
  });
  const fields = await signedFields(agent, other.url, { method, path: '/loans' });
  const answer = await send(other.url, { method, path: '/loans', headers: fields });
  await other.stop();
  app.close();
  expect([answer.status, answer.json().code]).toEqual([502, 'gateway.response_refused']);
});

test('a kept connection that turns out to be closed costs no caller anything; what must not be repeated never is', async () => {
  const app = await forgetful();
  const other = await gatewayOf(place, 'lender', app.url, { listen: { host: '127.0.0.1', port: 0 } });
  const statuses: number[] = [];
  for (const method of ['GET', 'GET', 'GET', 'POST', 'POST']) {
    const fields = await signedFields(agent, other.url, { method, path: '/loans' });
    statuses.push((await send(other.url, { method, path: '/loans', headers: fields })).status);
  }
  await other.stop();
  app.close();
  expect(statuses).toEqual([200, 200, 200, 200, 200]);
  expect(app.requests).toEqual(['GET', 'GET', 'GET', 'POST', 'POST']);
  expect(app.connections()).toBe(5);
});

test('a spool without room is 503 for requests and, signed, for responses; neither is taken for the fault of a caller', async () => {
  const spoolDir = temporaryDir();
  const other = await gatewayOf(place, 'lender', app.url, { listen: { host: '127.0.0.1', port: 0 }, spoolDir });
  onTestFinished(() => other.stop());
  // Whatever is written there from now on fails, as it does on a full disk.
  rmSync(spoolDir, { recursive: true });
  const ask = async (body: string, chunked?: number) => {
    const headers = await signedFields(agent, other.url, { path: '/loans', body });
    return send(other.url, { path: '/loans', body, headers, ...(chunked === undefined ? {} : { chunked }) });
  };
  for (const chunked of [undefined, 70_000]) {
    const refused = await ask('x '.repeat(400_000), chunked);
    expect([refused.status, refused.json().code, refused.headers['retry-after']]).toEqual([503, 'gateway.spool', '1']);
  }
  expect(app.received).toEqual([]);
  answer = (_, response) => void response.end(Buffer.alloc(400_000, 'x '));
  const large = await ask('{}');
  expect([large.status, large.json().code, await isSigned(large, large.body)]).toEqual([503, 'gateway.spool', true]);
  answer = plainAnswer;
  expect((await ask('{}')).status).toBe(200);
});

test('a large body of a stranger is not taken to the disk; its token is refused', async () => {
  const spoolDir = temporaryDir();
  const other = await gatewayOf(place, 'lender', app.url, { listen: { host: '127.0.0.1', port: 0 }, spoolDir });
  onTestFinished(() => other.stop());
  // Whatever goes to the disk from now on is 503.
  rmSync(spoolDir, { recursive: true });
  const body = 'x '.repeat(400_000);
  const good = await signedFields(agent, other.url, { path: '/loans', body });
  const [token = '', signature = ''] = ['authorization', 'x-jws-signature'].map(
    (name) => good[good.findIndex((one) => one.toLowerCase() === name) + 1] as string,
  );
  const rows = [
    [401, [], 'token.missing'],
    [401, ['authorization', 'Bearer'], 'token.malformed'],
    [401, ['authorization', `${token.slice(0, -6)}AAAAAA`, 'x-jws-signature', signature], 'jws.signature'],
    [400, ['authorization', token], 'message.signature_missing'],
  ] as const;
  for (const chunked of [undefined, 70_000]) {
    for (const [status, headers, code] of rows) {
      const refused = await send(other.url, { path: '/loans', body, headers, ...(chunked && { chunked }) });
      expect([refused.status, refused.json().code]).toEqual([status, code]);
    }
  }
  expect(app.received).toEqual([]);
});

test('an application that is not there is 502, signed', async () => {
  const gone = await application();
  await gone.close();
  await gateway.stop();
  gateway = await gatewayOf(place, 'lender', gone.url);
  const refused = await call();
  expect([refused.status, refused.json().code]).toEqual([502, 'gateway.upstream_unreachable']);
  expect(await isSigned(refused, refused.body)).toBe(true);
});

test('a lender that signs as OCEN does uses another form where its own would pass for a token', async () => {
  const ocen = await town({ lender: newKey('lender-1', 'RS256') });
  const other = await gatewayOf(ocen, 'lender', app.url, {
    participant: {
      issuer: ocen.server.issuer(),
      clientId: 'lender-client',
      clientSecret: ocen.secret('lender'),
      privateKey: ocen.keys.lender,
      form: 'ocen',
    },
  });
  const forms: unknown[] = [];
  for (const body of ['{"ack":true}', 'abc_DEF-123', '']) {
    answer = (_, response) => void response.end(body);
    const call = { to: 'lender', method: 'POST', body: '{}', form: 'rfc7797' } as const;
    forms.push((await ocen.sdk('agent').fetch(`${other.url}/loans`, call)).countersign?.form);
  }
  await other.stop();
  await ocen.close();
  expect(forms).toEqual(['ocen', 'rfc7797', 'ocen']);
});
