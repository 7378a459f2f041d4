/** A service that lets callers log in, behind each adapter of the SDK. */
import { createServer, type RequestListener } from 'node:http';
import type { Authenticated, CredentialSubject, Edge } from '@countersign/client';
import { login as forExpress } from '@countersign/client/express';
import { login as forFastify } from '@countersign/client/fastify';
import { login as forFetch } from '@countersign/client/fetch';
import { type BearerVariables, login as forHono } from '@countersign/client/hono';
import { login as forNode } from '@countersign/client/node';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { type Guarded, listenOn } from './guarded.ts';

interface Building {
  readonly edge: Edge;
  readonly onRefusal: (error: unknown) => void;
}

/** What each path takes. */
const rules = {
  '/basic': {},
  '/both': { schemes: ['basic', 'session'] },
  '/strong': { acr: 'aal2' },
} as const;
type Path = keyof typeof rules;
const paths = Object.keys(rules) as Path[];

function tell({ subject, correlationId }: Authenticated): object {
  const { id, requestContext } = subject as CredentialSubject;
  return { id, correlationId, address: requestContext.address };
}

const builders = {
  async express(building) {
    const app = express();
    for (const path of paths) {
      app.get(path, forExpress({ ...building, ...rules[path] }), (request, response) => {
        response.json(tell(request.bearer as Authenticated));
      });
    }
    return app as unknown as RequestListener;
  },
  async fastify(building) {
    let listener: RequestListener | undefined;
    const app = fastify({
      serverFactory: (handler) => {
        listener = handler;
        return createServer();
      },
    });
    for (const path of paths) {
      app.get(path, { onRequest: forFastify({ ...building, ...rules[path] }) }, async ({ bearer }) => tell(bearer));
    }
    await app.ready();
    return listener as unknown as RequestListener;
  },
  async hono(building) {
    const app = new Hono<{ Variables: BearerVariables; Bindings: HttpBindings }>();
    for (const path of paths) {
      app.get(path, forHono({ ...building, ...rules[path] }), (c) => c.json(tell(c.get('bearer'))));
    }
    return getRequestListener(app.fetch as never, { overrideGlobalObjects: false });
  },
  async node(building) {
    const listeners = paths.map((path) =>
      forNode({ ...building, ...rules[path] }, ({ bearer }, response) => {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(tell(bearer)));
      }),
    );
    return (request, response) => void listeners[paths.indexOf(request.url as Path)]?.(request, response);
  },
  async fetch(building) {
    const clientAddress = () => '127.0.0.1';
    const handlers = paths.map((path) =>
      forFetch({ ...building, clientAddress, ...rules[path] }, (_request, caller) => Response.json(tell(caller))),
    );
    const serve = (request: Request) => handlers[paths.indexOf(new URL(request.url).pathname as Path)]?.(request);
    return getRequestListener(async (request) => (await serve(request)) ?? new Response(null, { status: 404 }), {
      overrideGlobalObjects: false,
    });
  },
} as const satisfies Record<string, (building: Building) => Promise<RequestListener>>;

export const loginAdapters = Object.keys(builders) as (keyof typeof builders)[];

export async function startLogin(adapter: keyof typeof builders, edge: Edge): Promise<Omit<Guarded, 'reached'>> {
  const refusals: string[] = [];
  const onRefusal = (error: unknown) => refusals.push((error as { code?: string }).code ?? String(error));
  return { ...(await listenOn(await builders[adapter]({ edge, onRefusal }))), refusals };
}
