/** A guard in every place where somebody puts one: it lets good callers in and nobody else, or it says at once that it cannot. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import fastifyServer, { type FastifyInstance } from 'fastify';
import { Hono } from 'hono';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import * as forExpress from '../src/express.ts';
import * as forFastify from '../src/fastify.ts';
import * as forFetch from '../src/fetch.ts';
import * as forHono from '../src/hono.ts';
import {
  createEdge,
  createParticipant,
  createService,
  type Edge,
  type Participant,
  type Service,
} from '../src/index.ts';
import { problem } from '../src/message/message-problem.ts';
import * as forNode from '../src/node.ts';
import { startIssuer, type TestIssuer } from './support/issuer.ts';
import { rsaKey } from './support/realm-server.ts';

let issuer: TestIssuer;
let service: Service;
let edge: Edge;
let participant: Participant;
let good: string;
beforeAll(async () => {
  issuer = await startIssuer();
  const own = { issuer: issuer.issuer, clientId: 'c', clientSecret: 's' };
  service = createService({ ...own, audience: 'api', accept: ['participant'], status: 'none' });
  edge = createEdge({ ...own, audience: 'api' });
  participant = createParticipant({ ...own, privateKey: rsaKey(), status: 'none' });
  good = await issuer.sign();
});
afterAll(async () => {
  for (const one of [service, edge, participant]) one?.close();
  await issuer?.[Symbol.asyncDispose]();
});

const guards = ['bearer', 'login', 'countersign'] as const;
type Guard = (typeof guards)[number];
const optionsOf = (guard: Guard): Loose =>
  ({ bearer: { service }, login: { edge, clientAddress: () => undefined }, countersign: { participant } })[guard];
/** What a guard is in JavaScript, where types do not stop anybody. */
// biome-ignore lint/suspicious/noExplicitAny: it is handed over in every wrong way
type Loose = any;

// biome-ignore lint/suspicious/noConsole: as the error handlers of the other frameworks do it
const logged = (error: unknown) => console.error(error);

let reached = 0;
afterEach(() => {
  reached = 0;
  vi.restoreAllMocks();
});
const handler = () => {
  reached++;
  return 'reached';
};

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Nobody without credentials gets through; with `lets`, a good token does. */
async function expectGuarded(url: string, guard: Guard, { status = 401, lets = true } = {}): Promise<void> {
  const bare = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  expect([bare.status, reached]).toEqual([status, 0]);
  if (guard !== 'bearer' || !lets) return;
  const response = await fetch(url, { headers: { authorization: `Bearer ${good}` } });
  expect([response.status, reached]).toEqual([200, 1]);
}

describe.each(guards)('Fastify with %s', (name) => {
  const guard: Loose = Reflect.get(forFastify, name);
  async function started(build: (app: FastifyInstance) => unknown): Promise<string> {
    const app = fastifyServer({ pluginTimeout: 2_000 });
    onTestFinished(() => app.close());
    await build(app);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`;
  }
  const route = (app: FastifyInstance) => app.get('/', async () => handler());

  const ways: Record<string, (app: FastifyInstance) => unknown> = {
    'app.register(guard, options)': async (app) => {
      await app.register(guard, optionsOf(name));
      route(app);
    },
    'app.register without await': (app) => {
      app.register(guard, optionsOf(name));
      route(app);
    },
    'app.register after the route': async (app) => {
      route(app);
      await app.register(guard, optionsOf(name));
    },
    'app.register with a prefix and a log level': async (app) => {
      await app.register(guard, { ...optionsOf(name), prefix: '/elsewhere', logLevel: 'warn' });
      route(app);
    },
    'app.register(guard(options))': async (app) => {
      await app.register(guard(optionsOf(name)));
      route(app);
    },
    'a plugin of its own around the routes': async (app) => {
      await app.register(async (scope) => {
        await scope.register(guard, optionsOf(name));
        route(scope);
      });
    },
    'the parent of a plugin with the routes': async (app) => {
      await app.register(guard, optionsOf(name));
      await app.register(async (scope) => {
        route(scope);
      });
    },
    "app.addHook('onRequest', guard(options))": (app) => {
      app.addHook('onRequest', guard(optionsOf(name)));
      route(app);
    },
    'onRequest of one route': (app) => app.get('/', { onRequest: guard(optionsOf(name)) }, async () => handler()),
    'a list of onRequest': (app) => app.get('/', { onRequest: [guard(optionsOf(name))] }, async () => handler()),
    'preHandler of one route': (app) => app.get('/', { preHandler: guard(optionsOf(name)) }, async () => handler()),
  };
  test.each(Object.entries(ways))('%s protects', async (_, build) => {
    await expectGuarded(await started(build), name);
  });

  test.each([undefined, {}, null, { service: undefined }, { servce: 1 }, 'x'])(
    'options that are %j stop the start',
    async (wrong) => {
      await expect(started((app) => app.register(guard, wrong as object))).rejects.toThrow(TypeError);
      expect(() => guard(wrong)).toThrow(TypeError);
    },
  );

  test.each(['onRequest', 'preHandler'] as const)('a forgotten call in %s lets nobody in', async (hook) => {
    const url = await started((app) => app.get('/', { [hook]: guard }, async () => handler()));
    await expectGuarded(url, name, { status: 500, lets: false });
  });
});

describe.each(guards)('Express with %s', (name) => {
  const guard: Loose = Reflect.get(forExpress, name);
  const respond: Loose = (_request: unknown, response: { send(text: string): void }) => response.send(handler());
  type App = ReturnType<typeof express>;
  const served = (build: (app: Loose) => unknown, path = '/') => {
    const app: App = express();
    build(app);
    return listen(app as unknown as RequestListener).then((url) => url + path);
  };
  const ways: Record<string, readonly [build: (app: Loose) => unknown, path?: string]> = {
    'app.use(guard(options))': [(app) => app.use(guard(optionsOf(name))).get('/', respond)],
    "app.use('/path', guard(options))": [(app) => app.use('/a', guard(optionsOf(name))).get('/a/b', respond), '/a/b'],
    'before one route': [(app) => app.get('/', guard(optionsOf(name)), respond)],
    'in a list before one route': [(app) => app.get('/', [guard(optionsOf(name))], respond)],
    'of a router': [
      (app) =>
        app.use(
          '/a',
          express
            .Router()
            .use(guard(optionsOf(name)))
            .get('/b', respond),
        ),
      '/a/b',
    ],
    'app.all': [(app) => app.all('/{*path}', guard(optionsOf(name))).get('/', respond)],
    'behind an error handler': [
      (app) =>
        app
          .use((_error: unknown, _request: unknown, _response: unknown, next: () => void) => next())
          .use(guard(optionsOf(name)))
          .get('/', respond),
    ],
  };
  test.each(Object.entries(ways))('%s protects', async (_, [build, path]) => {
    await expectGuarded(await served(build, path), name);
  });

  test.each([undefined, {}, { app: 1 }, null])('options that are %j stop the start', (wrong) => {
    expect(() => guard(wrong)).toThrow(TypeError);
  });

  test.each<[string, (app: Loose) => unknown]>([
    ['app.use(guard)', (app) => app.use(guard).get('/', respond)],
    ['before one route', (app) => app.get('/', guard, respond)],
  ])('a forgotten call, %s, lets nobody in', async (_, build) => {
    vi.spyOn(console, 'error').mockReturnValue();
    await expectGuarded(await served(build), name, { status: 500, lets: false });
  });
});

describe.each(guards)('Hono with %s', (name) => {
  const guard: Loose = Reflect.get(forHono, name);
  const served = (build: (app: Loose) => unknown) => {
    const app = new Hono();
    build(app);
    return listen(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  };
  const respond: Loose = (c: { text(text: string): unknown }) => c.text(handler());
  const ways: Record<string, (app: Loose) => unknown> = {
    'app.use(guard(options))': (app) => app.use(guard(optionsOf(name))).get('/', respond),
    "app.use('*', guard(options))": (app) => app.use('*', guard(optionsOf(name))).get('/', respond),
    'before one route': (app) => app.get('/', guard(optionsOf(name)), respond),
    'of a mounted app': (app) => app.route('/', new Hono().use(guard(optionsOf(name))).get('/', respond)),
  };
  test.each(Object.entries(ways))('%s protects', async (_, build) => {
    await expectGuarded(await served(build), name);
  });

  test.each([undefined, {}, { app: 1 }, null])('options that are %j stop the start', (wrong) => {
    expect(() => guard(wrong)).toThrow(TypeError);
  });

  test('a forgotten call lets nobody in', async () => {
    vi.spyOn(console, 'error').mockReturnValue();
    await expectGuarded(await served((app) => app.use(guard).get('/', respond)), name, { status: 500, lets: false });
    await expectGuarded(await served((app) => app.get('/', guard, respond)), name, { status: 500, lets: false });
  });
});

describe.each(guards)('node:http with %s', (name) => {
  const guard: Loose = Reflect.get(forNode, name);
  const respond: Loose = (_request: unknown, response: { end(text: string): void }) => response.end(handler());
  test('createServer(guard(options, listener)) protects', async () => {
    await expectGuarded(await listen(guard(optionsOf(name), respond)), name);
  });
  test('without a listener, or with wrong options, it stops the start', () => {
    expect(() => guard(optionsOf(name))).toThrow('listener must be a function');
    for (const wrong of [undefined, {}, null, { app: 1 }]) expect(() => guard(wrong, respond)).toThrow(TypeError);
    // createServer(guard) would call it so.
    expect(() => guard(new Request('http://x.test/'), { end: handler })).toThrow(TypeError);
  });
});

describe.each(guards)('fetch with %s', (name) => {
  const guard: Loose = Reflect.get(forFetch, name);
  const respond = () => new Response(handler());
  test('guard(options, handler) protects', async () => {
    const serve = guard(optionsOf(name), respond) as (request: Request) => Promise<Response>;
    await expectGuarded(await listen(getRequestListener(serve, { overrideGlobalObjects: false })), name);
  });
  test('without a handler, or with wrong options, it stops the start', () => {
    expect(() => guard(optionsOf(name))).toThrow('handler must be a function');
    for (const wrong of [undefined, {}, null, { app: 1 }]) expect(() => guard(wrong, respond)).toThrow(TypeError);
    expect(() => guard(new Request('http://x.test/'), {})).toThrow(TypeError);
  });
});

test.each([
  ['acr', { acr: 'AAL2' }],
  ['acr', { acr: undefined }],
  ['accept', { accept: 'credential' }],
  ['recentLoginSeconds', { recentLoginSeconds: '60' }],
  ['arc', { arc: 'aal2' }],
  ['accepts', { accepts: ['credential'] }],
])('a rule %s that is misspelt or of another type stops the start: %j', async (member, rule) => {
  const options: Loose = { service, ...rule };
  for (const guard of [forExpress.bearer, forFastify.bearer, forHono.bearer] as Loose[]) {
    expect(() => guard(options)).toThrow(member);
  }
  for (const guard of [forNode.bearer, forFetch.bearer] as Loose[]) {
    expect(() => guard(options, handler)).toThrow(member);
  }
  await expect(service.authenticate({ authorization: `Bearer ${good}` }, rule as Loose)).rejects.toThrow(TypeError);
});

describe('what a handler throws behind a guard', () => {
  const failure = new Error('the application failed');
  /** What the SDK throws where the session has ended since the guard let it in. */
  const ended = problem('session.ended');
  const apps: Record<string, (thrown: unknown) => Promise<string>> = {
    express: (thrown) => {
      const app = express();
      app.use(forExpress.bearer({ service }) as Loose);
      app.get('/', () => {
        throw thrown;
      });
      app.use(((error, _request, _response, next) => {
        logged(error);
        next(error);
      }) as express.ErrorRequestHandler);
      return listen(app as unknown as RequestListener);
    },
    fastify: async (thrown) => {
      const app = fastifyServer();
      onTestFinished(() => app.close());
      app.setErrorHandler((error, _request, reply) => {
        logged(error);
        reply.send(error);
      });
      await app.register(forFastify.bearer, { service });
      app.get('/', async () => {
        throw thrown;
      });
      await app.listen({ port: 0, host: '127.0.0.1' });
      return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`;
    },
    hono: (thrown) => {
      const app = new Hono();
      app.use(forHono.bearer({ service }) as Loose).get('/', () => {
        throw thrown;
      });
      return listen(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
    },
    node: (thrown) =>
      listen(
        forNode.bearer({ service }, async () => {
          throw thrown;
        }),
      ),
    fetch: (thrown) =>
      listen(
        getRequestListener(
          forFetch.bearer({ service }, () => {
            throw thrown;
          }),
          { overrideGlobalObjects: false },
        ),
      ),
  };

  test.each(Object.keys(apps))('%s: an error of the application is 500, and is seen', async (name) => {
    const seen = vi.spyOn(console, 'error').mockReturnValue();
    const url = await (apps[name] as (thrown: unknown) => Promise<string>)(failure);
    const response = await fetch(url, { headers: { authorization: `Bearer ${good}` } });
    expect(response.status).toBe(500);
    expect(seen.mock.calls.flat().some((one) => one === failure || String(one).includes(failure.message))).toBe(true);
  });

  test.each(Object.keys(apps))('%s: a session that ended meanwhile is 401 with its challenge', async (name) => {
    vi.spyOn(console, 'error').mockReturnValue();
    const url = await (apps[name] as (thrown: unknown) => Promise<string>)(ended);
    const response = await fetch(url, { headers: { authorization: `Bearer ${good}` } });
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"']);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test.each(['node', 'fetch'] as const)('%s: a hook gets the error itself, and the console nothing', async (name) => {
    const seen = vi.spyOn(console, 'error').mockReturnValue();
    const told: unknown[] = [];
    const options = { service, onRefusal: (error: unknown) => told.push(error) };
    const fail = () => {
      throw failure;
    };
    const listener =
      name === 'node'
        ? forNode.bearer(options, fail)
        : getRequestListener(forFetch.bearer(options, fail), { overrideGlobalObjects: false });
    const response = await fetch(await listen(listener), { headers: { authorization: `Bearer ${good}` } });
    expect([response.status, told, seen.mock.calls]).toEqual([500, [failure], []]);
  });
});
