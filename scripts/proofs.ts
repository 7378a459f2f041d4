/**
 * Whether the tests that pages name as their proof have passed: `npm run proofs -- report.json…`, with the reports that vitest
 * writes for `COUNTERSIGN_TEST_REPORT`. Ends with 1 if one of them did not run or failed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface Proof {
  readonly page: string;
  /** From the root of the repository. */
  readonly file: string;
  /** A part of the names of the test and its groups, as in the file; `%s` and `$name` stand for anything. */
  readonly title: string;
}

export interface TestResult {
  readonly file: string;
  /** With the names of its groups. */
  readonly title: string;
  readonly passed: boolean;
}

/** `[lifecycle.test.ts](../packages/server/test/lifecycle.test.ts) “a title”`: the proof of a claim. */
const named = /\[[\w.-]+\.test\.ts\]\((?:\.\.\/)*([^)]+)\) “([^”]+)”/g;

export function proofsOf(page: string, markdown: string): readonly Proof[] {
  return [...markdown.matchAll(named)].map(([, file = '', title = '']) => ({ page, file, title }));
}

/** Proofs with no passed test, and those with one that failed. Tests of the soak are not in a report. */
export function unproved(proofs: readonly Proof[], results: readonly TestResult[]): readonly string[] {
  const byFile = Map.groupBy(results, ({ file }) => file);
  return proofs.flatMap(({ page, file, title }) => {
    if (file.includes('.soak.')) return [];
    const shape = new RegExp(escaped(title).replace(/%[sdifjo.0-9]+|\\\$[\w.]+/g, '.*'), 's');
    const of = (byFile.get(file) ?? []).filter((result) => shape.test(result.title));
    if (of.length > 0 && of.every(({ passed }) => passed)) return [];
    return [`${page}: ${file} “${title}” ${of.length === 0 ? 'did not run' : 'failed'}`];
  });
}

function escaped(text: string): string {
  return text.replace(/[.+*?^$()[\]{}|\\]/g, '\\$&');
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function resultsIn(report: string): readonly TestResult[] {
  interface Report {
    readonly testResults: readonly {
      readonly name: string;
      readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
    }[];
  }
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== 'skipped')
      .map(({ fullName, status }) => {
        return { file: name.slice(root.length + 1), title: fullName, passed: status === 'passed' };
      }),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((one) =>
    one.endsWith('.md'),
  );
  const proofs = pages.flatMap((page) => proofsOf(`docs/${page}`, readFileSync(join(root, 'docs', page), 'utf8')));
  const reports = process.argv.slice(2);
  const faults =
    reports.length === 0
      ? ['no report: COUNTERSIGN_TEST_REPORT=report.json npm test writes one']
      : unproved(proofs, reports.flatMap(resultsIn));
  for (const fault of faults) console.error(fault);
  console.log(`${proofs.length} proofs named, ${faults.length} without a passed test`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
