import { expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { Problem } from '../src/kernel/problem.ts';
import { sharedRate, shareRates } from '../src/subject/throttle/shared-rate.ts';
import { manualClock } from './support/clock.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';

const minute = 60_000;
const rate = sharedRate('test', { budget: 10, window: minute, bound: 100 });

function admits(context: Context, key: string, times = 1): number {
  let admitted = 0;
  for (let i = 0; i < times; i++) if (rate(context).take(key)) admitted++;
  return admitted;
}

eachDatabase('a rate', (freshUrl) => {
  async function twoNodes() {
    const url = await freshUrl();
    const clock = manualClock();
    const open = () => openContext(url, { clock });
    const [one, two] = [await open(), await open()];
    return { clock, one, two, open, share: () => shareRates(one).then(() => shareRates(two)) };
  }

  test('that two nodes have used up together is used up on both, a second later, until its window ends', async () => {
    const { clock, one, two, share } = await twoNodes();
    expect([admits(one, 'a', 6), admits(two, 'a', 6)]).toEqual([6, 6]);
    await share();
    // Node one hears of the six of node two when it has something to share itself.
    expect([admits(two, 'a'), admits(one, 'a'), admits(one, 'b', 12)]).toEqual([0, 1, 10]);
    await share();
    expect([admits(one, 'a'), admits(two, 'a')]).toEqual([0, 0]);
    const refused = () => rate(two).require('a');
    expect(refused).toThrow(Problem);
    clock.advance(minute);
    expect([admits(one, 'a', 12), admits(two, 'a', 12)]).toEqual([10, 10]);
  });

  test('keeps what it has spent when a process is started anew', async () => {
    const { one, open } = await twoNodes();
    admits(one, 'a', 10);
    await shareRates(one);
    const anew = await open();
    expect(admits(anew, 'a')).toBe(1);
    await shareRates(anew);
    expect(admits(anew, 'a')).toBe(0);
  });

  test('gets back on all nodes what one of them gives back', async () => {
    const { one, two, share } = await twoNodes();
    admits(one, 'a', 10);
    await share();
    for (let i = 0; i < 4; i++) rate(one).giveBack('a');
    admits(two, 'a');
    await share();
    expect(admits(two, 'a', 10)).toBe(3);
  });

  test('stores no key: only digests', async () => {
    const { one } = await twoNodes();
    admits(one, 'alice@acme.example');
    await shareRates(one);
    const rows = await one.store.db.selectFrom('login_failure').selectAll().execute();
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain('alice');
  });

  test('counts for itself while the database is away, and tells it later', async () => {
    const { one, two } = await twoNodes();
    admits(one, 'a', 10);
    const { db } = one.store;
    Object.assign(one.store, {
      db: {
        insertInto: () => {
          throw new Error('away');
        },
      },
    });
    await expect(shareRates(one)).rejects.toThrow('away');
    expect(admits(one, 'a')).toBe(0);
    Object.assign(one.store, { db });
    await shareRates(one);
    admits(two, 'a');
    await shareRates(two);
    expect(admits(two, 'a')).toBe(0);
  });

  test('shares at most two thousand keys in a round, and the others in the next', async () => {
    const many = sharedRate('many', { budget: 1, window: minute, bound: 5_000 });
    const { one } = await twoNodes();
    for (let i = 0; i < 3_000; i++) many(one).spend(`key ${i}`);
    const counted = async () => {
      await shareRates(one);
      return (await one.store.db.selectFrom('login_failure').select('key').execute()).length;
    };
    expect([await counted(), await counted(), await counted()]).toEqual([2_000, 3_000, 3_000]);
  });
});
