import { fork } from 'node:child_process';
import { once } from 'node:events';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import { createCache } from '../src/kernel/cache.ts';
import { system } from '../src/kernel/caller.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import { systemRandom } from '../src/kernel/random.ts';
import { isStoreFault } from '../src/store/fault.ts';
import { openStore, type Store } from '../src/store/open.ts';
import { currentSequence, type Writing, write } from '../src/store/write.ts';
import { cuttable } from './support/cuttable.ts';
import { eachDatabase } from './support/databases.ts';

async function open(url: string) {
  const store = await openStore(url, systemClock, createLog('silent'));
  onTestFinished(() => store.close());
  const cache = createCache(systemClock);
  cache.refreshed();
  return { store, clock: systemClock, cache, random: systemRandom };
}

const changes = ({ db }: Store) => db.selectFrom('change').select(['seq', 'key']).orderBy('seq').execute();
const put = (tx: Writing, name: string, value: string) => tx.db.insertInto('meta').values({ name, value }).execute();
const read = async ({ db }: Store, name: string) =>
  (await db.selectFrom('meta').select('value').where('name', '=', name).executeTakeFirst())?.value;

eachDatabase('write', (freshUrl, kind) => {
  test('commits what it wrote, logs what it changed, and drops it from the cache', async () => {
    const context = await open(await freshUrl());
    await context.cache.get('client', 'a', async () => 'stale');
    await context.cache.get('client', 'b', async () => 'kept');
    const answer = await write(context, system, async (tx) => {
      await put(tx, 'x', '1');
      tx.changed('client', 'a');
      tx.changed('client', 'a');
      return 'done';
    });
    expect(answer).toBe('done');
    expect(await read(context.store, 'x')).toBe('1');
    expect((await changes(context.store)).map(({ key }) => key)).toEqual(['a']);
    expect(await context.cache.get('client', 'a', async () => 'fresh')).toBe('fresh');
    expect(await context.cache.get('client', 'b', async () => 'fresh')).toBe('kept');
  });

  test('undoes everything when the rule refuses, and logs nothing', async () => {
    const context = await open(await freshUrl());
    const refusal = new Error('no');
    const refused = write(context, system, async (tx) => {
      await put(tx, 'x', '1');
      tx.changed('client', 'a');
      await tx.sequence();
      throw refusal;
    });
    await expect(refused).rejects.toBe(refusal);
    expect(await read(context.store, 'x')).toBeUndefined();
    expect(await changes(context.store)).toEqual([]);
    expect(await currentSequence(context.store)).toBe(0);
    expect(await write(context, system, (tx) => tx.sequence())).toBe(1);
  });

  test('undoes everything when the change log itself cannot be written', async () => {
    const context = await open(await freshUrl());
    await context.store.db.insertInto('change').values({ seq: 1, topic: 'client', key: 'other', at: 0 }).execute();
    const failed = write(context, system, async (tx) => {
      await put(tx, 'x', '1');
      tx.changed('client', 'a');
    });
    await expect(failed).rejects.toThrow();
    expect(await read(context.store, 'x')).toBeUndefined();
  });

  test('numbers what several writers commit in the order of their commits, for a follower who misses none', async () => {
    const url = await freshUrl();
    const context = await open(url);
    const writers = 8;
    const each = 15;
    const followed: number[] = [];
    let done = false;
    const follower = (async () => {
      for (let seen = 0; ; ) {
        const last = done;
        const upTo = await currentSequence(context.store);
        const rows = await context.store.db
          .selectFrom('change')
          .select('seq')
          .where('seq', '>', seen)
          .where('seq', '<=', upTo)
          .orderBy('seq')
          .execute();
        followed.push(...rows.map(({ seq }) => seq));
        seen = upTo;
        if (last) return;
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
    })();
    const numbers =
      kind === 'sqlite' ? await byProcesses(url, writers, each) : await byConnections(context, writers, each);
    done = true;
    await follower;
    const committed = (await changes(context.store)).map(({ seq }) => seq);
    expect(committed).toHaveLength(writers * each);
    expect(followed).toEqual(committed);
    // Every number is used once: by a transaction for itself, or for its entry in the change log.
    const all = [...numbers.flat(), ...committed].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 2 * writers * each }, (_, i) => i + 1));
    for (const own of numbers) expect(own).toEqual([...own].sort((a, b) => a - b));
  });

  if (kind === 'postgres')
    test('runs again when two transactions wait for each other', async () => {
      const context = await open(await freshUrl());
      await write(context, system, async (tx) => {
        await put(tx, 'a', '0');
        await put(tx, 'b', '0');
      });
      const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let runs = 0;
      const crossing = (mine: number, first: string, second: string) =>
        write(context, system, async (tx) => {
          runs++;
          const add = (name: string) =>
            tx.db.updateTable('meta').set({ value: sql`value || '+'` }).where('name', '=', name).execute();
          await add(first);
          both[mine]?.resolve();
          await both[1 - mine]?.promise;
          await add(second);
        });
      await Promise.all([crossing(0, 'a', 'b'), crossing(1, 'b', 'a')]);
      expect(runs).toBeGreaterThan(2);
      expect(await read(context.store, 'a')).toBe('0++');
      expect(await read(context.store, 'b')).toBe('0++');
    });

  if (kind === 'postgres')
    test('survives a connection that breaks in the middle, and writes again on another', async () => {
      const wire = await cuttable(await freshUrl());
      const context = await open(wire.url);
      onTestFinished(() => wire.close());
      const broken = write(context, system, async (tx) => {
        await put(tx, 'x', 'lost');
        await wire.cut();
        await put(tx, 'y', 'lost');
      });
      const fault = await broken.catch((thrown: unknown) => thrown);
      expect(isStoreFault(fault)).toBe(true);
      await wire.restore();
      await write(context, system, (tx) => put(tx, 'x', 'kept'));
      expect(await read(context.store, 'x')).toBe('kept');
      expect(await read(context.store, 'y')).toBeUndefined();
    });

  test('gives up after some tries with `write.conflict`', async () => {
    const context = await open(await freshUrl());
    let runs = 0;
    const conflict = Object.assign(new Error('deadlock detected'), { code: '40P01' });
    const failed = write(context, system, async () => {
      runs++;
      throw conflict;
    });
    await expect(failed).rejects.toMatchObject({ code: 'write.conflict', cause: conflict });
    expect(runs).toBe(4);
  });
});

function byConnections(context: Awaited<ReturnType<typeof open>>, writers: number, each: number) {
  const one = async (name: number) => {
    const numbers: number[] = [];
    for (let i = 0; i < each; i++) {
      const number = await write(context, system, async (tx) => {
        tx.changed('client', `${name} ${i}`);
        return tx.sequence();
      });
      numbers.push(number);
    }
    return numbers;
  };
  return Promise.all(Array.from({ length: writers }, (_, name) => one(name)));
}

/** Real processes, which begin at the same moment. */
async function byProcesses(url: string, writers: number, each: number): Promise<number[][]> {
  const processes = Array.from({ length: writers }, (_, name) =>
    fork(new URL('./support/writer.ts', import.meta.url), [url, String(name), String(each)]),
  );
  onTestFinished(() => {
    for (const child of processes) child.kill('SIGKILL');
  });
  await Promise.all(processes.map((child) => once(child, 'message')));
  const answers = processes.map(async (child) => (await once(child, 'message'))[0] as number[]);
  for (const child of processes) child.send('go');
  return Promise.all(answers);
}

eachDatabase('a transaction that asks the cache for what it does not hold', (freshUrl) => {
  test('fails at once, instead of waiting for itself', async () => {
    const context = await open(await freshUrl());
    const load = async () => (await read(context.store, 'x')) ?? 'nothing';
    const asking = write(context, system, async (tx) => {
      await put(tx, 'x', '1');
      await context.cache.get('client', 'a', load);
    });
    await expect(asking).rejects.toThrow('within a transaction');
    expect(await context.cache.get('client', 'a', load)).toBe('nothing');
  });
});
