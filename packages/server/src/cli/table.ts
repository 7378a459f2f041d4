import { visible } from './terminal.ts';

/** Results for people. What is cut or left out here is in the JSON. */
const widest = 48;
/** A table with more columns is not readable. */
const mostColumns = 6;

export interface Table {
  /** The lines of these items. The first call also gives the line of the names. */
  text(items: readonly unknown[]): string;
}

/** The columns are those of the first items, which give their widths. */
export function table(): Table {
  let columns: readonly { readonly name: string; readonly width: number }[] | undefined;
  return {
    text(items) {
      const rows = items.map((item) => rowOf(item));
      const isFirst = columns === undefined;
      columns ??= columnsOf(rows);
      const shown = columns;
      const line = (cells: readonly string[]) =>
        `${cells
          .map((cell, index) => cell.padEnd(shown[index]?.width ?? 0))
          .join('  ')
          .trimEnd()}\n`;
      const lines = rows.map((row) => line(shown.map(({ name }) => cellText(row[name]))));
      return [...(isFirst && rows.length > 0 ? [line(shown.map(({ name }) => visible(name)))] : []), ...lines].join('');
    },
  };
}

export function tableText(items: readonly unknown[]): string {
  return items.length === 0 ? 'Nothing.\n' : table().text(items);
}

/** One line for each member. What a member holds of its own is set in below its name. */
export function pairsText(value: object): string {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  const width = Math.max(0, ...entries.filter(([, member]) => !isNested(member)).map(([name]) => name.length));
  return entries
    .map(([name, member]) =>
      isNested(member)
        ? `${visible(name)}\n${nestedText(member).replace(/^(?=.)/gm, '  ')}`
        : `${visible(name).padEnd(width)}  ${visible(plain(member))}\n`,
    )
    .join('');
}

function nestedText(value: object): string {
  return Array.isArray(value) ? tableText(value) : pairsText(value);
}

/** An object, or a list of objects. */
function isNested(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return false;
  return !Array.isArray(value) || value.every((one) => typeof one === 'object' && one !== null);
}

type Row = Readonly<Record<string, unknown>>;

function rowOf(item: unknown): Row {
  return typeof item === 'object' && item !== null ? (item as Row) : { value: item };
}

function columnsOf(rows: readonly Row[]) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const told = names.filter((name) => rows.some((row) => isShort(row[name])));
  return told.slice(0, mostColumns).map((name) => ({
    name,
    width: Math.max(visible(name).length, ...rows.map((row) => cellText(row[name]).length)),
  }));
}

function isShort(value: unknown): boolean {
  return value !== null && value !== undefined && typeof value !== 'object';
}

function cellText(value: unknown): string {
  const text = visible(plain(value));
  return text.length > widest ? `${text.slice(0, widest - 1)}…` : text;
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
