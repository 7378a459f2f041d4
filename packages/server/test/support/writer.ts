/**
 * One of several processes that write to the same database at once: `node writer.ts <url> <name> <count>`.
 * Says `ready`, begins when told, and answers with the numbers that its transactions got.
 */
import { createCache } from '../../src/kernel/cache.ts';
import { system } from '../../src/kernel/caller.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { openStore } from '../../src/store/open.ts';
import { write } from '../../src/store/write.ts';

const [url = '', name = '', count = '0'] = process.argv.slice(2);
const store = await openStore(url, systemClock, createLog('silent'));
const context = { store, clock: systemClock, cache: createCache(systemClock), random: systemRandom };
process.send?.('ready');
process.once('message', async () => {
  const numbers: number[] = [];
  for (let i = 0; i < Number(count); i++) {
    const number = await write(context, system, async (tx) => {
      tx.changed('client', `${name} ${i}`);
      return tx.sequence();
    });
    numbers.push(number);
  }
  await store.close();
  process.send?.(numbers, () => process.disconnect());
});
