import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Line {
  readonly level: string;
  readonly text: string;
}

/** Every call of a log in the source that has a text of its own. */
function written(): readonly Line[] {
  return globSync('packages/server/src/**/*.ts').flatMap((path) => {
    const source = readFileSync(path, 'utf8');
    return [...source.matchAll(/\blog\.(debug|info|warn|error|fatal)\(/g)].flatMap((call) => {
      const text = lastText(source.slice((call.index ?? 0) + call[0].length));
      return text === undefined ? [] : [{ level: call[1] as string, text }];
    });
  });
}

/** The last text among the arguments that begin here. */
function lastText(rest: string): string | undefined {
  let depth = 1;
  let last: string | undefined;
  for (const [token] of rest.matchAll(/'[^'\n]*'|`[^`]*`|[()]/g)) {
    if (token === '(') depth += 1;
    else if (token === ')') depth -= 1;
    else if (depth === 1 && token.startsWith("'")) last = token.slice(1, -1);
    if (depth === 0) break;
  }
  return last;
}

/** Every row of the page. */
function listed(): readonly Line[] {
  const page = readFileSync('docs/logs.md', 'utf8');
  return [...page.matchAll(/^\| (debug|info|warn|error|fatal) \| `([^`]+)` \|/gm)].map(([, level, text]) => ({
    level: level as string,
    text: text as string,
  }));
}

test('the page about the log lists every line that server and gateway write, with its level, and no other', () => {
  const sorted = (lines: readonly Line[]) => [...new Set(lines.map(({ level, text }) => `${level} ${text}`))].sort();
  expect(sorted(written()).length).toBeGreaterThan(25);
  expect(sorted(listed())).toEqual(sorted(written()));
});
