import { test } from 'vitest';
import { eachDatabase } from './support/databases.ts';
import { passwordRuns } from './support/password-runs.ts';

eachDatabase('passwords and sessions', (freshUrl) => {
  test('are as a model of them says, after any of a great many commands', async () => {
    await passwordRuns(await freshUrl(), 150, 60);
  }, 1_800_000);
});
