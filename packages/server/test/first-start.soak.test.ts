import { test } from 'vitest';
import { eachDatabase } from './support/databases.ts';
import { firstStartsAtOnce, killedFirstStarts } from './support/first-starts.ts';

test('a hundred kills at random moments of the first start: the next start works, with the credentials on disk', async () => {
  await killedFirstStarts(100);
});

eachDatabase('a first start', (freshUrl, kind) => {
  test('twenty pairs of servers at once: both run, with the credentials on disk', async () => {
    for (let pair = 0; pair < 20; pair++)
      await firstStartsAtOnce(kind === 'sqlite' ? undefined : await freshUrl('empty'));
  });
});
