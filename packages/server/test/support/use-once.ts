/** One of several processes that present the same values at the same moment: `node use-once.ts <url> <rounds>`. */
import { instantOf, systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { openStore } from '../../src/store/open.ts';
import { useOnce } from '../../src/subject/tokens/replay.ts';

const [url = '', rounds = '0'] = process.argv.slice(2);
const later = instantOf(1e15);
const store = await openStore(url, systemClock, createLog('silent'));
process.send?.('ready');
process.once('message', async () => {
  const won: boolean[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    won.push(await useOnce({ store } as Parameters<typeof useOnce>[0], 'dev', 'nonce', String(round), later));
  }
  await store.close();
  process.send?.(won, () => process.disconnect());
});
