import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rounds } from '../../proof/test/support/rounds.ts';
import type { Context } from '../src/context.ts';
import { startJobs } from '../src/jobs/start.ts';
import type { EventTable } from '../src/store/schema.ts';
import { write } from '../src/store/write.ts';
import {
  eventHead,
  eventsBefore,
  sealedAtOnce,
  sealerLease,
  sealNewEvents,
  verifyChain,
} from '../src/subject/event.ts';
import { holdLease } from '../src/subject/lease.ts';
import { manualClock } from './support/clock.ts';
import { openContext, tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';

async function record(context: Context, count: number, realm = 'dev'): Promise<void> {
  await write(context, tester, async (tx) => {
    for (let i = 0; i < count; i++) {
      const event = {
        realm,
        type: 'thing.made',
        object: `thing:${i}`,
        before: { i },
        after: { i: i + 1, name: 'é"\u2028' },
      };
      await tx.record(event);
    }
  });
}

const sealed = (context: Context) =>
  context.store.db.selectFrom('event').selectAll().where('seq', 'is not', null).orderBy('seq').execute();
const alter = (context: Context, id: string, change: Partial<EventTable>) =>
  context.store.db.updateTable('event').set(change).where('id', '=', id).execute();

eachDatabase('the event log', (freshUrl) => {
  test('is chained in batches, and verifies', async () => {
    const context = await openContext(await freshUrl());
    expect(await verifyChain(context)).toEqual({ intact: true, events: 0, seq: 0, hash: '' });
    await record(context, sealedAtOnce + 3);
    expect(await sealNewEvents(context, 'one')).toBe(sealedAtOnce);
    expect(await sealNewEvents(context, 'one')).toBe(3);
    expect(await sealNewEvents(context, 'one')).toBe(0);
    const head = await eventHead(context);
    expect(head.seq).toBe(sealedAtOnce + 3);
    expect(await verifyChain(context, head)).toEqual({ intact: true, events: head.seq, ...head });
    expect((await sealed(context)).map(({ seq }) => seq)).toEqual(Array.from({ length: head.seq }, (_, i) => i + 1));
  });

  test('shows whatever is altered, in any column of any event', async () => {
    const context = await openContext(await freshUrl());
    await record(context, 6);
    await sealNewEvents(context, 'one');
    const rows = await sealed(context);
    const intact = await verifyChain(context);
    const columns = [
      'id',
      'realm',
      'at',
      'type',
      'object',
      'actor',
      'request_id',
      'before',
      'after',
      'seq',
      'hash',
    ] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(5),
        fc.constantFrom(...columns),
        fc.stringMatching(/^[a-z]{1,8}$/),
        async (at, column, text) => {
          const row = rows[at] as EventTable;
          const changed =
            column === 'at'
              ? row.at + 1 + text.length
              : column === 'seq'
                ? text.length % 2 === 0
                  ? text.length + 6
                  : -text.length
                : column === 'before' && text.length === 1
                  ? null
                  : `${text}${row[column]}`;
          await alter(context, row.id, { [column]: changed });
          expect(await verifyChain(context)).toMatchObject({ intact: false });
          await alter(context, column === 'id' ? String(changed) : row.id, { [column]: row[column] });
          expect(await verifyChain(context)).toEqual(intact);
        },
      ),
      { numRuns: rounds(40) },
    );
  });

  test('names the first event that was altered', async () => {
    const context = await openContext(await freshUrl());
    await record(context, 6);
    await sealNewEvents(context, 'one');
    await alter(context, (await sealed(context))[3]?.id ?? '', { actor: 'nobody' });
    expect(await verifyChain(context)).toEqual({
      intact: false,
      seq: 4,
      reason: 'the event or one before it was altered',
    });
  });

  test.each([0, 1, 4])('shows that event %i was removed', async (at) => {
    const context = await openContext(await freshUrl());
    await record(context, 6);
    await sealNewEvents(context, 'one');
    await context.store.db
      .deleteFrom('event')
      .where('id', '=', (await sealed(context))[at]?.id ?? '')
      .execute();
    expect(await verifyChain(context)).toMatchObject({ intact: false, seq: at + 1 });
  });

  test.each([0, 1, 3, 5])('shows that two events changed places after %i', async (at) => {
    const context = await openContext(await freshUrl());
    await record(context, 7);
    await sealNewEvents(context, 'one');
    const [one, two] = (await sealed(context)).slice(at) as [EventTable, EventTable];
    await alter(context, one.id, { seq: null });
    await alter(context, two.id, { seq: one.seq, hash: one.hash });
    await alter(context, one.id, { seq: two.seq, hash: two.hash });
    expect(await verifyChain(context)).toMatchObject({ intact: false });
  });

  test.each([-1, 0, 4, 7, 100])('shows that an event was inserted as number %i', async (seq) => {
    const context = await openContext(await freshUrl());
    await record(context, 6);
    await sealNewEvents(context, 'one');
    const [copied] = (await sealed(context)) as [EventTable];
    if (seq === 4) {
      for (const row of (await sealed(context)).reverse()) {
        if ((row.seq as number) >= seq) await alter(context, row.id, { seq: (row.seq as number) + 1 });
      }
    }
    await context.store.db
      .insertInto('event')
      .values({ ...copied, id: 'inserted', seq })
      .execute();
    expect(await verifyChain(context)).toMatchObject({ intact: false });
  });

  test('counts what somebody put into the database under an earlier time, and chains it like any other', async () => {
    const clock = manualClock();
    const context = await openContext(await freshUrl(), { clock });
    await record(context, 2);
    await sealNewEvents(context, 'one');
    clock.advance(10 * 60_000);
    await record(context, 1);
    await sealNewEvents(context, 'one');
    expect(await verifyChain(context)).not.toHaveProperty('backdated');
    const [first] = (await sealed(context)) as [EventTable];
    const forged = { ...first, id: '00000000-forged', actor: 'somebody else', seq: null, hash: null };
    await context.store.db.insertInto('event').values(forged).execute();
    expect(await sealNewEvents(context, 'one')).toBe(1);
    expect(await verifyChain(context)).toMatchObject({ intact: true, events: 4, backdated: { events: 1, first: 4 } });
  });

  test('shows that its end was cut off, against a head that was exported before', async () => {
    const context = await openContext(await freshUrl());
    await record(context, 6);
    await sealNewEvents(context, 'one');
    const head = await eventHead(context);
    await context.store.db.deleteFrom('event').where('seq', '>', 4).execute();
    expect(await verifyChain(context)).toMatchObject({ intact: true, seq: 4 });
    expect(await verifyChain(context, head)).toEqual({
      intact: false,
      seq: 4,
      reason: 'events after this one were cut off',
    });
    // And also when others were written in their place.
    await record(context, 4);
    await sealNewEvents(context, 'one');
    expect(await verifyChain(context)).toMatchObject({ intact: true, seq: 8 });
    expect(await verifyChain(context, head)).toMatchObject({ intact: false, seq: head.seq });
  });

  test('was rewritten from the start: the exported head shows it', async () => {
    const context = await openContext(await freshUrl());
    await record(context, 3);
    await sealNewEvents(context, 'one');
    const head = await eventHead(context);
    await alter(context, (await sealed(context))[0]?.id ?? '', { actor: 'nobody' });
    await context.store.db.updateTable('event').set({ seq: null, hash: null }).execute();
    await sealNewEvents(context, 'one');
    expect(await verifyChain(context)).toMatchObject({ intact: true });
    expect(await verifyChain(context, head)).toMatchObject({
      intact: false,
      reason: 'the chain is another than the exported head',
    });
  });

  test('is sealed by one at a time: others wait until the lease has ended', async () => {
    const clock = manualClock();
    const context = await openContext(await freshUrl(), { clock });
    await record(context, 1);
    expect(await sealNewEvents(context, 'one')).toBe(1);
    await record(context, 1);
    expect(await sealNewEvents(context, 'two')).toBe(0);
    clock.advance(5_000);
    expect(await sealNewEvents(context, 'two')).toBe(0);
    clock.advance(1);
    expect(await sealNewEvents(context, 'two')).toBe(1);
    await record(context, 1);
    expect(await sealNewEvents(context, 'one')).toBe(0);
  });

  test('goes on where the clock was hours ahead for a moment: such a lease is void', async () => {
    const clock = manualClock();
    const context = await openContext(await freshUrl(), { clock });
    clock.advance(5.5 * 3_600_000);
    await record(context, 1);
    expect(await sealNewEvents(context, 'before the restart')).toBe(1);
    clock.advance(-5.5 * 3_600_000);
    await record(context, 1);
    expect(await sealNewEvents(context, 'after it')).toBe(1);
    expect(await verifyChain(context)).toMatchObject({ intact: true, events: 2 });
  });

  test('is let go of when a node stops: the next one need not wait for the lease', async () => {
    const url = await freshUrl();
    const first = await openContext(url);
    const { hold } = first.store;
    await hold.renew();
    await record(first, 1);
    expect(await sealNewEvents(first, hold.holder)).toBe(1);
    await first.store.close();
    const second = await openContext(url);
    await record(second, 1);
    expect(await sealNewEvents(second, 'two')).toBe(1);
  });

  test('never forks, even where clocks disagree so far that everyone believes to hold the lease', async () => {
    const url = await freshUrl();
    const clocks = Array.from({ length: 4 }, () => manualClock());
    const nodes = await Promise.all(clocks.map((clock) => openContext(url, { clock })));
    let round = 0;
    const seal = async (node: Context, name: number) => {
      let count = 0;
      for (let i = 0; i < 8; i++) {
        clocks[name]?.advance(6_000 * ++round);
        count += await sealNewEvents(node, String(name));
      }
      return count;
    };
    const recording = (async () => {
      for (let i = 0; i < 10; i++) await record(nodes[0] as Context, 3);
    })();
    const counts = await Promise.all([...nodes.map(seal), recording.then(() => 0)]);
    clocks[0]?.advance(1e9);
    const rest = await sealNewEvents(nodes[0] as Context, '0');
    expect(counts.reduce((sum, count) => sum + count, rest)).toBe(30);
    expect(await verifyChain(nodes[1] as Context)).toMatchObject({ intact: true, events: 30 });
  });

  test('is sealed within about a second of a change by a running node', async () => {
    const context = await openContext(await freshUrl());
    const stop = await startJobs(context);
    try {
      await record(context, 2);
      await eventually(async () => (await sealed(context)).length === 2, 2_000);
    } finally {
      await stop();
    }
    expect(await verifyChain(context)).toMatchObject({ intact: true, events: 2 });
  });

  test('is sealed to its end before a node stops, however much there is', async () => {
    const context = await openContext(await freshUrl());
    const stop = await startJobs(context);
    await record(context, 2 * sealedAtOnce + 1);
    await stop();
    expect(await verifyChain(context)).toMatchObject({ intact: true, events: 2 * sealedAtOnce + 1 });
  });

  test('is read newest first, of one realm only', async () => {
    const context = await openContext(await freshUrl());
    await record(context, 3, 'dev');
    await record(context, 2, 'other');
    await sealNewEvents(context, 'one');
    const all = await eventsBefore(context, 'dev', Number.MAX_SAFE_INTEGER, 2);
    expect(all).toHaveLength(2);
    const seqs = all.map(({ seq }) => seq as number);
    expect(seqs).toEqual([...seqs].sort((a, b) => b - a));
    const rest = await eventsBefore(context, 'dev', seqs[1] as number, 10);
    expect(rest).toHaveLength(1);
    for (const event of [...all, ...rest]) {
      expect(event).toMatchObject({
        realm: 'dev',
        type: 'thing.made',
        actor: 'test',
        requestId: 'test',
        before: { i: expect.any(Number) },
      });
    }
  });

  test('keeps nothing of a change that was undone', async () => {
    const context = await openContext(await freshUrl());
    const undone = write(context, tester, async (tx) => {
      await tx.record({ realm: 'dev', type: 'thing.made', object: 'thing:1' });
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await sealNewEvents(context, 'one')).toBe(0);
  });

  test('a lease is renewed by its holder, and of other names nobody’s business', async () => {
    const context = await openContext(await freshUrl());
    const hold = (name: string, holder: string, now: number) =>
      context.store.db.transaction().execute((tx) => holdLease(tx, name, holder, now));
    expect(await hold(sealerLease, 'one', 0)).toBe(true);
    expect(await hold(sealerLease, 'one', 4_000)).toBe(true);
    expect(await hold(sealerLease, 'two', 8_000)).toBe(false);
    expect(await hold('another', 'two', 8_000)).toBe(true);
    expect(await hold(sealerLease, 'two', 9_001)).toBe(true);
    expect(await hold(sealerLease, 'one', 9_002)).toBe(false);
  });
});
