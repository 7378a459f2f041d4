import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { realmKey } from '../src/kernel/id.ts';
import { findClient } from '../src/registry/client.store.ts';
import { write } from '../src/store/write.ts';
import { reinstateSubject, suspendSubject } from '../src/subject/subject.ts';
import type { RevokedEntry, StatusClaims } from '../src/subject/tokens/status.ts';
import { eachDatabase } from './support/databases.ts';
import {
  basic,
  form,
  type NetworkKeys,
  type Nodes,
  networkKeys,
  oauthNetwork,
  post,
  secrets,
  twoNodes,
} from './support/oauth.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

let keys: NetworkKeys;
beforeAll(async () => {
  keys = await networkKeys();
});

const reader = (server: TestServer) => obtainToken(server.issuer(), 'lender', secrets.lender);
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Suspends, and lets live again: its tokens stay dead. */
async function killTokensOf(server: TestServer, clientId: string): Promise<string> {
  return write(server.context, system, async (tx) => {
    const row = await findClient(tx.db, 'dev', clientId);
    const subject = row?.subject_id as string;
    await suspendSubject(tx, 'dev', subject);
    await reinstateSubject(tx, 'dev', subject);
    tx.changed('client', realmKey('dev', clientId));
    return subject;
  });
}

async function revokeOwn(server: TestServer, token: string): Promise<void> {
  const url = `${server.issuer()}/protocol/openid-connect/revoke`;
  expect((await post(url, form({ token }), basic('agent', secrets.agent))).status).toBe(200);
}

/** The events of a stream, one by one; undefined at its end. */
function eventsOf(response: Response): () => Promise<StatusClaims | undefined> {
  const chunks = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let buffered = '';
  return async () => {
    for (;;) {
      const end = buffered.indexOf('\n\n');
      if (end !== -1) {
        const lines = buffered.slice(0, end).split('\n');
        buffered = buffered.slice(end + 2);
        expect(lines[0]).toBe('event: status');
        const claims = decodeJwt(lines[2]?.slice('data: '.length) as string) as unknown as StatusClaims;
        expect(lines[1]).toBe(`id: ${claims.seq}`);
        return claims;
      }
      const { done, value } = await chunks.read();
      if (done) return undefined;
      buffered += value;
    }
  };
}

const ids = (entries: readonly RevokedEntry[] = []) => entries.map(({ kind, id }) => `${kind}:${id}`);

eachDatabase('the status feed', (freshUrl) => {
  let nodes: Nodes;
  let server: TestServer;
  let token: string;
  beforeAll(async () => {
    nodes = await twoNodes({ databaseUrl: await freshUrl(), network: oauthNetwork(keys) });
    server = nodes.one;
    token = await reader(server);
  });
  afterAll(() => nodes.close());

  const url = () => `${server.issuer()}/status`;
  async function read(query = '', at = url()) {
    const response = await fetch(at + query, { headers: bearer(token) });
    expect(response.status).toBe(200);
    const jwt = await response.text();
    return { response, jwt, claims: decodeJwt(jwt) as unknown as StatusClaims };
  }

  test('is a signed statement of 30 seconds, verified with the published keys and its own type', async () => {
    const { response, jwt, claims } = await read();
    expect(response.headers.get('content-type')).toBe('application/status+jwt');
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    const jwks = createRemoteJWKSet(new URL(`${server.issuer()}/protocol/openid-connect/certs`));
    await jwtVerify(jwt, jwks, { issuer: server.issuer(), typ: 'status+jwt', algorithms: ['ES256'] });
    expect(claims.exp - claims.iat).toBe(30);
    expect(claims).toMatchObject({ iss: server.issuer(), after: 0, incarnation: expect.any(String) });
    // A key of its own: a key that signs tokens never signs statements, nor the other way round.
    expect(decodeProtectedHeader(jwt).kid).not.toBe(decodeProtectedHeader(token).kid);
  });

  test('is no bearer token', async () => {
    const { jwt } = await read();
    expect((await fetch(url(), { headers: bearer(jwt) })).status).toBe(401);
  });

  test('names at once whose tokens are dead, from both nodes, and the rest from a number on', async () => {
    const before = (await read()).claims;
    const first = await killTokensOf(server, 'onlooker');
    const whole = (await read()).claims;
    expect(whole.revoked).toContainEqual(expect.objectContaining({ kind: 'subject', id: first, generation: 1 }));
    expect(whole.seq).toBeGreaterThan(before.seq);
    const own = await obtainToken(server.issuer(), 'agent', secrets.agent);
    await revokeOwn(server, own);
    const delta = (await read(`?after=${whole.seq}`)).claims;
    expect(delta.after).toBe(whole.seq);
    expect(ids(delta.revoked)).toEqual([`token:${decodeJwt(own).jti}`]);
    const there = (await read('', nodes.atTwo(url()))).claims;
    expect(ids(there.revoked)).toEqual(expect.arrayContaining([`subject:${first}`, `token:${decodeJwt(own).jti}`]));
    expect(there.incarnation).toBe(delta.incarnation);
    expect((await read(`?after=${delta.seq}`)).claims.revoked).toEqual([]);
  });

  test('a number that this database has never reached gets everything', async () => {
    await killTokensOf(server, 'onlooker');
    const { claims } = await read('?after=900000000000');
    expect(claims.after).toBe(0);
    expect(claims.revoked.length).toBeGreaterThan(0);
  });

  test('is not sent twice, and again when something has changed', async () => {
    // The version changes every ten seconds: the two calls may fall into two spans once, not twice.
    const statuses: number[] = [];
    for (let round = 0; round < 2; round++) {
      const etag = (await read()).response.headers.get('etag') as string;
      const again = await fetch(url(), { headers: { ...bearer(token), 'if-none-match': etag } });
      statuses.push(again.status);
      await killTokensOf(server, 'onlooker');
      const changed = await fetch(url(), { headers: { ...bearer(token), 'if-none-match': etag } });
      expect(changed.status).toBe(200);
    }
    expect(statuses).toContain(304);
    const other = (await read('?after=1')).response.headers.get('etag');
    expect(other).not.toBe((await read()).response.headers.get('etag'));
  });

  test.each(['-1', '1.5', '1e3', 'x', '', '0x10', '9999999999999999', '%00', ' 1'])(
    'refuses after=%s',
    async (after) => {
      const response = await fetch(`${url()}?after=${after}`, { headers: bearer(token) });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'request.invalid', pointer: 'after' });
    },
  );

  test('refuses after said twice', async () => {
    expect((await fetch(`${url()}?after=1&after=2`, { headers: bearer(token) })).status).toBe(400);
  });

  test('is for members of the realm', async () => {
    const foreign = await obtainToken(server.issuer('bank'), 'teller', secrets.other);
    for (const path of ['/status', '/status/events']) {
      expect((await fetch(server.issuer() + path)).status).toBe(401);
      expect((await fetch(server.issuer() + path, { headers: bearer('x.y.z') })).status).toBe(401);
      expect((await fetch(server.issuer() + path, { headers: bearer(foreign) })).status).toBe(403);
    }
    const bank = await fetch(`${server.issuer('bank')}/status`, { headers: bearer(foreign) });
    expect((decodeJwt(await bank.text()) as unknown as StatusClaims).revoked).toEqual([]);
  });

  test('streams everything at once and then what the other node revokes', async () => {
    const response = await fetch(`${url()}/events`, { headers: bearer(token) });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const next = eventsOf(response);
    const first = await next();
    expect(first?.after).toBe(0);
    expect(first?.revoked.length).toBeGreaterThan(0);
    const subject = await killTokensOf(nodes.two, 'onlooker');
    let news = await next();
    while (news !== undefined && news.revoked.length === 0) news = await next();
    expect(ids(news?.revoked)).toEqual([`subject:${subject}`]);
    await response.body?.cancel().catch(() => undefined);
  });

  test('ends the stream of a reader whose token is revoked, after telling it', async () => {
    const own = await obtainToken(server.issuer(), 'agent', secrets.agent);
    const next = eventsOf(await fetch(`${url()}/events`, { headers: bearer(own) }));
    expect(await next()).toBeDefined();
    await revokeOwn(server, own);
    const told: string[] = [];
    for (let event = await next(); event !== undefined; event = await next()) told.push(...ids(event.revoked));
    expect(told).toContain(`token:${decodeJwt(own).jti}`);
  });

  test('ends the stream of a reader whose subject dies at the other node', async () => {
    const own = await obtainToken(server.issuer(), 'agent', secrets.agent);
    const next = eventsOf(await fetch(`${url()}/events`, { headers: bearer(own) }));
    expect(await next()).toBeDefined();
    const subject = await killTokensOf(nodes.two, 'agent');
    const told: string[] = [];
    for (let event = await next(); event !== undefined; event = await next()) told.push(...ids(event.revoked));
    expect(told).toContain(`subject:${subject}`);
  });
});

describe('streams', () => {
  const network = () => ({
    realms: oauthNetwork(keys).realms.map((realm) =>
      realm.name === 'dev' ? { ...realm, settings: { accessTokenSeconds: 30 } } : realm,
    ),
  });

  test('end with the token, and are told something at least every ten seconds until then', async () => {
    const offset = { now: 0, elapsed: 0 };
    const clock = { now: () => Date.now() + offset.now, elapsed: () => performance.now() + offset.elapsed };
    const server = await testServer({ network: network(), clock });
    try {
      const token = await reader(server);
      const next = eventsOf(await fetch(`${server.issuer()}/status/events`, { headers: bearer(token) }));
      const first = await next();
      offset.now = 9_500;
      offset.elapsed = 9_500;
      server.context.cache.refreshed();
      const second = await next();
      expect(second?.revoked).toEqual([]);
      expect(second?.iat).toBeGreaterThanOrEqual((first?.iat as number) + 9);
      offset.now = 31_000;
      expect(await next()).toBeUndefined();
    } finally {
      await server.close();
    }
  });

  test('are sixteen for one subject at most, and a closed one makes room', async () => {
    const server = await testServer({ network: oauthNetwork(keys) });
    try {
      const token = await reader(server);
      const open = async () => {
        const stop = new AbortController();
        const { status } = await fetch(`${server.issuer()}/status/events`, {
          headers: bearer(token),
          signal: stop.signal,
        });
        return { status, stop };
      };
      const opened = await Promise.all(Array.from({ length: 17 }, open));
      expect(opened.map(({ status }) => status).sort()).toEqual([...Array(16).fill(200), 429]);
      const agent = await obtainToken(server.issuer(), 'agent', secrets.agent);
      const other = await fetch(`${server.issuer()}/status/events`, { headers: bearer(agent) });
      expect(other.status).toBe(200);
      opened.find(({ status }) => status === 200)?.stop.abort();
      let again = await open();
      for (let tries = 0; again.status !== 200 && tries < 100; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        again = await open();
      }
      expect(again.status).toBe(200);
    } finally {
      await server.close();
    }
  });

  test('that HEAD asks about are not begun', async () => {
    const server = await testServer({ network: oauthNetwork(keys) });
    try {
      const [url, headers] = [`${server.issuer()}/status/events`, bearer(await reader(server))];
      for (let asked = 0; asked < 17; asked++) {
        const { status, headers: said } = await fetch(url, { method: 'HEAD', headers });
        expect([asked, status, said.get('content-type')]).toEqual([asked, 200, 'text/event-stream']);
      }
      const next = eventsOf(await fetch(url, { headers }));
      expect(await next()).toBeDefined();
    } finally {
      await server.close();
    }
  });

  // Shorter than the ten seconds that a server gives to what is in flight.
  test('end when the server stops, which does not wait for its readers', { timeout: 8_000 }, async () => {
    const server = await testServer({ network: oauthNetwork(keys) });
    const next = eventsOf(await fetch(`${server.issuer()}/status/events`, { headers: bearer(await reader(server)) }));
    expect(await next()).toBeDefined();
    const [ended] = await Promise.all([next(), server.close()]);
    expect(ended).toBeUndefined();
  });
});
