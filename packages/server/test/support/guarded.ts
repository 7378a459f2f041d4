/** The same service behind each adapter of the SDK: who calls is answered, two routes ask for more than a token. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Authenticated, Service } from '@countersign/client';
import { bearer as forExpress } from '@countersign/client/express';
import { bearer as forFastify } from '@countersign/client/fastify';
import { bearer as forFetch } from '@countersign/client/fetch';
import { type BearerVariables, bearer as forHono } from '@countersign/client/hono';
import { bearer as forNode } from '@countersign/client/node';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';

export interface Guarded extends AsyncDisposable {
  readonly url: string;
  /** How often a handler was reached. */
  readonly reached: () => number;
  /** Codes of the refusals, for the log. */
  readonly refusals: readonly string[];
}

interface Building {
  readonly service: Pick<Service, 'authenticate'>;
  readonly onRefusal: (error: unknown) => void;
  readonly publicUrl?: string;
  /** What a handler answers. */
  readonly tell: (caller: Authenticated) => object;
}

/** What each path asks for. */
const rules = {
  '/plain': {},
  '/strong': { acr: 'aal2' },
  '/recent': { recentLoginSeconds: 60 },
  '/people': { accept: ['credential'] },
} as const;
type Path = keyof typeof rules;
const paths = Object.keys(rules) as Path[];

const builders = {
  async express({ tell, ...options }) {
    const app = express();
    for (const path of paths) {
      app.get(path, forExpress({ ...options, ...rules[path] }), (request, response) => {
        response.json(tell(request.bearer as Authenticated));
      });
    }
    return app as unknown as RequestListener;
  },
  async fastify({ tell, ...options }) {
    let listener: RequestListener | undefined;
    const app = fastify({
      serverFactory: (handler) => {
        listener = handler;
        return createServer();
      },
    });
    for (const path of paths) {
      app.get(path, { onRequest: forFastify({ ...options, ...rules[path] }) }, async ({ bearer }) => tell(bearer));
    }
    await app.ready();
    return listener as unknown as RequestListener;
  },
  async hono({ tell, ...options }) {
    const app = new Hono<{ Variables: BearerVariables }>();
    for (const path of paths) {
      app.get(path, forHono({ ...options, ...rules[path] }), (c) => c.json(tell(c.get('bearer'))));
    }
    return getRequestListener(app.fetch, { overrideGlobalObjects: false });
  },
  async node({ tell, ...options }) {
    const listeners = paths.map((path) =>
      forNode({ ...options, ...rules[path] }, ({ bearer }, response) => {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(tell(bearer)));
      }),
    );
    return (request, response) => void listeners[paths.indexOf(request.url as Path)]?.(request, response);
  },
  async fetch({ tell, ...options }) {
    const handlers = paths.map((path) =>
      forFetch({ ...options, ...rules[path] }, (_request, caller) => Response.json(tell(caller))),
    );
    const serve = (request: Request) => handlers[paths.indexOf(new URL(request.url).pathname as Path)]?.(request);
    return getRequestListener(async (request) => (await serve(request)) ?? new Response(null, { status: 404 }), {
      overrideGlobalObjects: false,
    });
  },
} as const satisfies Record<string, (building: Building) => Promise<RequestListener>>;

export const adapters = Object.keys(builders) as (keyof typeof builders)[];

export async function startGuarded(
  adapter: keyof typeof builders,
  service: Pick<Service, 'authenticate'>,
  place: { readonly publicUrl?: string } = {},
): Promise<Guarded> {
  const refusals: string[] = [];
  let reached = 0;
  const listener = await builders[adapter]({
    service,
    ...place,
    onRefusal: (error) => refusals.push((error as { code?: string }).code ?? String(error)),
    tell: ({ subject, correlationId }) => {
      reached++;
      return { kind: subject.kind, id: subject.id, correlationId, actors: subject.actors };
    },
  });
  return { ...(await listenOn(listener)), reached: () => reached, refusals };
}

/** On a free port of the loopback. */
export async function listenOn(listener: RequestListener): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
