/** What hostile sizes and depths cost a running server, at every entrance of wallets: processor time of its process, all threads. */
import { request } from 'node:http';
import { connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { cpuSeconds } from './support/cpu-time.ts';
import { serve } from './support/serve.ts';

const most = 50;
const megabytes = (count: number, byte = 0x20) => Buffer.alloc(count * 1024 * 1024, byte);
const nested = (depth: number) => Buffer.from('{"a":['.repeat(depth / 2) + ']}'.repeat(depth / 2));

/** Documents as a caller would put them where one is expected. */
const documents = {
  '10 MB of spaces': megabytes(10),
  '10 MB in one string': Buffer.concat([Buffer.from('{"proof":"'), megabytes(10, 0x61), Buffer.from('"}')]),
  'a depth of 10,000': nested(10_000),
  'a depth of 10,000 after a sound beginning': Buffer.concat([
    Buffer.from('{"@context":["https://w3id.org/zcap/v1"],"proof":'),
    nested(10_000),
    Buffer.from('}'),
  ]),
  'a thousand links': Buffer.from(
    `{"proof":{"capability":{"proof":{"capabilityChain":[${Array(1_000).fill('{"id":"urn:uuid:1"}').join()}]}}}}`,
  ),
  'fifty thousand members': Buffer.from(
    JSON.stringify(Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`m${i}`, i]))),
  ),
  'half a megabyte of base58': Buffer.from(`{"controller":"did:key:z${'2'.repeat(500_000)}"}`),
} as const;

type Status = number | 'closed';

const json = { 'content-type': 'application/json' };
const rpc = (name: string) => `/countersign.v1.${name}`;
const inField = (name: string) => (document: Buffer) => JSON.stringify({ [name]: document.toString('base64') });

interface Entrance {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: (document: Buffer) => string | Buffer;
}

const entrances: Readonly<Record<string, Entrance>> = {
  'a body of CreateWallet': { path: rpc('WalletService/CreateWallet'), headers: json, body: (document) => document },
  CreateWallet: { path: rpc('WalletService/CreateWallet'), headers: json, body: inField('signedRequest') },
  AcquireToken: { path: rpc('AuthService/AcquireToken'), headers: json, body: inField('invocation') },
  'a packed call': { path: rpc('SecureService/Request'), headers: json, body: inField('message') },
  'an exchange': {
    path: '/protocol/openid-connect/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: (document) =>
      new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type: 'urn:countersign:params:oauth:token-type:capability-invocation',
        subject_token: document.toString('base64url'),
        audience: 'https://orders.example',
      }).toString(),
  },
};

test('10 MB, depths, chains and gzip cost less than 50 ms of the server, and each is refused', {
  timeout: 300_000,
}, async () => {
  const server = await serve();
  const issuer = `${server.url}/realms/dev`;
  const pid = server.process.pid as number;
  const slow: string[] = [];
  const told: Record<string, string> = {};

  /** A median of seven, after two that warm up. */
  async function measure(what: string, send: () => Promise<Status>): Promise<void> {
    const costs: number[] = [];
    let status: Status = 'closed';
    for (let i = 0; i < 9; i++) {
      const before = cpuSeconds(pid);
      status = await send();
      if (i >= 2) costs.push((cpuSeconds(pid) - before) * 1_000);
    }
    const median = costs.sort((a, b) => a - b)[3] as number;
    told[what] = `${median.toFixed(1)} ms, ${status}`;
    expect(String(status), what).toMatch(/^4\d\d$|^closed$/);
    if (median >= most) slow.push(`${what}: ${median.toFixed(1)} ms`);
  }

  for (const [entrance, { path, headers, body }] of Object.entries(entrances)) {
    for (const [name, document] of Object.entries(documents)) {
      const bytes = body(document);
      await measure(`${name}, at ${entrance}`, () => posted(issuer + path, headers, bytes));
    }
    const bomb = gzipSync(megabytes(10, 0));
    await measure(`10 MB in gzip, at ${entrance}`, () =>
      posted(issuer + path, { ...headers, 'content-encoding': 'gzip' }, bomb),
    );
  }
  // Fields of HTTP end at 16 KiB.
  const invocation = nested(2_400).toString('base64url');
  await measure('a depth of 2,400, in the field of GetWallet', () =>
    posted(issuer + rpc('WalletService/GetWallet'), { ...json, 'capability-invocation': invocation }, '{}'),
  );
  const bomb = gzipSync(megabytes(10, 0));
  const frame = Buffer.concat([Buffer.from([1]), Buffer.alloc(4), bomb]);
  frame.writeUInt32BE(bomb.length, 1);
  for (const path of ['WalletService/CreateWallet', 'AuthService/AcquireToken', 'SecureService/Request']) {
    await measure(`10 MB in gzip, at ${path} over gRPC`, () => grpcStatus(server.url, rpc(path), frame));
  }
  process.stdout.write(`${JSON.stringify(told, null, 1)}\n`);
  expect(slow).toEqual([]);
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
});

/** A server that has heard enough answers and closes the connection; whoever still writes may get the end of it before the answer. */
function posted(url: string, headers: Readonly<Record<string, string>>, body: string | Buffer): Promise<Status> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', headers, agent: false }, (answer) => {
      answer.resume().on('close', () => resolve(answer.statusCode as number));
    });
    call.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') resolve('closed');
      else reject(error);
    });
    call.end(body);
  });
}

/** The status of gRPC as one of HTTP: anything but a fault of the server is a refusal. */
function grpcStatus(url: string, path: string, frame: Buffer): Promise<number> {
  const session = connect(url);
  return new Promise<number>((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      'grpc-encoding': 'gzip',
      te: 'trailers',
      realm: 'dev',
    });
    const said = (fields: Readonly<Record<string, unknown>>) => {
      const status = fields['grpc-status'];
      // INTERNAL, UNKNOWN and none at all are faults.
      if (status !== undefined) resolve(['0', '2', '13'].includes(String(status)) ? 500 : 429);
    };
    stream.on('response', said).on('trailers', said).on('error', reject);
    stream.resume().end(frame);
  }).finally(() => session.close());
}
