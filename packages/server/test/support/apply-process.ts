/** Applies a network file in a process of its own: `node apply-process.ts <database URL> <file>`. Prints what came of it. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { applyNetwork } from '../../src/registry/network-file/apply.ts';
import { createContext } from '../../src/server.ts';
import { caller } from './network.ts';
import { masterKey } from './program.ts';

const [url, file] = process.argv.slice(2) as [string, string];
const dataDir = mkdtempSync(join(tmpdir(), 'countersign-apply-'));
const { config } = loadConfig({
  COUNTERSIGN_DATA_DIR: dataDir,
  COUNTERSIGN_DATABASE_URL: url,
  COUNTERSIGN_MASTER_KEY: masterKey,
  COUNTERSIGN_LOG_LEVEL: 'silent',
});
const context = await createContext(config);
// Both processes begin at the same moment, whatever their start took.
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.destroy();
try {
  const report = await applyNetwork(context, JSON.parse(readFileSync(file, 'utf8')), caller);
  process.stdout.write(`${JSON.stringify({ report })}\n`);
} catch (thrown) {
  const code = thrown instanceof Problem ? thrown.code : String(thrown);
  process.stdout.write(`${JSON.stringify({ code })}\n`);
} finally {
  await context.store.close();
  rmSync(dataDir, { recursive: true });
}
