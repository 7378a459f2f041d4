/**
 * CSV as RFC 4180 has it, read strictly: fields in commas, quotes doubled within quotes, CRLF or LF. A byte order mark is
 * taken off by the reader of the file. Lines are numbered as an editor shows them.
 */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/** Rows without blank lines. @throws {Error} naming the line */
export function parseCsv(text: string): readonly CsvRow[] {
  const rows: CsvRow[] = [];
  let [line, at] = [1, 0];
  while (at < text.length) {
    const begun = line;
    const cells: string[] = [];
    for (let more = true; more; ) {
      const cell = text[at] === '"' ? quoted(text, at, line) : bare(text, at, line);
      cells.push(cell.value);
      line += cell.lines;
      at = cell.end;
      more = text[at] === ',';
      if (more) at += 1;
    }
    if (text[at] === '\r') at += 1;
    if (at < text.length && text[at] !== '\n') throw fault(line, 'a quoted field goes on after its quote');
    at += 1;
    line += 1;
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: begun, cells });
  }
  return rows;
}

interface Cell {
  readonly value: string;
  readonly end: number;
  /** Line ends within the cell. */
  readonly lines: number;
}

function bare(text: string, from: number, line: number): Cell {
  let end = from;
  while (end < text.length && !',\n'.includes(text[end] as string)) end += 1;
  if (text[end] !== ',' && text[end - 1] === '\r' && end > from) end -= 1;
  const value = text.slice(from, end);
  if (/["\r]/.test(value)) throw fault(line, 'a quote or a line end stands within a field that is not quoted');
  return { value, end, lines: 0 };
}

function quoted(text: string, from: number, line: number): Cell {
  let end = from + 1;
  for (;;) {
    end = text.indexOf('"', end);
    if (end === -1) throw fault(line, 'a quoted field has no end');
    if (text[end + 1] !== '"') break;
    end += 2;
  }
  const raw = text.slice(from + 1, end);
  return { value: raw.replaceAll('""', '"'), end: end + 1, lines: raw.split('\n').length - 1 };
}

function fault(line: number, what: string): Error {
  return new Error(`line ${line}: ${what}.`);
}

/**
 * A line of a report. A cell that a spreadsheet would take for a formula begins with an apostrophe, so that a name which
 * came from elsewhere computes nothing (CWE-1236).
 */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => `"${(/^[\s]*[=+\-@\t\r\n|%]/.test(cell) ? `'${cell}` : cell).replaceAll('"', '""')}"`).join(',')}\r\n`;
}
