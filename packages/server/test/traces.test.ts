/** Spans, as an SDK of OpenTelemetry in the process gets them. */

import { createTokenSource, tracedFetch } from '@countersign/client';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { corporateAt, corporateNetwork, passwords } from './support/passwords.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const exporter = new InMemorySpanExporter();
const secret = 'agent-secret-for-tests-only';
const traceId = '0af7651916cd43dd8448eb211c80319c';
const parent = `00-${traceId}-b7ad6b7169203331-01`;
let server: TestServer;

beforeAll(async () => {
  const [dev] = corporateNetwork().realms;
  const agent = { id: 'agent', role: 'LENDER', status: 'APPROVED', client: { id: 'agent', secret } };
  server = await testServer({ network: { realms: [{ ...dev, participants: [agent] }] } });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
});
afterAll(async () => {
  trace.disable();
  context.disable();
  propagation.disable();
  await server?.close();
});
beforeEach(() => exporter.reset());

const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
const one = (name: string) => {
  const [span] = named(name);
  if (span === undefined) throw new Error(`no span ${name}`);
  return span;
};
const tokenRoute = 'POST /realms/:realm/protocol/openid-connect/token';

describe('a request', () => {
  test('has a span with its route, status and request id, and the signature within it', async () => {
    await obtainToken(server.issuer(), 'agent', secret);
    const { attributes, parentSpanContext } = one(tokenRoute);
    expect(attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/realms/:realm/protocol/openid-connect/token',
      'http.response.status_code': 200,
      'countersign.request_id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(parentSpanContext).toBeUndefined();
    const signed = one('countersign.sign');
    expect(signed.parentSpanContext?.spanId).toBe(one(tokenRoute).spanContext().spanId);
    expect(signed.attributes).toEqual({ 'countersign.alg': 'ES256', 'countersign.typ': expect.any(String) });
  });

  test('that is refused has the code of the refusal', async () => {
    const headers = { 'x-request-id': 'none' };
    const answer = await fetch(`${server.url}/realms/dev/admin/clients`, { headers });
    const { attributes } = one('GET /realms/:realm/admin/clients');
    expect(attributes['countersign.problem']).toBe('token.missing');
    expect(attributes['http.response.status_code']).toBe(401);
    expect(attributes['countersign.request_id']).toBe(answer.headers.get('x-request-id'));
  });

  test('that changes something has its transaction within it, and a login its hash', async () => {
    const { admin } = corporateAt(server);
    await admin('/realms/dev/passwords/cred-1/create', { password: { value: passwords.first } });
    const changed = exporter.getFinishedSpans().find(({ name }) => name.includes('passwords')) as ReadableSpan;
    for (const name of ['countersign.transaction', 'countersign.hash'])
      expect(one(name).parentSpanContext?.spanId, name).toBe(changed.spanContext().spanId);
  });

  test('of a remote procedure has its name and status', async () => {
    const path = '/grpc.health.v1.Health/Check';
    await fetch(server.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    expect(one(path.slice(1)).attributes).toMatchObject({ 'rpc.system': 'connect', 'rpc.response.status_code': 0 });
  });
});

describe('the trace of a caller', () => {
  const asked = (headers: Record<string, string>) => fetch(`${server.url}/healthz`, { headers });

  test('is taken from traceparent', async () => {
    await asked({ traceparent: parent, tracestate: 'a=1' });
    const span = one('GET /healthz');
    expect(span.spanContext().traceId).toBe(traceId);
    expect(span.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
  });

  test.each([
    ['no hex', '00-xyz-b7ad6b7169203331-01'],
    ['zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
    ['another version', `ff-${traceId}-b7ad6b7169203331-01`],
    ['two of them', `${parent}, ${parent}`],
    ['very long', parent + 'a'.repeat(8_000)],
    ['empty', ''],
  ])('is its own where traceparent is %s', async (_, traceparent) => {
    expect((await asked({ traceparent })).status).toBe(200);
    expect(one('GET /healthz').spanContext().traceId).not.toBe(traceId);
  });

  test('is passed on by the SDK, without baggage, and reaches the span of the server', async () => {
    const sent: Headers[] = [];
    const watched = (url: string, init: RequestInit) => {
      sent.push(new Headers(init.headers));
      return fetch(url, init);
    };
    const source = createTokenSource({
      issuer: server.issuer(),
      clientId: 'agent',
      clientSecret: secret,
      fetch: tracedFetch(watched),
    });
    const outer = await trace.getTracer('app').startActiveSpan('outer', async (span) => {
      await source.token();
      span.end();
      return span.spanContext();
    });
    expect(one(tokenRoute).spanContext().traceId).toBe(outer.traceId);
    for (const headers of sent) {
      expect(headers.get('traceparent')).toContain(outer.traceId);
      expect(headers.get('baggage')).toBeNull();
    }
  });
});

test('no span holds a secret, a token, a name or a path', async () => {
  await obtainToken(server.issuer(), 'agent', secret);
  const session = await corporateAt(server).session('alice@acme.example', passwords.first);
  const token = await server.adminToken();
  const authorization = `Bearer ${token}`;
  await fetch(`${server.url}/realms/dev/admin/clients/client-of-somebody?q=s3cret`, { headers: { authorization } });
  await fetch(`${server.url}/sessions/own`, { headers: { authorization: `Bearer ${session}` } });
  const shown = JSON.stringify(
    exporter.getFinishedSpans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
  );
  for (const hidden of [secret, token, session, 's3cret', 'client-of-somebody', 'alice', '"agent"', passwords.first])
    expect(shown).not.toContain(hidden);
});
