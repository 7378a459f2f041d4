import { expect, test } from 'vitest';
import { createLog } from '../src/kernel/log.ts';
import { createRate } from '../src/kernel/rate.ts';
import { attempts, createAttempts } from '../src/subject/attempt.ts';
import { recordFailedAttempts } from '../src/subject/failed-attempt.ts';
import { manualClock } from './support/clock.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { from } from './support/source.ts';

function throttle() {
  const clock = manualClock();
  const attempts = createAttempts(createRate(clock, { budget: 30, window: 60_000, bound: 50_000 }));
  const fail = (times: number, credential = 'client', source = '192.0.2.1', realm = 'dev') => {
    for (let i = 0; i < times; i++) attempts.failed(realm, credential, from(source));
  };
  const refused = (credential = 'client', source = '192.0.2.1', realm = 'dev') => {
    try {
      attempts.require(realm, credential, from(source));
      return undefined;
    } catch (thrown) {
      return thrown;
    }
  };
  return { clock, attempts, fail, refused };
}

test('thirty failures a minute are free; then the pair waits for the rest of the minute', () => {
  const { clock, fail, refused } = throttle();
  fail(29);
  expect(refused()).toBeUndefined();
  fail(1);
  expect(refused()).toMatchObject({ code: 'attempt.throttled', retryAfter: 60 });
  clock.advance(59_001);
  expect(refused()).toMatchObject({ code: 'attempt.throttled', retryAfter: 1 });
  clock.advance(999);
  expect(refused()).toBeUndefined();
  fail(1);
  expect(refused()).toBeUndefined();
  fail(29);
  expect(refused()).toMatchObject({ retryAfter: 60 });
});

test('nobody else waits: another source, another credential, another realm, or a pair that only looks the same', () => {
  const { fail, refused } = throttle();
  fail(100);
  expect(refused()).toMatchObject({ code: 'attempt.throttled' });
  expect(refused('client', '192.0.2.2')).toBeUndefined();
  expect(refused('other')).toBeUndefined();
  expect(refused('client', '192.0.2.1', 'other')).toBeUndefined();
  expect(refused('client\x0192.0.2.1', '')).toBeUndefined();
  expect(refused('', '192.0.2.1', 'dev\0client')).toBeUndefined();
});

test('one IPv6 network waits as one, however many addresses it has', () => {
  const { fail, refused } = throttle();
  for (let i = 0; i < 30; i++) fail(1, 'client', `2001:db8:0:7::${i.toString(16)}`);
  expect(refused('client', '2001:db8:0:7:ffff::1')).toMatchObject({ code: 'attempt.throttled' });
  expect(refused('client', '2001:db8:0:8::1')).toBeUndefined();
});

test('a flood of invented credentials is remembered up to the bound, and the oldest goes first', () => {
  const { fail, refused } = throttle();
  fail(30, 'first');
  for (let i = 0; i < 49_999; i++) fail(1, `invented ${i}`);
  expect(refused('first')).toBeDefined();
  fail(1, 'one more');
  expect(refused('first')).toBeUndefined();
});

test('long credentials are remembered by their beginning: they cannot fill the memory', () => {
  const { attempts, fail, refused } = throttle();
  fail(30, `${'x'.repeat(128)}${'y'.repeat(1_000_000)}`);
  expect(refused(`${'x'.repeat(128)}another end`)).toMatchObject({ code: 'attempt.throttled' });
  expect(attempts.drain()[0]?.object).toBe(`client:${'x'.repeat(128)}`);
});

test('failures are told once, added up for each pair, and those of many pairs in one entry for each realm', () => {
  const { attempts, fail } = throttle();
  fail(3);
  fail(2, 'client', '192.0.2.2');
  for (let i = 0; i < 198; i++) fail(1, `invented ${i}`, '192.0.2.3', i % 2 === 0 ? 'dev' : 'other');
  fail(1);
  const told = attempts.drain();
  const common = { type: 'proof.failed', object: 'client:client' };
  expect(told[0]).toEqual({ ...common, realm: 'dev', source: '192.0.2.1', count: 4 });
  expect(told[1]).toEqual({ ...common, realm: 'dev', source: '192.0.2.2', count: 2 });
  const others = told.filter(({ object }) => object === 'client:(others)');
  expect(others).toEqual([
    { type: 'proof.failed', realm: 'dev', object: 'client:(others)', source: '(others)', count: 50 },
    { type: 'proof.failed', realm: 'other', object: 'client:(others)', source: '(others)', count: 50 },
  ]);
  expect(told).toHaveLength(102);
  expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(204);
  expect(attempts.drain()).toEqual([]);
});

eachDatabase('failed attempts', (freshUrl) => {
  const events = async (context: Awaited<ReturnType<typeof openContext>>) =>
    (await context.store.db.selectFrom('event').selectAll().orderBy('object').execute()).map(
      ({ realm, type, object, actor, after }) => ({ realm, type, object, actor, after: JSON.parse(after ?? '') }),
    );

  test('become one event for each credential and source', async () => {
    const context = await openContext(await freshUrl());
    for (let i = 0; i < 3; i++) attempts(context).failed('dev', 'client', from('192.0.2.1'));
    attempts(context).failed('dev', 'another', from('192.0.2.1'));
    await recordFailedAttempts(context);
    await recordFailedAttempts(context);
    const common = { realm: 'dev', type: 'proof.failed', actor: 'anonymous' };
    expect(await events(context)).toEqual([
      { ...common, object: 'client:another', after: { source: '192.0.2.1', count: 1 } },
      { ...common, object: 'client:client', after: { source: '192.0.2.1', count: 3 } },
    ]);
  });

  test('are recorded whatever the credential holds: nobody hides behind what a database cannot store', async () => {
    const context = await openContext(await freshUrl());
    attempts(context).failed('dev', 'nul\0nul', from('192.0.2.1'));
    attempts(context).failed('dev', 'half\ud800', from('192.0.2.1'));
    attempts(context).failed('dev', 'two\r\nlines', from('192.0.2.1'));
    attempts(context).failed('dev', 'victim', from('192.0.2.1'));
    await recordFailedAttempts(context);
    expect((await events(context)).map(({ object }) => object).sort()).toEqual([
      'client:half\ufffd',
      'client:nul\ufffdnul',
      'client:two\ufffd\ufffdlines',
      'client:victim',
    ]);
  });

  test('that no column takes are lost alone, and told once', async () => {
    const logged: string[] = [];
    const log = createLog('error', { write: (line) => void logged.push(line) });
    const context = await openContext(await freshUrl(), { log });
    const broken = {
      realm: 'no\0realm',
      type: 'proof.failed',
      object: 'client:x',
      source: '192.0.2.1',
      count: 1,
    } as const;
    attempts(context).failed('dev', 'client', from('192.0.2.1'));
    attempts(context).report(broken);
    attempts(context).failed('dev', 'another', from('192.0.2.1'));
    await recordFailedAttempts(context);
    await recordFailedAttempts(context);
    expect((await events(context)).map(({ object }) => object)).toEqual(['client:another', 'client:client']);
    expect(logged).toHaveLength(1);
  });

  test('wait for a database that is away', async () => {
    const context = await openContext(await freshUrl());
    attempts(context).failed('dev', 'client', from('192.0.2.1'));
    const { store } = context;
    const { store: away } = await openContext(await freshUrl());
    await away.close();
    Object.assign(context, { store: away });
    await expect(recordFailedAttempts(context)).rejects.toThrow();
    Object.assign(context, { store });
    attempts(context).failed('dev', 'client', from('192.0.2.1'));
    await recordFailedAttempts(context);
    expect((await events(context)).map(({ after }) => after.count)).toEqual([2]);
  });
});
