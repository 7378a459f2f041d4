import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stepParticipant } from '../src/registry/lifecycle.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import type { ApplyReport } from '../src/registry/network-file/report.ts';
import { type Participant, readParticipants } from '../src/registry/participant.ts';
import { registryEntry } from '../src/registry/registry-entry.ts';
import { manualClock } from './support/clock.ts';
import { agentSecret, caller, keyOf, publicKey, wholeNetwork } from './support/network.ts';
import { administrator, obtainToken, type TestServer, testServer } from './support/server.ts';

async function read(server: TestServer, token: string, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.issuer()}/service/${path}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) };
}

describe('the registry of a realm', () => {
  let server: TestServer;
  let token: string;
  const clock = manualClock(Date.now());
  const network = wholeNetwork();

  beforeAll(async () => {
    server = await testServer({ network, clock: { ...clock, elapsed: () => performance.now() } });
    token = await obtainToken(server.issuer(), 'agent-client', agentSecret);
  });
  afterAll(() => server.close());

  test('a participant, exactly', async () => {
    const { status, headers, body, text } = await read(server, token, 'participant-roles/agent');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json');
    expect(headers.get('cache-control')).toBe('private, max-age=10');
    const key = network.realms[0]?.participants[0]?.keys?.[0] as Record<string, unknown>;
    const jwk = { kty: 'EC', kid: 'agent-1', alg: 'ES256', crv: 'P-256', x: key.x, y: key.y };
    expect(body).toEqual({
      id: 'agent',
      participantRole: 'LOAN_AGENT',
      participantRoleStatus: 'APPROVED',
      isApproved: true,
      approved: true,
      approvedBy: 'admin',
      approvedOn: '2024-01-25T00:00:00Z',
      baseUrl: 'http://localhost:9001/ocen',
      publicKey: JSON.stringify(jwk),
      publicKeys: { keys: [{ ...jwk, nbf: expect.any(Number) }] },
      kcClientId: 'agent-client',
      createdOn: '2024-01-24T00:00:00Z',
      updatedOn: '2024-03-05T00:00:00Z',
      participant: network.realms[0]?.participants[0]?.participant,
    });
    expect(text).not.toMatch(/secret/i);
  });

  test('a participant without a key has a null key and an empty set', async () => {
    const { body } = await read(server, token, 'participant-roles/data');
    expect(body).toMatchObject({
      participantRole: 'DERIVED_DATA_PARTNER',
      participantRoleStatus: 'APPLIED',
      isApproved: false,
      approved: false,
      approvedBy: null,
      approvedOn: null,
      publicKey: null,
      publicKeys: { keys: [] },
      kcClientId: null,
      participant: { id: 'data', participantName: null },
    });
  });

  test('the current key is the newest valid one; retired ones stay in the set with their end', async () => {
    const { body } = await read(server, token, 'participant-roles/lender');
    expect(JSON.parse(body.publicKey).kid).toBe('lender-new');
    expect(body.publicKeys.keys.map((key: { kid: string; exp?: number }) => [key.kid, key.exp])).toEqual([
      ['lender-old', 1_600_000_000],
      ['lender-new', undefined],
    ]);
  });

  test('of keys that have ended the last twenty stay in the set, however many there were', async () => {
    const { body } = await read(server, token, 'participant-roles/lender');
    const keyOf = (at: number, notAfter: number | null) => ({
      thumbprint: String(at),
      jwk: JSON.parse(body.publicKey),
      notBefore: at,
      notAfter,
    });
    const [participant] = await readParticipants(server.context, 'dev', ['lender']);
    const ended = Array.from({ length: 50 }, (_, at) => keyOf(at * 1000, (at + 1) * 1000));
    const keys = [...ended, keyOf(60_000, null), keyOf(70_000, 9e12)];
    const entry = registryEntry({ ...(participant as Participant), keys }, 100_000);
    const begins = [...Array.from({ length: 20 }, (_, at) => 30 + at), 60, 70];
    expect(entry.publicKeys.keys.map(({ nbf }) => nbf)).toEqual(begins);
  });

  test('a next key takes over when its time comes, and the old one when it ends', async () => {
    const now = Math.floor(clock.now() / 1000);
    const [old, next] = [publicKey('old'), publicKey('next')];
    const keys = [
      { ...old, nbf: now - 10, exp: now + 60 },
      { ...next, nbf: now + 30 },
    ];
    const file = {
      realms: [{ name: 'dev', participants: [{ id: 'turn', role: 'LENDER', baseUrl: 'https://t.example', keys }] }],
    };
    await applyNetwork(server.context, file, caller);
    const current = async () => {
      const { body, headers } = await read(server, token, 'participant-roles/turn');
      return [JSON.parse(body.publicKey).kid, headers.get('etag')];
    };
    const before = await current();
    clock.advance(31_000);
    const after = await current();
    expect([before[0], after[0]]).toEqual(['old', 'next']);
    expect(after[1]).not.toBe(before[1]);
  });

  test('a network by role, each list in the order of ids, roles without members left out', async () => {
    const { status, body } = await read(server, token, 'product-networks/network-1/participants');
    expect(status).toBe(200);
    expect(Object.entries(body).map(([role, list]) => [role, (list as { id: string }[]).map(({ id }) => id)])).toEqual([
      ['LENDER', ['lender']],
      ['LOAN_AGENT', ['agent']],
      ['DERIVED_DATA_PARTNER', ['data']],
    ]);
    expect(body.LOAN_AGENT[0]).toEqual((await read(server, token, 'participant-roles/agent')).body);
  });

  test('a network without members is an empty object', async () => {
    const file = { realms: [{ name: 'dev', productNetworks: [{ id: 'empty', name: 'Empty' }] }] };
    await applyNetwork(server.context, file, caller);
    expect(await read(server, token, 'product-networks/empty/participants')).toMatchObject({ status: 200, body: {} });
  });

  test.each([
    ['products/product-1', { data: { id: 'product-1', name: 'Invoice loan', description: 'Short term' } }],
    ['lender-network-filters/filter-1', network.realms[0]?.lenderNetworkFilters[0]],
    ['server-whitelisting-items/item-1', network.realms[0]?.serverWhitelistingItems[0]],
    [
      'participant-roles/server-whitelisting-items/agent',
      [network.realms[0]?.serverWhitelistingItems[1], network.realms[0]?.serverWhitelistingItems[0]],
    ],
    ['participant-roles/server-whitelisting-items/lender', []],
  ])('%s as it came', async (path, expected) => {
    expect(await read(server, token, path)).toMatchObject({ status: 200, body: expected });
    expect((await read(server, token, path)).body).toEqual(expected);
  });

  test.each([
    'participant-roles/nobody',
    'participant-roles/agent%2Fx',
    'participant-roles/%00',
    `participant-roles/${'x'.repeat(300)}`,
    'participant-roles/server-whitelisting-items',
    'participant-roles/server-whitelisting-items/nobody',
    'product-networks/nothing/participants',
    'product-networks/network-1',
    'products/nothing',
    'lender-network-filters/nothing',
    'server-whitelisting-items/nothing',
    'participant-roles',
  ])('%s is 404', async (path) => {
    const { status, body } = await read(server, token, path);
    expect([status, body.status]).toEqual([404, 404]);
  });

  test('what belongs to another realm is 404 here', async () => {
    const file = {
      realms: [
        {
          name: 'other',
          participants: [{ id: 'theirs', role: 'LENDER', baseUrl: 'https://o.example', keys: [keyOf('theirs')] }],
        },
      ],
    };
    await applyNetwork(server.context, file, caller);
    expect((await read(server, token, 'participant-roles/theirs')).status).toBe(404);
    const foreign = await fetch(`${server.issuer('other')}/service/participant-roles/theirs`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(foreign.status).toBe(403);
  });

  test('a read needs a live token', async () => {
    const bare = await fetch(`${server.issuer()}/service/participant-roles/agent`);
    expect(bare.status).toBe(401);
    expect(bare.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect((await read(server, `${token.slice(0, -4)}AAAA`, 'participant-roles/agent')).status).toBe(401);
    const posted = await fetch(`${server.issuer()}/service/participant-roles/agent`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    expect(posted.status).toBe(405);
  });

  test('the ETag spares the body while nothing has changed, and changes with the entry', async () => {
    const path = 'participant-roles/lender';
    const first = await read(server, token, path);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const again = await read(server, token, path, { 'if-none-match': header });
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    }
    await stepParticipant(server.context, 'dev', 'lender', 'suspend', undefined, caller);
    const suspended = await read(server, token, path, { 'if-none-match': etag });
    expect([suspended.status, suspended.body.participantRoleStatus, suspended.body.isApproved]).toEqual([
      200,
      'SUSPENDED',
      false,
    ]);
    await stepParticipant(server.context, 'dev', 'lender', 'offboard', undefined, caller);
    // The agent could ask for tokens for the lender: those are dead with all its others.
    expect((await read(server, token, path)).status).toBe(401);
    token = await obtainToken(server.issuer(), 'agent-client', agentSecret);
    const offboarded = await read(server, token, path);
    // History stays readable: the keys with their end, the client id that nobody else will ever have.
    expect(offboarded.body).toMatchObject({
      participantRoleStatus: 'OFFBOARDED',
      approved: false,
      publicKey: null,
      kcClientId: 'lender-client',
    });
    expect(offboarded.body.publicKeys.keys.every((key: { exp?: number }) => key.exp !== undefined)).toBe(true);
    const listed = await read(server, token, 'product-networks/network-1/participants');
    expect(Object.keys(listed.body)).toEqual(['LOAN_AGENT', 'DERIVED_DATA_PARTNER']);
  });

  describe('the network file over HTTP', () => {
    const send = (path: string, bearer: string, body: unknown) =>
      fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });

    test('an administrator of system applies and exports; what was exported changes nothing', async () => {
      const admin = await server.adminToken();
      const file = {
        realms: [
          { name: 'fresh', profile: 'strict', participants: [{ id: 'f', role: 'LENDER', client: { id: 'f-client' } }] },
        ],
      };
      const applied = await send('/admin/network', admin, file);
      const report = (await applied.json()) as ApplyReport;
      expect([applied.status, applied.headers.get('cache-control')]).toEqual([200, 'no-store']);
      expect(report.realms[0]?.created).toEqual(['realm:fresh', 'participant:f', 'client:f-client']);
      expect(await obtainToken(server.issuer('fresh'), 'f-client', report.secrets[0]?.secret ?? '')).toMatch(/^ey/);
      const exported = await fetch(`${server.url}/admin/network`, { headers: { authorization: `Bearer ${admin}` } });
      const everything = (await exported.json()) as { realms: { name: string }[] };
      expect(everything.realms.map(({ name }) => name)).toContain('system');
      const again = (await (await send('/admin/network', admin, everything)).json()) as ApplyReport;
      expect(again.realms.flatMap(({ created, changed }) => [...created, ...changed])).toEqual([]);
      expect(again.secrets).toEqual([]);
      const alone = await fetch(`${server.url}/realms/fresh/admin/network`, {
        headers: { authorization: `Bearer ${admin}` },
      });
      expect(await alone.json()).toEqual({
        realms: [everything.realms.find(({ name }) => name === 'fresh')],
      });
    });

    test('only the realm of the path, and only its administrators', async () => {
      const admin = await server.adminToken();
      const other = await send('/realms/dev/admin/network', admin, { realms: [{ name: 'other', profile: 'ocen4' }] });
      expect([other.status, await other.json()]).toMatchObject([
        422,
        { code: 'network.invalid', pointer: '/realms/0/name' },
      ]);
      expect((await send('/realms/dev/admin/network', token, { realms: [] })).status).toBe(403);
      expect((await send('/admin/network', token, { realms: [] })).status).toBe(401);
      expect((await fetch(`${server.url}/admin/network`)).status).toBe(401);
      expect((await send('/realms/nowhere/admin/network', admin, { realms: [] })).status).toBe(404);
    });

    test('a refusal names the pointer; a duplicate member is 400; a body over 1 MiB is 413', async () => {
      const admin = await server.adminToken();
      const invalid = await send('/admin/network', admin, { realms: [{ name: 'dev', participants: [{ id: 'x' }] }] });
      expect([invalid.status, invalid.headers.get('content-type')]).toEqual([422, 'application/problem+json']);
      expect(await invalid.json()).toMatchObject({ code: 'network.invalid', pointer: '/realms/0/participants/0/role' });
      const twice = await send('/admin/network', admin, '{"realms":[],"realms":[]}');
      expect([twice.status, await twice.json()]).toMatchObject([
        400,
        { code: 'request.duplicate_member', pointer: '/realms' },
      ]);
      const huge = await send('/admin/network', admin, { realms: [], padding: 'x'.repeat(1024 * 1024) });
      expect(huge.status).toBe(413);
    });

    test('who applied stands in the event log', async () => {
      const admin = await server.adminToken();
      await send('/admin/network', admin, { realms: [{ name: 'dev', products: [{ id: 'logged', name: 'Logged' }] }] });
      const row = await server.context.store.db
        .selectFrom('event')
        .selectAll()
        .where('object', '=', 'product:logged')
        .executeTakeFirstOrThrow();
      expect(row).toMatchObject({ realm: 'dev', type: 'product.created', before: null });
      expect(row.actor).toContain(administrator.id);
    });
  });
});

interface Exchange {
  readonly id: string;
  readonly request: { readonly method: string; readonly url: string };
  readonly response: { readonly status: number; readonly body: string };
}

const vectors = new URL('../../../../shared/vectors/ocen/http_flow.json', import.meta.url);
const vectorsPresent = existsSync(vectors);

test('the shared vectors are there wherever CI counts on them', () => {
  expect(vectorsPresent || process.env.CI === undefined).toBe(true);
});

describe.skipIf(!vectorsPresent)("OCEN's own registry exchanges", () => {
  const flow = vectorsPresent ? JSON.parse(readFileSync(vectors, 'utf8')) : {};
  const exchanges = (Object.values(flow).find(Array.isArray) ?? []) as Exchange[];
  const registry = exchanges.filter(({ request }) => request.url.startsWith('https://dev.ocen.test/service/'));
  let server: TestServer;
  let token: string;

  /** The participants of the vectors, said in our network file. */
  function network() {
    const details = JSON.parse(registry.find(({ id }) => id === '04-la-network')?.response.body ?? '{}') as Record<
      string,
      Record<string, unknown>[]
    >;
    const participants = Object.values(details)
      .flat()
      .map(({ participantRole, participantRoleStatus, kcClientId, publicKey, isApproved: _, ...same }) => ({
        ...same,
        role: participantRole,
        status: participantRoleStatus,
        keys: [JSON.parse(publicKey as string)],
        client: { id: kcClientId, secret: `secret-of-${kcClientId}` },
      }));
    const networkId = /product-networks\/([^/]+)/.exec(registry[0]?.request.url ?? '')?.[1];
    const productNetworks = [
      {
        id: networkId,
        name: 'Network',
        participants: participants.map((one) => (one as unknown as { id: string }).id),
      },
    ];
    return { realms: [{ name: 'dev', profile: 'ocen4', participants, productNetworks }] };
  }

  function clientOf(file: ReturnType<typeof network>) {
    const [first] = file.realms.flatMap(({ participants }) => participants);
    if (first === undefined) throw new Error('the vectors name no participant');
    return { id: String(first.client.id), secret: first.client.secret };
  }

  beforeAll(async () => {
    const file = network();
    server = await testServer({ network: file });
    const { id, secret } = clientOf(file);
    token = await obtainToken(server.issuer(), id, secret);
  });
  afterAll(() => server?.close());

  test('there are three', () => {
    expect(registry.map(({ id }) => id.slice(0, 2))).toEqual(['04', '07', '09']);
  });

  test.each(registry.map((exchange) => [exchange.id, exchange] as const))('%s', async (_id, { request, response }) => {
    const path = request.url.replace('https://dev.ocen.test/service/', '');
    const { status, body } = await read(server, token, path, { accept: '*/*' });
    expect(status).toBe(response.status);
    const expected = JSON.parse(response.body);
    // The vectors name what a client of OCEN knows; of each entry everything they name must be there and equal.
    expect(body).toMatchObject(expected);
    expect(Object.keys(body).sort()).toEqual(expect.arrayContaining(Object.keys(expected).sort()));
    const publicKeyOf = (value: { publicKey?: string; LENDER?: { publicKey: string }[] }) =>
      value.publicKey ?? value.LENDER?.[0]?.publicKey;
    expect(publicKeyOf(body)).toBe(publicKeyOf(expected));
  });
});
