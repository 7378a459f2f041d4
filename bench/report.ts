import { cpus, totalmem } from 'node:os';
import { type Spread, spread } from './measure.ts';

/** One line of the result. */
export interface Row {
  readonly what: string;
  readonly measured: Spread;
  /** Writes a number of this row as text. */
  readonly format: (value: number) => string;
  /** The bar for the median; absent if the row only informs. */
  readonly bar?: { readonly least?: number; readonly most?: number };
  readonly note?: string;
}

export const times = (value: number): string => `${value.toFixed(2)}×`;
export const share = (value: number): string => value.toFixed(3);
export const milliseconds = (value: number): string => `${Math.round(value)} ms`;
export const megabytes = (value: number): string => `${value.toFixed(1)} MB`;
export const perSecond = (value: number): string => `${Math.round(value).toLocaleString('en')}/s`;

export function isMet({ measured, bar }: Row): boolean {
  return measured.median >= (bar?.least ?? 0) && measured.median <= (bar?.most ?? Number.POSITIVE_INFINITY);
}

export function rateNote(rates: Readonly<Record<string, readonly number[]>>): string {
  return Object.entries(rates)
    .map(([name, values]) => `${name} ${perSecond(spread(values).median)}`)
    .join(', ');
}

export function markdown(rows: readonly Row[], { quick, seconds }: { quick: boolean; seconds: number }): string {
  const lines = [
    '# Benchmarks',
    '',
    `Made by \`npm run bench${quick ? ' -- --quick' : ''}\` in ${Math.round(seconds)} s.`,
    `Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GB.`,
    'Ratios are medians of rotated rounds, each the ratio of rates within one round; spread is min..max. "Rate" is per second of',
    "CPU time of the measured process, all its threads included; the load generator's own is not counted.",
    '',
    '| what | median | spread | bar | | absolute, and notes |',
    '|---|---|---|---|---|---|',
    ...rows.map(line),
    '',
  ];
  return lines.join('\n');
}

function line(row: Row): string {
  const { what, measured, format, bar, note = '' } = row;
  const wanted =
    bar?.least !== undefined ? `≥ ${format(bar.least)}` : bar?.most !== undefined ? `≤ ${format(bar.most)}` : '';
  const verdict = bar === undefined ? '' : isMet(row) ? 'met' : '**missed**';
  return `| ${what} | ${format(measured.median)} | ${format(measured.min)} .. ${format(measured.max)} | ${wanted} | ${verdict} | ${note} |`;
}
