import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import type { Problem } from '../src/kernel/problem.ts';
import { storeProblem } from '../src/store/fault.ts';
import { write } from '../src/store/write.ts';
import { openContext } from './support/context.ts';
import { eventually } from './support/eventually.ts';
import { failover } from './support/failover.ts';
import { startPostgresPair } from './support/postgres.ts';

const here = process.platform === 'linux' && process.arch === 'x64';

test.skipIf(!here)(
  'two nodes whose primary is killed under load go on with its standby: nothing acknowledged is lost, no assertion works twice',
  async () => {
    const pair = await startPostgresPair();
    if (pair === undefined) throw new Error('There are no PostgreSQL binaries in node_modules.');
    onTestFinished(() => pair.stop());
    await failover(pair);

    // A commit that waits in vain for a standby is confirmed by a warning only: it is not acknowledged.
    const context = await openContext(pair.url);
    await sql`alter system set synchronous_standby_names = 'missing'`.execute(context.store.db);
    await sql`select pg_reload_conf()`.execute(context.store.db);
    // The database takes the setting up a moment later.
    const outcomes = new Set<string>();
    await eventually(async () => {
      const waiting = write(context, system, async (tx) => {
        await sql`set local statement_timeout = '200ms'`.execute(tx.db);
        await tx.db.insertInto('meta').values({ name: randomUUID(), value: 'x' }).execute();
      });
      outcomes.add(
        await waiting.then(
          () => 'done',
          (thrown: unknown) => (storeProblem(thrown) as Problem).code,
        ),
      );
      return outcomes.has('write.unknown');
    }, 10_000);
    expect(outcomes).not.toContain('store.unavailable');
  },
  60_000,
);
