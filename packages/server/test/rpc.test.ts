import { createHash } from 'node:crypto';
import { fromBinary, toBinary, toJsonString } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import {
  BadRequestSchema,
  CreateWalletRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
  WalletService,
} from '@countersign/client/rpc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Problem, problemCodes, rendering } from '../src/kernel/problem.ts';
import { eventually } from './support/eventually.ts';
import { type GrpcClient, grpcClient, testServices } from './support/rpc.ts';
import { type TestServer, testServer } from './support/server.ts';

let server: TestServer;
let grpc: GrpcClient;
const rig = testServices();
const origin = 'https://app.example';
beforeAll(async () => {
  server = await testServer({ services: rig.services, env: { COUNTERSIGN_CORS_ORIGINS: origin } });
  grpc = grpcClient(server.url.replace('http://', ''), ['countersign/v1/wallet.proto']);
});
afterAll(async () => {
  grpc.close();
  await server.close();
});

const requestId = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const wallets = 'countersign.v1.WalletService';
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** As `curl --json` does it. */
async function post(path: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: body as string,
  });
  const text = await response.text();
  return { response, status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
}

const transports: Readonly<Record<string, (more?: object) => Transport>> = {
  'gRPC (connect-node)': (more) => createGrpcTransport({ baseUrl: server.url, ...more }),
  'gRPC-Web (connect-web)': (more) => createGrpcWebTransport({ baseUrl: server.url, ...more }),
  'Connect (connect-web)': (more) => createConnectTransport({ baseUrl: server.url, useBinaryFormat: true, ...more }),
  'Connect JSON (connect-web)': (more) => createConnectTransport({ baseUrl: server.url, ...more }),
};

describe.each(Object.entries(transports))('%s', (name, transport) => {
  const request = {
    $typeName: 'countersign.v1.CreateWalletRequest' as const,
    signedRequest: Buffer.from('{"type":"CreateWallet"}'),
    description: 'Ünser',
  };

  test('carries the request, its exact bytes, and the answer with its metadata', async () => {
    let headers = new Headers();
    const answer = await createClient(WalletService, transport()).createWallet(request, {
      onHeader: (told) => {
        headers = told;
      },
    });
    const bytes = name.includes('JSON')
      ? toJsonString(CreateWalletRequestSchema, request)
      : toBinary(CreateWalletRequestSchema, request);
    expect(answer).toMatchObject({ capability: '{"type":"CreateWallet"}', invoker: sha256(bytes), walletId: 'dev' });
    expect(JSON.parse(Buffer.from(answer.zcap).toString())).toEqual({
      description: 'Ünser',
      source: '127.0.0.1',
      procedure: `/${wallets}/CreateWallet`,
    });
    expect(headers.get('x-request-id')).toMatch(requestId);
    expect(headers.get('x-answer')).toBe('said before');
  });

  test('carries a refusal: its status, its text, its details, and nothing of the cause', async () => {
    const client = createClient(WalletService, transport());
    const refusal = (walletId: string) =>
      client.getWallet({ walletId }).then(
        () => undefined,
        (thrown: unknown) => ConnectError.from(thrown),
      );
    const known = await refusal('attempt.throttled');
    expect(known).toMatchObject({ code: Code.ResourceExhausted, rawMessage: 'What the rule says.' });
    const [info] = known?.findDetails(ErrorInfoSchema) ?? [];
    expect(info).toMatchObject({ reason: 'attempt.throttled', domain: 'countersign' });
    expect(info?.metadata['requestId']).toMatch(requestId);
    expect(known?.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe('wallet_id');
    expect(known?.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(7n);

    const fault = await refusal('fault');
    expect(fault).toMatchObject({ code: Code.Internal, rawMessage: rendering(new Problem('internal')).text });
    expect(
      JSON.stringify(fault?.details.map((detail) => ('value' in detail ? String(detail.value) : ''))),
    ).not.toContain('secret of ours');
    const id = fault?.findDetails(ErrorInfoSchema)[0]?.metadata['requestId'] as string;
    expect(server.logged.find((line) => line.includes(id) && line.includes('a secret of ours'))).toBeDefined();
  });

  test('asks who the caller is with a challenge (RFC 6750)', async () => {
    const refused = await createClient(WalletService, transport())
      .getWallet({ walletId: 'token.missing' })
      .catch((thrown: unknown) => ConnectError.from(thrown));
    expect(refused).toMatchObject({ code: Code.Unauthenticated });
    expect((refused as ConnectError).metadata.get('www-authenticate')).toBe('Bearer realm="dev"');
  });

  test('ends a call at its deadline, though the rule goes on', async () => {
    const gate = rig.gate(`slow ${name}`);
    const started = performance.now();
    const late = createClient(WalletService, transport()).getWallet({ walletId: `slow ${name}` }, { timeoutMs: 150 });
    await expect(late).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect(performance.now() - started).toBeLessThan(5_000);
    gate.release();
  });

  test('tells the rule when the caller has gone', async () => {
    const gate = rig.gate(`gone ${name}`);
    const leaving = new AbortController();
    const lost = createClient(WalletService, transport())
      .getWallet({ walletId: `gone ${name}` }, { signal: leaving.signal })
      .catch((thrown: unknown) => ConnectError.from(thrown).code);
    await gate.entered;
    const { signal } = rig.calls.at(-1) as (typeof rig.calls)[number];
    expect(signal.aborted).toBe(false);
    leaving.abort();
    expect(await lost).toBe(Code.Canceled);
    await eventually(() => signal.aborted, 5_000);
    gate.release();
  });

  test('has no method that nobody has written a handler for', async () => {
    const refused = createClient(WalletService, transport()).grantAccess({});
    await expect(refused).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  test('takes a realm from the metadata and refuses one that is not there', async () => {
    const client = createClient(WalletService, transport());
    const inRealm = (realm: string) => client.createWallet({}, { headers: { realm } });
    expect((await inRealm('system')).walletId).toBe('system');
    await expect(inRealm('nowhere')).rejects.toMatchObject({ code: Code.NotFound });
    await expect(inRealm('../dev')).rejects.toMatchObject({ code: Code.NotFound });
  });
});

describe('grpc-js with proto-loader', () => {
  test('calls, compressed or not, and the bytes are those before compression', async () => {
    const request = { signed_request: Buffer.from('x'.repeat(5_000)), description: 'd' };
    const expected = sha256(
      toBinary(CreateWalletRequestSchema, {
        $typeName: 'countersign.v1.CreateWalletRequest',
        signedRequest: request.signed_request,
        description: 'd',
      }),
    );
    for (const gzip of [false, true]) {
      const { value, headers } = await grpc.call(wallets, 'CreateWallet', request, { gzip });
      expect(value).toMatchObject({ wallet_id: 'dev', invoker: expected });
      expect(headers.get('x-request-id')[0]).toMatch(requestId);
    }
  });

  test('sees the status of every problem, and INTERNAL only for faults of ours', async () => {
    for (const code of problemCodes) {
      const { error } = await grpc.call(wallets, 'GetWallet', { wallet_id: code });
      const { grpc: status, status: http, text } = rendering(new Problem(code));
      expect([code, error?.code]).toEqual([code, status]);
      expect(error?.details).toBe(http >= 500 ? text : 'What the rule says.');
      expect(status === 13).toBe(http === 500);
    }
  });

  test('reads ErrorInfo in the trailers', async () => {
    const { error } = await grpc.call(wallets, 'GetWallet', { wallet_id: 'realm.unknown' });
    const details = error?.metadata.get('grpc-status-details-bin')[0] as Buffer;
    expect(details.toString('latin1')).toContain('type.googleapis.com/google.rpc.ErrorInfo');
    expect(details.toString('latin1')).toContain('realm.unknown');
  });

  test('has both values of metadata that it sends twice', async () => {
    const { value } = await grpc.call(wallets, 'GetWallet', { wallet_id: 'w' }, { metadata: { 'x-said': ['a', 'b'] } });
    expect(value).toMatchObject({ wallet_id: 'w', description: 'a, b' });
  });

  test('is told UNIMPLEMENTED for a service that is not mounted', async () => {
    const { error } = await grpc.call('countersign.v1.SecureService', 'Request', { message: Buffer.from('x') });
    expect(error).toMatchObject({ code: 12 });
  });
});

describe('plain JSON over HTTP', () => {
  test('goes by the prefix of a realm, the metadata, or to the default realm', async () => {
    const realmOf = async (path: string, headers = {}) =>
      (await post(`${path}/${wallets}/CreateWallet`, '{}', headers)).body.walletId;
    expect(await realmOf('')).toBe('dev');
    expect(await realmOf('/realms/dev')).toBe('dev');
    expect(await realmOf('/realms/system')).toBe('system');
    expect(await realmOf('', { realm: 'system' })).toBe('system');
    expect(await realmOf('/realms/system', { realm: 'system' })).toBe('system');
  });

  test.each([
    ['/realms/nowhere', {}, 404, 'not_found', 'realm.unknown'],
    ['/realms/DEV', {}, 404, 'not_found', 'realm.unknown'],
    ['/realms/%64ev', {}, 404, 'not_found', 'realm.unknown'],
    ['/realms/', {}, 404, 'not_found', 'realm.unknown'],
    ['', { realm: 'nowhere' }, 404, 'not_found', 'realm.unknown'],
    ['', { realm: '' }, 404, 'not_found', 'realm.unknown'],
    ['', { realm: 'dev, system' }, 404, 'not_found', 'realm.unknown'],
    ['/realms/dev', { realm: 'system' }, 400, 'invalid_argument', 'request.invalid'],
    ['/realms/nowhere', { realm: 'dev' }, 400, 'invalid_argument', 'request.invalid'],
  ])('%s with metadata %j is refused with %i', async (prefix, headers, status, code, reason) => {
    const answer = await post(`${prefix}/${wallets}/CreateWallet`, '{}', headers);
    expect(answer.status).toBe(status);
    expect(answer.body.code).toBe(code);
    const { value } = answer.body.details[0] as { value: string };
    expect(fromBinary(ErrorInfoSchema, Buffer.from(value, 'base64')).reason).toBe(reason);
    expect(answer.response.headers.get('x-request-id')).toMatch(requestId);
  });

  test('digests the body as it was sent, spaces and all', async () => {
    const body = '{ "description" : "d" }';
    expect((await post(`/${wallets}/CreateWallet`, body)).body.invoker).toBe(sha256(body));
    const typed = { 'content-type': 'Application/JSON; charset=UTF-8' };
    expect((await post(`/${wallets}/CreateWallet`, body, typed)).body.invoker).toBe(sha256(body));
  });

  test.each([
    ['{"description":"a","description":"b"}', /description occurs twice/],
    ['{"descriptoin":"a"}', /CreateWalletRequest.*descriptoin/],
    ['{"description":5}', /description/],
    ['{"signedRequest":"*"}', /signed_?request/i],
    ['[]', /CreateWalletRequest/],
    ['', /JSON/],
    ['{', /JSON/],
    [`${'['.repeat(10_000)}`, /JSON/],
  ])('%.40s is refused, and the refusal says where', async (body, message) => {
    const answer = await post(`/${wallets}/CreateWallet`, body);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_argument']);
    expect(answer.body.message).toMatch(message);
  });

  test.each([
    ['POST', `/${wallets}/CreateWallet`, 'text/plain', 415],
    ['POST', `/${wallets}/CreateWallet`, 'application/x-www-form-urlencoded', 415],
    ['POST', `/${wallets}/CreateWallet`, 'application/grpc-web-text', 415],
    ['POST', `/${wallets}/CreateWallet`, 'application/connect+json', 415],
    ['POST', `/${wallets}/CreateWallet`, 'application/json; charset=latin1', 415],
    ['POST', `/${wallets}/CreateWallet`, '__proto__', 415],
    ['GET', `/${wallets}/CreateWallet`, undefined, 405],
    ['PUT', `/${wallets}/CreateWallet`, 'application/json', 405],
    ['POST', `/${wallets}/Nothing`, 'application/json', 404],
    ['POST', `/${wallets}/GrantAccess`, 'application/json', 404],
    ['POST', `/x/y/${wallets}/CreateWallet`, 'application/json', 404],
    ['POST', '/realms/dev/grpc.health.v1.Health/Check', 'application/json', 404],
  ])('%s %s as %s is %i, a problem document with a request id', async (method, path, type, status) => {
    const response = await fetch(server.url + path, {
      method,
      ...(type === undefined ? {} : { headers: { 'content-type': type } }),
      ...(method === 'GET' ? {} : { body: '{}' }),
    });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ status, requestId: response.headers.get('x-request-id') });
    if (status === 405) expect(response.headers.get('allow')).toBe('POST');
  });
});

describe('a page of another origin', () => {
  const ask = (from: string, method = 'POST') =>
    fetch(`${server.url}/${wallets}/CreateWallet`, {
      method,
      headers: {
        origin: from,
        ...(method === 'POST'
          ? { 'content-type': 'application/json' }
          : { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,x-grpc-web' }),
      },
      ...(method === 'POST' ? { body: '{}' } : {}),
    });

  test('may call when it is configured, and reads the status of gRPC-Web', async () => {
    const preflight = await ask(origin, 'OPTIONS');
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('x-grpc-web');
    const { headers } = await ask(origin);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('access-control-expose-headers')).toContain('grpc-status-details-bin');
  });

  test('may not otherwise', async () => {
    const { headers } = await ask('https://evil.example');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('vary')).toBe('origin');
  });
});

test('metrics count calls by procedure, protocol and status, and strangers make no series', async () => {
  await grpc.call(wallets, 'GetWallet', { wallet_id: 'realm.unknown' });
  await post('/realms/dev/invented.Service/Method', '{}', { 'content-type': 'application/grpc-web' });
  const text = await (await fetch(`${server.url}/metrics`)).text();
  expect(text).toMatch(
    /countersign_rpc_calls_total\{procedure="\/countersign\.v1\.WalletService\/GetWallet",protocol="grpc",status="5"\} \d/,
  );
  expect(text).toMatch(
    /countersign_rpc_call_seconds_count\{procedure="\/countersign\.v1\.WalletService\/GetWallet"\} \d/,
  );
  expect(text).not.toContain('invented');
});

test('the log joins a refusal with the request id that the caller has', async () => {
  const { response } = await post('/realms/nowhere/countersign.v1.WalletService/CreateWallet', '{}');
  const id = response.headers.get('x-request-id') as string;
  const line = server.logged.find((one) => one.includes(id) && one.includes('realm.unknown'));
  expect(JSON.parse(line as string)).toMatchObject({ route: `/${wallets}/CreateWallet`, source: '127.0.0.1' });
});
