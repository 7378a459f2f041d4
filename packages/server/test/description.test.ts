/** The description of the API against the running server: every operation is called, and what comes back is what it says. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allRoutes } from '../src/server.ts';
import { basic } from './support/applicant.ts';
import { corporateNetwork, sessionOf } from './support/corporate.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly contentEncoding?: string;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly items?: Schema;
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

/** A body that fits the schema, with what is required and nothing else. */
function smallest(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const branch = (schema.oneOf ?? schema.anyOf)?.[0];
  if (schema.properties !== undefined || schema.type === 'object') {
    const required = [...(schema.required ?? []), ...(branch?.required ?? [])];
    return Object.fromEntries(required.map((name) => [name, smallest(schema.properties?.[name] ?? {})]));
  }
  if (branch !== undefined) return smallest(branch);
  if (schema.type === 'array') return Array.from({ length: schema.minItems ?? 0 }, () => smallest(schema.items ?? {}));
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(schema.minimum ?? 0, 0);
  if (schema.type === 'boolean') return false;
  if (schema.contentEncoding === 'base64') return '';
  if (schema.format === 'date-time') return new Date(Date.now() + 3_600_000).toISOString();
  if (schema.pattern?.startsWith('^did:key:')) return `did:key:z${'6'.repeat(48)}`;
  if (schema.format === 'email') return 'somebody@example.org';
  return 'a'.repeat(Math.max(schema.minLength ?? 1, 3));
}

/** Why a body that fits its schema may be refused as a request all the same: what no schema can say. */
const unsayable: Readonly<Record<string, string>> = {
  submitApplication: 'the public key is one that can be used',
  addParticipantKey: 'the public key is one that can be used',
};

const shapes: Readonly<Record<string, readonly string[]>> = {
  'application/problem+json': ['type', 'title', 'status', 'code', 'requestId'],
};

describe('the description', () => {
  let server: TestServer;
  let paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  let proofs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  beforeAll(async () => {
    const [dev, ...others] = corporateNetwork.realms;
    const secret = 'agent-secret-for-tests-only';
    const agent = { id: 'agent', role: 'LENDER', status: 'APPROVED', client: { id: 'agent', secret } };
    server = await testServer({ network: { realms: [{ ...dev, participants: [agent] }, ...others] } });
    paths = ((await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: typeof paths }).paths;
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    const client = basic({ clientId: 'agent', clientSecret: secret });
    proofs = {
      client,
      bearer: bearer(await obtainToken(server.issuer(), 'agent', secret)),
      administrator: bearer(await server.adminToken()),
      session: bearer(await sessionOf(server, 'dev-root')),
    };
  });
  afterAll(() => server?.close());

  const operations = allRoutes(() => {
    throw new Error('not asked');
  })
    .filter(({ path }) => !/^\/(openapi\.json|docs.*)?$/.test(path))
    .map(({ method, path }) => [method, path.replace(/:([A-Za-z_]+)/g, '{$1}')] as const);

  async function called(method: string, path: string, headers: Readonly<Record<string, string>>, withBody: boolean) {
    const operation = paths[path]?.[method.toLowerCase()] as Operation;
    const url = path.replace('{realm}', 'dev').replace(/\{[a-zA-Z_]+\}/g, 'any');
    const [mediaType, described] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
    const query = operation.parameters
      .filter((one) => one.in === 'query' && one.required)
      .map(({ name }) => `${name}=any`);
    const body = withBody && described?.schema !== undefined ? smallest(described.schema) : undefined;
    const sent =
      body === undefined
        ? {}
        : {
            body:
              mediaType === 'application/json'
                ? JSON.stringify(body)
                : new URLSearchParams(body as Record<string, string>),
          };
    const stop = new AbortController();
    const response = await fetch(`${server.url}${url}${query.length === 0 ? '' : `?${query.join('&')}`}`, {
      method,
      headers: { ...headers, ...(body !== undefined && mediaType !== undefined ? { 'content-type': mediaType } : {}) },
      signal: stop.signal,
      ...sent,
    });
    const type = response.headers.get('content-type')?.split(';')[0] ?? undefined;
    // A stream of events goes on for ever.
    const text = type === 'text/event-stream' ? '' : await response.text();
    stop.abort();
    return { operation, status: response.status, type, text, sentBody: body };
  }

  function expectAsDescribed({ operation, status, type, text }: Awaited<ReturnType<typeof called>>) {
    const described = operation.responses[status] ?? operation.responses.default;
    const types = Object.keys(described?.content ?? {});
    expect([operation.operationId, status, type]).toEqual([
      operation.operationId,
      status,
      types.length === 0 ? undefined : types[0],
    ]);
    if (types.length === 0) expect(text).toBe('');
    if (status < 400) return;
    expect(operation.responses[status]).toBeUndefined();
    const members = Object.keys(JSON.parse(text));
    for (const member of shapes[type ?? ''] ?? []) expect(members).toContain(member);
  }

  test.each(operations)('%s %s without anything is refused or answered as it says', async (method, path) => {
    expectAsDescribed(await called(method, path, {}, false));
  });

  test.each(operations)(
    '%s %s with the proof and the smallest body is not refused as a request',
    async (method, path) => {
      const security = paths[path]?.[method.toLowerCase()]?.security ?? [];
      const scheme = security.map((one) => Object.keys(one)[0] ?? '').find((name) => proofs[name] !== undefined);
      const answer = await called(
        method,
        path,
        scheme === undefined ? {} : (proofs[scheme] as Record<string, string>),
        true,
      );
      expectAsDescribed(answer);
      const { operation, status, text, sentBody } = answer;
      const reason = unsayable[operation.operationId.replace(/InRealm$/, '')];
      const refused = status === 400 ? `${JSON.stringify(sentBody)}: ${text}` : '';
      if (reason === undefined) expect(refused).toBe('');
      else expect(status, reason).toBe(400);
    },
  );

  test.each(operations)(
    'another method than %s of %s is refused in the form of the operation',
    async (method, path) => {
      const operation = paths[path]?.[method.toLowerCase()] as Operation;
      const url = path.replace('{realm}', 'dev').replace(/\{[a-zA-Z_]+\}/g, 'any');
      const other = paths[path]?.put === undefined ? 'PUT' : 'PROPFIND';
      const response = await fetch(server.url + url, { method: other });
      expect([response.status, response.headers.get('content-type')]).toEqual([
        405,
        Object.keys(operation.responses.default?.content ?? {})[0],
      ]);
      expect(response.headers.get('allow')?.split(', ')).toContain(method);
    },
  );
});
