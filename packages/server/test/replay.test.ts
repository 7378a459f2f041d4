import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { forgetOldUses, useOnce } from '../src/subject/replay.ts';
import { manualClock } from './support/clock.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';

eachDatabase('a one-time value', (freshUrl) => {
  test('is accepted once for its realm and purpose', async () => {
    const context = await openContext(await freshUrl());
    const use = (realm: string, purpose: string, value: string) => useOnce(context, realm, purpose, value, 1e15);
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
      expect(await useOnce(context, 'dev', 'nonce', value, 1e15)).toBe(true);
      expect(await useOnce(context, 'dev', 'nonce', value, 1e15)).toBe(false);
    }
    const rows = await context.store.db.selectFrom('used_once').select('key').execute();
    for (const { key } of rows) expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test('that comes with many others at the same moment is told apart from them', async () => {
    const context = await openContext(await freshUrl());
    expect(await useOnce(context, 'dev', 'nonce', '7', 1e15)).toBe(true);
    const values = Array.from({ length: 250 }, (_, i) => String(i));
    const tries = [...values, ...values].map((value) => useOnce(context, 'dev', 'nonce', value, 1e15));
    const won = await Promise.all(tries);
    for (const [i, value] of values.entries()) {
      expect([won[i], won[i + 250]].filter(Boolean), value).toHaveLength(value === '7' ? 0 : 1);
    }
    await context.store.close();
    const late = [useOnce(context, 'dev', 'nonce', 'a', 1e15), useOnce(context, 'dev', 'nonce', 'b', 1e15)];
    for (const one of await Promise.allSettled(late)) expect(one.status).toBe('rejected');
  });

  test('is won by exactly one of several connections', async () => {
    const url = await freshUrl();
    const nodes = await Promise.all(Array.from({ length: 4 }, () => openContext(url)));
    for (let round = 0; round < 10; round++) {
      const tries = nodes.flatMap((context) =>
        [0, 1, 2].map(() => useOnce(context, 'dev', 'nonce', `r${round}`, 1e15)),
      );
      expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
    }
  });

  test('is won by exactly one of several processes', async () => {
    const url = await freshUrl();
    const rounds = 25;
    const processes = Array.from({ length: 4 }, () =>
      fork(new URL('./support/use-once.ts', import.meta.url), [url, String(rounds)]),
    );
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
    await useOnce(context, 'dev', 'nonce', 'a', clock.now() + 1_000);
    clock.advance(61_000);
    await forgetOldUses(context);
    expect(await useOnce(context, 'dev', 'nonce', 'a', clock.now() + 1_000)).toBe(false);
    clock.advance(1);
    await forgetOldUses(context);
    expect(await context.store.db.selectFrom('used_once').selectAll().execute()).toEqual([]);
  });
});
