/** The files of deploy/, each checked by the program that it is for. */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../packages/server/test/support/eventually.ts';
import { freePort } from '../packages/server/test/support/free-port.ts';
import { grpcClient } from '../packages/server/test/support/rpc.ts';
import { type TestServer, testServer } from '../packages/server/test/support/server.ts';
import { testCertificate } from '../packages/server/test/support/tls.ts';
import { startCaddy } from './caddy.ts';
import { startNginx } from './nginx.ts';

const exec = promisify(execFile);
const deploy = fileURLToPath(new URL('../deploy/', import.meta.url));
const programs = ['nginx', 'caddy', 'promtool', 'docker-compose', 'kubectl', 'systemd-analyze'] as const;

function isThere(program: (typeof programs)[number]): boolean {
  try {
    execFileSync('/bin/sh', ['-c', `command -v ${program}`], { stdio: 'ignore', env: { PATH: path } });
    return true;
  } catch {
    return false;
  }
}

const path = `${process.env.PATH}:/usr/sbin`;
const env = { ...process.env, PATH: path };
const lacks = new Set(programs.filter((program) => !isThere(program)));

test.runIf(process.env.CI)('nginx, caddy, promtool, docker-compose, kubectl and systemd-analyze are there', () => {
  expect([...lacks]).toEqual([]);
});

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-deploy-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test.skipIf(lacks.has('docker-compose'))(
  'compose.yaml is what docker-compose reads, with every secret in a file',
  async () => {
    const folder = scratch();
    cpSync(join(deploy, 'docker', 'compose.yaml'), join(folder, 'compose.yaml'));
    const { stdout } = await exec('docker-compose', ['-f', join(folder, 'compose.yaml'), 'config'], { env });
    expect(stdout).toContain('COUNTERSIGN_MASTER_KEY_FILE: /run/secrets/master_key');
    expect(stdout).not.toMatch(/(PASSWORD|SECRET|MASTER_KEY|DATABASE_URL): /);
  },
);

describe('what kustomize renders', () => {
  interface Manifest {
    readonly kind: string;
    readonly spec: { readonly template: { readonly spec: PodSpec } };
  }
  interface PodSpec {
    readonly securityContext: { readonly runAsNonRoot: boolean };
    readonly containers: readonly {
      readonly env: readonly { readonly name: string; readonly value: string }[];
      readonly securityContext: {
        readonly readOnlyRootFilesystem: boolean;
        readonly allowPrivilegeEscalation: boolean;
      };
    }[];
  }

  test.skipIf(lacks.has('kubectl'))(
    'has two nodes, a budget, a job and a service, confined, and no secret',
    async () => {
      const { stdout } = await exec('kubectl', ['kustomize', join(deploy, 'kubernetes')], { env });
      // kubectl's own reader: what it prints as JSON is what an API server would get.
      const file = join(scratch(), 'all.yaml');
      writeFileSync(file, stdout);
      const kinds = [...stdout.matchAll(/^kind: (.*)$/gm)].map(([, kind]) => kind).sort();
      expect(kinds).toEqual(['ConfigMap', 'Deployment', 'Job', 'PodDisruptionBudget', 'Service']);
      const manifests = stdout.split('\n---\n').map((text) => parsed(text) as Manifest);
      for (const { kind, spec } of manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'Job')) {
        const pod = spec.template.spec;
        expect([kind, pod.securityContext.runAsNonRoot]).toEqual([kind, true]);
        for (const { env, securityContext } of pod.containers) {
          expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
          expect(env.filter(({ name }) => !name.endsWith('_FILE'))).toEqual([]);
        }
      }
    },
  );
});

/** By python3-yaml, which docker-compose brings along. */
function parsed(yaml: string): unknown {
  const program = 'import json,sys,yaml; print(json.dumps(yaml.safe_load(sys.stdin)))';
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', program], { input: yaml, encoding: 'utf8' }));
}

test.skipIf(lacks.has('systemd-analyze'))('the unit is good, and exposes little', async () => {
  const unit = join(scratch(), 'countersign.service');
  cpSync(join(deploy, 'systemd', 'countersign.service'), unit);
  const { stderr } = await exec('systemd-analyze', ['verify', unit], { env });
  expect(stderr).toBe('');
  const { stdout } = await exec('systemd-analyze', ['security', '--offline=yes', '--threshold=25', unit], { env });
  expect(stdout).toMatch(/Overall exposure level/);
});

describe('Prometheus', () => {
  test.skipIf(lacks.has('promtool'))('takes the configuration and the rules', async () => {
    const { stdout } = await exec('promtool', ['check', 'config', join(deploy, 'prometheus', 'prometheus.yaml')], {
      env,
    });
    expect(stdout).toMatch(/6 rules found/);
  });

  test('rules and dashboard name only metrics that a server or a gateway has', async () => {
    const server = await started();
    await fetch(`${server.url}/readyz`);
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const there = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    // Of the gateway, which runs elsewhere.
    there.add('countersign_gateway_requests_total');
    // Prometheus makes it.
    there.add('up');
    const named = ['rules.yaml', 'dashboard.json'].flatMap((file) => {
      const expressions = readFileSync(join(deploy, 'prometheus', file), 'utf8').match(/"?expr"?: .*/g) ?? [];
      expect(expressions.length).toBeGreaterThan(5);
      return expressions.flatMap((one) => one.match(/\b(countersign|nodejs|process)_\w+|\bup\b/g) ?? []);
    });
    expect(named.filter((name) => !there.has(name.replace(/_bucket$/, '')))).toEqual([]);
  });
});

async function started(extra: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const server = await testServer({ env: { COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1,::1', ...extra } });
  onTestFinished(() => server.close());
  return server;
}

const proxies = {
  nginx: async (port: number, own: string) =>
    startNginx(scratch(), 'nginx.conf', [
      ['listen 443', `listen 127.0.0.1:${port}`],
      ['server_name id.example', 'server_name localhost'],
      ['server node-1:8080', `server ${own}`],
      ['    server node-2:8080;\n', ''],
    ]),
  caddy: async (port: number, own: string) => startCaddy(scratch(), port, own),
} as const;

describe.each((['nginx', 'caddy'] as const).filter((program) => !lacks.has(program)))(
  '%s in front of a server',
  (program) => {
    interface Fetched {
      readonly status: number | undefined;
      readonly body: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }

    const asked = (port: number, target: string, sent: { headers?: Record<string, string>; body?: string } = {}) =>
      new Promise<Fetched>((resolve, reject) => {
        const options = {
          ca: testCertificate,
          method: sent.body === undefined ? 'GET' : 'POST',
          headers: sent.headers ?? {},
        };
        const call = request(`https://localhost:${port}${target}`, options, (answer) => {
          let body = '';
          answer.setEncoding('utf8').on('data', (part) => {
            body += part;
            if (target.endsWith('/events')) call.destroy();
          });
          answer.on('close', () => resolve({ status: answer.statusCode, body, fields: answer.headers }));
        });
        call.on('error', reject).end(sent.body);
      });

    test('carries HTTP, gRPC and server-sent events, says who calls, and keeps /metrics inside', async () => {
      const port = await freePort();
      const server = await started({ COUNTERSIGN_PUBLIC_URL: `https://localhost:${port}` });
      await proxies[program](port, `127.0.0.1:${server.context.config.port}`);
      const ready = () =>
        asked(port, '/readyz').then(
          ({ status }) => status === 200,
          () => false,
        );
      await eventually(ready, 10_000);

      const form = `grant_type=client_credentials&client_id=${'admin'}&client_secret=administrator-secret-for-tests`;
      const token = await asked(port, '/realms/system/protocol/openid-connect/token', {
        body: form,
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': '203.0.113.9' },
      });
      expect(token.status).toBe(200);
      const bearer = { authorization: `Bearer ${JSON.parse(token.body).access_token}` };
      expect((await asked(port, '/realms/system/status/events', { headers: bearer })).body).toMatch(
        /^(event|data|id):/,
      );
      expect((await asked(port, '/metrics')).status).toBe(404);

      const channel = grpcClient(
        `localhost:${port}`,
        ['countersign/v1/wallet.proto'],
        credentials.createSsl(Buffer.from(testCertificate)),
      );
      onTestFinished(() => channel.close());
      const challenge = await channel.call('countersign.v1.AuthService', 'GetChallenge', {});
      expect(challenge.value).toMatchObject({ audience: `https://localhost:${port}/realms/dev` });
      const refused = await channel.call('countersign.v1.WalletService', 'GetWallet', { wallet_id: 'none' });
      expect(refused.error).toMatchObject({ code: 3 });
      const json = { body: '{}', headers: { 'content-type': 'application/json' } };
      expect((await asked(port, '/countersign.v1.AuthService/GetChallenge', json)).status).toBe(200);

      // A wrong secret is counted for the address of the connection, not for the one that the caller names.
      await asked(port, '/realms/system/protocol/openid-connect/token', {
        body: form.replace('administrator', 'wrong'),
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': '203.0.113.9' },
      });
      const refusal = server.logged.findLast((line) => line.includes('invalid_client'));
      expect(JSON.parse(refusal ?? '{}')).toMatchObject({ source: '127.0.0.1' });
    });
  },
);

test('every file of deploy/ is named in its README or checked here', () => {
  const readme = readFileSync(join(deploy, 'README.md'), 'utf8');
  const folders = new Set(globSync('*/*', { cwd: deploy }).map((file) => file.split('/')[0] as string));
  expect([...folders].filter((folder) => !readme.includes(`(${folder})`))).toEqual([]);
});
