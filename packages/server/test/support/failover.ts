/** Kills the primary of two nodes under load, promotes its standby, and compares what was acknowledged with what is there. */

import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { openStore } from '../../src/store/open.ts';
import { verifyChain } from '../../src/subject/event.ts';
import { temporaryDir } from './context.ts';
import { assertionClaims, assertionForm, post, type SigningPair, signAssertion, signingPair } from './oauth.ts';
import type { PostgresPair } from './postgres.ts';
import { administrator, type Served, serve } from './serve.ts';
import { obtainToken } from './server.ts';

/** Requests a second. Each writes to the database: one in ten makes a client, the others use an assertion up. */
const rate = 200;
/** Milliseconds from the end of the promotion to the first success at each node. */
const recovery = 2_000;
/** Requests without an answer, beyond which no more are sent: a second and a half of them. */
const mostOpen = 300;
const patience = 20_000;

export interface FailoverTimes {
  /** Milliseconds from the end of the promotion to the first success of the slowest node. */
  readonly recovered: number;
  readonly promotion: number;
  readonly clients: number;
  readonly assertions: number;
  readonly unknown: number;
}

interface Load {
  readonly nodes: readonly Served[];
  readonly admin: string;
  readonly keys: SigningPair;
  /** What was acknowledged. */
  readonly clients: Set<string>;
  /** Assertions that were accepted, or refused after a try without an outcome. */
  readonly assertions: Set<string>;
  /** When each node first succeeded after `since`, the end of the promotion. */
  readonly firsts: (number | undefined)[];
  since: number;
  unknown: number;
}

export async function failover(pair: PostgresPair): Promise<FailoverTimes> {
  const keys = await signingPair('ES256', 'agent');
  const nodes = await startNodes(pair.url, keys);
  const admin = await obtainToken(`${nodes[0]?.url}/realms/system`, administrator.id, administrator.secret);
  const load: Load = {
    ...{ nodes, admin, keys, clients: new Set<string>(), assertions: new Set<string>(), firsts: [] },
    ...{ since: Number.POSITIVE_INFINITY, unknown: 0 },
  };
  const stop = new AbortController();
  const loading = underLoad(load, stop.signal);
  const decided = () => load.clients.size + load.assertions.size;
  while (decided() < 100) await pause(20);
  await pause(Math.random() * 400);
  const before = decided();
  pair.kill();
  await pause(100 + Math.random() * 300);
  const began = performance.now();
  await pair.promote();
  load.since = performance.now();
  const promotion = load.since - began;
  const late = load.since + recovery;
  while (performance.now() < late && nodes.some((_, node) => load.firsts[node] === undefined)) await pause(50);
  await pause(500);
  stop.abort();
  await loading;
  for (const node of nodes) expect(node.process.exitCode, node.output()).toBeNull();

  // Else nothing was proved.
  expect(decided()).toBeGreaterThan(before);
  await inspect(pair.url, load);
  const recovered = Math.max(...nodes.map((_, node) => (load.firsts[node] ?? Number.POSITIVE_INFINITY) - load.since));
  expect(recovered).toBeLessThan(recovery);
  const { clients, assertions, unknown } = load;
  return { recovered, promotion, clients: clients.size, assertions: assertions.size, unknown };
}

async function startNodes(url: string, keys: SigningPair): Promise<readonly Served[]> {
  const variables = () => ({
    COUNTERSIGN_DATA_DIR: temporaryDir(),
    COUNTERSIGN_DATABASE_URL: url,
    COUNTERSIGN_LOG_LEVEL: 'error',
    COUNTERSIGN_PUBLIC_URL: 'http://localhost:8080',
    COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1,::1',
  });
  const nodes = [await serve(variables()), await serve(variables())];
  const admin = await obtainToken(`${nodes[0]?.url}/realms/system`, administrator.id, administrator.secret);
  const agent = {
    ...{ id: 'p-agent', role: 'LOAN_AGENT', baseUrl: 'https://agent.example' },
    ...{ client: { id: 'agent', secret: 'agent-secret-for-tests' }, keys: [keys.jwk] },
  };
  const network = {
    realms: [{ name: 'dev', profile: 'ocen4', settings: { accessTokenAlg: 'ES256' }, participants: [agent] }],
  };
  const applied = await fetch(`${nodes[0]?.url}/admin/network`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify(network),
  });
  expect([applied.status, await applied.text()]).toEqual([200, expect.anything()]);
  return nodes;
}

/** Sends requests at the rate, whether or not earlier ones were answered, as far as this machine can. Ends when all have been. */
async function underLoad(load: Load, signal: AbortSignal): Promise<void> {
  const sent: Promise<void>[] = [];
  let open = 0;
  let last = performance.now();
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - last) / 1_000) * rate);
    last += (due * 1_000) / rate;
    for (let i = 0; i < due && open < mostOpen; i++) {
      open++;
      const request = sent.length % 10 === 0 ? makeClient(load, sent.length) : useAssertion(load, sent.length);
      sent.push(request.finally(() => open--));
    }
    await pause(5);
  }
  await Promise.all(sent);
}

/** Repeats the request at the other node until it is made, as a retrying client does. */
async function makeClient(load: Load, number: number): Promise<void> {
  const id = `made-${number}`;
  const init = {
    method: 'POST',
    headers: { authorization: `Bearer ${load.admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ id, name: id }),
  };
  const status = await untilDecided(load, number, (url) => fetch(`${url}/realms/dev/admin/clients`, init));
  // 409: an earlier try was made although its answer was lost.
  expect([201, 409]).toContain(status);
  load.clients.add(id);
}

/** Presents the same assertion until it is decided: it may be accepted once at the most. */
async function useAssertion(load: Load, number: number): Promise<void> {
  const issuer = 'http://localhost:8080/realms/dev';
  const assertion = await signAssertion(
    load.keys,
    assertionClaims(issuer, 'agent', { exp: Math.floor(Date.now() / 1000) + 100 }),
  );
  const send = (url: string) => present(url, assertion, number);
  const status = await untilDecided(load, number, send);
  expect([200, 401]).toContain(status);
  load.assertions.add(assertion);
}

/** Each from a source of its own: failures of one source would be throttled. */
function present(url: string, assertion: string, number: number): Promise<Response> {
  const source = { 'x-forwarded-for': `10.0.${number >> 8}.${number & 255}` };
  return post(`${url}/realms/dev/protocol/openid-connect/token`, assertionForm(assertion), source);
}

async function untilDecided(load: Load, number: number, send: (url: string) => Promise<Response>): Promise<number> {
  const end = performance.now() + patience;
  for (let attempt = 0; performance.now() < end; attempt++) {
    const node = (Math.floor(number / 10) + number + attempt) % load.nodes.length;
    const sending = send(load.nodes[node]?.url ?? '').then(async (answer) => [answer, await answer.text()] as const);
    // A broken connection to a node is tried again too, but no node may end.
    const [answer, text] = await sending.catch(() => [undefined, ''] as const);
    if (answer === undefined) {
      await pause(100);
      continue;
    }
    if (answer.status < 300 && performance.now() > load.since) load.firsts[node] ??= performance.now();
    if (answer.status !== 503 && !text.includes('write.conflict')) return answer.status;
    if (text.includes('may have been made')) load.unknown++;
    await pause(100);
  }
  throw new Error('a request was never decided');
}

async function inspect(url: string, { nodes, clients, assertions }: Load): Promise<void> {
  const store = await openStore(url, systemClock, createLog('silent'));
  try {
    const kept = await store.db.selectFrom('client').select('id').where('id', 'like', 'made-%').execute();
    const ids = new Set(kept.map(({ id }) => id));
    expect([...clients].filter((id) => !ids.has(id))).toEqual([]);
    expect(ids.size).toBe(clients.size);
    const events = await store.db
      .selectFrom('event')
      .select('object')
      .where('type', '=', 'client.created')
      .where('object', 'like', 'client:made-%')
      .execute();
    expect(events).toHaveLength(ids.size);
    expect(await verifyChain({ store } as Parameters<typeof verifyChain>[0])).toMatchObject({ intact: true });
  } finally {
    await store.close();
  }
  // Every assertion again.
  const replayed = [...assertions].map(
    async (assertion, number) => (await present(nodes[number % nodes.length]?.url ?? '', assertion, number)).status,
  );
  expect([...new Set(await Promise.all(replayed))]).toEqual([401]);
}
