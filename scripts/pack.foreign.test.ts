/** The packages as a stranger gets them: tarballs, installed in an empty folder outside the workspace, on three versions of Node. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-save'];
  await exec('npm', ['install', ...options, ...tarballs, ...others, ...nodes], { cwd: room, env: environment });
  const port = String(await freePort());
  const server = spawn(program(versions[0]), [join('node_modules', '.bin', 'countersign'), 'serve'], {
    cwd: room,
    env: { ...environment, COUNTERSIGN_PORT: port },
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
    const admin = JSON.parse(readFileSync(join(room, 'data', 'credentials', 'admin.json'), 'utf8'));
    const system = issuer.replace('/dev', '/system');
    const foreign = await obtainToken(system, admin.clientId, admin.clientSecret);
    const token = await obtainToken(issuer, 'loan-agent', secret('loan-agent'));
    expect([
      await asked(url, token),
      await asked(url),
      await asked(url, foreign),
      await asked(url, `${token.slice(0, -4)}AAAA`),
      await asked(`${url}/later`, token),
    ]).toEqual(['200', '401 token.missing', '401 jws.kid_unknown', '401 jws.signature', '401 jwt.expired']);
  },
);

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
    ['a verifier of access tokens', "export { createAccessTokenVerifier } from '@countersign/client'", 20_480],
    ['all of it but wallets', "export * from '@countersign/client'", 40_960],
  ])('of %s has no module of Node, and is small', async (name, code, most) => {
    const input = join(room, `${name.replaceAll(' ', '-')}.js`);
    writeFileSync(input, code);
    const bundle = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
    const { output } = await bundle.generate({ format: 'esm', minify: true });
    await bundle.close();
    const text = output.map((one) => ('code' in one ? one.code : '')).join('');
    expect(text).not.toMatch(/["']node:/);
    expect(gzipSync(text).length).toBeLessThanOrEqual(most);
  });
});
