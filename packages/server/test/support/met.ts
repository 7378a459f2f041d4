import { AsyncLocalStorage } from 'node:async_hooks';
import type { KyselyPlugin } from 'kysely';
import { onTestFinished } from 'vitest';
import { databaseUrlOf } from '../../src/config.ts';
import type { Context } from '../../src/context.ts';
import { openStore } from '../../src/store/open.ts';

/**
 * The same context, where after so many answers of the database something happens elsewhere before the next statement. It has a
 * connection of its own: SQLite's one connection is held until an answer is complete.
 */
export async function met(context: Context, answers: number, happening: () => Promise<unknown>): Promise<Context> {
  const elsewhere = AsyncLocalStorage.snapshot();
  let seen = 0;
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (++seen === answers) await elsewhere(happening);
      return result;
    },
  };
  const store = await openStore(databaseUrlOf(context.config), context.clock, context.log);
  onTestFinished(() => store.close());
  return { ...context, store: { ...store, db: store.db.withPlugin(plugin) } };
}
