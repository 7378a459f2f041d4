/** One provider of a participant's API, built on each of the five adapters, over real HTTP. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import fastifyServer from 'fastify';
import { Hono } from 'hono';
import { countersign as forExpress } from '../../src/express.ts';
import { countersign as forFastify } from '../../src/fastify.ts';
import { countersign as forFetch } from '../../src/fetch.ts';
import { type CountersignVariables, countersign as forHono } from '../../src/hono.ts';
import type { Verified } from '../../src/index.ts';
import { countersign as forNode, type GuardOptions } from '../../src/node.ts';

/**
 * What each provider serves, as `application/json` where there is a body:
 * `/echo` the parsed body with the id of the sender, `/blind` an answer without looking at the body, `/fail` throws, `/empty` 204,
 * `/stream` three parts one after the other, `/unsigned` the same outside of signing, `/big` 64 KiB; anything else is unknown.
 */
export interface Provider extends AsyncDisposable {
  readonly url: string;
  /** Requests that reached a handler. */
  handled(): number;
  /** Why requests were refused: code after code. */
  readonly refusals: string[];
}

export type ProviderOptions = Omit<GuardOptions, 'responses' | 'onRefusal'>;

interface Hooks {
  readonly guard: GuardOptions;
  reach(): void;
}

type Build = (hooks: Hooks) => Promise<RequestListener>;

const echo = (verified: Verified, body: unknown) => ({
  from: verified.participant.id,
  replay: verified.signature.replay,
  body: body ?? null,
});
const blind = { ok: true };
const parts = ['one ', 'two ', 'three'];
const big = 'x'.repeat(65_536);

const builders = {
  async express({ guard, reach }) {
    const app = express();
    app.use(forExpress(guard));
    app.use((_request, _response, next) => {
      reach();
      next();
    });
    app.use(express.json({ strict: false }));
    app.all('/echo', (request, response) => {
      response.json(echo(request.countersign as Verified, request.body));
    });
    app.all('/blind', (_request, response) => {
      response.json(blind);
    });
    app.all('/fail', () => {
      throw new Error('the handler failed');
    });
    app.all('/empty', (_request, response) => {
      response.status(204).end();
    });
    app.all(['/stream', '/unsigned'], (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      for (const part of parts) response.write(part);
      response.end();
    });
    app.all('/big', (_request, response) => {
      response.type('text/plain').set('x-of-handler', '1').send(big);
    });
    app.use((_error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
      response.status(500).json({ failed: true });
    });
    return app as unknown as RequestListener;
  },
  async fastify({ guard, reach }) {
    let listener: RequestListener | undefined;
    const app = fastifyServer({
      serverFactory: (handler) => {
        listener = handler;
        return createServer();
      },
    });
    await app.register(forFastify, guard);
    app.addHook('onRequest', async () => reach());
    app.all('/echo', async (request) => echo(request.countersign, request.body));
    app.all('/blind', async () => blind);
    app.all('/fail', async () => {
      throw new Error('the handler failed');
    });
    app.all('/empty', async (_request, reply) => reply.code(204).send());
    for (const path of ['/stream', '/unsigned']) {
      app.all(path, async (_request, reply) => {
        reply.raw.writeHead(200, { 'content-type': 'text/plain' });
        for (const part of parts) reply.raw.write(part);
        reply.raw.end();
        return reply;
      });
    }
    app.all('/big', async (_request, reply) => reply.type('text/plain').header('x-of-handler', '1').send(big));
    await app.ready();
    return listener as unknown as RequestListener;
  },
  async hono({ guard, reach }) {
    const app = new Hono<{ Variables: CountersignVariables }>();
    app.use(forHono(guard));
    app.use(async (_c, next) => {
      reach();
      await next();
    });
    app.all('/echo', async (c) => {
      const text = await c.req.text();
      return c.json(echo(c.get('countersign'), text === '' ? undefined : JSON.parse(text)));
    });
    app.all('/blind', (c) => c.json(blind));
    app.all('/fail', () => {
      throw new Error('the handler failed');
    });
    app.all('/empty', (c) => c.body(null, 204));
    for (const path of ['/stream', '/unsigned']) app.all(path, () => new Response(streamOf(parts)));
    app.all('/big', (c) => c.text(big, 200, { 'x-of-handler': '1' }));
    app.onError((_error, c) => c.json({ failed: true }, 500));
    return getRequestListener(app.fetch, { overrideGlobalObjects: false });
  },
  async node({ guard, reach }) {
    return forNode(guard, async (request, response) => {
      reach();
      const json = { 'content-type': 'application/json' };
      const path = request.url?.split('?')[0];
      if (path === '/echo') {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const text = Buffer.concat(chunks).toString();
        const answer = echo(request.countersign, text === '' ? undefined : JSON.parse(text));
        response.writeHead(200, json).end(JSON.stringify(answer));
      } else if (path === '/blind') response.writeHead(200, json).end(JSON.stringify(blind));
      else if (path === '/fail') throw new Error('the handler failed');
      else if (path === '/empty') response.writeHead(204).end();
      else if (path === '/stream' || path === '/unsigned') {
        response.writeHead(200, { 'content-type': 'text/plain' });
        for (const part of parts) response.write(part);
        response.end();
      } else if (path === '/big') response.setHeader('x-of-handler', '1').end(big);
      else response.writeHead(404).end();
    });
  },
  async fetch({ guard, reach }) {
    const serve = forFetch(guard, async (request, verified) => {
      reach();
      const path = new URL(request.url).pathname;
      if (path === '/echo') {
        const text = await request.text();
        return Response.json(echo(verified, text === '' ? undefined : JSON.parse(text)));
      }
      if (path === '/blind') return Response.json(blind);
      if (path === '/fail') throw new Error('the handler failed');
      if (path === '/empty') return new Response(null, { status: 204 });
      if (path === '/stream' || path === '/unsigned') return new Response(streamOf(parts));
      if (path === '/big') return new Response(big, { headers: { 'x-of-handler': '1' } });
      return new Response(null, { status: 404 });
    });
    return getRequestListener((request) => serve(request), { overrideGlobalObjects: false });
  },
} as const satisfies Record<string, Build>;

export const adapters = Object.keys(builders) as (keyof typeof builders)[];
export type Adapter = (typeof adapters)[number];

export async function startProvider(adapter: Adapter, options: (url: string) => ProviderOptions): Promise<Provider> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const refusals: string[] = [];
  let handled = 0;
  const listener = await builders[adapter]({
    guard: {
      ...options(url),
      responses: ({ requestTarget }) => (requestTarget.startsWith('/unsigned') ? 'unsigned' : 'signed'),
      onRefusal: (error) => {
        refusals.push((error as { code?: string }).code ?? String(error));
      },
    },
    reach: () => {
      handled++;
    },
  });
  server.on('request', listener);
  return {
    url,
    handled: () => handled,
    refusals,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function streamOf(texts: readonly string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const text of texts) controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
}
