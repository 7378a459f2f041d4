import { rmSync } from 'node:fs';
import { onTestFinished, TestRunner } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import type { Context } from '../../src/context.ts';
import type { Caller } from '../../src/kernel/caller.ts';
import { createLog } from '../../src/kernel/log.ts';
import { createContext, type Parts } from '../../src/server.ts';
import { ensureRealms } from '../../src/start.ts';
import { hashPool } from './hash-pool.ts';
import { masterKey } from './program.ts';
import { quickFolder } from './quick-folder.ts';

export { masterKey };

export const tester: Caller = { actor: 'test', requestId: 'test' };

/**
 * What rules use, on a real database and without a server: a new SQLite if it names none. `realms` also makes `system`
 * and `dev` with their keys. Closed when the test ends; a suite closes the store itself.
 */
export async function openContext(
  databaseUrl?: string,
  { realms = false, ...parts }: Parts & { readonly realms?: boolean } = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Context> {
  const dataDir = temporaryDir();
  const { config } = loadConfig({
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_DATABASE_URL: databaseUrl ?? '',
    COUNTERSIGN_MASTER_KEY: masterKey,
    ...env,
  });
  const context = await createContext(config, { log: createLog('silent'), hashPool, ...parts });
  if (realms) await ensureRealms(context);
  atEnd(() => context.store.close());
  return context;
}

function atEnd(act: () => unknown): void {
  if (TestRunner.getCurrentTest() === undefined) process.once('exit', act);
  else onTestFinished(async () => void (await act()));
}

/** A directory that goes when the test ends, or for a suite with the process. */
export function temporaryDir(): string {
  const path = quickFolder('test');
  atEnd(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
