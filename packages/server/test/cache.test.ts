import { expect, test } from 'vitest';
import { createCache, maxStaleness } from '../src/kernel/cache.ts';
import { realmKey } from '../src/kernel/id.ts';
import { manualClock } from './support/clock.ts';

/** A cache that follows its change log, as a running server's does. */
function following() {
  const clock = manualClock();
  const cache = createCache(clock);
  cache.refreshed(clock.elapsed());
  return { cache, clock };
}

test('many who ask at once make one load', async () => {
  const { cache } = following();
  let loads = 0;
  const load = async () => ++loads;
  expect(await Promise.all(Array.from({ length: 50 }, () => cache.get('client', 'a', load)))).toEqual(
    Array.from({ length: 50 }, () => 1),
  );
  expect(await cache.get('client', 'a', load)).toBe(1);
  expect(loads).toBe(1);
});

test('a failed load reaches everyone who waited, and is not kept', async () => {
  const { cache } = following();
  const failing = () => Promise.reject(new Error('away'));
  const both = await Promise.allSettled([cache.get('client', 'a', failing), cache.get('client', 'a', failing)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await cache.get('client', 'a', async () => 'back')).toBe('back');
});

test('an absence is not kept: what is made a moment later is found', async () => {
  const { cache } = following();
  expect(await cache.get('client', 'a', async () => undefined)).toBeUndefined();
  expect(cache.size()).toBe(0);
  expect(await cache.get('client', 'a', async () => 'made')).toBe('made');
});

test('a load that was under way when its entry was invalidated is not kept', async () => {
  const { cache } = following();
  const slow = Promise.withResolvers<string>();
  const asked = cache.get('client', 'a', () => slow.promise);
  cache.invalidate('client', 'a');
  expect(await cache.get('client', 'a', async () => 'after the change')).toBe('after the change');
  slow.resolve('before the change');
  await asked;
  expect(await cache.get('client', 'a', async () => 'never asked')).toBe('after the change');
});

test('a failed load does not throw away what came after it', async () => {
  const { cache } = following();
  const slow = Promise.withResolvers<string>();
  const asked = cache.get('client', 'a', () => slow.promise);
  cache.invalidateAll();
  await cache.get('client', 'a', async () => 'newer');
  slow.reject(new Error('away'));
  await expect(asked).rejects.toThrow('away');
  expect(await cache.get('client', 'a', async () => 'never asked')).toBe('newer');
});

test('topics do not mix, nor do realms, nor names that look like both', async () => {
  const { cache } = following();
  const answers: unknown[] = [];
  for (const topic of ['realm', 'keys', 'subject', 'client', 'participant'] as const) {
    for (const key of ['a', realmKey('a', 'b'), realmKey('a', 'b:c'), realmKey('a:b', 'c')]) {
      answers.push(await cache.get(topic, key, async () => `${topic} ${key}`));
    }
  }
  expect(new Set(answers).size).toBe(20);
  cache.invalidate('subject', 'a');
  expect(await cache.get('client', 'a', async () => 'never asked')).toBe('client a');
  expect(await cache.get('subject', 'a', async () => 'asked')).toBe('asked');
});

test('it holds no more than its bound, and the oldest goes first', async () => {
  const { cache } = following();
  for (let i = 0; i < 1_001; i++) await cache.get('realm', String(i), async () => i);
  expect(cache.size()).toBe(1_000);
  expect(await cache.get('realm', '1', async () => 'loaded again')).toBe(1);
  expect(await cache.get('realm', '0', async () => 'loaded again')).toBe('loaded again');
});

test('a flood of unknown names pushes nothing out', async () => {
  const { cache } = following();
  for (let i = 0; i < 1_000; i++) await cache.get('realm', String(i), async () => i);
  await Promise.all(Array.from({ length: 5_000 }, (_, i) => cache.get('realm', `unknown ${i}`, async () => undefined)));
  expect(cache.size()).toBe(1_000);
  for (let i = 0; i < 1_000; i++) expect(await cache.get('realm', String(i), async () => 'loaded again')).toBe(i);
});

test('a process that could not read the change log for 5 s refuses, and serves again when it can', async () => {
  const { cache, clock } = following();
  await cache.get('client', 'a', async () => 'known');
  clock.advance(maxStaleness);
  expect(await cache.get('client', 'a', async () => 'never asked')).toBe('known');
  clock.advance(1);
  await expect(cache.get('client', 'a', async () => 'never asked')).rejects.toMatchObject({
    code: 'store.unavailable',
    retryAfter: 1,
  });
  await expect(cache.get('client', 'b', async () => 'asked')).rejects.toMatchObject({ code: 'store.unavailable' });
  cache.refreshed(clock.elapsed());
  expect(await cache.get('client', 'a', async () => 'never asked')).toBe('known');
});

test('a poll that took long counts from its beginning: its answer is that old', async () => {
  const { cache, clock } = following();
  const began = clock.elapsed();
  clock.advance(maxStaleness + 1);
  cache.refreshed(began);
  expect(() => cache.requireFresh()).toThrow(expect.objectContaining({ code: 'store.unavailable' }));
});

test('a process that follows no change log keeps nothing, and never refuses', async () => {
  const clock = manualClock();
  const cache = createCache(clock);
  let loads = 0;
  for (let i = 0; i < 3; i++) {
    await cache.get('client', 'a', async () => ++loads);
    clock.advance(60_000);
  }
  expect(loads).toBe(3);
  expect(cache.size()).toBe(0);
});
