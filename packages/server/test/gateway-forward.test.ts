/** Two plain applications, each beside its gateway, that talk to each other; and what the forward port refuses. */

import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { fixedKeys, type Participant, parsePublicJwk, verifyGatewaySubject } from '@countersign/client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { send } from '../../client/test/support/raw-request.ts';
import { answering } from '../src/gateway/call.ts';
import { forward } from '../src/gateway/forward.ts';
import { listen } from '../src/gateway/listener.ts';
import type { Gateway } from '../src/gateway/start.ts';
import { createLog } from '../src/kernel/log.ts';
import {
  type Application,
  addressOf,
  application,
  gatewayOf,
  type Received,
  type Town,
  town,
} from './support/gateway.ts';

let place: Town;
let lenderApp: Application;
let agentApp: Application;
let lenderGateway: Gateway;
let agentGateway: Gateway;
/** Where the stranger's base URL leads: it signs nothing, or what a test wants. */
let strange: Server;
let strangeAnswer: (response: ServerResponse, path: string) => void;
let strangeCalls: string[] = [];
let stranger: Participant;

const acknowledge = (received: Received, response: ServerResponse) =>
  void response
    .writeHead(202, { 'content-type': 'application/json', 'x-app': 'lender' })
    .end(JSON.stringify({ ack: received.body.toString(), path: received.url }));
let lenderAnswer: (received: Received, response: ServerResponse) => void = acknowledge;

beforeAll(async () => {
  place = await town();
  lenderApp = await application((received, response) => lenderAnswer(received, response));
  agentApp = await application();
  lenderGateway = await gatewayOf(place, 'lender', lenderApp.url);
  agentGateway = await gatewayOf(place, 'agent', agentApp.url, {
    timeout: 1_000,
    maxBody: 100_000,
    maxResponse: 200_000,
  });
  stranger = place.sdk('stranger');
  strange = createServer((request, response) => {
    strangeCalls.push(request.url ?? '');
    request.resume();
    strangeAnswer(response, request.url ?? '');
  });
  strange.listen(addressOf(place.baseUrls.stranger));
  await once(strange, 'listening');
});

afterEach(() => {
  lenderAnswer = acknowledge;
  for (const { received } of [lenderApp, agentApp]) received.length = 0;
  strangeCalls = [];
});

afterAll(async () => {
  await Promise.all([lenderGateway?.stop(), agentGateway?.stop()]);
  strange?.closeAllConnections();
  strange?.close();
  await Promise.all([lenderApp?.close(), agentApp?.close()]);
  await place?.close();
});

const from = (gateway: Gateway) => gateway.forwardUrl as string;

describe('from one plain application to another, through both gateways', () => {
  test('a message goes out, and its answer comes back, both verified', async () => {
    const body = '{"loan":1000}';
    const answer = await send(from(agentGateway), {
      path: '/lender/loans?x=%2F',
      body,
      headers: ['content-type', 'application/json', 'x-own', '1', 'authorization', 'Bearer of-the-application'],
    });
    expect(answer.status).toBe(202);
    expect(answer.json()).toEqual({ ack: body, path: '/loans?x=%2F' });
    expect(answer.headers['x-app']).toBe('lender');
    expect(answer.headers['x-countersign-verified']).toMatch(
      /^participant="lender", form=rfc7797, binding=bytes, thumbprint="[\w-]{43}"$/,
    );
    const { headers, rawHeaders } = lenderApp.received[0] as Received;
    expect(headers['x-own']).toBe('1');
    expect(rawHeaders.join()).not.toContain('of-the-application');
    const jwks = await (await fetch(`${lenderGateway.adminUrl}/.well-known/countersign-gateway/jwks.json`)).json();
    const parsed = parsePublicJwk((jwks as { keys: never[] }).keys[0] as never);
    if (!parsed.ok) throw new Error('The key of the gateway is good.');
    const subject = await verifyGatewaySubject(
      {
        subject: headers['x-countersign-subject'],
        method: 'POST',
        requestTarget: '/loans?x=%2F',
        body: Buffer.from(body),
      },
      { keys: fixedKeys([parsed.key]), audience: lenderApp.url },
    );
    expect(subject.participantId).toBe('agent');
  });

  test('and the other way', async () => {
    const answer = await send(from(lenderGateway), { path: '/agent/callback', body: '{"offer":1}' });
    expect([answer.status, answer.body.toString()]).toEqual([200, 'ok']);
    expect(agentApp.received[0]?.body.toString()).toBe('{"offer":1}');
  });

  test.each(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('with %s', async (method) => {
    const answer = await send(from(agentGateway), { method, path: '/lender/loans' });
    expect(answer.status).toBe(202);
    expect(lenderApp.received[0]).toMatchObject({ method, url: '/loans' });
  });

  test('with HEAD, and an answer without a body', async () => {
    expect((await send(from(agentGateway), { method: 'HEAD', path: '/lender/loans' })).status).toBe(202);
    lenderAnswer = (_, response) => void response.writeHead(204).end();
    expect((await send(from(agentGateway), { path: '/lender/loans', body: '{}' })).status).toBe(204);
  });

  test('to the participant that a field names', async () => {
    const headers = ['x-countersign-to', 'lender'];
    const answer = await send(from(agentGateway), { path: '/loans', body: '{}', headers });
    expect(answer.status).toBe(202);
    expect(lenderApp.received[0]?.url).toBe('/loans');
    expect(lenderApp.received[0]?.headers).not.toHaveProperty('x-countersign-to');
  });

  test('a refusal of the other application is passed on: it is signed', async () => {
    lenderAnswer = (_, response) => void response.writeHead(409, { 'set-cookie': ['a=1', 'b=2'] }).end('{"no":1}');
    const answer = await send(from(agentGateway), { path: '/lender/loans', body: '{}' });
    expect([answer.status, answer.body.toString()]).toEqual([409, '{"no":1}']);
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });

  test('a redirect is an answer, and is followed by nobody', async () => {
    lenderAnswer = (_, response) => void response.writeHead(307, { location: place.baseUrls.stranger }).end();
    const answer = await send(from(agentGateway), { path: '/lender/loans', body: '{}' });
    expect([answer.status, answer.headers.location]).toEqual([307, place.baseUrls.stranger]);
    expect(strangeCalls).toEqual([]);
  });
});

const code = (answer: { json(): Record<string, unknown> }) => answer.json().code;

describe('no open proxy', () => {
  test.each([
    ['gateway.recipient_unknown', 404, { path: '/nobody/loans' }],
    ['gateway.recipient_unknown', 404, { path: '/127.0.0.1:9/loans' }],
    ['gateway.recipient_unknown', 404, { path: '/http:%2F%2F127.0.0.1/loans' }],
    ['gateway.recipient_unknown', 404, { path: '/../admin' }],
    ['gateway.recipient_unknown', 404, { path: '/%2e%2e/admin' }],
    ['gateway.recipient', 400, { path: '/' }],
    ['gateway.recipient', 400, { path: '//lender/loans' }],
    ['gateway.recipient', 400, { path: '/%zz/loans' }],
    ['gateway.target', 400, { path: 'http://127.0.0.1:9/lender' }],
    ['gateway.target', 400, { path: '*', method: 'OPTIONS' }],
    ['gateway.target', 400, { path: '/lender/../stranger' }],
    ['gateway.target', 400, { path: '/lender/%2e%2e/stranger' }],
    ['gateway.target', 400, { path: '/lender/a?b=<c>' }],
    ['gateway.target', 400, { path: '/lender/a\\b' }],
    ['request.invalid', 400, { path: '.evil.example/', headers: ['x-countersign-to', 'lender'] }],
    ['gateway.recipient', 400, { path: '/a', headers: ['x-countersign-to', ''] }],
    ['gateway.recipient', 400, { path: '/a', headers: ['x-countersign-to', 'lender', 'x-countersign-to', 'agent'] }],
    ['gateway.recipient_unusable', 409, { path: '/elsewhere/a' }],
    ['gateway.recipient_unusable', 409, { path: '/nowhere/a' }],
    ['gateway.browser', 403, { path: '/lender/a', headers: ['origin', 'https://evil.example'] }],
    ['gateway.browser', 403, { path: '/lender/a', headers: ['sec-fetch-site', 'cross-site'] }],
    ['gateway.browser', 403, { path: '/lender/a', host: 'evil.example' }],
    ['gateway.browser', 403, { path: '/lender/a', host: '127.0.0.1.evil.example' }],
    ['gateway.upgrade', 400, { path: '/lender/a', headers: ['connection', 'upgrade', 'upgrade', 'websocket'] }],
    ['request.method', 405, { path: '/lender/a', method: 'TRACE' }],
    ['request.invalid', 400, { path: '/lender/a', method: 'GET', chunked: 1, body: '{}' }],
    ['body.too_large', 413, { path: '/lender/a', body: 'x'.repeat(100_001) }],
  ] as const)('%s: %i (%#)', async (expected, status, request) => {
    const refused = await send(from(agentGateway), request);
    expect([refused.status, code(refused)]).toEqual([status, expected]);
    expect([lenderApp.received.length, strangeCalls.length]).toEqual([0, 0]);
  });

  test('a base URL on this machine counts for nothing where the realm is elsewhere', async () => {
    const options = {
      ...{ participant: place.sdk('agent'), isLocalRealm: false, allowPlainHttp: true, allowRemote: false },
      ...{ maxBody: 1_000, maxResponse: 1_000, spoolDir: tmpdir(), timeout: 1_000 },
    };
    const log = createLog('silent');
    const port = await listen({ host: '127.0.0.1', port: 0 }, () =>
      answering(forward(options), { direction: 'forward', log, count: () => {} }),
    );
    const refused = await send(port.url, { path: '/lender/a', body: '{}' });
    await port.stop();
    expect([refused.status, code(refused)]).toEqual([409, 'gateway.recipient_unusable']);
    expect(lenderApp.received).toHaveLength(0);
  });

  test('CONNECT makes no tunnel', async () => {
    const { hostname, port } = new URL(from(agentGateway));
    const socket = connect(Number(port), hostname);
    socket.write(`CONNECT ${new URL(place.baseUrls.stranger).host} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    const [said] = await once(socket, 'data');
    expect(String(said)).toMatch(/^HTTP\/1\.1 405 /);
    socket.destroy();
  });

  test.each(['0.0.0.0', '192.0.2.1', 'gateway.example', '[::]'])(
    'does not listen at %s unless told so loudly',
    async (host) => {
      for (const name of ['forwardListen', 'adminListen']) {
        const started = gatewayOf(place, 'stranger', agentApp.url, { [name]: { host, port: 0 } });
        await expect(started).rejects.toMatchObject({ code: 'config.invalid', message: expect.stringContaining(name) });
      }
    },
  );

  test('a participant that is suspended is not called', async () => {
    const gateway = await gatewayOf(place, 'agent', agentApp.url, { listen: { host: '127.0.0.1', port: 0 } });
    const administer = async (step: string) =>
      fetch(`${place.server.issuer()}/registry/participants/stranger/${step}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await place.server.adminToken()}`, 'content-type': 'application/json' },
        body: '{}',
      });
    expect((await administer('suspend')).status).toBe(200);
    const refused = await send(from(gateway), { path: '/stranger/a', body: '{}' });
    expect([refused.status, code(refused)]).toEqual([409, 'gateway.recipient_unusable']);
    expect(strangeCalls).toEqual([]);
    expect((await administer('reinstate')).status).toBe(200);
    await gateway.stop();
  });
});

describe('a response that is not verified is not passed on', () => {
  const signedBy = async (who: Participant, bytes: string, status = 200) =>
    who.sign(
      { kind: 'response', status, requestSignature: 'x', body: Buffer.from(bytes) },
      { form: 'rfc7797', to: 'agent' },
    );

  test.each([
    ['without a signature', 'response.unsigned', async () => ({}), 'body'],
    ['with a signature of another body', 'message.signature', async () => signedBy(stranger, 'other'), 'body'],
    [
      'with a signature of another participant',
      'message.signature',
      async () => signedBy(place.sdk('lender'), 'body'),
      'body',
    ],
    ['with a signature that is none', 'message.malformed', async () => ({ 'x-jws-signature': 'none' }), 'body'],
  ])('%s: %s', async (_, reason, sign, body) => {
    const fields = await sign();
    strangeAnswer = (response) => void response.writeHead(200, { ...fields, 'x-secret': '1' }).end(body);
    const refused = await send(from(agentGateway), { path: '/stranger/a', body: '{}' });
    expect(refused.status).toBe(502);
    expect(refused.json()).toMatchObject({ code: 'gateway.response_refused', reason });
    expect(refused.headers).not.toHaveProperty('x-secret');
    expect(refused.headers).not.toHaveProperty('x-countersign-verified');
  });

  test('with a good one it is; what it says of its verification is not', async () => {
    const fields = await signedBy(stranger, 'body');
    strangeAnswer = (response) =>
      void response.writeHead(200, { ...fields, 'x-countersign-verified': 'forged' }).end('body');
    const answer = await send(from(agentGateway), { path: '/stranger/a', body: '{}' });
    expect(answer.body.toString()).toBe('body');
    expect(answer.headers['x-countersign-verified']).toMatch(/^participant="stranger"/);
  });

  test('and one that is too large, too slow or broken off is none', async () => {
    const codes: unknown[] = [];
    for (const respond of [
      (response: ServerResponse) => void response.end(Buffer.alloc(200_001)),
      () => {},
      (response: ServerResponse) => void response.destroy(),
    ]) {
      strangeAnswer = respond;
      const refused = await send(from(agentGateway), { path: '/stranger/a', body: '{}' });
      codes.push([refused.status, code(refused)]);
    }
    expect(codes).toEqual([
      [502, 'gateway.response_too_large'],
      [504, 'gateway.upstream_timeout'],
      [502, 'gateway.upstream_unreachable'],
    ]);
  });
});

test('a realm that is gone is 503', async () => {
  const gateway = await gatewayOf(place, 'agent', agentApp.url, {
    listen: { host: '127.0.0.1', port: 0 },
    participant: {
      issuer: 'http://127.0.0.1:9/realms/dev',
      clientId: 'x',
      clientSecret: 'y',
      privateKey: place.keys.agent,
      form: 'rfc7797',
    },
  });
  const refused = await send(from(gateway), { path: '/lender/a', body: '{}' });
  expect([refused.status, code(refused)]).toEqual([503, 'gateway.not_ready']);
  expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(503);
  expect((await fetch(`${gateway.adminUrl}/healthz`)).status).toBe(200);
  await gateway.stop();
});
