import { test } from 'vitest';
import { eachDatabase } from './support/databases.ts';
import { firstStartsAtOnce, killedFirstStarts } from './support/first-starts.ts';

eachDatabase('a first start', (freshUrl, kind) => {
  test('a hundred kills at random moments: the next start works, with the credentials on disk', async () => {
    await killedFirstStarts(100, kind === 'sqlite' ? undefined : freshUrl);
  });

  test('twenty pairs of servers at once: both run, with the credentials on disk', async () => {
    for (let pair = 0; pair < 20; pair++)
      await firstStartsAtOnce(kind === 'sqlite' ? undefined : await freshUrl('empty'));
  });
});
