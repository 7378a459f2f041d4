import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import { signatureField, verifyMessage } from '@countersign/proof';
import express from 'express';
import fastify from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { placeOf, targetsOf } from '../src/adapter/guard.ts';
import { countersign as forExpress } from '../src/express.ts';
import { countersign as forFastify } from '../src/fastify.ts';
import { createParticipant, importSigningKey, type Participant } from '../src/index.ts';
import { countersign as forNode } from '../src/node.ts';
import { cryptoPort } from '../src/node-crypto.ts';
import { type Adapter, adapters, type Provider, startProvider } from './support/providers.ts';
import { send } from './support/raw-request.ts';
import { agent, lender, type RealmServer, serveRealm } from './support/realm-server.ts';

let realm: RealmServer;
let sender: Participant;
let receiver: Participant;
beforeAll(async () => {
  realm = await serveRealm();
  const { issuer } = realm;
  sender = createParticipant({
    issuer,
    clientId: agent.clientId,
    clientSecret: agent.secret,
    privateKey: realm.agentKey,
  });
  receiver = createParticipant({
    issuer,
    clientId: lender.clientId,
    clientSecret: lender.secret,
    privateKey: realm.lenderKey,
  });
});
afterAll(async () => {
  sender?.close();
  receiver?.close();
  await realm?.[Symbol.asyncDispose]();
});

describe.each(adapters)('%s', (adapter: Adapter) => {
  let provider: Provider;
  beforeEach(async () => {
    provider = await startProvider(adapter, (url) => ({
      participant: receiver,
      publicUrl: url,
      maxBodyBytes: 300_000,
      maxResponseBytes: 300_000,
    }));
  });
  afterEach(() => provider[Symbol.asyncDispose]());

  const post = (path: string, body: unknown, init: object = {}) =>
    sender.fetch(provider.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      to: lender.id,
      ...init,
    });

  /** Signed, and sent as it is. */
  async function signed(method: string, path: string, body = '', form: 'rfc7797' | 'strict' = 'rfc7797') {
    const message = {
      kind: 'request',
      method,
      target: provider.url + path,
      requestTarget: path,
      body: Buffer.from(body),
    } as const;
    const fields = await sender.sign(message, { to: lender.id, form });
    return ['authorization', `Bearer ${await sender.token()}`, signatureField, fields[signatureField]];
  }

  test.each(['ocen', 'rfc7797', 'strict'] as const)('a %s exchange: both ends are proved', async (form) => {
    const response = await post('/echo', { amount: 1000.5, text: 'é' }, { form });
    expect(response.status).toBe(200);
    expect(response.countersign).toMatchObject({ form: form === 'strict' ? 'strict' : 'rfc7797' });
    expect(response.countersign?.participant.id).toBe(lender.id);
    expect(await response.clone().json()).toMatchObject({ from: agent.id, body: { amount: 1000.5, text: 'é' } });
    expect(await response.text()).toContain(agent.id);
  });

  test('a replay of bytes is reported, a strict one refused', async () => {
    const body = JSON.stringify({ once: crypto.randomUUID() });
    const headers = [...(await signed('POST', '/echo', body)), 'content-type', 'application/json'];
    expect((await send(provider.url, { path: '/echo', headers, body })).json()).toMatchObject({ replay: 'first' });
    expect((await send(provider.url, { path: '/echo', headers, body })).json()).toMatchObject({ replay: 'seen' });
    const strict = [...(await signed('POST', '/echo', body, 'strict')), 'content-type', 'application/json'];
    expect((await send(provider.url, { path: '/echo', headers: strict, body })).status).toBe(200);
    const again = await send(provider.url, { path: '/echo', headers: strict, body });
    expect([again.status, again.json().code]).toEqual([401, 'message.replayed']);
  });

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])(
    'a %s whose handler never reads the body is verified all the same',
    async (method) => {
      const headers = await signed(method, '/blind?x=1');
      expect((await send(provider.url, { method, path: '/blind?x=1', headers })).status).toBe(200);
      expect(provider.handled()).toBe(1);
      for (const bad of [
        [],
        headers.slice(0, 2),
        headers.slice(2),
        [...headers.slice(0, 3), `${headers[3]?.slice(0, -4)}AAAA`],
      ]) {
        const answer = await send(provider.url, { method, path: '/blind?x=1', headers: bad });
        expect([400, 401]).toContain(answer.status);
      }
      // The target is what is signed where there is no body.
      expect((await send(provider.url, { method, path: '/blind?x=2', headers })).status).toBe(401);
      expect(provider.handled()).toBe(1);
    },
  );

  test('a POST with another body does not reach a handler that would not have read it', async () => {
    const headers = [...(await signed('POST', '/blind', '{"a":1}')), 'content-type', 'application/json'];
    expect((await send(provider.url, { path: '/blind', headers, body: '{"a":1}' })).status).toBe(200);
    expect((await send(provider.url, { path: '/blind', headers, body: '{"a":2}' })).status).toBe(401);
    expect((await send(provider.url, { path: '/blind', headers, body: '{"a":2}', chunked: 2 })).status).toBe(401);
    expect(provider.handled()).toBe(1);
  });

  test('a body in chunks is verified over all of them, and read by the framework as it came', async () => {
    const body = JSON.stringify({ long: 'x'.repeat(200_000) });
    const headers = [...(await signed('POST', '/echo', body)), 'content-type', 'application/json'];
    const limited = adapter === 'express';
    const answer = await send(provider.url, { path: '/echo', headers, body, chunked: 10_000 });
    // Express's own parser stops at 100 kB. It has got the bytes all the same.
    expect(answer.status).toBe(limited ? 500 : 200);
    if (!limited) expect(JSON.stringify(answer.json().body) === body).toBe(true);
    const short = JSON.stringify({ short: 'y'.repeat(90_000) });
    const again = [...(await signed('POST', '/echo', short)), 'content-type', 'application/json'];
    const second = await send(provider.url, { path: '/echo', headers: again, body: short, chunked: 1_000 });
    expect(JSON.stringify(second.json().body) === short).toBe(true);
  });

  test('a body over the bound is refused, with and without a length', async () => {
    const body = 'x'.repeat(300_001);
    const headers = await signed('POST', '/blind', body);
    for (const chunked of [undefined, 50_000]) {
      const answer = await send(provider.url, { path: '/blind', headers, body, ...(chunked && { chunked }) });
      expect([answer.status, answer.json().code]).toEqual([413, 'body.too_large']);
    }
    expect(provider.handled()).toBe(0);
  });

  test('a body that is declared too long is refused before it comes', async () => {
    const { hostname, port, host } = new URL(provider.url);
    const socket = connect(Number(port), hostname);
    socket.write(`POST /blind HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 300001\r\n\r\n`);
    const [answer] = await once(socket, 'data');
    socket.destroy();
    expect(String(answer)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('refusals are problems that challenge and are not kept', async () => {
    const answer = await send(provider.url, { path: '/blind', body: '{}' });
    expect(answer.status).toBe(401);
    expect(answer.headers).toMatchObject({
      'www-authenticate': 'Bearer',
      'content-type': expect.stringMatching(/^application\/problem\+json\b/),
      'cache-control': 'no-store',
    });
    expect(answer.headers[signatureField]).toBeUndefined();
    expect(answer.json()).toEqual({
      type: 'urn:countersign:problem:token.missing',
      title: 'The request carries no bearer token.',
      status: 401,
      code: 'token.missing',
    });
    expect(provider.refusals).toEqual(['token.missing']);
  });

  test.each([
    ['POST', '/fail', 500, /./],
    ['GET', '/nowhere', 404, /^/],
    ['POST', '/empty', 204, /^$/],
    ['HEAD', '/blind', 200, /^$/],
    ['GET', '/stream', 200, /^one two three$/],
    ['GET', '/big', 200, /^x{65536}$/],
  ])('the response to %s %s is signed over its exact bytes', async (method, path, status, text) => {
    for (const form of ['rfc7797', 'strict'] as const) {
      const response = await sender.fetch(provider.url + path, { method, to: lender.id, form });
      expect(response.status).toBe(status);
      expect(response.countersign?.participant.id).toBe(lender.id);
      expect(await response.text()).toMatch(text);
    }
  });

  test('an unsigned route streams, and whoever wants a signature does not take its answer', async () => {
    const url = `${provider.url}/unsigned`;
    await expect(sender.fetch(url, { to: lender.id })).rejects.toMatchObject({ code: 'response.unsigned' });
    const response = await sender.fetch(url, { to: lender.id, response: 'if-present' });
    expect(response.countersign).toBeUndefined();
    expect(await response.text()).toBe('one two three');
  });

  test('a response that is too large to be signed is not sent', async () => {
    await using small = await startProvider(adapter, () => ({ participant: receiver, maxResponseBytes: 65_535 }));
    const headers = await signed('GET', '/big');
    const answer = await send(small.url, { method: 'GET', path: '/big', headers });
    expect(answer.status).toBe(500);
    expect(answer.json().code).toBe('response.too_large');
    expect(answer.headers[signatureField]).toBeUndefined();
    expect(answer.headers['x-of-handler']).toBeUndefined();
  });

  test('a response that cannot be signed is not sent', async () => {
    const broken = { ...receiver, signResponse: () => Promise.reject(new Error('no key')) };
    await using provider = await startProvider(adapter, () => ({ participant: broken }));
    const headers = await signed('GET', '/blind');
    const answer = await send(provider.url, { method: 'GET', path: '/blind', headers });
    expect([answer.status, answer.json().code]).toEqual([500, 'internal']);
    expect(answer.body.toString()).not.toContain('no key');
  });

  test('whatever the verifier throws, no handler runs', async () => {
    const broken = { ...receiver, verifyRequest: () => Promise.reject(new TypeError('broken')) };
    await using provider = await startProvider(adapter, () => ({ participant: broken }));
    const answer = await send(provider.url, { path: '/blind', headers: await signed('POST', '/blind') });
    expect([answer.status, answer.json().code]).toEqual([500, 'internal']);
    expect(provider.handled()).toBe(0);
  });

  test('without a public URL no strict message passes, whatever Host says', async () => {
    await using bare = await startProvider(adapter, () => ({ participant: receiver }));
    const headers = await signed('POST', '/blind', '{}', 'strict');
    const answer = await send(bare.url, { path: '/blind', headers, body: '{}' });
    expect([answer.status, answer.json().code]).toEqual([401, 'message.target']);
  });

  test('a public URL with a path stands for a proxy that removes it', async () => {
    await using behind = await startProvider(adapter, () => ({
      participant: receiver,
      publicUrl: 'https://api.lender.example/ocen/',
    }));
    const message = {
      kind: 'request',
      method: 'GET',
      target: 'https://api.lender.example/ocen/blind?x=1',
      requestTarget: '/ocen/blind?x=1',
      body: new Uint8Array(0),
    } as const;
    for (const form of ['strict', 'rfc7797'] as const) {
      const fields = await sender.sign(message, { to: lender.id, form });
      const headers = ['authorization', `Bearer ${await sender.token()}`, signatureField, fields[signatureField]];
      expect((await send(behind.url, { method: 'GET', path: '/blind?x=1', headers })).status).toBe(200);
    }
  });

  test('one connection serves on after a large body that nobody read', async () => {
    const body = 'x'.repeat(250_000);
    for (let round = 0; round < 3; round++) {
      const response = await sender.fetch(`${provider.url}/blind`, { method: 'POST', body, to: lender.id });
      expect(response.status).toBe(200);
    }
  });

  test('a sender that leaves in the middle of its body harms nobody', async () => {
    const headers = await signed('POST', '/blind', 'x'.repeat(1000));
    const { port } = new URL(provider.url);
    const { connect } = await import('node:net');
    const socket = connect(Number(port), '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    const fields = Array.from({ length: headers.length / 2 }, (_, i) => `${headers[2 * i]}: ${headers[2 * i + 1]}`);
    socket.write(`POST /blind HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n${fields.join('\r\n')}\r\n\r\nxxx`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    expect((await post('/blind', {})).status).toBe(200);
    expect(provider.handled()).toBe(1);
  });

  test('the signature of a response is one that anybody can check', async () => {
    const headers = await signed('GET', '/blind');
    const answer = await send(provider.url, { method: 'GET', path: '/blind', headers });
    const { publicJwk } = await importSigningKey(realm.lenderKey);
    const verified = await verifyMessage(answer.headers[signatureField], {
      crypto: cryptoPort,
      message: { kind: 'response', status: 200, requestSignature: headers[3] as string, body: answer.body },
      forms: ['rfc7797'],
      keys: [{ jwk: publicJwk }],
      now: Date.now() / 1000,
    });
    expect(verified.kid).toBe('lender-sig-2024-01');
  });
});

test("a request that Fastify's inject plays is held to the same", async () => {
  const app = fastify();
  await app.register(forFastify, { participant: receiver });
  app.post('/echo', async (request) => ({ from: request.countersign.participant.id, body: request.body }));
  const body = '{"a":1}';
  const message = {
    kind: 'request',
    method: 'POST',
    target: '',
    requestTarget: '/echo',
    body: Buffer.from(body),
  } as const;
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${await sender.token()}`,
    ...(await sender.sign(message)),
  };
  const good = await app.inject({ method: 'POST', url: '/echo', headers, payload: body });
  expect([good.statusCode, good.json()]).toEqual([200, { from: agent.id, body: { a: 1 } }]);
  expect(good.headers[signatureField]).toMatch(/^[\w-]+\.\.[\w-]+$/);
  const bad = await app.inject({ method: 'POST', url: '/echo', headers, payload: '{"a":2}' });
  expect([bad.statusCode, bad.json().code]).toEqual([401, 'message.signature']);
  await app.close();
});

test('a middleware that has read the body before is found out', async () => {
  const app = express();
  app.use(express.json());
  app.use(forExpress({ participant: receiver }));
  app.post('/echo', (_request, response) => {
    response.json({});
  });
  const server = createServer(app as unknown as RequestListener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const headers = ['content-type', 'application/json', 'authorization', `Bearer ${await sender.token()}`];
  const answer = await send(url, { path: '/echo', headers, body: '{}' });
  expect([answer.status, answer.json().code]).toEqual([500, 'body.consumed']);
  server.close();
});

test('what changes the bytes of a response is put before the signature, and what was in place before stays', async () => {
  const app = express();
  const calls: string[] = [];
  app.use((_request, response, next) => {
    const { end } = response;
    response.end = ((...parts: Parameters<typeof end>) => {
      calls.push('outer');
      return end.apply(response, parts);
    }) as typeof end;
    next();
  });
  app.use(forExpress({ participant: receiver }));
  app.use((_request, response, next) => {
    const end = response.end.bind(response) as (body: Buffer) => typeof response;
    response.end = ((body: unknown) => end(gzipSync(String(body)))) as typeof response.end;
    response.setHeader('content-encoding', 'gzip');
    next();
  });
  app.get('/', (_request, response) => {
    response.writeHead(200, [['content-type', 'text/plain']] as never);
    response.end('packed');
  });
  const server = createServer(app as unknown as RequestListener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const message = { kind: 'request', method: 'GET', target: '', requestTarget: '/', body: new Uint8Array(0) } as const;
  const fields = await sender.sign(message);
  const headers = ['authorization', `Bearer ${await sender.token()}`, signatureField, fields[signatureField]];
  const answer = await send(url, { method: 'GET', path: '/', headers });
  expect(gunzipSync(answer.body).toString()).toBe('packed');
  const { publicJwk } = await importSigningKey(realm.lenderKey);
  await verifyMessage(answer.headers[signatureField], {
    crypto: cryptoPort,
    message: { kind: 'response', status: 200, requestSignature: fields[signatureField], body: answer.body },
    forms: ['rfc7797'],
    keys: [{ jwk: publicJwk }],
    now: Date.now() / 1000,
  });
  expect(calls).toEqual(['outer']);
  server.close();
});

test('a middleware on a router of Express is held to the whole target', async () => {
  const app = express();
  const router = express.Router();
  const server = createServer(app as unknown as RequestListener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  router.use(forExpress({ participant: receiver, publicUrl: url }));
  router.get('/loans', (_request, response) => {
    response.json({});
  });
  app.use('/v4', router);
  for (const form of ['rfc7797', 'strict'] as const) {
    expect((await sender.fetch(`${url}/v4/loans?x=%2F`, { to: lender.id, form })).status).toBe(200);
  }
  server.close();
});

test('a strict signature is for this place, also where the request line names another', () => {
  const place = placeOf('https://Lender.example/v4');
  const targetOf = (requestTarget: string) => targetsOf(requestTarget, place).target;
  expect(targetOf('/loans?x=1')).toBe('https://lender.example/v4/loans?x=1');
  expect(targetOf('http://LENDER.example/loans')).toBe('https://lender.example/v4/loans');
  for (const strange of [
    'http://evil.example/loans',
    'http://lender.example@evil.example/',
    'http://evil@lender.example/',
    '*',
  ])
    expect(targetOf(strange)).toBe('');
});

test('an answer that was complete stands, whatever its handler throws then', async () => {
  const server = createServer(
    forNode({ participant: receiver }, async (_request, response) => {
      response.end('complete');
      throw new Error('afterwards');
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await (await sender.fetch(url, { to: lender.id })).text()).toBe('complete');
  server.close();
});
