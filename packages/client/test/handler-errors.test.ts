/** Exceptions of the application's handlers, in every adapter: reported, never swallowed, and their callers learn nothing. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import * as forExpress from '../src/express.ts';
import * as forFastify from '../src/fastify.ts';
import * as forFetch from '../src/fetch.ts';
import * as forHono from '../src/hono.ts';
import { MessageProblem } from '../src/index.ts';
import * as forNode from '../src/node.ts';

afterEach(() => void vi.restoreAllMocks());

// biome-ignore lint/suspicious/noExplicitAny: one fake for the types of five frameworks
type Loose = any;
const service: Loose = { authenticate: async () => ({ subject: { id: 'a' } }) };
type Fail = () => never | Promise<never>;
type Options = { readonly onError?: (error: unknown, line: { requestTarget: string }) => void };

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => void server.close(() => resolve())));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const adapters: Readonly<Record<string, (fail: Fail, options: Options) => Promise<string>>> = {
  express: (fail, options) => {
    const app = express().use(forExpress.bearer({ service }) as Loose);
    app.get('/orders', (() => fail()) as Loose);
    app.use(forExpress.errors(options) as Loose);
    return listen(app as unknown as RequestListener);
  },
  fastify: async (fail, options) => {
    const app = fastify();
    onTestFinished(() => app.close());
    app.setErrorHandler(forFastify.errors(options) as Loose);
    await app.register(forFastify.bearer, { service });
    app.get('/orders', async () => fail());
    await app.listen({ port: 0, host: '127.0.0.1' });
    return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  },
  hono: (fail, options) => {
    const app = new Hono().use(forHono.bearer({ service }) as Loose);
    app.get('/orders', () => fail());
    app.onError(forHono.errors(options) as Loose);
    return listen(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  },
  node: (fail, options) => listen(forNode.bearer({ service, ...options } as Loose, () => fail())),
  fetch: (fail, options) =>
    listen(
      getRequestListener(
        forFetch.bearer({ service, ...options } as Loose, () => fail()),
        { overrideGlobalObjects: false },
      ),
    ),
};

const failure = Object.assign(new Error('the password of the database is hunter2'), { sql: 'select 1' });
const ways: Readonly<Record<string, Fail>> = {
  thrown: () => {
    throw failure;
  },
  rejected: () => Promise.reject(failure),
};

describe.each(Object.keys(adapters))('an exception of a handler under %s', (name) => {
  const serve = adapters[name] as (typeof adapters)[string];

  test.each(Object.keys(ways))(
    'that is %s goes to onError with its request, and its caller gets a bare 500',
    async (way) => {
      const seen = vi.spyOn(console, 'error').mockReturnValue();
      const told: unknown[] = [];
      const onError: Options['onError'] = (error, line) => told.push([error, line.requestTarget]);
      const response = await fetch(`${await serve(ways[way] as Fail, { onError })}/orders?id=7`);
      const text = await response.text();
      expect([response.status, told, seen.mock.calls]).toEqual([500, [[failure, '/orders?id=7']], []]);
      expect(text).not.toMatch(/hunter2|select|at .*\.ts/);
      expect(JSON.parse(text)).toMatchObject({ code: 'internal', status: 500 });
    },
  );

  test('is on the console where there is no hook, and a hook that fails hides nothing', async () => {
    const seen = vi.spyOn(console, 'error').mockReturnValue();
    expect((await fetch(`${await serve(ways.thrown as Fail, {})}/orders`)).status).toBe(500);
    expect(seen.mock.calls.flat()).toContain(failure);
    const broken = new Error('the log is full');
    const onError = () => {
      throw broken;
    };
    expect((await fetch(`${await serve(ways.thrown as Fail, { onError })}/orders`)).status).toBe(500);
    expect(seen.mock.calls.flat()).toContain(broken);
  });

  test('that is a refusal by the SDK, because the session has just ended, is a 401 and no error', async () => {
    const told: unknown[] = [];
    const ended = () => Promise.reject(new MessageProblem('token.ended', 401, 'The token has ended.'));
    const response = await fetch(`${await serve(ended, { onError: (error) => told.push(error) })}/orders`);
    expect([response.status, told]).toEqual([401, []]);
    expect(response.headers.get('www-authenticate')).toContain('invalid_token');
  });
});

test.each(['express', 'fastify'])(
  '%s: the status of a request that was malformed is kept, and not its text',
  async (name) => {
    const told: unknown[] = [];
    const bad = () => Promise.reject(Object.assign(new Error('hunter2'), { status: 422, statusCode: 422 }));
    const serve = adapters[name] as (typeof adapters)[string];
    const response = await fetch(`${await serve(bad, { onError: (error) => told.push(error) })}/orders`);
    expect([response.status, told]).toEqual([422, []]);
    expect(await response.text()).not.toContain('hunter2');
  },
);

test('hono: an HTTPException is answered as it says', async () => {
  const teapot = () => Promise.reject(new HTTPException(418, { message: 'short and stout' }));
  const response = await fetch(`${await (adapters.hono as (typeof adapters)[string])(teapot, {})}/orders`);
  expect([response.status, await response.text()]).toEqual([418, 'short and stout']);
});

test.each([
  ['express', () => forExpress.errors({ onErr: () => {} } as Loose)],
  ['fastify', () => forFastify.errors({ onError: 'log' } as Loose)],
  ['hono', () => forHono.errors({ onError: {} } as Loose)],
  ['node', () => forNode.bearer({ service, onError: 'log' } as Loose, () => {})],
  ['fetch', () => forFetch.bearer({ service, onError: 7 } as Loose, () => new Response())],
])('%s: a hook of another type, or of another name, stops the start', (_, make) => {
  expect(make).toThrow(TypeError);
});
