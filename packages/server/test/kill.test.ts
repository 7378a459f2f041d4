import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { rounds } from '../../proof/test/support/rounds.ts';
import { temporaryDir } from './support/context.ts';
import { killRounds } from './support/kill-rounds.ts';
import { startPostgres } from './support/postgres.ts';

const here = process.platform === 'linux' && process.arch === 'x64';

test('kills under load lose nothing that was acknowledged on SQLite', async () => {
  await killRounds(`sqlite:${join(temporaryDir(), 'countersign.db')}`, rounds(10, 3));
}, 180_000);

test.skipIf(!here)(
  'kills under load lose nothing that was acknowledged on PostgreSQL',
  async () => {
    const postgres = await startPostgres({ durable: true });
    expect(postgres).toBeDefined();
    onTestFinished(() => postgres?.stop());
    await killRounds(postgres?.url ?? '', rounds(10, 3));
  },
  180_000,
);
