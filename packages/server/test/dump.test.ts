import { expect, test } from 'vitest';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import { systemRandom } from '../src/kernel/random.ts';
import { openStore, type Store } from '../src/store/open.ts';
import { dumpOpening, dumpSealing, dumpStore, loadStore } from '../src/subject/dump.ts';
import { verifyChain } from '../src/subject/event.ts';
import { openEnvelope } from '../src/subject/secrets/vault.ts';
import { incarnation } from '../src/subject/tokens/status.ts';
import { bothDatabases, eachDatabase, type FreshUrl } from './support/databases.ts';
import { keyOf } from './support/network.ts';
import { obtainToken, testServer } from './support/server.ts';

/** TEST KEY, the one that `testServer` uses. */
const masterKey = Buffer.from('dGVzdC1vbmx5LW1hc3Rlci1rZXktZm9yLWNvdW50ZXI', 'base64url');
const otherKey = Buffer.alloc(32, 7);

const secret = 'a-secret-that-is-long-enough';
const network = {
  realms: [
    {
      name: 'dev',
      profile: 'ocen4',
      participants: [
        {
          id: 'p1',
          role: 'LENDER',
          status: 'APPROVED',
          baseUrl: 'https://l.example',
          keys: [keyOf('p1')],
          client: { id: 'c1', secret },
        },
        { id: 'p2', role: 'LOAN_AGENT', status: 'APPROVED', client: { id: 'c2', secret } },
      ],
    },
  ],
};

const open = (url: string) => openStore(url, systemClock, createLog('silent'));

async function dumped(store: Store): Promise<string[]> {
  const lines: string[] = [];
  await dumpStore(store, dumpSealing(masterKey, systemRandom), async (line) => void lines.push(line));
  return lines;
}

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

/** A database with a network in it, and its dump. */
async function example(freshUrl: FreshUrl) {
  const server = await testServer({ databaseUrl: await freshUrl(), network });
  const before = { incarnation: await incarnation(server.context), lines: await dumped(server.context.store) };
  await server.close();
  return before;
}

eachDatabase('a dump', (freshUrl) => {
  test('moves everything, and the tokens of the new server verify under the old keys', async () => {
    const first = await testServer({ databaseUrl: await freshUrl(), network });
    const kids = await kidsOf(first.issuer());
    const oldIncarnation = await incarnation(first.context);
    // A graceful stop seals the last events.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const lines = await dumped(first.context.store);
    await first.close();

    const url = await freshUrl();
    const store = await open(url);
    await loadStore(store, dumpOpening(masterKey), each(lines));
    await store.close();
    const second = await testServer({ databaseUrl: url });
    expect(await kidsOf(second.issuer())).toEqual(kids);
    expect(await obtainToken(second.issuer(), 'c1', secret)).toMatch(/^eyJ/);
    expect(await incarnation(second.context)).not.toBe(oldIncarnation);
    expect(await verifyChain(second.context)).toMatchObject({ intact: true });
    await second.close();
  });

  test('shows nothing of what it holds', async () => {
    const { lines } = await example(freshUrl);
    expect(lines.join('\n')).not.toMatch(/l\.example|LENDER|"c1"|sealed_jwk/);
  });

  test('is loaded whole or not at all', async () => {
    const { lines } = await example(freshUrl);
    const [head = '', ...rows] = lines;
    const altered = rows.map((line, index) =>
      index === 1 ? `${line.slice(0, -4)}${line.at(-4) === 'A' ? 'B' : 'A'}${line.slice(-3)}` : line,
    );
    const damaged: Record<string, readonly string[]> = {
      'cut off': lines.slice(0, -1),
      altered: [head, ...altered],
      reordered: [head, rows[1] ?? '', rows[0] ?? '', ...rows.slice(2)],
      'a line left out': [head, ...rows.slice(1)],
      'a line twice': [head, rows[0] ?? '', ...rows],
      'more after the end': [...lines, rows.at(-1) ?? ''],
      'another head': ['{"format":"countersign-dump/1","id":"another"}', ...rows],
      'no dump': ['hello'],
      empty: [],
    };
    const store = await open(await freshUrl());
    for (const [what, bad] of Object.entries(damaged)) {
      await expect(loadStore(store, dumpOpening(masterKey), each(bad)), what).rejects.toMatchObject({
        code: 'request.invalid',
      });
    }
    await expect(loadStore(store, dumpOpening(otherKey), each(lines))).rejects.toMatchObject({
      code: 'config.invalid',
    });
    // Nothing of all that stayed: the good one still finds an empty database. It does so once.
    await loadStore(store, dumpOpening(masterKey), each(lines));
    await expect(loadStore(store, dumpOpening(masterKey), each(lines))).rejects.toThrow('not empty');
    await store.close();
  });
});

bothDatabases('a move between databases', (fresh) => {
  test.each([
    ['sqlite', 'postgres'],
    ['postgres', 'sqlite'],
  ] as const)('from %s to %s changes no row', async (from, to) => {
    const { lines } = await example(fresh[from]);
    const store = await open(await fresh[to]());
    const counts = await loadStore(store, dumpOpening(masterKey), each(lines));
    expect(counts).toMatchObject({ participant: 2, client: 2, realm: 2, sealed: 2 });
    expect(rowsOf(await dumped(store))).toEqual(rowsOf(lines));
    await store.close();
  });
});

/** Every row of a dump, in an order that both databases agree on. */
function rowsOf(lines: readonly string[]): string[] {
  const { id } = JSON.parse(lines[0] as string) as { id: string };
  return lines
    .slice(1)
    .flatMap((line, index) => {
      const content = JSON.parse(openEnvelope(masterKey, line, `dump\0${id}\0${index + 1}`)) as {
        table?: string;
        rows?: object[];
      };
      return (content.rows ?? []).map((row) => `${content.table} ${JSON.stringify(row)}`);
    })
    .sort();
}

async function kidsOf(issuer: string): Promise<string[]> {
  const { keys } = (await (await fetch(`${issuer}/protocol/openid-connect/certs`)).json()) as {
    keys: { kid: string }[];
  };
  return keys.map((key) => key.kid).sort();
}
