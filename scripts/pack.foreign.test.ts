/** The packages as a stranger gets them: tarballs, installed in an empty folder outside the workspace, on three versions of Node. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../packages/server/test/support/eventually.ts';
import { freePort } from '../packages/server/test/support/free-port.ts';
import { obtainToken } from '../packages/server/test/support/server.ts';
import { pack } from './pack.ts';

const exec = promisify(execFile);
const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
/** From npm's platform packages. */
const versions = ['20.19.0', '22.12.0', '24.15.0'] as const;
const program = (version: string) => join(room, 'node_modules', `node-${version}`, 'bin', 'node');

const room = mkdtempSync(join(tmpdir(), 'countersign-room-'));
let tarballs: readonly string[] = [];
let issuer = '';
/** The origin of the page that Chromium shows. */
let pagePort = 0;
let stop = async () => {};

/** Without the Node and the settings of this tree's npm scripts. */
const environment = {
  ...{
    PATH: (process.env.PATH ?? '')
      .split(':')
      .filter((folder) => !folder.includes('node_modules'))
      .join(':'),
  },
  HOME: room,
};

beforeAll(async () => {
  tarballs = pack();
  writeFileSync(join(room, 'package.json'), JSON.stringify({ name: 'room', private: true, type: 'module' }));
  const nodes = versions.map((version) => `node-${version}@npm:${platform}@${version}`);
  const others = ['express@5.3.0', '@types/express@5.0.6', '@types/node@20.19.0', 'fastify@5.12.8', 'typescript@6.0.2'];
  const nest = ['common@11.1.9', 'core@11.1.9', 'platform-express@11.1.9'].map((name) => `@nestjs/${name}`);
  others.push(...nest, 'reflect-metadata@0.2.2', 'rxjs@7.8.2');
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-save'];
  await exec('npm', ['install', ...options, ...tarballs, ...others, ...nodes], { cwd: room, env: environment });
  const port = String(await freePort());
  pagePort = await freePort();
  const origins = `http://localhost:${pagePort}`;
  const server = spawn(program(versions[0]), [join('node_modules', '.bin', 'countersign'), 'serve'], {
    cwd: room,
    env: { ...environment, COUNTERSIGN_PORT: port, COUNTERSIGN_CORS_ORIGINS: origins },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  server.stdout.setEncoding('utf8').on('data', (part) => (output += part));
  stop = async () => {
    server.kill('SIGTERM');
    await once(server, 'exit');
  };
  await eventually(() => output.includes('"listening"'), 60_000);
  issuer = `http://localhost:${port}/realms/dev`;
}, 600_000);

afterAll(async () => {
  await stop();
  rmSync(room, { recursive: true, force: true });
});

test('npm warns of nothing on Node 20', { timeout: 300_000 }, async () => {
  const empty = mkdtempSync(join(tmpdir(), 'countersign-empty-'));
  onTestFinished(() => rmSync(empty, { recursive: true, force: true }));
  const bin = dirname(program(versions[0]));
  const { stderr } = await exec('npm', ['install', '--dry-run', '--prefer-offline', '--ignore-scripts', ...tarballs], {
    cwd: empty,
    env: { ...environment, PATH: `${bin}:${environment.PATH}` },
  });
  expect(stderr).toBe('');
});

test('the server brings the files that run and watch it', () => {
  const folder = join(room, 'node_modules', '@countersign', 'server', 'deploy');
  for (const file of ['prometheus/dashboard.json', 'prometheus/rules.yaml', 'systemd/countersign.service'])
    expect(existsSync(join(folder, file)), file).toBe(true);
});

const secret = (name: string) => readFileSync(join(room, 'data', 'credentials', `${name}.secret`), 'utf8').trim();

/** Two APIs: `/` and, an hour ahead, `/later`. */
const api = `
import { createService } from '@countersign/client';
import { bearer } from '@countersign/client/express';
import express from 'express';

const { ISSUER: issuer, SECRET: clientSecret } = process.env;
const own = { issuer, clientId: 'lender', clientSecret, audience: issuer, accept: ['participant'] };
const app = express();
app.get('/', bearer({ service: createService(own) }), (request, response) => response.json(request.bearer.subject.id));
const later = createService({ ...own, status: 'none', now: () => Date.now() + 90_000_000 });
app.get('/later', bearer({ service: later }), (request, response) => response.json('too late'));
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

async function asked(url: string, token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers });
  return `${response.status} ${((await response.json()) as { code?: string }).code ?? ''}`.trim();
}

const granted = () => obtainToken(issuer, 'loan-agent', secret('loan-agent'));

function foreignToken(): Promise<string> {
  const admin = JSON.parse(readFileSync(join(room, 'data', 'credentials', 'admin.json'), 'utf8'));
  return obtainToken(issuer.replace('/dev', '/system'), admin.clientId, admin.clientSecret);
}

test.each(versions)(
  'an Express API lets in a good token, and no other, on Node %s',
  { timeout: 60_000 },
  async (version) => {
    writeFileSync(join(room, 'api.js'), api);
    const env = { ...environment, ISSUER: issuer, SECRET: secret('lender') };
    const child = spawn(program(version), ['api.js'], { cwd: room, env, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill());
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    const url = `http://127.0.0.1:${String(line).trim()}`;
    const [foreign, token] = [await foreignToken(), await granted()];
    expect([
      await asked(url, token),
      await asked(url),
      await asked(url, foreign),
      await asked(url, `${token.slice(0, -4)}AAAA`),
      await asked(`${url}/later`, token),
    ]).toEqual(['200', '401 token.missing', '401 jws.kid_unknown', '401 jws.signature', '401 jwt.expired']);
  },
);

test('the NestJS program of the documentation compiles, and lets in only good tokens', {
  timeout: 120_000,
}, async () => {
  const page = readFileSync(new URL('../docs/protect-an-api.md', import.meta.url), 'utf8');
  const program = /^```ts\n(import 'reflect-metadata';\n.*?)^```$/ms.exec(page)?.[1] ?? '';
  const port = await freePort();
  const own = [
    ["'http://localhost:8080/realms/dev'", `'${issuer}'`],
    ["'http://localhost:8081'", 'issuer'],
    ["'loans', clientSecret", "'lender', clientSecret"],
    ["scope: 'loans:read'", "role: 'LOAN_AGENT'"],
    ['8081', String(port)],
  ] as const;
  for (const [shown] of own) expect(program).toContain(shown);
  writeFileSync(
    join(room, 'nest.ts'),
    own.reduce((text, [shown, is]) => text.replace(shown, is), program),
  );
  const options = [
    '--strict',
    '--target',
    'es2024',
    '--module',
    'esnext',
    '--moduleResolution',
    'bundler',
    '--skipLibCheck',
  ];
  const decorators = ['--experimentalDecorators', '--emitDecoratorMetadata', '--types', 'node'];
  const compiler = join('node_modules', 'typescript', 'bin', 'tsc');
  const { stdout } = await exec(process.execPath, [compiler, '--ignoreConfig', ...options, ...decorators, 'nest.ts'], {
    ...{ cwd: room, env: environment },
  }).catch((error: { stdout: string }) => error);
  expect(stdout).toBe('');
  const env = { ...environment, LOANS_SECRET: secret('lender') };
  const child = spawn(program24(), ['nest.js'], { cwd: room, env, stdio: ['ignore', 'ignore', 'inherit'] });
  onTestFinished(() => void child.kill());
  const url = `http://127.0.0.1:${port}/loans`;
  await eventually(
    () =>
      fetch(url).then(
        () => true,
        () => false,
      ),
    30_000,
  );
  const answer = await fetch(url, { headers: { authorization: `Bearer ${await granted()}` } });
  expect(await answer.json()).toEqual({ for: expect.any(String), liveness: 'checked' });
  expect([await asked(url), await asked(url, await foreignToken())]).toEqual([
    ...['401 token.missing', '401 jws.kid_unknown'],
  ]);
});

const program24 = () => program(versions[2]);

const sample = `
import { createService, createTokenSource, type Service } from '@countersign/client';
import { bearer } from '@countersign/client/express';
import * as fastify from '@countersign/client/fastify';
import { Wallet } from '@countersign/client/wallet';
import * as proof from '@countersign/proof';
import express from 'express';

const client = { clientId: 'orders', clientSecret: 'TEST SECRET' };
const service: Service = createService({ issuer: 'https://id.example/realms/a', audience: 'b', accept: ['participant'], ...client });
express().use(bearer({ service })).get('/', (request, response) => void response.json(request.bearer?.subject.id));
export { createTokenSource, fastify, proof, Wallet };
`;

test.each([
  ['node16', 'node16'],
  ['esnext', 'bundler'],
])(
  'TypeScript is content with the types, strictly: module %s, resolution %s',
  { timeout: 120_000 },
  async (module, resolution) => {
    writeFileSync(join(room, 'sample.ts'), sample);
    const compiler = join('node_modules', 'typescript', 'bin', 'tsc');
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2024',
      '--module',
      module,
      '--moduleResolution',
      resolution,
    ];
    const { stdout } = await exec(
      process.execPath,
      [compiler, '--ignoreConfig', ...options, '--types', 'node', 'sample.ts'],
      {
        cwd: room,
        env: environment,
      },
    ).catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
  },
);

describe('a bundle for browsers', () => {
  /** Bytes in gzip. */
  test.each([
    ['a source of tokens', "export { createTokenSource } from '@countersign/client'", 4_096],
    ['a verifier of access tokens', "export { createAccessTokenVerifier } from '@countersign/client'", 14_336],
    ['all of it but wallets', "export * from '@countersign/client'", 40_960],
  ])('of %s has no module of Node, and is small', async (name, code, most) => {
    const input = join(room, `${name.replaceAll(' ', '-')}.js`);
    writeFileSync(input, code);
    const text = await bundled(input);
    expect(text).not.toMatch(/["']node:/);
    expect(gzipSync(text).length).toBeLessThanOrEqual(most);
  });

  const chromium = '/usr/bin/chromium';
  const isThere = existsSync(chromium);
  test.runIf(process.env.CI)('Chromium is there', () => expect(isThere).toBe(true));

  test.skipIf(!isThere)('verifies tokens in Chromium, with and without a client', { timeout: 60_000 }, async () => {
    const tokens = { good: await granted(), none: '', foreign: await foreignToken() };
    const input = join(room, 'page.js');
    writeFileSync(input, pageProgram(tokens));
    const html = `<!doctype html><script type="module">${(await bundled(input)).replaceAll('</', '<\\/')}</script>`;
    const seen = new Promise<unknown>((resolve) => {
      const pages = createServer(async (incoming, outgoing) => {
        let body = '';
        for await (const part of incoming.setEncoding('utf8')) body += part;
        if (incoming.url === '/seen') resolve(JSON.parse(body));
        outgoing.setHeader('content-type', 'text/html').end(incoming.url === '/' ? html : '');
      }).listen(pagePort, 'localhost');
      onTestFinished(() => {
        pages.closeAllConnections();
        pages.close();
      });
    });
    const options = ['headless', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run', 'remote-debugging-pipe'];
    const own = [...options, `user-data-dir=${join(room, 'chromium')}`].map((option) => `--${option}`);
    const child = spawn(chromium, [...own, `http://localhost:${pagePort}/`], {
      ...{ env: environment, detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    });
    onTestFinished(async () => {
      const ended = once(child, 'exit');
      process.kill(-(child.pid as number), 'SIGKILL');
      await ended;
    });
    const expected = { good: 'loan-agent', none: 'jws.malformed', foreign: 'jws.kid_unknown', expired: 'jwt.expired' };
    expect(await seen).toEqual({ blind: expected, following: expected });
  });
});

async function bundled(input: string): Promise<string> {
  const bundle = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  return output.map((one) => ('code' in one ? one.code : '')).join('');
}

/** A page must not hold the secret of a client: this one only shows that the bundle can follow the feed. */
const pageProgram = (tokens: object) => `
import { createAccessTokenVerifier } from '@countersign/client';

const rules = { issuer: '${issuer}', audience: '${issuer}' };
const client = { clientId: 'lender', clientSecret: '${secret('lender')}' };
const tokens = ${JSON.stringify(tokens)};
const later = () => Date.now() + 90_000_000;

async function verdicts(more) {
  const told = (token, now = Date.now) =>
    createAccessTokenVerifier({ ...rules, ...more, now }).verify(token).then(({ clientId }) => clientId, ({ code }) => code);
  const { good, none, foreign } = tokens;
  return { good: await told(good), none: await told(none), foreign: await told(foreign), expired: await told(good, later) };
}

const seen = { blind: await verdicts({}), following: await verdicts(client) };
await fetch('/seen', { method: 'POST', body: JSON.stringify(seen) });
`;
