/** Applies a network file in a process of its own: `node apply-process.ts <database URL> <file>`. Prints what came of it. */

import { readFileSync } from 'node:fs';
import { Problem } from '../../src/kernel/problem.ts';
import { applyNetwork } from '../../src/registry/network-file/apply.ts';
import { caller, openContext } from './network.ts';

const [url, file] = process.argv.slice(2) as [string, string];
const { context, close } = await openContext(url);
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
  await close();
}
