import { rmSync } from 'node:fs';
import { loadConfig } from '../../src/config.ts';
import type { Context } from '../../src/context.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { applyNetwork } from '../../src/registry/network-file/apply.ts';
import type { RpcService } from '../../src/rpc/service.ts';
import { createContext, listen } from '../../src/server.ts';
import { ensureRealms } from '../../src/start.ts';
import type { HashPool } from '../../src/subject/secrets/hash-pool.ts';
import { masterKey } from './context.ts';
import { sqliteIn } from './databases.ts';
import { freePort } from './free-port.ts';
import { hashPool } from './hash-pool.ts';
import { quickFolder } from './quick-folder.ts';
import { seeded } from './seed.ts';

/** A server under test: everything real, on a free port of the loopback. */
export interface TestServer {
  readonly url: string;
  readonly context: Context;
  issuer(realm?: string): string;
  /** A bearer token of the administrator whom the environment names. */
  adminToken(): Promise<string>;
  /** What the server logged so far, a JSON object a line. */
  readonly logged: readonly string[];
  close(): Promise<void>;
}

export interface TestServerOptions {
  /** `sqlite:…` or `postgres://…`; a file in a new directory when absent. */
  readonly databaseUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A network file, applied before the server listens. */
  readonly network?: unknown;
  readonly clock?: Clock;
  readonly hashPool?: HashPool;
  /** What every test of this key adds to the new database. */
  readonly prepare?: { readonly key: string; act(server: TestServer): Promise<void> };
  /** Remote procedures to mount instead of the server's own. */
  readonly services?: readonly RpcService[];
}

/** The default realm as the first start makes it, with keys that are quickly made. */
const plainNetwork = { realms: [{ name: 'dev', profile: 'ocen4', settings: { accessTokenAlg: 'ES256' } }] };
export const administrator = { id: 'admin', secret: 'administrator-secret-for-tests' } as const;

export async function testServer(options: TestServerOptions = {}): Promise<TestServer> {
  const dataDir = quickFolder('test');
  const databaseUrl = options.databaseUrl ?? (await sqliteIn(dataDir));
  const placed = { ...options, databaseUrl };
  const isSeeded = await seeded(databaseUrl, seedKey(options), async () => {
    await (await start(dataDir, placed, true)).close();
  });
  const server = await start(dataDir, placed, !isSeeded);
  return {
    ...server,
    async close() {
      await server.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** All that a database depends on after `start`. */
function seedKey({ network, env, clock, hashPool: pool, prepare }: TestServerOptions): string {
  const isReal = clock === undefined || Math.abs(clock.now() - Date.now()) < 1_000;
  return JSON.stringify([network, env, isReal || clock.now(), pool !== undefined, prepare?.key]);
}

/** `isNew`: the database gets its realms, their network and what `prepare` adds. */
async function start(
  dataDir: string,
  options: TestServerOptions & { readonly databaseUrl: string },
  isNew: boolean,
): Promise<TestServer> {
  const { config } = loadConfig({
    COUNTERSIGN_PORT: String(await freePort()),
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_MASTER_KEY: masterKey,
    COUNTERSIGN_ADMIN_CLIENT_ID: administrator.id,
    COUNTERSIGN_ADMIN_CLIENT_SECRET: administrator.secret,
    COUNTERSIGN_LOG_LEVEL: 'debug',
    COUNTERSIGN_DATABASE_URL: options.databaseUrl,
    ...options.env,
  });
  const logged: string[] = [];
  const log = createLog(config.logLevel, { write: (line) => void logged.push(line) });
  const context = await createContext(config, {
    log,
    hashPool: options.hashPool ?? hashPool,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  if (isNew) {
    // First, since the default realm signs with RS256 where nothing else is said, and its keys take longer than all the rest.
    await applyNetwork(context, options.network ?? plainNetwork, { actor: 'test', requestId: 'test' });
    await ensureRealms(context);
  }
  const running = await listen(context, options.services);
  const server: TestServer = {
    url: config.publicUrl,
    context,
    logged,
    issuer: (realm = 'dev') => `${config.publicUrl}/realms/${realm}`,
    adminToken: () => obtainToken(`${config.publicUrl}/realms/system`, administrator.id, administrator.secret),
    close: () => running.stop(),
  };
  if (isNew) await options.prepare?.act(server);
  return server;
}

/** A token by client id and secret, over real HTTP. */
export async function obtainToken(
  issuer: string,
  clientId: string,
  clientSecret: string,
  more: readonly (readonly [name: string, value: string])[] = [],
): Promise<string> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
  });
  for (const [name, value] of more) body.append(name, value);
  const response = await fetch(`${issuer}/protocol/openid-connect/token`, {
    method: 'POST',
    body,
  });
  const answer = (await response.json()) as { access_token?: string };
  if (answer.access_token === undefined) throw new Error(`no token: ${response.status} ${JSON.stringify(answer)}`);
  return answer.access_token;
}
