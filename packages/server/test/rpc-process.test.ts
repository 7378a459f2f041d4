import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Health } from '../src/rpc/gen/grpc/health/v1/health_pb.ts';
import { ServerReflection, type ServerReflectionResponse } from '../src/rpc/gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionV1alpha } from '../src/rpc/gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { type GrpcClient, grpcClient, testServices } from './support/rpc.ts';
import { type TestServer, testServer } from './support/server.ts';

let server: TestServer;
let grpc: GrpcClient;
beforeAll(async () => {
  server = await testServer({ services: testServices().services });
  grpc = grpcClient(server.url.replace('http://', ''), [
    'grpc/health/v1/health.proto',
    'grpc/reflection/v1/reflection.proto',
    'grpc/reflection/v1alpha/reflection.proto',
  ]);
});
afterAll(async () => {
  grpc.close();
  await server.close();
});

const mounted = [
  'countersign.v1.AuthService',
  'countersign.v1.WalletService',
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

describe('health', () => {
  test.each(['', 'countersign.v1.WalletService', 'grpc.health.v1.Health'])('of %s is SERVING', async (service) => {
    const { value } = await grpc.call('grpc.health.v1.Health', 'Check', { service });
    expect(value).toEqual({ status: 'SERVING' });
  });

  test.each(['countersign.v1.SecureService', '/', 'x'.repeat(1_000)])('of %.40s is NOT_FOUND', async (service) => {
    const { error } = await grpc.call('grpc.health.v1.Health', 'Check', { service });
    expect(error?.code).toBe(5);
  });

  test('knows no realm, so one that is not there does not matter to it', async () => {
    const { value } = await grpc.call('grpc.health.v1.Health', 'Check', {}, { metadata: { realm: 'nowhere' } });
    expect(value).toEqual({ status: 'SERVING' });
  });

  test('says what /readyz says', async () => {
    const broken = await testServer();
    const client = createClient(Health, createGrpcTransport({ baseUrl: broken.url }));
    const both = async () => [(await fetch(`${broken.url}/readyz`)).status, (await client.check({})).status];
    expect(await both()).toEqual([200, 1]);
    const watched = client.watch({})[Symbol.asyncIterator]();
    expect((await watched.next()).value?.status).toBe(1);
    const { hold } = broken.context.store;
    const { renew } = hold;
    Object.assign(hold, { renew: () => Promise.reject(new Error('gone')) });
    expect(await both()).toEqual([500, 2]);
    expect((await watched.next()).value?.status).toBe(2);
    Object.assign(hold, { renew });
    expect((await watched.next()).value?.status).toBe(1);
    await broken.close();
  });

  test('tells those who watch that the server stops, and does not keep it', async () => {
    const stopping = await testServer();
    const client = createClient(Health, createGrpcTransport({ baseUrl: stopping.url }));
    const told: number[] = [];
    const watching = (async () => {
      for await (const { status } of client.watch({})) told.push(status);
    })().catch((thrown: unknown) => (thrown as { code: number }).code);
    const unknown = client.watch({ service: 'nobody' })[Symbol.asyncIterator]();
    expect((await unknown.next()).value?.status).toBe(3);
    const started = performance.now();
    await stopping.close();
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(await watching).toBe(14);
    expect(told).toEqual([1, 2]);
  });
});

describe.each([
  ['v1', ServerReflection],
  ['v1alpha', ServerReflectionV1alpha],
] as const)('reflection %s', (_version, service) => {
  async function reflect(...asked: readonly { case: string; value: unknown }[]) {
    const client = createClient(service as typeof ServerReflection, createGrpcTransport({ baseUrl: server.url }));
    const requests = (async function* () {
      for (const messageRequest of asked) yield { host: 'h', messageRequest } as never;
    })();
    const answers: ServerReflectionResponse[] = [];
    for await (const answer of client.serverReflectionInfo(requests)) answers.push(answer);
    return answers;
  }

  const first = async (asked: { case: string; value: unknown }) =>
    (await reflect(asked))[0] as ServerReflectionResponse;

  test('lists what is mounted, and nothing else', async () => {
    const answer = await first({ case: 'listServices', value: '' });
    expect(answer.messageResponse.case).toBe('listServicesResponse');
    const { service: found } = answer.messageResponse.value as { service: { name: string }[] };
    expect(found.map(({ name }) => name)).toEqual(mounted);
    expect(answer).toMatchObject({ validHost: 'h', originalRequest: { messageRequest: { case: 'listServices' } } });
  });

  test('gives a foreign client all that it needs to call', async () => {
    const answer = await first({ case: 'fileContainingSymbol', value: 'countersign.v1.WalletService' });
    const { fileDescriptorProto } = answer.messageResponse.value as { fileDescriptorProto: Uint8Array[] };
    // FileDescriptorSet { repeated FileDescriptorProto file = 1; }
    const set = Buffer.concat(fileDescriptorProto.flatMap((file) => [Buffer.from([0x0a]), varint(file.length), file]));
    const definition = loadPackageDefinition(loadFileDescriptorSetFromBuffer(set, { keepCase: true }));
    const { WalletService } = (definition['countersign'] as { v1: Record<string, never> }).v1;
    type Call = (request: object, told: (error: ServiceError | null, value: object) => void) => void;
    const client = new (
      WalletService as unknown as new (
        address: string,
        channel: unknown,
      ) => { getWallet: Call } & {
        close(): void;
      }
    )(server.url.replace('http://', ''), credentials.createInsecure());
    onTestFinished(() => client.close());
    const value = await new Promise((resolve, reject) =>
      client.getWallet({ wallet_id: 'reflected' }, (error, wallet) => (error ? reject(error) : resolve(wallet))),
    );
    expect(value).toMatchObject({ wallet_id: 'reflected' });
  });

  test.each([
    ['fileContainingSymbol', 'countersign.v1.WalletService.CreateWallet', true],
    ['fileContainingSymbol', 'countersign.v1.CreateWalletRequest', true],
    ['fileContainingSymbol', 'countersign.v1.CreateWalletRequest.signed_request', true],
    ['fileContainingSymbol', 'countersign.v1.ParticipantType', true],
    ['fileContainingSymbol', 'grpc.health.v1.HealthCheckResponse.ServingStatus', true],
    ['fileByFilename', 'countersign/v1/wallet.proto', true],
    ['fileByFilename', 'google/protobuf/struct.proto', true],
    ['fileByFilename', '../../../etc/passwd', false],
    ['fileContainingSymbol', '__proto__', false],
    ['fileContainingSymbol', '', false],
    ['allExtensionNumbersOfType', 'countersign.v1.Wallet', true],
    ['allExtensionNumbersOfType', 'nothing', false],
    ['fileContainingExtension', { containingType: 'countersign.v1.Wallet', extensionNumber: 1 }, false],
  ])('%s %s', async (what, value, known) => {
    const answer = await first({ case: what, value });
    if (known) expect(answer.messageResponse.case).not.toBe('errorResponse');
    else expect(answer.messageResponse).toMatchObject({ case: 'errorResponse', value: { errorCode: 5 } });
  });

  test('answers one question after the other, and a thousand at most', async () => {
    const list = { case: 'listServices', value: '' };
    expect(await reflect(list, { case: 'fileByFilename', value: 'x' }, list)).toHaveLength(3);
    await expect(reflect(...Array<typeof list>(1_001).fill(list))).rejects.toMatchObject({ code: 8 });
  });
});

test('Connect streams work too, and end with the refusal', async () => {
  const client = createClient(
    Health,
    createConnectTransport({ baseUrl: server.url, httpVersion: '2', useBinaryFormat: false }),
  );
  for await (const { status } of client.watch({})) {
    expect(status).toBe(1);
    break;
  }
});

test('a server without wallet rules mounts nothing that pretends', async () => {
  const bare = await testServer({ services: [] });
  onTestFinished(() => bare.close());
  const path = `${bare.url}/countersign.v1.WalletService/CreateWallet`;
  const json = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  expect(json.status).toBe(404);
  const web = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto' },
    body: '',
  });
  expect([web.status, web.headers.get('grpc-status'), web.headers.get('content-type')]).toEqual([
    200,
    '12',
    'application/grpc-web+proto',
  ]);
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left]);
    bytes.push((left & 0x7f) | 0x80);
  }
}
