/** Servers for `countersign doctor`: healthy ones, behind a proxy that can be spoiled in every way. */

import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Examining, examine } from '../../src/cli/doctor/examine.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { temporaryDir } from './context.ts';
import { masterKey } from './program.ts';
import { administrator, type TestServer, type TestServerOptions, testServer } from './server.ts';

export type Env = Readonly<Record<string, string>>;

/** What a spoiled proxy does. Undefined: nothing, so that the healthy proxy goes on. */
export type Spoiling = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
) =>
  | undefined
  | 'answered'
  | { readonly url?: string; readonly headers?: NodeJS.Dict<string | string[]>; readonly from?: string };

export interface SpoiledProxy {
  readonly port: number;
  readonly url: string;
  /** For the present test. */
  spoil(how: Spoiling): void;
  forwardTo(port: number): void;
}

/** Passes on what comes, byte for byte, and adds the caller to X-Forwarded-For. */
export async function startProxy(): Promise<SpoiledProxy> {
  let [backend, spoiling] = [0, (() => undefined) as Spoiling];
  const server = createServer((incoming, outgoing) => {
    const how = spoiling(incoming, outgoing);
    if (how === 'answered') return;
    const { url = incoming.url ?? '/', headers = forwarded(incoming), from = '127.0.0.1' } = how ?? {};
    const onward = request(
      { host: '127.0.0.1', port: backend, path: url, method: incoming.method ?? 'GET', headers, localAddress: from },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  const { port } = server.address() as { port: number };
  return {
    port,
    url: `http://localhost:${port}`,
    spoil(how) {
      spoiling = how;
      onTestFinished(() => {
        spoiling = () => undefined;
      });
    },
    forwardTo: (to) => {
      backend = to;
    },
  };
}

export function forwarded({ headers, socket }: IncomingMessage) {
  const before = headers['x-forwarded-for'];
  const hops = [...(before === undefined ? [] : [before]), socket.remoteAddress?.replace('::ffff:', '') ?? ''];
  return { ...headers, 'x-forwarded-for': hops.join(', ') };
}

export interface World {
  readonly server: TestServer;
  /** The environment of the server, which is healthy. */
  readonly env: Env;
  found(more?: Readonly<Record<string, string | undefined>>, options?: Examining): Promise<readonly Finding[]>;
}

/** A server whose every line is right. */
export async function world(options: TestServerOptions): Promise<World> {
  const server = await testServer(options);
  const { config } = server.context;
  const env = {
    COUNTERSIGN_HOST: config.host,
    COUNTERSIGN_PORT: String(config.port),
    COUNTERSIGN_DATA_DIR: config.dataDir,
    COUNTERSIGN_MASTER_KEY: masterKey,
    COUNTERSIGN_ADMIN_CLIENT_ID: administrator.id,
    COUNTERSIGN_ADMIN_CLIENT_SECRET: administrator.secret,
    ...(config.databaseUrl === undefined ? {} : { COUNTERSIGN_DATABASE_URL: config.databaseUrl }),
    ...options.env,
  };
  return {
    server,
    env,
    found: (more = {}, examining = {}) =>
      examine(
        Object.fromEntries(Object.entries({ ...env, ...more }).filter(([, value]) => value !== undefined)),
        examining,
      ),
  };
}

/** A copy of the server's SQLite database, for a fault that must not reach the server. Gives its path. */
export async function copyOf({ server: { context } }: World): Promise<string> {
  const { sql } = await import('kysely');
  await sql`pragma wal_checkpoint(truncate)`.execute(context.store.db);
  const path = join(temporaryDir(), 'copy.db');
  copyFileSync(context.config.databaseUrl?.slice('sqlite:'.length) ?? '', path);
  return path;
}
