import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rounds } from '../../proof/test/support/rounds.ts';
import { createRoom } from '../src/gateway/room.ts';
import { spool } from '../src/gateway/spool.ts';
import { temporaryDir } from './support/context.ts';

async function* parts(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function collected(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // A part is written over by the next one.
  for await (const part of source) chunks.push(Buffer.from(part));
  return Buffer.concat(chunks);
}

test('what went in comes out, again and again, however it came', async () => {
  const dir = temporaryDir();
  const chunk = fc.oneof(
    fc.uint8Array({ maxLength: 9 }),
    fc.integer({ min: 0, max: 70_000 }).map((n) => Buffer.alloc(n, 'ab')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 6 }), async (chunks) => {
      const whole = Buffer.concat(chunks);
      const body = await spool(parts(...chunks), { dir, maxBytes: 1_000_000 });
      expect(body?.size).toBe(whole.length);
      expect(body?.isBase64url).toBe(/^[\w-]+$/.test(whole.toString('latin1')));
      if (body === undefined) throw new Error('It is within its bound.');
      expect(whole.equals(await body.bytes())).toBe(true);
      expect(whole.equals(await collected(body.parts()))).toBe(true);
      expect(whole.equals(await collected(body.parts()))).toBe(true);
      await body.discard();
      await body.discard();
    }),
    { numRuns: rounds(50) },
  );
});

test.each([10, 65_536, 65_537, 300_000])('%i bytes are the bound, and one more is too many', async (maxBytes) => {
  const options = { dir: temporaryDir(), maxBytes };
  const within = await spool(parts(Buffer.alloc(maxBytes - 1), Buffer.alloc(1)), options);
  expect(within?.size).toBe(maxBytes);
  await within?.discard();
  expect(await spool(parts(Buffer.alloc(maxBytes), Buffer.alloc(1)), options)).toBeUndefined();
});

test('a file has no name while it is used: nothing is left behind, and nobody else can open it', async () => {
  const dir = temporaryDir();
  const body = await spool(parts(Buffer.alloc(200_000)), { dir, maxBytes: 1_000_000 });
  expect(readdirSync(dir)).toEqual([]);
  await body?.discard();
  async function* failing() {
    yield Buffer.alloc(100_000);
    throw new Error('the other side went away');
  }
  await expect(spool(failing(), { dir, maxBytes: 1_000_000 })).rejects.toThrow('the other side went away');
  expect(readdirSync(dir)).toEqual([]);
});

test('bodies share the room: together never more than there is, one that is larger alone, and all of them in the end', async () => {
  const room = createRoom(100);
  let now = 0;
  let most = 0;
  let done = 0;
  const sizes = [60, 30, 50, 150, 10, 90, 100, 1, 150, 20];
  const alone: number[] = [];
  const all = sizes.map((size, i) =>
    room.with(size, async () => {
      now += size;
      if (size > 100) alone.push(now - size);
      else most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= size;
      done++;
      if (i === 2) throw new Error('this one fails');
    }),
  );
  const outcomes = await Promise.allSettled(all);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  expect([done, now]).toEqual([sizes.length, 0]);
  expect(most).toBeLessThanOrEqual(100);
  expect(alone).toEqual([0, 0]);
});
