import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryDir } from './support/context.ts';
import { passwordKillRounds } from './support/password-kill-rounds.ts';
import { startPostgres } from './support/postgres.ts';

const here = process.platform === 'linux' && process.arch === 'x64';

test('two kills while passwords are changed leave one that works on SQLite', async () => {
  await passwordKillRounds(`sqlite:${join(temporaryDir(), 'countersign.db')}`, 2);
}, 240_000);

test.skipIf(!here)(
  'two kills while passwords are changed leave one that works on PostgreSQL',
  async () => {
    const postgres = await startPostgres({ durable: true });
    expect(postgres).toBeDefined();
    onTestFinished(() => postgres?.stop());
    await passwordKillRounds(postgres?.url ?? '', 2);
  },
  240_000,
);
