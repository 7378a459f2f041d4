import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { eachDatabase } from '../../packages/server/test/support/databases.ts';
import { proofsOf } from '../proofs.ts';
import { blocksOf, faultsOf, fits } from './page.ts';
import { pageDatabase, play } from './play.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A reader of the pages has both tools. Without them the tests are skipped, but under CI they fail. */
const lacksTools = !process.env.CI && ['bash', 'curl'].some((tool) => spawnSync(tool, ['--version']).error);

const compiled = mkdtempSync(join(tmpdir(), 'countersign-compiled-'));
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

/** All files that a link may lead to. */
const files = new Set([
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'LICENSE',
  ...['docs', 'deploy', 'examples', 'bench', 'packages', 'scripts'].flatMap((folder) => [folder, ...below(folder)]),
]);
const pages = [...files]
  .filter((path) => path.endsWith('.md') && /^(README|CHANGELOG|CONTRIBUTING|SECURITY|docs\/)/.test(path))
  .sort();
const played = pages.filter((path) => blocksOf(read(path)).some(({ purpose }) => purpose === 'run'));

function below(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.name === 'node_modules') return [];
    return entry.isDirectory() ? [path, ...below(path)] : [path];
  });
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

test('every test that a page names as its proof is there', () => {
  const named = pages.flatMap((path) => proofsOf(path, read(path)));
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter(({ file, title }) => !read(file).includes(title))).toEqual([]);
});

test.each(pages)('%s: every block says what it is for, every link leads somewhere', (path) => {
  expect(faultsOf(read(path), path, files)).toEqual([]);
});

describe.skipIf(lacksTools)('with bash and curl', () => {
  eachDatabase('doing what the pages say', (freshUrl, kind) => {
    const own = played.filter((path) => read(path).includes(pageDatabase) === (kind === 'postgres'));
    test.for(own)('%s', { concurrent: true, timeout: 120_000 }, async (path, { expect }) => {
      const databaseUrl = kind === 'postgres' ? await freshUrl() : undefined;
      expect(await play(read(path), { root, databaseUrl, compiled })).toEqual([]);
    });
  });
});

const page = (...lines: readonly string[]) => `${lines.join('\n')}\n`;

describe('a page that does not hold', () => {
  const none = new Set<string>();
  test.each([
    ['a shell block without a tag', page('```sh', 'true', '```')],
    ['a JSON block without a tag', page('```json', '{}', '```')],
    ['a block that is excused and run', page('<!-- not run: no -->', '', '```sh run', 'true', '```')],
    ['output of nothing', page('```text output', 'a', '```')],
    ['a file that no command uses', page('```json file=a.json', '{}', '```')],
    ['a command outside a block', page('    npx countersign serve')],
    ['a link to nowhere', page('[there](nowhere.md)')],
  ])('%s is found', (_, markdown) => {
    expect(faultsOf(markdown, 'docs/page.md', none)).toHaveLength(1);
  });

  test.each([page('```sh runs', '```'), page('```js run', '```'), page('```sh', 'true')])(
    '%j is refused',
    (markdown) => {
      expect(() => blocksOf(markdown)).toThrow();
    },
  );

  test.skipIf(lacksTools)('a command that fails is found, with what it said, and nothing after it runs', async () => {
    const markdown = page(
      '<!-- server: none -->',
      '```sh run',
      'echo why >&2; false',
      '```',
      '```sh run',
      'true',
      '```',
    );
    const faults = await play(markdown, { root, databaseUrl: undefined, compiled });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('why');
    expect(faults[0]).toContain('line 2');
  });

  test.skipIf(lacksTools)('another output than shown is found', async () => {
    const markdown = page('<!-- server: none -->', '```sh run', 'echo two', '```', '```text output', 'one', '```');
    expect(await play(markdown, { root, databaseUrl: undefined, compiled })).toEqual([expect.stringContaining('two')]);
  });

  test.each([
    ['a…c', 'abc', true],
    ['a…c', 'ac', true],
    ['a…', 'a\nb\nc', true],
    ['a…c', 'abd', false],
    ['a.c', 'abc', false],
    ['b', 'abc', false],
  ])('%j against %j: %j', (shown, printed, expected) => {
    expect(fits(shown, printed)).toBe(expected);
  });
});
