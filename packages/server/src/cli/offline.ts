import { loadConfig } from '../config.ts';
import type { Context } from '../context.ts';
import type { StoreNeed } from '../store/open.ts';

/**
 * Opens the configured database itself for one piece of work. The code of the server is loaded only here, because it is nearly all
 * of the code. `any` is for work that may come before the first start. Other work is refused if there is no store, and
 * makes none.
 */
export async function offline<T>(work: (context: Context) => Promise<T>, store: StoreNeed = 'existing'): Promise<T> {
  const { createContext } = await import('../server.ts');
  const context = await createContext(loadConfig(process.env).config, { store });
  try {
    return await work(context);
  } finally {
    await context.store.close();
  }
}
