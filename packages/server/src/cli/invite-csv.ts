import { appendFileSync, writeFileSync } from 'node:fs';
import { readTextFile } from '../kernel/text-file.ts';
import { foldCredentialCode } from '../subject/credential-code.ts';
import type { Api } from './api.ts';
import { type CsvRow, csvLine, parseCsv } from './csv.ts';

/** Makes and invites the credentials of a CSV file, in batches, and writes what became of each row as it goes. */
export interface CsvInvitation {
  readonly csv: string;
  readonly identity?: string;
  readonly dryRun?: true;
  readonly report?: string;
}

const columns = ['code', 'identity', 'type', 'email', 'id'] as const;
type Column = (typeof columns)[number];

interface Wanted {
  readonly line: number;
  readonly row: {
    readonly code: string;
    readonly identityId: string;
    readonly type?: string;
    readonly email?: string;
    readonly id?: string;
  };
}

interface Result {
  readonly outcome: 'created' | 'invited' | 'unchanged' | 'refused';
  readonly credentialId?: string;
  readonly code?: string;
  readonly detail?: string;
}

export interface CsvSummary {
  readonly dryRun: boolean;
  readonly rows: number;
  readonly created: number;
  readonly invited: number;
  readonly unchanged: number;
  readonly refused: number;
  readonly report: string;
}

/** Bytes. */
const maxFile = 64 * 1024 * 1024;
/** Rows of a request. */
const batch = 100;

/**
 * Refuses the whole file, before anything is sent, if a line cannot be read. Calls `told` with the counts so far also if
 * a request fails.
 */
export async function inviteFromCsv(
  api: Pick<Api, 'realm' | 'post'>,
  options: CsvInvitation,
  told: (summary: CsvSummary) => void,
): Promise<void> {
  const wanted = readRows(readTextFile(options.csv, '--csv', { maxBytes: maxFile }), options);
  const dryRun = options.dryRun === true;
  const report = options.report ?? `${options.csv}.report.csv`;
  // The report names people: only its owner reads it.
  writeFileSync(report, csvLine(['line', 'code', 'outcome', 'credential', 'reason', 'detail']), { mode: 0o600 });
  const counts = { created: 0, invited: 0, unchanged: 0, refused: 0 };
  let rows = 0;
  try {
    for (let from = 0; from < wanted.length; from += batch) {
      const some = wanted.slice(from, from + batch);
      const body = { dryRun, rows: some.map(({ row }) => row) };
      const { results } = (await api.post(`${api.realm}/admin/credentials/invitations`, body)) as {
        results: readonly Result[];
      };
      appendFileSync(report, some.map((one, index) => reportLine(one, results[index] as Result)).join(''));
      for (const { outcome } of results) counts[outcome] += 1;
      rows += some.length;
    }
  } finally {
    told({ dryRun, rows, ...counts, report });
  }
}

function reportLine({ line, row }: Wanted, { outcome, credentialId = '', code = '', detail = '' }: Result): string {
  return csvLine([String(line), row.code, outcome, credentialId, code, detail]);
}

function readRows(text: string, options: CsvInvitation): readonly Wanted[] {
  const [head, ...rows] = parse(text, options.csv);
  if (head === undefined) throw new Error(`--csv: ${options.csv} has no line with the names of its columns.`);
  const names = columnsOf(head, options);
  const lines = new Map<string, number>();
  return rows.map((row) => {
    const wanted = toRow(row, names, options);
    const key = foldCredentialCode(wanted.row.code);
    const earlier = lines.get(key);
    if (earlier !== undefined) throw fault(options, row.line, `has the same code as line ${earlier}`);
    lines.set(key, row.line);
    return wanted;
  });
}

function parse(text: string, path: string): readonly CsvRow[] {
  try {
    return parseCsv(text);
  } catch (thrown) {
    throw new Error(`--csv: ${path}, ${(thrown as Error).message}`);
  }
}

function columnsOf({ line, cells }: CsvRow, options: CsvInvitation): readonly Column[] {
  const names = cells.map((cell) => cell.trim().toLowerCase());
  const known = (name: string): name is Column => (columns as readonly string[]).includes(name);
  const strange = names.find((name) => !known(name));
  if (strange !== undefined) {
    throw fault(options, line, `has a column that is none of ${columns.join(', ')}: ${JSON.stringify(strange)}`);
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw fault(options, line, `has the column ${twice} twice`);
  if (!names.includes('code')) throw fault(options, line, 'has no column code');
  if (!names.includes('identity') && options.identity === undefined) {
    throw fault(options, line, 'has no column identity: add it, or use --identity');
  }
  return names as Column[];
}

function toRow({ line, cells }: CsvRow, names: readonly Column[], options: CsvInvitation): Wanted {
  if (cells.length !== names.length) {
    throw fault(options, line, `has ${cells.length} fields, and the first line has ${names.length}`);
  }
  const cell = (name: Column): string => cells[names.indexOf(name)]?.trim() ?? '';
  const given = (name: Column) => (cell(name) === '' ? {} : { [name]: cell(name) });
  const identityId = cell('identity') || (options.identity ?? '');
  if (cell('code') === '') throw fault(options, line, 'has no code');
  if (identityId === '') throw fault(options, line, 'has no identity');
  const type = cell('type') === '' ? {} : { type: cell('type').toUpperCase() };
  return { line, row: { code: cell('code'), identityId, ...type, ...given('email'), ...given('id') } };
}

function fault({ csv }: CsvInvitation, line: number, what: string): Error {
  return new Error(`--csv: ${csv}, line ${line} ${what}.`);
}
