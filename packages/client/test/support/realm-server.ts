/** A real `countersign serve` in a directory of its own, with one realm of participants. */
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTokenSource, type PrivateJwk } from '../../src/index.ts';
import { eventually } from './eventually.ts';

/** The bundle that the global setup of the tests made, or under CI the source. */
const program =
  process.env.COUNTERSIGN_TEST_PROGRAM ?? fileURLToPath(new URL('../../../server/bin/countersign.js', import.meta.url));
const vectorKeys = fileURLToPath(new URL('../../../../../shared/vectors/ocen/keys.json', import.meta.url));

/** The ids and secrets of OCEN's exchanges. */
export const agent = {
  id: '11111111-1111-4111-8111-111111111111',
  clientId: 'aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa',
  secret: 'la-secret-for-tests',
} as const;
export const lender = {
  id: '22222222-2222-4222-8222-222222222222',
  clientId: 'bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb',
  secret: 'lender secret+/=&é',
} as const;
const administrator = { id: 'admin', secret: 'administrator-secret-for-tests' } as const;

export interface RealmServer extends AsyncDisposable {
  readonly url: string;
  readonly issuer: string;
  readonly agentKey: PrivateJwk;
  readonly lenderKey: PrivateJwk;
  /** A call of the administration, 2xx or an error. */
  administer(path: string, body?: object): Promise<unknown>;
  /** A token of a client of the realm. */
  token(client: { readonly clientId: string; readonly secret: string }): Promise<string>;
}

export function rsaKey(kid?: string): PrivateJwk {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', ...(kid === undefined ? {} : { kid }) };
}

export function ecKey(kid: string): PrivateJwk {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', kid };
}

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi'];

export function publicPart(jwk: PrivateJwk): Record<string, unknown> {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !privateMembers.includes(name)));
}

/** With the keys of OCEN's exchanges where the vectors are, else with new ones under the same key ids. */
function participantKeys(): { readonly agentKey: PrivateJwk; readonly lenderKey: PrivateJwk } {
  if (!existsSync(vectorKeys)) return { agentKey: rsaKey('la-sig-2024-01'), lenderKey: rsaKey('lender-sig-2024-01') };
  const keys = JSON.parse(readFileSync(vectorKeys, 'utf8'));
  const withKid = ({ kid, private_jwk }: { kid: string; private_jwk: PrivateJwk }) => ({ ...private_jwk, kid });
  return { agentKey: withKid(keys.loan_agent), lenderKey: withKid(keys.lender) };
}

/** `others` are further participants of the network file. */
export async function serveRealm(others: readonly object[] = []): Promise<RealmServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'countersign-client-test-'));
  const { agentKey, lenderKey } = participantKeys();
  const network = join(dataDir, 'network.json');
  const participant = (one: typeof agent | typeof lender, role: string, key: PrivateJwk) => ({
    id: one.id,
    role,
    status: 'APPROVED',
    keys: [publicPart(key)],
    client: { id: one.clientId, secret: one.secret },
  });
  const participants = [
    participant(agent, 'LOAN_AGENT', agentKey),
    participant(lender, 'LENDER', lenderKey),
    ...others,
  ];
  writeFileSync(network, JSON.stringify({ realms: [{ name: 'dev', profile: 'ocen4', participants }] }));
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const child = spawn(process.execPath, [program, 'serve'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      COUNTERSIGN_PORT: String(port),
      COUNTERSIGN_DATA_DIR: dataDir,
      COUNTERSIGN_APPLY: network,
      COUNTERSIGN_ADMIN_CLIENT_ID: administrator.id,
      COUNTERSIGN_ADMIN_CLIENT_SECRET: administrator.secret,
      COUNTERSIGN_LOG_LEVEL: 'warn',
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`The server ended:\n${output}`);
    return (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200;
  }, 60_000);
  const issuer = `${url}/realms/dev`;
  const administration = createTokenSource({
    issuer: `${url}/realms/system`,
    clientId: administrator.id,
    clientSecret: administrator.secret,
  });
  return {
    url,
    issuer,
    agentKey,
    lenderKey,
    async administer(path, body = {}) {
      const response = await fetch(issuer + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${await administration.token()}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
      return text === '' ? undefined : JSON.parse(text);
    },
    token: ({ clientId, secret }) => createTokenSource({ issuer, clientId, clientSecret: secret }).token(),
    async [Symbol.asyncDispose]() {
      const ended = child.exitCode === null ? once(child, 'exit') : undefined;
      child.kill('SIGTERM');
      await ended;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  if (address === null || typeof address === 'string') throw new Error('A TCP server has a port.');
  probe.close();
  await once(probe, 'close');
  return address.port;
}
