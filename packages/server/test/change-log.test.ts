import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { startJobs } from '../src/jobs/start.ts';
import { maxStaleness } from '../src/kernel/cache.ts';
import { system } from '../src/kernel/caller.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { changeRetention, followChanges, pruneChanges } from '../src/store/change-log.ts';
import { write } from '../src/store/write.ts';
import { manualClock } from './support/clock.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';

type Context = Awaited<ReturnType<typeof openContext>>;

const change = (context: Context, ...keys: string[]) =>
  write(context, system, async (tx) => {
    for (const key of keys) tx.changed('client', key);
  });
const ask = (context: Context, key: string, answer: string) => context.cache.get('client', key, async () => answer);

eachDatabase('the change log', (freshUrl) => {
  test('tells another node within two seconds', async () => {
    const url = await freshUrl();
    const context = await openContext(url);
    const writer = fork(new URL('./support/writer.ts', import.meta.url), [url, 'other', '1']);
    const stop = await startJobs(context);
    try {
      await once(writer, 'message');
      await ask(context, 'other 0', 'old');
      await ask(context, 'untouched', 'old');
      writer.send('go');
      await once(writer, 'message');
      await eventually(async () => (await ask(context, 'other 0', 'new')) === 'new', 2_000);
      expect(await ask(context, 'untouched', 'new')).toBe('old');
    } finally {
      await stop();
      writer.kill('SIGKILL');
    }
  });

  test('drops only what changed since the last poll', async () => {
    const url = await freshUrl();
    const [here, there] = [await openContext(url), await openContext(url)];
    await change(here, 'a');
    const follow = await followChanges(there);
    await ask(there, 'a', 'old');
    await ask(there, 'b', 'old');
    await follow();
    expect(await ask(there, 'a', 'new')).toBe('old');
    await change(here, 'b');
    await follow();
    expect(await ask(there, 'a', 'new')).toBe('old');
    expect(await ask(there, 'b', 'new')).toBe('new');
  });

  test('drops everything when there was more than one poll reads', async () => {
    const url = await freshUrl();
    const [here, there] = [await openContext(url), await openContext(url)];
    const follow = await followChanges(there);
    for (const key of ['untouched', 'late']) await ask(there, key, 'old');
    await change(here, ...Array.from({ length: 1_000 }, (_, i) => `k${i}`), 'late');
    await follow();
    expect(await ask(there, 'late', 'new')).toBe('new');
    expect(await ask(there, 'untouched', 'new')).toBe('new');
    await change(here, 'after');
    await ask(there, 'after', 'old');
    await follow();
    expect(await ask(there, 'after', 'new')).toBe('new');
    expect(await ask(there, 'late', 'newer')).toBe('new');
  });

  test('drops everything when entries were pruned before they were read', async () => {
    const url = await freshUrl();
    const [here, there] = [await openContext(url), await openContext(url)];
    const follow = await followChanges(there);
    await ask(there, 'a', 'old');
    await change(here, 'a');
    await pruneChanges(here.store, systemClock.now() + changeRetention + 1_000);
    await change(here, 'b');
    await follow();
    expect(await ask(there, 'a', 'new')).toBe('new');
  });

  test('remembers the newest entry that was pruned, also when a later pruning removes an older one', async () => {
    const url = await freshUrl();
    const clock = manualClock();
    const [here, there] = [await openContext(url, { clock }), await openContext(url, { clock })];
    // A node whose clock is an hour ahead writes first.
    await change({ ...here, clock: { ...clock, now: () => clock.now() + 3_600_000 } }, 'ahead');
    const follow = await followChanges(there);
    await ask(there, 'b', 'old');
    await change(here, 'b');
    clock.advance(1_000);
    await pruneChanges(here.store, clock.now() + changeRetention);
    await pruneChanges(here.store, clock.now() + 3_600_000 + changeRetention);
    await change(here, 'c');
    await follow();
    expect(await ask(there, 'b', 'new')).toBe('new');
  });

  test('keeps young entries', async () => {
    const context = await openContext(await freshUrl());
    await change(context, 'a');
    await pruneChanges(context.store, systemClock.now() + changeRetention - 60_000);
    expect(await context.store.db.selectFrom('change').selectAll().execute()).toHaveLength(1);
  });

  test('drops everything when another database answers than before', async () => {
    const url = await freshUrl();
    const [here, there] = [await openContext(url), await openContext(url)];
    await change(here, 'x', 'y', 'z');
    const follow = await followChanges(there);
    await ask(there, 'a', 'old');
    // A restored backup is behind.
    await here.store.db.deleteFrom('change').execute();
    await here.store.db.updateTable('counter').set({ value: 1 }).where('name', '=', 'sequence').execute();
    await follow();
    expect(await ask(there, 'a', 'new')).toBe('new');
    await change(here, 'a');
    await follow();
    expect(await ask(there, 'a', 'newer')).toBe('newer');
  });

  test('drops everything after it could not be read for too long', async () => {
    const clock = manualClock();
    const context = await openContext(await freshUrl(), { clock });
    const follow = await followChanges(context);
    await ask(context, 'a', 'old');
    clock.advance(maxStaleness);
    await follow();
    expect(await ask(context, 'a', 'new')).toBe('old');
    clock.advance(maxStaleness + 1);
    await expect(ask(context, 'a', 'new')).rejects.toMatchObject({ code: 'store.unavailable' });
    await follow();
    expect(await ask(context, 'a', 'new')).toBe('new');
  });

  test('what a context read before it followed is not kept', async () => {
    const url = await freshUrl();
    const [here, there] = [await openContext(url), await openContext(url)];
    await ask(there, 'a', 'old');
    await change(here, 'a');
    await followChanges(there);
    expect(await ask(there, 'a', 'new')).toBe('new');
  });
});
