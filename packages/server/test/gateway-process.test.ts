/** `countersign gateway` as operators run it: a process of its own beside a real `countersign serve`. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { createParticipant, type PrivateJwk } from '@countersign/client';
import { cryptoPort } from '@countersign/client/node-crypto';
import { parsePublicJwk, verifyMessage } from '@countersign/proof';
import { describe, expect, onTestFinished, test } from 'vitest';
import { send } from '../../client/test/support/raw-request.ts';
import { temporaryDir } from './support/context.ts';
import { freePort } from './support/free-port.ts';
import { type Application, application, newKey, publicHalf, signedFields } from './support/gateway.ts';
import { program } from './support/program.ts';
import { run, serve } from './support/serve.ts';

const megabyte = 1_048_576;
/** What `docs/gateway.md` advises where memory is scarce: what was read is given back sooner. */
const nodeOptions = '--max-semi-space-size=1';
/** Beyond what it has once it runs: less than one of the bodies that pass. */
const maxGrowth = 64 * megabyte;

interface Started {
  readonly url: string;
  readonly adminUrl: string;
  readonly forwardUrl: string | undefined;
  readonly process: ChildProcess;
  output(): string;
}

/** Starts the command and waits for its one line. Killed when the test ends. */
async function gateway(args: readonly string[]): Promise<Started> {
  const child = spawn(process.execPath, [program, 'gateway', ...args], {
    env: { PATH: process.env.PATH, NODE_OPTIONS: nodeOptions },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  let written = '';
  child.stderr.on('data', (chunk) => {
    written += chunk;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      written += chunk;
      if (written.includes('\n')) resolve();
    });
    child.on('exit', () => reject(new Error(`It ended instead of listening:\n${written}`)));
  });
  return { ...JSON.parse(written.split('\n', 1)[0] as string), process: child, output: () => written };
}

interface Place {
  readonly issuer: string;
  readonly dir: string;
  readonly key: PrivateJwk;
  /** The options that every gateway of the lender needs. */
  readonly args: readonly string[];
}

/** A realm in a process of its own, with a lender and an agent. */
async function realm(key: PrivateJwk): Promise<Place> {
  const dir = temporaryDir();
  const network = join(dir, 'network.json');
  const participant = (id: string, role: string, jwk: PrivateJwk) => ({
    id,
    role,
    status: 'APPROVED',
    baseUrl: `https://${id}.example`,
    keys: [publicHalf(jwk)],
    client: { id: `${id}-client`, secret: `${id}-secret-for-tests` },
  });
  const participants = [participant('lender', 'LENDER', key), participant('agent', 'LOAN_AGENT', agentKey)];
  writeFileSync(network, JSON.stringify({ realms: [{ name: 'dev', profile: 'ocen4', participants }] }));
  writeFileSync(join(dir, 'private.jwk'), JSON.stringify(key), { mode: 0o600 });
  writeFileSync(join(dir, 'secret'), 'lender-secret-for-tests\n', { mode: 0o600 });
  const { url } = await serve({ COUNTERSIGN_APPLY: network });
  const issuer = `${url}/realms/dev`;
  const free = ['--listen', `127.0.0.1:${await freePort()}`, '--admin-listen', '127.0.0.1:0'];
  const files = ['--client-secret-file', join(dir, 'secret'), '--key', join(dir, 'private.jwk')];
  return { issuer, dir, key, args: ['--issuer', issuer, '--client-id', 'lender-client', ...files, ...free] };
}

const agentKey = newKey('agent-1');

function agentOf({ issuer }: Place) {
  const agent = createParticipant({
    issuer,
    clientId: 'agent-client',
    clientSecret: 'agent-secret-for-tests',
    privateKey: agentKey,
  });
  onTestFinished(() => agent.close());
  return agent;
}

/** Once the part is with the system, or the connection is gone. */
function written(response: ServerResponse, part: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('close', done);
      resolve();
    };
    response.on('close', done);
    response.write(part, done);
  });
}

/** An application that answers with as many megabytes as its path says, at the pace of whoever reads. */
async function generous(): Promise<Application> {
  const part = Buffer.alloc(megabyte, 'all work and no play makes a large file ');
  const app = await application(async ({ url }, response: ServerResponse) => {
    const count = Number(/(\d+)$/.exec(url)?.[1] ?? 0);
    response.writeHead(200, { 'content-type': 'text/plain' });
    for (let i = 0; i < count && !response.destroyed; i++) {
      await written(response, part);
    }
    response.end();
  });
  onTestFinished(() => app.close());
  return app;
}

/** Downloads, and answers with the size, the signature, and what was received. */
async function download(url: string, path: string, fields: readonly string[], keep = false) {
  const { hostname, port } = new URL(url);
  const request = httpRequest({ hostname, port, path, headers: ['host', 'x', ...fields], agent: false }).end();
  const [response] = await once(request, 'response');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (keep) chunks.push(chunk);
  }
  return { status: response.statusCode, headers: response.headers, size, bytes: Buffer.concat(chunks) };
}

/** Bytes: the most that the process ever held. */
function peakOf({ process: { pid } }: Started): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

/** The same once everything has been loaded and one call has passed. */
async function warmPeak(started: Started, fields: readonly string[], path = '/loans/0'): Promise<number> {
  expect((await download(started.url, path, fields)).status).toBe(200);
  return peakOf(started);
}

describe.each(['ES256', 'RS256'] as const)('a lender with a key for %s', (alg) => {
  test('answers with 100 MB again and again, streamed or signed, and stays small', async () => {
    const place = await realm(newKey('lender-1', alg));
    const app = await generous();
    const spoolDir = temporaryDir();
    const started = await gateway([
      ...place.args,
      ...['--upstream', app.url, '--unsigned', '/files/*', '--max-response', '128MiB', '--spool-dir', spoolDir],
    ]);
    const agent = agentOf(place);
    const fieldsOf = (path: string) => signedFields(agent, started.url, { method: 'GET', path });
    const atFirst = await warmPeak(started, await fieldsOf('/loans/0'));
    for (const path of ['/files/100', '/loans/100', '/files/100', '/loans/100']) {
      const { status, size, headers } = await download(started.url, path, await fieldsOf(path));
      expect([status, size]).toEqual([200, 100 * megabyte]);
      expect(headers['x-jws-signature'] !== undefined).toBe(path.startsWith('/loans'));
    }
    expect(peakOf(started) - atFirst).toBeLessThan(maxGrowth);
    const { bytes, headers } = await download(started.url, '/loans/9', await fieldsOf('/loans/9'), true);
    const parsed = parsePublicJwk(publicHalf(place.key) as never);
    if (!parsed.ok) throw new Error('The keys of the tests are good.');
    const verified = await verifyMessage(headers['x-jws-signature'], {
      crypto: cryptoPort,
      message: { kind: 'response', status: 200, requestSignature: '', body: bytes },
      forms: ['rfc7797'],
      keys: [{ jwk: parsed.key }],
      now: Date.now() / 1000,
    });
    expect(verified.alg).toBe(alg);
    expect(readdirSync(spoolDir)).toEqual([]);
  });
});

test('with an Ed25519 key it signs what it can hold, and refuses to promise more', async () => {
  const place = await realm(newKey('lender-1', 'Ed25519'));
  const app = await generous();
  const options = [...place.args, '--upstream', app.url];
  const refused = await run(['gateway', ...options, '--max-response', '9MiB'], {});
  expect([refused.code, refused.stderr]).toEqual([1, 'countersign: maxResponse: an Ed25519 key signs at most 8MiB.\n']);
  const started = await gateway(options);
  const agent = agentOf(place);
  const verified = await agent.fetch(`${started.url}/loans/8`, { to: 'lender' });
  expect((await verified.arrayBuffer()).byteLength).toBe(8 * megabyte);
  const tooLarge = await agent.fetch(`${started.url}/loans/9`, { to: 'lender' });
  expect([tooLarge.status, ((await tooLarge.json()) as { code: string }).code]).toEqual([
    502,
    'gateway.response_too_large',
  ]);
});

test('a slow reader slows the application down, instead of filling the memory or the disk', async () => {
  const place = await realm(newKey('lender-1'));
  let sent = 0;
  const part = Buffer.alloc(megabyte);
  const app = await application(async (_, response) => {
    while (!response.destroyed && sent < 500) {
      sent++;
      await written(response, part);
    }
    response.end();
  });
  onTestFinished(() => app.close());
  const started = await gateway([...place.args, '--upstream', app.url, '--unsigned', '/files/*']);
  const agent = agentOf(place);
  const fields = await signedFields(agent, started.url, { method: 'GET', path: '/files/x' });
  sent = 500;
  const atFirst = await warmPeak(started, fields, '/files/x');
  sent = 0;
  const { hostname, port } = new URL(started.url);
  const request = httpRequest({
    hostname,
    port,
    path: '/files/x',
    headers: ['host', 'x', ...fields],
    agent: false,
  }).end();
  const [response] = await once(request, 'response');
  await once(response, 'readable');
  // Until nothing more is taken: only what sockets hold may be on its way.
  for (let before = -1; before !== sent; ) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(sent).toBeLessThan(100);
  request.on('error', () => {});
  response.on('error', () => {});
  request.destroy();
  expect(peakOf(started) - atFirst).toBeLessThan(maxGrowth);
});

test('is configured by a file; what it is told to do ends with the last call', async () => {
  const place = await realm(newKey('lender-1'));
  let arrived = () => {};
  const waiting = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  let finish = () => {};
  const app = await application((_, response) => {
    finish = () => void response.end('done');
    arrived();
  });
  onTestFinished(() => app.close());
  const config = join(place.dir, 'gateway.json');
  writeFileSync(
    config,
    JSON.stringify({
      upstream: app.url,
      listen: '127.0.0.1:0',
      adminListen: '127.0.0.1:0',
      forwardListen: '127.0.0.1:0',
      issuer: place.issuer,
      clientId: 'lender-client',
      clientSecretFile: join(place.dir, 'secret'),
      key: join(place.dir, 'private.jwk'),
      publicUrl: 'https://api.lender.example/ocen/',
      unsigned: ['/health'],
    }),
  );
  const started = await gateway(['--config', config, '--log-level', 'info']);
  expect(started.forwardUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const agent = agentOf(place);
  const fields = await signedFields(agent, 'https://api.lender.example/ocen', { path: '/loans', form: 'strict' });
  const pending = send(started.url, { path: '/loans', headers: fields });
  await waiting;
  started.process.kill('SIGTERM');
  const ended = once(started.process, 'exit');
  finish();
  const answer = await pending;
  expect([answer.status, answer.body.toString()]).toEqual([200, 'done']);
  expect(await ended).toEqual([0, null]);
  const output = started.output();
  expect(output).toContain('"reason":"passed"');
  for (const secret of ['lender-secret-for-tests', await agent.token(), String(place.key.d)]) {
    expect(output).not.toContain(secret);
  }
  expect(statSync(join(place.dir, 'secret')).mode & 0o777).toBe(0o600);
});
