import { onTestFinished, test } from 'vitest';
import { failover } from './support/failover.ts';
import { startPostgresPair } from './support/postgres.ts';

const here = process.platform === 'linux' && process.arch === 'x64';
const rounds = 20;

test.skipIf(!here).each(Array.from({ length: rounds }, (_, round) => [round + 1]))(
  'failover %i of 20 loses nothing that was acknowledged',
  async (round) => {
    const pair = await startPostgresPair();
    if (pair === undefined) throw new Error('There are no PostgreSQL binaries in node_modules.');
    onTestFinished(() => pair.stop());
    const { recovered, promotion, clients, assertions, unknown } = await failover(pair);
    const [after, took] = [recovered, promotion].map(Math.round);
    process.stdout.write(
      `failover ${round}: first success ${after} ms after the promotion (${took} ms); ${clients} clients, ${assertions} assertions, ${unknown} unknown outcomes\n`,
    );
  },
);
