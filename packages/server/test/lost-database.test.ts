import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { isStoreFault } from '../src/store/fault.ts';
import { write } from '../src/store/write.ts';
import { openContext } from './support/context.ts';
import { type Cuttable, cuttable } from './support/cuttable.ts';
import { eachDatabase } from './support/databases.ts';
import { freePort } from './support/free-port.ts';
import {
  assertionClaims,
  assertionForm,
  errorOf,
  networkKeys,
  oauthNetwork,
  post,
  signAssertion,
  tokenUrl,
} from './support/oauth.ts';
import { testServer } from './support/server.ts';

async function wireTo(url: string): Promise<Cuttable> {
  const wire = await cuttable(url);
  onTestFinished(() => wire.close());
  return wire;
}

/** The same URL with hosts that are not there before the one that is. */
function among(url: string, ...ports: readonly number[]): string {
  const { host } = new URL(url);
  return url.replace(host, [...ports.map((port) => `127.0.0.1:${port}`), host].join(','));
}

async function codeOf(answer: Response): Promise<unknown> {
  return ((await answer.json()) as { code?: unknown }).code;
}

eachDatabase('a database that goes away', (freshUrl, kind) => {
  describe.runIf(kind === 'postgres')('and comes back', () => {
    test('runs a transaction again whose connection was ended by the database', async () => {
      const context = await openContext(await freshUrl());
      let runs = 0;
      const ended: string[] = [];
      await write(context, system, async (tx) => {
        runs++;
        tx.rolledBack(() => ended.push('rolled back'));
        tx.committed(() => ended.push('committed'));
        await tx.db
          .insertInto('meta')
          .values({ name: 'x', value: String(runs) })
          .execute();
        if (runs === 1) await sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx.db);
      });
      expect(runs).toBe(2);
      expect(ended).toEqual(['rolled back', 'committed']);
      expect(await context.store.db.selectFrom('meta').select('value').where('name', '=', 'x').execute()).toEqual([
        { value: '2' },
      ]);
    });

    test('runs a transaction again that found the database read-only', async () => {
      const context = await openContext(await freshUrl());
      let runs = 0;
      await write(context, system, async (tx) => {
        if (++runs === 1) await sql`set transaction read only`.execute(tx.db);
        await tx.db.insertInto('meta').values({ name: 'x', value: 'y' }).execute();
      });
      expect(runs).toBe(2);
    });

    test('ends after some seconds with the reason, while the database stays read-only', async () => {
      const url = await freshUrl();
      const context = await openContext(url);
      const admin = new pg.Client({ connectionString: url });
      await admin.connect();
      onTestFinished(() => admin.end());
      const name = new URL(url).pathname.slice(1);
      await admin.query(`alter database ${name} set default_transaction_read_only = on`);
      onTestFinished(async () => {
        await admin.query(`begin read write; alter database ${name} reset default_transaction_read_only; commit`);
      });
      await admin.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()',
        [name],
      );
      const began = performance.now();
      const failed = write(context, system, (tx) =>
        tx.db.insertInto('meta').values({ name: 'x', value: 'y' }).execute(),
      );
      await expect(failed).rejects.toMatchObject({ code: '25006' });
      expect(performance.now() - began).toBeLessThan(10_000);
      // One host may be read, so that the server still answers what needs no write.
      expect(await context.store.db.selectFrom('meta').select('name').where('name', '=', 'x').execute()).toEqual([]);
    });

    test('reads again on another connection', async () => {
      const wire = await wireTo(await freshUrl());
      const { store } = await openContext(wire.url);
      wire.loseAnswerTo('as lost');
      expect((await sql<{ lost: number }>`select 1 as lost`.execute(store.db)).rows).toEqual([{ lost: 1 }]);
    });

    test('never runs a transaction again whose commit may have arrived', async () => {
      const wire = await wireTo(await freshUrl());
      const context = await openContext(wire.url);
      let runs = 0;
      const lost = write(context, system, async (tx) => {
        runs++;
        wire.loseAnswerTo('commit', 'insert into "meta"');
        await tx.db.insertInto('meta').values({ name: 'x', value: 'y' }).execute();
      });
      expect(isStoreFault(await lost.catch((thrown: unknown) => thrown))).toBe(true);
      expect(runs).toBe(1);
      expect(await context.store.db.selectFrom('meta').select('value').where('name', '=', 'x').execute()).toHaveLength(
        1,
      );
    });

    test('answers 503 write.unknown if the answer to a commit was lost; a repeat tells whether it was made, once', async () => {
      const wire = await wireTo(await freshUrl());
      const server = await testServer({ databaseUrl: wire.url });
      onTestFinished(() => server.close());
      const token = await server.adminToken();
      const make = () =>
        fetch(`${server.url}/realms/dev/admin/clients`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ id: 'robot', name: 'x' }),
        });
      wire.loseAnswerTo('commit', 'client.created');
      const answer = await make();
      expect(await answer.json()).toMatchObject({ code: 'write.unknown', status: 503 });
      expect(answer.headers.get('retry-after')).toBe('1');
      const again = await make();
      expect([again.status, await codeOf(again)]).toEqual([409, 'registry.conflict']);
      const events = await server.context.store.db
        .selectFrom('event')
        .select('type')
        .where('object', '=', 'client:robot')
        .execute();
      expect(events).toEqual([{ type: 'client.created' }]);
    });

    test('a one-time value whose use was not confirmed is never accepted; the next one is', async () => {
      const keys = await networkKeys();
      const wire = await wireTo(await freshUrl());
      const server = await testServer({ databaseUrl: wire.url, network: oauthNetwork(keys) });
      onTestFinished(() => server.close());
      const sign = () => signAssertion(keys.es256, assertionClaims(server.issuer(), 'agent'));
      const present = (assertion: string) => post(tokenUrl(server), assertionForm(assertion));
      const first = await sign();
      wire.loseAnswerTo('insert into "used_once"');
      const lost = await present(first);
      expect(await errorOf(lost)).toBe('503 temporarily_unavailable');
      expect((await present(first)).status).toBe(401);
      expect((await present(await sign())).status).toBe(200);
    });
  });

  describe.runIf(kind === 'postgres')('on one of several hosts', () => {
    test('is found behind hosts that are not there', async () => {
      const context = await openContext(among(await freshUrl(), await freePort(), await freePort()));
      await write(context, system, (tx) => tx.db.insertInto('meta').values({ name: 'x', value: 'y' }).execute());
    });

    test('is looked for again when its host is gone', async () => {
      const url = await freshUrl();
      const wire = await wireTo(url);
      const context = await openContext(among(url, Number(new URL(wire.url).port)));
      const put = (name: string) =>
        write(context, system, (tx) => tx.db.insertInto('meta').values({ name, value: 'y' }).execute());
      await put('a');
      await wire.cut();
      await Promise.all(Array.from({ length: 20 }, (_, i) => put(`b${i}`)));
    });

    test('whose hosts all fail, is named with every host and without its password', async () => {
      const url = `postgres://u:secret@127.0.0.1:1,127.0.0.1:2/x`;
      const refused = await openContext(url).catch((thrown: unknown) => thrown);
      expect(String(refused)).toContain('x at 127.0.0.1:1, 127.0.0.1:2');
      expect(String(refused)).not.toContain('secret');
    });
  });
});
