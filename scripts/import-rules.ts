/**
 * Checks the packages against the import rules of `.dependency-cruiser.cjs`, and checks that each rule finds its fault in a
 * folder that breaks all of them.
 */

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const config = join(root, '.dependency-cruiser.cjs');
const depcruise = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs');

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

/** All violations of the rules in a folder that contains `packages/`. */
async function violations(folder: string): Promise<readonly Violation[]> {
  const args = [depcruise, '--config', config, '--output-type', 'json', 'packages'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 28 });
  return JSON.parse(stdout).summary.violations;
}

const rules: readonly string[] = createRequire(import.meta.url)(config).forbidden.map(
  (rule: { name: string }) => rule.name,
);
const [found, provoked] = await Promise.all([
  violations(root),
  violations(join(root, 'scripts', 'import-rules-fixture')),
]);
const silent = rules.filter((name) => !provoked.some((violation) => violation.rule.name === name));

for (const { rule, from, to } of found) console.error(`${rule.name}: ${from} → ${to}`);
for (const name of silent)
  console.error(`${name} finds nothing in scripts/import-rules-fixture, which is there to break it`);
if (found.length + silent.length > 0) process.exit(1);
console.log(`${rules.length} rules, each of them broken by the fixture, none by the packages`);
