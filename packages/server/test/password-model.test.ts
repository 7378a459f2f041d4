import { test } from 'vitest';
import { eachDatabase } from './support/databases.ts';
import { passwordRuns } from './support/password-runs.ts';

eachDatabase('passwords and sessions', (freshUrl) => {
  test('are as a model of them says, after any commands', async () => {
    await passwordRuns(await freshUrl(), 4, 16);
  });
});
