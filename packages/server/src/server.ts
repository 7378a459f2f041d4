import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { routes as adminClientRoutes } from './admin/clients.http.ts';
import { routes as adminEventRoutes } from './admin/events.http.ts';
import { routes as adminKeyRoutes } from './admin/keys.http.ts';
import { routes as adminNetworkRoutes } from './admin/network.http.ts';
import { routes as adminParticipantRoutes } from './admin/participants.http.ts';
import { routes as adminRealmRoutes } from './admin/realms.http.ts';
import type { Config } from './config.ts';
import type { Context } from './context.ts';
import { createApp } from './http/app.ts';
import { descriptionRoutes } from './http/description.http.ts';
import { processRoutes } from './http/process.http.ts';
import type { Route } from './http/route.ts';
import { startJobs } from './jobs/start.ts';
import { createCache } from './kernel/cache.ts';
import { type Clock, systemClock } from './kernel/clock.ts';
import { createLog, type Log } from './kernel/log.ts';
import { Problem } from './kernel/problem.ts';
import { type Random, systemRandom } from './kernel/random.ts';
import { createMailRoom } from './mail/room.ts';
import { routes as discoveryRoutes } from './registry/discovery.http.ts';
import { routes as introspectionRoutes } from './registry/introspection.http.ts';
import { routes as keyRotationRoutes } from './registry/key-rotation.http.ts';
import { routes as lifecycleRoutes } from './registry/lifecycle.http.ts';
import { routes as onboardingRoutes } from './registry/onboarding.http.ts';
import { routes as receiptRoutes } from './registry/receipt.http.ts';
import { routes as registryRoutes } from './registry/registry.http.ts';
import { routes as signatureCheckRoutes } from './registry/signature-check.http.ts';
import { tokenRoutes } from './registry/token.http.ts';
import { openStore, type Store } from './store/open.ts';
import { accessTokenExchange } from './subject/access-token-exchange.ts';
import { createAttempts } from './subject/attempt.ts';
import type { Exchange } from './subject/exchange.ts';
import { masterKeyOf } from './subject/master-key.ts';
import { routes as sessionRoutes } from './subject/session.http.ts';
import { sessionExchange } from './subject/session-exchange.ts';
import { routes as statusRoutes } from './subject/status.http.ts';
import { transactionTokenExchange } from './subject/transaction-token-exchange.ts';
import { openVault } from './subject/vault.ts';

export interface Parts {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
}

/** Opens everything that rules use. The caller closes `context.store`. */
export async function createContext(config: Config, parts: Parts = {}): Promise<Context> {
  const { clock = systemClock, random = systemRandom, log = createLog(config.logLevel) } = parts;
  const store = await openConfiguredStore(config, clock, log);
  try {
    const vault = await openVault(store, await masterKeyOf(config, store, random));
    return {
      store,
      clock,
      random,
      log,
      config,
      vault,
      cache: createCache(clock),
      attempts: createAttempts(clock),
      mails: createMailRoom(clock),
    };
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** The database that the configuration names; without one, a file in the data directory, which is made. */
export function openConfiguredStore(config: Config, clock: Clock, log: Log): Promise<Store> {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  return openStore(config.databaseUrl ?? `sqlite:${join(config.dataDir, 'countersign.db')}`, clock, log);
}

/** What can be exchanged for a token at the token endpoint (RFC 8693). */
const exchanges: readonly Exchange[] = [sessionExchange, transactionTokenExchange, accessTokenExchange];

/** Every path of the server. */
export function allRoutes(metrics: Parameters<typeof processRoutes>[0]): readonly Route[] {
  const routes: readonly Route[] = [
    ...processRoutes(metrics),
    ...tokenRoutes(exchanges),
    ...discoveryRoutes,
    ...introspectionRoutes,
    ...statusRoutes,
    ...registryRoutes,
    ...onboardingRoutes,
    ...lifecycleRoutes,
    ...keyRotationRoutes,
    ...signatureCheckRoutes,
    ...receiptRoutes,
    ...sessionRoutes,
    ...adminRealmRoutes,
    ...adminNetworkRoutes,
    ...adminParticipantRoutes,
    ...adminClientRoutes,
    ...adminKeyRoutes,
    ...adminEventRoutes,
  ];
  return [...routes, ...descriptionRoutes(routes)];
}

export interface RunningServer {
  readonly context: Context;
  /** What it listens on: `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Stops accepting, finishes what is in flight (at most 10 s), closes the store. */
  stop(): Promise<void>;
}

/** Milliseconds that requests in flight get when the server stops. */
const grace = 10_000;

/** Listens for a context that is ready: its realms and keys are there. */
export async function listen(context: Context): Promise<RunningServer> {
  const { config } = context;
  const stopping = new AbortController();
  const app = createApp(
    context,
    allRoutes(() => app.metrics),
    stopping.signal,
  );
  const server = createNodeServer(config, app.listener);
  // Once nothing but the port can be wrong: jobs that run would keep a process alive that could not start.
  const stopJobs = await startJobs(context);
  try {
    await bind(server, config);
  } catch (thrown) {
    await stopJobs();
    throw thrown;
  }
  const { address, port, family } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    context,
    address: `${config.tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    async stop() {
      stopping.abort();
      await close(server);
      await stopJobs();
      await context.store.close();
    },
  };
}

function createNodeServer(config: Config, listener: RequestListener): Server {
  const limits = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000, maxHeaderSize: 16_384 };
  if (config.tls === undefined) return createServer(limits, listener);
  const { cert, key } = config.tls;
  // The certificate is a path; the key may come as `…_FILE` or as a path too.
  return createTlsServer(
    { ...limits, minVersion: 'TLSv1.2', cert: pem(cert), key: pem(key) },
    listener,
  ) as unknown as Server;
}

function pem(given: string): string {
  if (given.startsWith('-----BEGIN')) return given;
  try {
    return readFileSync(given, 'utf8');
  } catch (cause) {
    throw new Problem(
      'config.invalid',
      `COUNTERSIGN_TLS_CERT or COUNTERSIGN_TLS_KEY: ${given.slice(0, 200)} cannot be read.`,
      { cause },
    );
  }
}

function bind(server: Server, config: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be listened on (${cause.code})`;
      reject(new Problem('config.invalid', `COUNTERSIGN_PORT: ${config.host}:${config.port} ${why}.`, { cause }));
    });
    server.listen(config.port, config.host, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), grace);
    // A connection that is kept alive becomes idle only when its last answer has ended.
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(idle);
      resolve();
    });
    server.closeIdleConnections();
  });
}
