/**
 * Sorts the test files by their needs, which it reads from their imports, so that there is no list to keep up to date: a `unit`
 * test starts no server, no process, no database and no threads that hash; a `process` test starts other processes; every
 * other test is a `system` test. A file named `*.foreign.test.ts` needs programs that npm does not bring: browsers, Debian's
 * servers, other languages.
 */

import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export type TestKind = 'unit' | 'system' | 'process' | 'foreign';

const roots = ['packages/*/test/**/*.test.ts', 'examples/**/*.test.ts', 'scripts/**/*.test.ts'];

/** Modules that only tests of this kind import, themselves or through support files. The first kind that fits counts. */
const needs = {
  process: /^(node:)?(child_process|cluster)$/,
  // `program.ts` loads every command and `read.ts` the TypeScript compiler, which takes seconds.
  system:
    /^(node:)?(http|https|http2|net|tls)$|\/support\/(databases|server|context|postgres|realm-server)\.ts$|\/server\/src\/(server|cli\/program)\.ts$|\/secrets\/password-hash\.ts$|^scripts\/examples\/read\.ts$/,
};

/** The test files of each kind, as paths from `root`, without soak tests. */
export function testFiles(root: string): Readonly<Record<TestKind, readonly string[]>> {
  const kinds: Record<TestKind, string[]> = { unit: [], system: [], process: [], foreign: [] };
  const files = globSync(roots, { cwd: root, exclude: (name) => name.includes('node_modules') });
  for (const file of files.filter((name) => !name.endsWith('.soak.test.ts')).sort())
    kinds[kindOf(root, file)].push(file);
  return kinds;
}

function kindOf(root: string, file: string): TestKind {
  if (file.endsWith('.foreign.test.ts')) return 'foreign';
  const modules = importedBy(root, file, new Set());
  if (modules.some((module) => needs.process.test(module))) return 'process';
  return modules.some((module) => needs.system.test(module)) ? 'system' : 'unit';
}

/** What a file imports, itself and through other test files, but not through source files. */
function importedBy(root: string, file: string, seen: Set<string>): readonly string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import\(|import) ?'([^']+)'/g)].flatMap(([, target = '']) => {
    const path = target.startsWith('.') ? normalize(join(dirname(file), target)) : target;
    return path.includes('/test/') ? [path, ...importedBy(root, path, seen)] : [path];
  });
}
