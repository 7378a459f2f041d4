/**
 * Writes all generated files: `node scripts/generate.ts`. With `--check` it writes nothing into the tree, and fails if the tree
 * differs from what the generators would write. A left-over file is a difference too.
 */

import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referencePages } from './docs/reference.ts';
import { generateProto, protoParts } from './proto.ts';

export interface Generator {
  readonly name: string;
  /** The files and folders that only this generator writes, relative to the root of the tree. */
  readonly outputs: readonly string[];
  /** Writes all of them below `into`, at the same relative paths, from the sources below `root`. */
  run(root: string, into: string): Promise<void>;
}

const generators: readonly Generator[] = [
  {
    name: 'reference',
    outputs: [join('docs', 'reference')],
    async run(_root, into) {
      const folder = join(into, 'docs', 'reference');
      await mkdir(folder, { recursive: true });
      for (const [name, page] of Object.entries(referencePages)) await writeFile(join(folder, name), await page());
    },
  },
  { name: 'proto', outputs: protoParts.map(({ output }) => output), run: generateProto },
];

/** Replaces every output, so that no file of an earlier run is left over. */
export async function generate(table: readonly Generator[], root: string): Promise<void> {
  await eachGenerated(table, root, async (output, made) => {
    await rm(join(root, output), { recursive: true, force: true });
    await cp(join(made, output), join(root, output), { recursive: true });
  });
}

/** Names every path at which the tree and a fresh run of the generators differ. */
export async function staleFiles(table: readonly Generator[], root: string): Promise<readonly string[]> {
  const stale: string[] = [];
  await eachGenerated(table, root, async (output, made) => {
    const [expected, present] = await Promise.all([filesOf(made, output), filesOf(root, output)]);
    for (const path of new Set([...expected.keys(), ...present.keys()])) {
      if (expected.get(path) !== present.get(path)) stale.push(path);
    }
  });
  return stale.sort();
}

async function eachGenerated(
  table: readonly Generator[],
  root: string,
  visit: (output: string, made: string) => Promise<void>,
): Promise<void> {
  for (const generator of table) {
    const made = await mkdtemp(join(tmpdir(), 'countersign-generated-'));
    try {
      await generator.run(root, made);
      for (const output of generator.outputs) await visit(output, made);
    } finally {
      await rm(made, { recursive: true, force: true });
    }
  }
}

/** Relative path → content of a file, or of all files of a folder. Empty if the path does not exist. */
async function filesOf(base: string, path: string): Promise<ReadonlyMap<string, string>> {
  const found = await stat(join(base, path)).catch(() => undefined);
  if (found === undefined) return new Map();
  const entries = found.isFile() ? [path] : await filesBelow(base, path);
  return new Map(
    await Promise.all(entries.map(async (entry) => [entry, await readFile(join(base, entry), 'base64')] as const)),
  );
}

async function filesBelow(base: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(base, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(base.length + 1));
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  if (process.argv.includes('--check')) {
    const stale = await staleFiles(generators, root);
    for (const path of stale) console.error(`${path} is not what the generators write: run npm run generate`);
    if (stale.length > 0) process.exitCode = 1;
  } else {
    await generate(generators, root);
  }
}
