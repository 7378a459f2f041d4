/**
 * Sorts the test files by their needs, which it reads from their imports, so that there is no list to keep up to date: a `unit`
 * test starts no server, no process, no database and no threads that hash; every other test is a `system` test. A file named `*.foreign.test.ts`
 * needs programs that npm does not bring: browsers, Debian's servers, other languages.
 */

import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export type TestKind = 'unit' | 'system' | 'foreign';

const roots = ['packages/*/test/**/*.test.ts', 'examples/**/*.test.ts', 'scripts/**/*.test.ts'];

/** Modules that a unit test imports neither itself nor through its support files. `read.ts` loads the TypeScript compiler, which takes seconds. */
const heavy =
  /^(node:)?(child_process|cluster|http|https|http2|net|tls)$|\/support\/(databases|server|context|postgres|realm-server)\.ts$|\/server\/src\/server\.ts$|\/secrets\/password-hash\.ts$|^scripts\/examples\/read\.ts$/;

/** The test files of each kind, as paths from `root`, without soak tests. */
export function testFiles(root: string): Readonly<Record<TestKind, readonly string[]>> {
  const kinds: Record<TestKind, string[]> = { unit: [], system: [], foreign: [] };
  const files = globSync(roots, { cwd: root, exclude: (name) => name.includes('node_modules') });
  for (const file of files.filter((name) => !name.endsWith('.soak.test.ts')).sort())
    kinds[kindOf(root, file)].push(file);
  return kinds;
}

function kindOf(root: string, file: string): TestKind {
  if (file.endsWith('.foreign.test.ts')) return 'foreign';
  return reaches(root, file, new Set()) ? 'system' : 'unit';
}

/** Follows relative imports through test files, but not through source files. */
function reaches(root: string, file: string, seen: Set<string>): boolean {
  if (seen.has(file)) return false;
  seen.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  for (const [, target = ''] of text.matchAll(/(?:from|import\(|import) ?'([^']+)'/g)) {
    const path = target.startsWith('.') ? normalize(join(dirname(file), target)) : target;
    if (heavy.test(path)) return true;
    if (path.includes('/test/') && reaches(root, path, seen)) return true;
  }
  return false;
}
