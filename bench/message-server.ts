import { createParticipant, type PrivateJwk } from '@countersign/client';
import { countersign as forExpress } from '@countersign/client/express';
import { countersign as forFastify } from '@countersign/client/fastify';
import { countersign as forHono } from '@countersign/client/hono';
import { serve } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';

/** The second argument of the process, as JSON, after its port. */
export interface MessageServer {
  readonly framework: 'Express' | 'Fastify' | 'Hono';
  /** `plain` is the same application without the middleware; `verified` leaves the responses unsigned. */
  readonly mode: 'plain' | 'verified' | 'signed';
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly privateKey: PrivateJwk;
}

/** A participant's API that reads the JSON of a request and answers with a small part of it. */
const port = Number(process.argv[2]);
const { framework, mode, ...credentials } = JSON.parse(process.argv[3] ?? '') as MessageServer;
const options = {
  participant: createParticipant(credentials),
  publicUrl: `http://127.0.0.1:${port}`,
  responses: mode === 'signed' ? 'signed' : 'unsigned',
} as const;
const isPlain = mode === 'plain';
const path = '/loans';

const start = {
  Express() {
    const app = express();
    if (!isPlain) app.use(forExpress(options));
    app.use(express.json());
    app.post(path, (request, response) => {
      response.json({ id: request.body.id, error: null });
    });
    app.listen(port, '127.0.0.1');
  },
  async Fastify() {
    const app = fastify();
    if (!isPlain) await app.register(forFastify, options);
    app.post<{ Body: { id: string } }>(path, async (request) => ({ id: request.body.id, error: null }));
    await app.listen({ port, host: '127.0.0.1' });
  },
  Hono() {
    const app = new Hono();
    if (!isPlain) app.use(forHono(options));
    app.post(path, async (c) => c.json({ id: (await c.req.json<{ id: string }>()).id, error: null }));
    serve({ fetch: app.fetch, port, hostname: '127.0.0.1' });
  },
} as const satisfies Record<MessageServer['framework'], () => unknown>;

await start[framework]();
process.once('SIGTERM', () => process.exit(0));
