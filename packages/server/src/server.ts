import { mkdirSync } from 'node:fs';
import { type Config, databaseUrlOf } from './config.ts';
import type { Context } from './context.ts';
import { credentialPaths } from './credentials.ts';
import { createApp } from './http/app.ts';
import { descriptionRoutes, type Shown } from './http/description.http.ts';
import { createMetrics } from './http/metrics.ts';
import { openPort } from './http/port.ts';
import { startJobs } from './jobs/start.ts';
import { createCache } from './kernel/cache.ts';
import { type Clock, systemClock } from './kernel/clock.ts';
import { createLog, type Log } from './kernel/log.ts';
import { requirePrivate } from './kernel/private-file.ts';
import { type Random, systemRandom } from './kernel/random.ts';
import { routes as emailRoutes } from './passwords/email.http.ts';
import { routes as factorRoutes } from './passwords/factor/factors.http.ts';
import { routes as passkeyRoutes } from './passwords/factor/passkeys.http.ts';
import { routes as credentialAdministrationRoutes } from './passwords/identity/credential-administration.http.ts';
import { routes as deletionRoutes } from './passwords/identity/deletion.http.ts';
import { routes as identityRoutes } from './passwords/identity/identity.http.ts';
import { routes as identityAdministrationRoutes } from './passwords/identity/identity-administration.http.ts';
import { routes as passwordProfileRoutes } from './passwords/identity/profiles.http.ts';
import { routes as loginRoutes } from './passwords/login.http.ts';
import { routes as lostPasswordRoutes } from './passwords/lost-password.http.ts';
import { routes as passwordRoutes } from './passwords/passwords.http.ts';
import { routes as clientRoutes } from './registry/clients.http.ts';
import { routes as keyRotationRoutes } from './registry/keys/key-rotation.http.ts';
import { routes as receiptRoutes } from './registry/keys/receipt.http.ts';
import { routes as signatureCheckRoutes } from './registry/keys/signature-check.http.ts';
import { routes as lifecycleRoutes } from './registry/lifecycle.http.ts';
import { routes as networkEntryRoutes } from './registry/network-entries.http.ts';
import { routes as networkFileRoutes } from './registry/network-file/network-file.http.ts';
import { routes as discoveryRoutes } from './registry/oauth/discovery.http.ts';
import { routes as introspectionRoutes } from './registry/oauth/introspection.http.ts';
import { tokenRoutes } from './registry/oauth/token.http.ts';
import { routes as onboardingRoutes } from './registry/onboarding/onboarding.http.ts';
import { routes as participantRoutes } from './registry/participants.http.ts';
import { routes as registryRoutes } from './registry/registry.http.ts';
import type { Route } from './route.ts';
import { healthService } from './rpc/health.rpc.ts';
import { rpcWay } from './rpc/mount.ts';
import { reflectionServices } from './rpc/reflection.rpc.ts';
import type { RpcService } from './rpc/service.ts';
import { isStoreFault } from './store/fault.ts';
import { requireLoaded } from './store/loading.ts';
import { openStore, type Store, type StoreNeed } from './store/open.ts';
import { routes as eventRoutes } from './subject/event.http.ts';
import { processRoutes } from './subject/process.http.ts';
import { routes as realmRoutes } from './subject/realm.http.ts';
import { lookUpRealm } from './subject/realm.ts';
import type { HashPool } from './subject/secrets/hash-pool.ts';
import { masterKeyOf, masterKeyPath } from './subject/secrets/master-key.ts';
import { createHasher } from './subject/secrets/password-hash.ts';
import { routes as pepperRoutes } from './subject/secrets/pepper.http.ts';
import { openPeppers } from './subject/secrets/pepper.ts';
import { openVault } from './subject/secrets/vault.ts';
import { routes as sessionRoutes } from './subject/session.http.ts';
import { accessTokenExchange } from './subject/tokens/access-token-exchange.ts';
import { routes as checkRoutes } from './subject/tokens/check.http.ts';
import type { Exchange } from './subject/tokens/exchange.ts';
import { sessionExchange } from './subject/tokens/session-exchange.ts';
import { routes as signingKeyRoutes } from './subject/tokens/signing-key.http.ts';
import { routes as statusRoutes } from './subject/tokens/status.http.ts';
import { transactionTokenExchange } from './subject/tokens/transaction-token-exchange.ts';
import { routes as walletAdministrationRoutes } from './wallets/administration/administration.http.ts';
import { clientToCapability, sessionToCapability } from './wallets/capability-exchange.ts';
import { invocationExchange, walletTokenExchange } from './wallets/exchange.ts';
import { routes as walletPageRoutes } from './wallets/pages/pages.http.ts';
import { routes as walletRecoveryRoutes } from './wallets/recovery/recovery.http.ts';
import { routes as walletChangeRoutes } from './wallets/roles-and-name.http.ts';
import { secureService } from './wallets/secure.rpc.ts';
import { routes as walletRoutes } from './wallets/wallets.http.ts';
import { walletServices } from './wallets/wallets.rpc.ts';

export interface Parts {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
  /** `existing` for commands that read a store and must not make one. */
  readonly store?: StoreNeed;
  /**
   * Registers the process in the store before anything sealed is read, so that the master key cannot change in between.
   */
  readonly serving?: boolean;
  /** The threads that hash passwords. Default: new ones. */
  readonly hashPool?: HashPool;
}

/** Opens everything that rules use. The caller closes `context.store`. */
export async function createContext(config: Config, parts: Parts = {}): Promise<Context> {
  const { clock = systemClock, random = systemRandom, log = createLog(config.logLevel) } = parts;
  const store = await openConfiguredStore(config, clock, log, parts.store);
  try {
    await requireLoaded(store);
    if (parts.serving === true) await store.hold.renew().catch(passStoreFault);
    const vault = await openVault(store, await masterKeyOf(config, store, random));
    const cache = createCache(clock);
    const peppers = await openPeppers({ store, vault, clock, cache, random });
    return {
      store,
      clock,
      random,
      log,
      config,
      vault,
      cache,
      hasher: createHasher({ random, peppers, ...(parts.hashPool && { pool: parts.hashPool }) }),
    };
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** A server also starts on a full disk: it is not ready, and refuses requests that need a write. */
function passStoreFault(thrown: unknown): void {
  if (!isStoreFault(thrown)) throw thrown;
}

/** Opens the configured database, else a file in the data directory, which is made if missing. */
export function openConfiguredStore(config: Config, clock: Clock, log: Log, need: StoreNeed = 'any'): Promise<Store> {
  const url = databaseUrlOf(config);
  if (need === 'any') mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  // Opening an SQLite database also makes its files private.
  requirePrivate([config.dataDir, masterKeyPath(config), ...credentialPaths(config)]);
  return openStore(url, clock, log, need);
}

/** The token exchanges of the token endpoint (RFC 8693). */
const exchanges: readonly Exchange[] = [
  sessionExchange,
  transactionTokenExchange,
  accessTokenExchange,
  invocationExchange,
  walletTokenExchange,
  sessionToCapability,
  clientToCapability,
];

/**
 * What the pages show: the default realm, with its contact, and no other realm. They must not fail with the store. Only
 * a server for development can be called from the page.
 */
const shown: Shown<Context> = {
  async realmOf(context) {
    const realm = await lookUpRealm(context, context.config.defaultRealm).catch(() => undefined);
    return realm && { issuer: realm.issuer, contact: realm.settings.contact ?? undefined };
  },
  tryRealmOf: ({ config }) => config.developmentRealm,
};

/** Every path of the server. */
export function allRoutes(metrics: Parameters<typeof processRoutes>[0]): readonly Route[] {
  const routes: readonly Route[] = [
    ...processRoutes(metrics),
    ...tokenRoutes(exchanges),
    ...discoveryRoutes,
    ...introspectionRoutes,
    ...checkRoutes,
    ...statusRoutes,
    ...registryRoutes,
    ...onboardingRoutes,
    ...lifecycleRoutes,
    ...keyRotationRoutes,
    ...signatureCheckRoutes,
    ...receiptRoutes,
    ...loginRoutes,
    ...sessionRoutes,
    ...factorRoutes,
    ...passkeyRoutes,
    ...identityRoutes,
    ...passwordProfileRoutes,
    ...passwordRoutes,
    ...lostPasswordRoutes,
    ...emailRoutes,
    ...walletRoutes,
    ...walletPageRoutes,
    ...walletAdministrationRoutes,
    ...walletChangeRoutes,
    ...walletRecoveryRoutes,
    ...realmRoutes,
    ...networkFileRoutes,
    ...networkEntryRoutes,
    ...participantRoutes,
    ...clientRoutes,
    ...identityAdministrationRoutes,
    ...credentialAdministrationRoutes,
    ...deletionRoutes,
    ...signingKeyRoutes,
    ...pepperRoutes,
    ...eventRoutes,
  ];
  return [...routes, ...descriptionRoutes(routes, shown)];
}

/** Every remote procedure of the server, without those about the process itself. */
export const allServices: readonly RpcService[] = [...walletServices, secureService(walletServices)];

/** Reflection and health also describe each other. */
function withProcessServices(services: readonly RpcService[]): readonly RpcService[] {
  const healthy = [...services, healthService(services)];
  return [...healthy, ...reflectionServices(healthy)];
}

export interface RunningServer {
  readonly context: Context;
  /** The address that it listens on: `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Stops accepting, finishes running requests (at most 10 s), closes the store. */
  stop(): Promise<void>;
}

/** Listens for a ready context, whose realms and keys exist. */
export async function listen(context: Context, services = allServices): Promise<RunningServer> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const metrics = createMetrics(() => context.cache.size());
  const rpc = rpcWay(context, withProcessServices(services), signal, metrics.registry);
  const app = createApp(
    context,
    allRoutes(() => metrics),
    signal,
    metrics,
    rpc,
  );
  // Started after all else that can fail except the port: running jobs would keep a failed process alive.
  const stopJobs = await startJobs(context);
  const port = await openPort(context.config, app).catch(async (thrown) => {
    await stopJobs();
    throw thrown;
  });
  return {
    context,
    address: port.address,
    async stop() {
      stopping.abort();
      await port.close();
      await stopJobs();
      await context.hasher.close();
      await context.store.close();
    },
  };
}
