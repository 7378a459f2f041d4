import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { type Instant, instantOf, instantOfDate } from '../src/kernel/clock.ts';
import { writeRows } from '../src/store/rows.ts';
import { insertUses } from '../src/subject/tokens/replay.store.ts';
import { forgetOldUses, useOnce } from '../src/subject/tokens/replay.ts';
import { manualClock } from './support/clock.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { script } from './support/program.ts';

const later = instantOf(1e15);

eachDatabase('a one-time value', (freshUrl) => {
  test('is accepted once for its realm and purpose', async () => {
    const context = await openContext(await freshUrl());
    const use = (realm: string, purpose: string, value: string) => useOnce(context, realm, purpose, value, later);
    expect(await use('dev', 'assertion', 'a')).toBe(true);
    expect(await use('dev', 'assertion', 'a')).toBe(false);
    expect(await use('dev', 'assertion', 'b')).toBe(true);
    expect(await use('dev', 'nonce', 'a')).toBe(true);
    expect(await use('other', 'assertion', 'a')).toBe(true);
    expect(await use('dev', 'assertion\0a', '')).toBe(true);
    expect(await use('dev', 'assertion', 'a')).toBe(false);
  });

  test('may be anything: the database never sees it', async () => {
    const context = await openContext(await freshUrl());
    for (const value of ['', '\0', '\ud800', '\u{1f512}', 'x'.repeat(1_000_000), "'; drop table used_once; --"]) {
      expect(await useOnce(context, 'dev', 'nonce', value, later)).toBe(true);
      expect(await useOnce(context, 'dev', 'nonce', value, later)).toBe(false);
    }
    const rows = await context.store.db.selectFrom('used_once').select('key').execute();
    for (const { key } of rows) expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test('that comes with many others at the same moment is told apart from them', async () => {
    const context = await openContext(await freshUrl());
    expect(await useOnce(context, 'dev', 'nonce', '7', later)).toBe(true);
    const values = Array.from({ length: 250 }, (_, i) => String(i));
    const tries = [...values, ...values].map((value) => useOnce(context, 'dev', 'nonce', value, later));
    const won = await Promise.all(tries);
    for (const [i, value] of values.entries()) {
      expect([won[i], won[i + 250]].filter(Boolean), value).toHaveLength(value === '7' ? 0 : 1);
    }
    await context.store.close();
    const late = [useOnce(context, 'dev', 'nonce', 'a', later), useOnce(context, 'dev', 'nonce', 'b', later)];
    for (const one of await Promise.allSettled(late)) expect(one.status).toBe('rejected');
  });

  test('that no column takes fails alone: those of the same moment are written', async () => {
    const context = await openContext(await freshUrl());
    const wrong = [1e300, 2 ** 53, 0.5, Number.NaN, Number.POSITIVE_INFINITY];
    const tries = wrong.flatMap((end, at) => [
      useOnce(context, 'dev', 'nonce', `good ${at}`, later),
      useOnce(context, 'dev', 'nonce', `wrong ${at}`, end as Instant),
      useOnce(context, 'dev\0', 'nonce', `wrong realm ${at}`, later),
    ]);
    const settled = await Promise.allSettled(tries);
    const outcome = (one: PromiseSettledResult<boolean>) =>
      one.status === 'fulfilled' ? one.value : (one.reason as { code: string }).code;
    expect(settled.map(outcome)).toEqual(wrong.flatMap(() => [true, 'request.invalid', 'request.invalid']));
    const broken = { realm: null as unknown as string, key: 'broken', expires_at: 1e15 };
    const good = ['a', 'b'].map((key) => ({ realm: 'dev', key, expires_at: 1e15 }));
    const refused: unknown[] = [];
    const rows = [good[0], broken, good[1]] as typeof good;
    const written = await writeRows(
      rows,
      (some) => insertUses(context.store.db, some),
      (row) => refused.push(row),
    );
    expect(written.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(refused, 'what the database refuses is tried by itself').toEqual([broken]);
    for (const at of wrong.keys()) expect(await useOnce(context, 'dev', 'nonce', `good ${at}`, later)).toBe(false);
  });

  test('is won by exactly one of several connections', async () => {
    const url = await freshUrl();
    const nodes = await Promise.all(Array.from({ length: 4 }, () => openContext(url)));
    for (let round = 0; round < 10; round++) {
      const tries = nodes.flatMap((context) =>
        [0, 1, 2].map(() => useOnce(context, 'dev', 'nonce', `r${round}`, later)),
      );
      expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
    }
  });

  test('is won by exactly one of several processes', async () => {
    const url = await freshUrl();
    const rounds = 25;
    const processes = Array.from({ length: 4 }, () => fork(script('use-once'), [url, String(rounds)]));
    onTestFinished(() => {
      for (const child of processes) child.kill('SIGKILL');
    });
    await Promise.all(processes.map((child) => once(child, 'message')));
    const answers = processes.map(async (child) => (await once(child, 'message'))[0] as boolean[]);
    for (const child of processes) child.send('go');
    const won = await Promise.all(answers);
    for (let round = 0; round < rounds; round++) expect(won.filter((own) => own[round])).toHaveLength(1);
  });

  test('is remembered until its end and a minute beyond, for nodes whose clocks differ', async () => {
    const clock = manualClock();
    const context = await openContext(await freshUrl(), { clock });
    await useOnce(context, 'dev', 'nonce', 'a', instantOf(clock.now() + 1_000));
    clock.advance(61_000);
    await forgetOldUses(context);
    expect(await useOnce(context, 'dev', 'nonce', 'a', instantOf(clock.now() + 1_000))).toBe(false);
    clock.advance(1);
    await forgetOldUses(context);
    expect(await context.store.db.selectFrom('used_once').selectAll().execute()).toEqual([]);
  });
});

test('a time from outside is whole milliseconds, not before what it says, or refused', () => {
  expect(instantOfDate(1_764_500_000.5)).toBe(1_764_500_000_500);
  expect(instantOfDate(1_764_500_000.1234)).toBe(1_764_500_000_124);
  expect(instantOf(-0) + 0).toBe(0);
  for (const value of [1e300, 2 ** 53 + 1, Number.NaN, Number.POSITIVE_INFINITY, '7', undefined, null]) {
    expect(() => instantOfDate(value as number), String(value)).toThrow(
      expect.objectContaining({ code: 'request.invalid' }),
    );
  }
});
