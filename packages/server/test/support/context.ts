import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import type { Context } from '../../src/context.ts';
import type { Caller } from '../../src/kernel/caller.ts';
import { createLog } from '../../src/kernel/log.ts';
import { createContext, type Parts } from '../../src/server.ts';
import { hashPool } from './hash-pool.ts';

/** TEST KEY, not a secret: contexts that share a database must share it. */
export const masterKey = 'dGVzdC1vbmx5LW1hc3Rlci1rZXktZm9yLWNvdW50ZXI';

export const tester: Caller = { actor: 'test', requestId: 'test' };

/** What rules use, on a real database and without a server. Closed when the test ends. */
export async function openContext(
  databaseUrl: string,
  parts: Parts = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Context> {
  const dataDir = temporaryDir();
  const { config } = loadConfig({
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_DATABASE_URL: databaseUrl,
    COUNTERSIGN_MASTER_KEY: masterKey,
    ...env,
  });
  const context = await createContext(config, { log: createLog('silent'), hashPool, ...parts });
  onTestFinished(() => context.store.close());
  return context;
}

/** A directory that goes when the test ends. */
export function temporaryDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'countersign-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
