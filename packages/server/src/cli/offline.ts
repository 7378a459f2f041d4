import { loadConfig } from '../config.ts';
import type { Context } from '../context.ts';

/** Opens the configured database itself for the time of one piece of work. Only then is the server read, which is all of the code. */
export async function offline<T>(work: (context: Context) => Promise<T>): Promise<T> {
  const { createContext } = await import('../server.ts');
  const context = await createContext(loadConfig(process.env).config);
  try {
    return await work(context);
  } finally {
    await context.store.close();
  }
}
