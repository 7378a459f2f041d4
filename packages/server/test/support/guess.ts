/** One of several processes that guess at the same credentials at the same moment: `node guess.ts <url> <rounds> <guesses>`. */
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { createGuessCounts } from '../../src/passwords/guess/guess-count.ts';
import { openStore } from '../../src/store/open.ts';

const [url = '', rounds = '0', guesses = '0'] = process.argv.slice(2);
const store = await openStore(url, systemClock, createLog('silent'));
const counts = createGuessCounts(store, systemClock);
const guess = async (round: number, at: number): Promise<boolean> => {
  await pause((at * 7 + round) % 12);
  try {
    const one = await counts.take({ realm: 'dev', key: `round ${round}`, limit: 10 });
    one.failed();
    return true;
  } catch {
    return false;
  }
};
process.send?.('ready');
process.once('message', async () => {
  const tried: number[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    const all = await Promise.all(Array.from({ length: Number(guesses) }, (_, at) => guess(round, at)));
    tried.push(all.filter(Boolean).length);
  }
  await store.close();
  process.send?.(tried, () => process.disconnect());
});
