/** `bearer({ issuer, audience, client })` of each adapter of the SDK, against a real server and over real HTTP. */
import { createServer, type RequestListener } from 'node:http';
import type { Authenticated } from '@countersign/client';
import { bearer as forExpress } from '@countersign/client/express';
import { bearer as forFastify } from '@countersign/client/fastify';
import { type ApiOptions, type BearerOptions, bearer as forFetch } from '@countersign/client/fetch';
import { type BearerVariables, bearer as forHono } from '@countersign/client/hono';
import { bearer as forNode } from '@countersign/client/node';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { listenOn } from './support/guarded.ts';
import { form, post } from './support/oauth.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const api = 'https://loans.example';
const clients = {
  api: { clientId: 'loans', clientSecret: 'secret-of-loans-for-tests' },
  agent: { clientId: 'agent', clientSecret: 'secret-of-agent-for-tests' },
};
/** TEST KEY, public part: the private part was never kept. */
const ecKey = {
  ...{ kty: 'EC', crv: 'P-256', x: 'POBqd1gG1xO6w93GFehC2WN8Wm5FYHxV-sXl3ag5Qo8' },
  y: 'rZWWI0Z8RJahEwNOxDSGwCvSrV6sEYJaXX1SsuXbbSw',
};
const network = {
  realms: [
    {
      ...{ name: 'dev', profile: 'ocen4', settings: { accessTokenAlg: 'ES256' } },
      participants: [
        {
          ...{ id: 'p-loans', role: 'LENDER', baseUrl: api, keys: [ecKey] },
          client: { id: 'loans', secret: clients.api.clientSecret },
        },
        {
          ...{ id: 'p-agent', role: 'LOAN_AGENT' },
          client: {
            ...{ id: 'agent', secret: clients.agent.clientSecret, scope: 'loans:read loans:write', audiences: [api] },
          },
        },
      ],
    },
  ],
};

let server: TestServer;
let good: string;
let revoked: string;
beforeAll(async () => {
  server = await testServer({ network });
  good = await tokenFor(api, 'loans:read');
  revoked = await tokenFor(api, 'loans:read loans:write');
  const body = form({ client_id: 'agent', client_secret: clients.agent.clientSecret, token: revoked });
  expect((await post(`${server.issuer()}/protocol/openid-connect/revoke`, body)).status).toBe(200);
});
afterAll(() => server.close());

function tokenFor(resource: string, scope: string): Promise<string> {
  const { clientId, clientSecret } = clients.agent;
  return obtainToken(server.issuer(), clientId, clientSecret, [
    ['resource', resource],
    ['scope', scope],
  ]);
}

const told = ({ subject, liveness }: Authenticated) => ({ id: subject.id, liveness });

const adapters = {
  async express(options) {
    return express().get('/', forExpress(options), (request, response) => {
      response.json(told(request.bearer as Authenticated));
    }) as RequestListener;
  },
  async fastify(options) {
    let listener: RequestListener | undefined;
    const serverFactory = (handler: RequestListener) => {
      listener = handler;
      return createServer();
    };
    const app = fastify({ serverFactory });
    app.get('/', { onRequest: forFastify(options) }, async ({ bearer }) => told(bearer));
    await app.ready();
    return listener as RequestListener;
  },
  async hono(options) {
    const app = new Hono<{ Variables: BearerVariables }>();
    app.get('/', forHono(options), (c) => c.json(told(c.get('bearer'))));
    return getRequestListener(app.fetch, { overrideGlobalObjects: false });
  },
  async node(options) {
    return forNode(options, ({ bearer }, response) => response.end(JSON.stringify(told(bearer))));
  },
  async fetch(options) {
    const serve = forFetch(options, (_request, caller) => Response.json(told(caller)));
    return getRequestListener((request) => serve(request), { overrideGlobalObjects: false });
  },
} as const satisfies Record<string, (options: BearerOptions) => Promise<RequestListener>>;

type Rules = Partial<ApiOptions & Pick<BearerOptions, 'scope' | 'role' | 'accept'>>;

describe.each(Object.keys(adapters) as (keyof typeof adapters)[])('%s', (adapter) => {
  async function asked(rules: Rules, token?: string) {
    const listener = await adapters[adapter]({ issuer: server.issuer(), audience: api, ...rules });
    const { url, ...listening } = await listenOn(listener);
    onTestFinished(() => listening[Symbol.asyncDispose]());
    const response = await fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
    const { code, liveness } = (await response.json()) as Record<string, string>;
    return [response.status, code ?? liveness, response.headers.get('www-authenticate')];
  }
  const client = clients.api;

  test('with a client refuses no token, another audience and a revoked token', async () => {
    expect(await asked({ client }, good)).toEqual([200, 'checked', null]);
    expect(await asked({ client })).toEqual([401, 'token.missing', 'Bearer']);
    expect(await asked({ client }, revoked)).toEqual([401, 'token.revoked', 'Bearer error="invalid_token"']);
    expect(await asked({ client }, await tokenFor(server.issuer(), 'loans:read'))).toEqual([
      ...[401, 'jwt.audience', 'Bearer error="invalid_token"'],
    ]);
    expect((await asked({ client, accept: ['client'] }, good))[1]).toBe('token.kind');
  });

  test('without a client says so in each result, and lets a revoked token pass', async () => {
    const warning = vi.spyOn(console, 'warn').mockReturnValue();
    onTestFinished(() => warning.mockRestore());
    expect(await asked({}, good)).toEqual([200, 'unchecked', null]);
    expect(await asked({}, revoked)).toEqual([200, 'unchecked', null]);
    expect(await asked({})).toEqual([401, 'token.missing', 'Bearer']);
  });

  test('refuses a token with too little with 403, and names the scopes that it needs', async () => {
    const about = 'error="insufficient_scope", error_description="';
    expect(await asked({ client, scope: ['loans:read'], role: ['LENDER', 'LOAN_AGENT'] }, good)).toEqual([
      ...[200, 'checked', null],
    ]);
    expect(await asked({ client, scope: 'loans:read loans:write' }, good)).toEqual([
      ...[403, 'token.insufficient_scope'],
      `Bearer ${about}The token does not have the scopes that this needs.", scope="loans:read loans:write"`,
    ]);
    expect(await asked({ client, role: 'LENDER' }, good)).toEqual([
      ...[403, 'token.insufficient_role'],
      `Bearer ${about}The subject of the token does not have a role that may do this."`,
    ]);
  });
});

test('an API without a client is warned about once, at the start', () => {
  const warning = vi.spyOn(console, 'warn').mockReturnValue();
  onTestFinished(() => warning.mockRestore());
  const issuer = 'https://once.example/realms/dev';
  for (const audience of ['a', 'b']) forExpress({ issuer, audience });
  expect(warning.mock.calls).toEqual([[expect.stringContaining('pass until they expire')]]);
  forExpress({ issuer: 'https://other.example/realms/dev', audience: 'a', client: clients.api });
  expect(warning).toHaveBeenCalledOnce();
});

test.each([
  ['a client of undefined', { client: undefined }, 'bearer.client'],
  ['half a client', { client: { clientId: 'loans' } }, 'bearer.client.clientSecret'],
  ['no audience', { audience: undefined }, 'bearer.audience'],
  ['an empty list of scopes', { scope: [] }, 'bearer.scope'],
  ['a scope that would end the challenge', { scope: 'a" b' }, 'bearer.scope'],
  ['a scope of undefined', { scope: undefined }, 'bearer.scope'],
  ['a role of undefined', { role: undefined }, 'bearer.role'],
  ['a service and an issuer', { service: { authenticate: () => {} } }, 'issuer'],
])('%s is refused at the start', (_, wrong, named) => {
  const options = { issuer: 'https://id.example/realms/dev', audience: api, client: clients.api, ...wrong };
  expect(() => forExpress(options as never)).toThrow(named);
});
