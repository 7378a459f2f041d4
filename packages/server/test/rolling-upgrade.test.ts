import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import { openStore } from '../src/store/open.ts';
import { masterKey, temporaryDir } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import {
  checkOutPreviousRelease,
  isPreviousReleaseHere,
  isShallow,
  previousRelease,
} from './support/previous-release.ts';
import { administrator, run, type Served, serve } from './support/serve.ts';

const isHere = await isPreviousReleaseHere();
const perSecond = 100;
const patience = 20_000;

/** A shallow clone has no history, so its tests are skipped. */
test.runIf(process.env.CI && !(await isShallow()))('the commit of the previous release is in the history', () =>
  expect(isHere, `${previousRelease} is missing`).toBe(true),
);

/** What a retrying client sends, to any of the nodes that are there at that moment. */
interface Load {
  readonly nodes: Served[];
  readonly made: Set<string>;
  readonly unexpected: string[];
}

async function send(load: Load, number: number): Promise<void> {
  const id = `made-${number}`;
  const end = performance.now() + patience;
  for (let attempt = 0; performance.now() < end; attempt++) {
    const node = load.nodes[(number + attempt) % load.nodes.length] as Served;
    const other = load.nodes[(number + attempt + 1) % load.nodes.length] as Served;
    const answer = await ask(node, other, id).catch(() => undefined);
    if (answer === 201 || (answer === 409 && attempt > 0)) return void load.made.add(id);
    if (answer === undefined || answer === 503) await pause(50);
    else return void load.unexpected.push(`${answer} for try ${attempt + 1} of ${id}`);
  }
  load.unexpected.push(`${id} was never made`);
}

/** A token of one node makes a client at another. */
async function ask(node: Served, other: Served, id: string): Promise<number> {
  const asked = await fetch(`${other.url}/realms/system/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: administrator.id,
      client_secret: administrator.secret,
    }),
  });
  const { access_token } = (await asked.json()) as { access_token?: string };
  if (asked.status !== 200) return asked.status;
  const answer = await fetch(`${node.url}/realms/dev/admin/clients`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ id, name: id }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

async function underLoad(load: Load, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  const sent: Promise<void>[] = [];
  while (!signal.aborted) {
    const due = ((performance.now() - began) / 1_000) * (perSecond / 2);
    while (sent.length < due) sent.push(send(load, sent.length));
    await pause(10);
  }
  await Promise.all(sent);
}

eachDatabase('an upgrade from the previous release', (freshUrl, kind) => {
  test.skipIf(!isHere || kind === 'sqlite')(
    'is rehearsed while the old node serves; then the new one migrates, and no request of a retrying client is lost',
    async () => {
      const databaseUrl = await freshUrl('empty');
      const variables = () => ({
        COUNTERSIGN_DATA_DIR: temporaryDir(),
        COUNTERSIGN_DATABASE_URL: databaseUrl,
        COUNTERSIGN_MASTER_KEY: masterKey,
        COUNTERSIGN_PUBLIC_URL: 'http://localhost:8080',
        COUNTERSIGN_LOG_LEVEL: 'error',
      });
      const old = await serve(variables(), [], await checkOutPreviousRelease());
      const load: Load = { nodes: [old], made: new Set(), unexpected: [] };
      const stop = new AbortController();
      const loading = underLoad(load, stop.signal);
      const rehearsal = await run(['upgrade', '--rehearse'], variables());
      expect(rehearsal.code, rehearsal.stderr).toBe(0);

      const next = await serve(variables());
      load.nodes.push(next);
      const beside = load.made.size;
      await pause(1_000);
      // A proxy sends nothing more to the node that stops.
      load.nodes.shift();
      expect((await old.end('SIGTERM')).code).toBe(0);
      await pause(500);
      stop.abort();
      await loading;
      expect(load.unexpected).toEqual([]);
      expect(beside).toBeGreaterThan(10);
      expect(load.made.size).toBeGreaterThan(beside);
      expect(old.output() + next.output()).not.toContain('"code":"internal"');

      const store = await openStore(databaseUrl, systemClock, createLog('silent'));
      onTestFinished(() => store.close());
      const kept = await store.db.selectFrom('client').select('id').where('id', 'like', 'made-%').execute();
      expect(new Set(kept.map(({ id }) => id))).toEqual(load.made);
      const migrated = await sql<{ name: string }>`select name from migration order by applied_at, name`.execute(
        store.db,
      );
      const { migrations } = JSON.parse(rehearsal.stdout) as { migrations: { name: string }[] };
      expect(migrations.length).toBeGreaterThan(0);
      expect(migrated.rows.slice(-migrations.length)).toEqual(migrations.map(({ name }) => ({ name })));
    },
    90_000,
  );
});
