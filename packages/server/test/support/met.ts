import { AsyncLocalStorage } from 'node:async_hooks';
import type { KyselyPlugin } from 'kysely';
import type { Context } from '../../src/context.ts';

/** The same context, where after so many answers of the database something happens elsewhere before the next statement. */
export function met(context: Context, answers: number, happening: () => Promise<unknown>): Context {
  const elsewhere = AsyncLocalStorage.snapshot();
  let seen = 0;
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (++seen === answers) await elsewhere(happening);
      return result;
    },
  };
  return { ...context, store: { ...context.store, db: context.store.db.withPlugin(plugin) } };
}
