import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRegistryCache, type RegistryCacheOptions } from '../src/index.ts';
import { eventually } from './support/eventually.ts';
import { realm, startIssuer, type TestIssuer, testClock } from './support/issuer.ts';

let server: TestIssuer;
beforeEach(async () => {
  server = await startIssuer();
});
afterEach(() => server[Symbol.asyncDispose]());

const pathOf = (id: string) => `${realm}/service/participant-roles/${id}`;
const seen = (id: string) => server.seen[pathOf(id)] ?? 0;

function cache(change: Partial<RegistryCacheOptions> = {}) {
  return createRegistryCache({ issuer: server.issuer, token: { token: async () => 't' }, ...change });
}

/** An entry whose version is `etag`; it answers 304 to whoever has it. */
function serve(id: string, etag: string, cacheControl = 'private, max-age=10'): { notModified: number } {
  const counts = { notModified: 0 };
  server.routes[pathOf(id)] = (request, response) => {
    const isKnown = request.headers['if-none-match'] === etag;
    if (isKnown) counts.notModified++;
    response.writeHead(isKnown ? 304 : 200, { etag, 'cache-control': cacheControl });
    response.end(isKnown ? undefined : JSON.stringify({ id, baseUrl: `https://${etag.replaceAll('"', '')}.example` }));
  };
  return counts;
}

test('whoever asks at the same time shares one call, and what is fresh is there at once', async () => {
  serve('a', '"1"');
  const registry = cache();
  const answers = await Promise.all(Array.from({ length: 1000 }, () => registry.participant('a')));
  expect(new Set(answers).size).toBe(1);
  expect(registry.lookUp('a')).toBe(answers[0]);
  expect(seen('a')).toBe(1);
});

test('what grows old serves on while it is asked for again, by its version', async () => {
  const clock = testClock();
  const counts = serve('a', '"1"');
  const registry = cache({ now: clock.now, staleSeconds: 30 });
  const first = await registry.participant('a');
  clock.advance(10_001);
  expect(registry.lookUp('a')).toBe(first);
  await eventually(() => counts.notModified === 1, 5_000);
  expect(await registry.participant('a')).toBe(first);
  clock.advance(10_001);
  serve('a', '"2"');
  expect(registry.lookUp('a')).toBe(first);
  await eventually(async () => (await registry.participant('a')).baseUrl === 'https://2.example', 5_000);
});

test('what is too old is not served', async () => {
  const clock = testClock();
  serve('a', '"1"');
  const registry = cache({ now: clock.now, staleSeconds: 30 });
  await registry.participant('a');
  server.routes[pathOf('a')] = { status: 500 };
  clock.advance(39_000);
  expect(await registry.participant('a')).toMatchObject({ id: 'a' });
  clock.advance(2_000);
  await expect(registry.participant('a')).rejects.toMatchObject({ code: 'registry.unavailable' });
  serve('a', '"1"');
  expect(await registry.participant('a')).toMatchObject({ id: 'a' });
});

test('freshness is what the registry says, a minute at most, nothing where it may not be stored', async () => {
  const clock = testClock();
  const registry = cache({ now: clock.now, staleSeconds: 0 });
  for (const [id, cacheControl, milliseconds] of [
    ['long', 'max-age=86400', 60_000],
    ['short', 'private, max-age=2', 2_000],
    ['none', 'no-store', 0],
  ] as const) {
    serve(id, `"${id}"`, cacheControl);
    await registry.participant(id);
    clock.advance(Math.max(0, milliseconds - 1));
    await registry.participant(id);
    expect(seen(id)).toBe(milliseconds === 0 ? 2 : 1);
    clock.advance(1);
    await registry.participant(id);
    expect(seen(id)).toBe(milliseconds === 0 ? 3 : 2);
  }
});

test('an unknown id is remembered for a moment', async () => {
  const clock = testClock();
  const registry = cache({ now: clock.now });
  for (let round = 0; round < 5; round++) {
    await expect(registry.participant('x')).rejects.toMatchObject({ code: 'registry.not_found' });
  }
  expect(seen('x')).toBe(1);
  clock.advance(5_000);
  serve('x', '"1"');
  expect(await registry.participant('x')).toMatchObject({ id: 'x' });
});

test('unknown ids do not flood the registry, and those that are known are served meanwhile', async () => {
  const clock = testClock();
  serve('a', '"1"');
  serve('b', '"1"');
  const registry = cache({ now: clock.now, missesPerSecond: 20 });
  await registry.participant('a');
  const codes = await Promise.all(
    Array.from({ length: 1000 }, (_, n) => registry.participant(`no-${n}`).catch(({ code }) => code as string)),
  );
  expect(codes.filter((code) => code === 'registry.not_found')).toHaveLength(20);
  expect(codes.filter((code) => code === 'registry.busy')).toHaveLength(980);
  expect(await registry.participant('a')).toMatchObject({ id: 'a' });
  await expect(registry.participant('b')).rejects.toMatchObject({ code: 'registry.busy' });
  clock.advance(100);
  expect(await registry.participant('b')).toMatchObject({ id: 'b' });
});

test('it keeps so many and no more', async () => {
  const registry = cache({ maxEntries: 3 });
  for (const id of ['a', 'b', 'c', 'd']) serve(id, '"1"');
  for (const id of ['a', 'b', 'c', 'd', 'd', 'c', 'b']) await registry.participant(id);
  expect([seen('a'), seen('b'), seen('c'), seen('d')]).toEqual([1, 1, 1, 1]);
  await registry.participant('a');
  expect(seen('a')).toBe(2);
});

test('what was invalidated is asked for before it is served again', async () => {
  serve('a', '"1"', 'max-age=60');
  const registry = cache();
  await registry.participant('a');
  serve('a', '"2"', 'max-age=60');
  expect((await registry.participant('a')).baseUrl).toBe('https://1.example');
  registry.invalidate();
  expect((await registry.participant('a')).baseUrl).toBe('https://2.example');
  expect(seen('a')).toBe(2);
});

test('a refresh brings the newest, and one in vain is not repeated at once', async () => {
  const clock = testClock();
  const registry = cache({ now: clock.now });
  serve('a', '"1"', 'max-age=60');
  const first = await registry.participant('a');
  await Promise.all(Array.from({ length: 100 }, () => registry.refresh('a')));
  expect(await registry.refresh('a')).toBe(first);
  expect(seen('a')).toBe(2);
  clock.advance(1_000);
  serve('a', '"2"', 'max-age=60');
  expect((await registry.refresh('a')).baseUrl).toBe('https://2.example');
});

test('a refresh is no answer that was under way before it was asked for', async () => {
  const clock = testClock();
  const registry = cache({ now: clock.now });
  serve('a', '"1"', 'max-age=10');
  const first = await registry.participant('a');
  clock.advance(10_001);
  let release = () => {};
  server.routes[pathOf('a')] = (_request, response) => {
    response.writeHead(304);
    release = () => response.end();
  };
  expect(registry.lookUp('a')).toBe(first);
  await eventually(() => seen('a') === 2, 5_000);
  const refreshed = registry.refresh('a');
  serve('a', '"2"', 'max-age=10');
  release();
  expect((await refreshed).baseUrl).toBe('https://2.example');
});

test('a clock that was set back makes nothing fresh for ever', async () => {
  const clock = testClock();
  serve('a', '"1"', 'max-age=60');
  const registry = cache({ now: clock.now });
  await registry.participant('a');
  clock.advance(-3_600_000);
  await registry.participant('a');
  expect(seen('a')).toBe(2);
});

test('an answer of 304 to a first question is no entry', async () => {
  server.routes[pathOf('a')] = { status: 304 };
  await expect(cache().participant('a')).rejects.toMatchObject({ code: 'registry.unavailable' });
});

test('a token that the registry refuses is not kept', async () => {
  const discarded: string[] = [];
  const token = { token: async () => 't', discard: (text: string) => void discarded.push(text) };
  for (const status of [200, 403, 404, 500]) {
    server.routes[pathOf('a')] = { status, body: { id: 'a' } };
    await cache({ token })
      .participant('a')
      .catch(() => {});
  }
  expect(discarded).toEqual([]);
  server.routes[pathOf('a')] = { status: 401 };
  await expect(cache({ token }).participant('a')).rejects.toMatchObject({ code: 'registry.refused' });
  expect(discarded).toEqual(['t']);
});
