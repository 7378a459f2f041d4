/** One row of what `countersign doctor` says. */
export interface Finding {
  /** `room.fault`: stable, for `--except` and for scripts. */
  readonly id: string;
  readonly severity: Severity;
  /** One sentence, without a secret. */
  readonly text: string;
  /** What to change: the line of the configuration, or the command. */
  readonly line: string;
}

/** `unknown`: the doctor could not look. */
export type Severity = 'error' | 'warning' | 'unknown';

export const error = (id: string, text: string, line: string): Finding => ({ id, severity: 'error', text, line });
export const warning = (id: string, text: string, line: string): Finding => ({ id, severity: 'warning', text, line });

export const unknown = (id: string, text: string, line: string): Finding => ({ id, severity: 'unknown', text, line });

/** What one look found. */
export type Found = Finding | undefined | readonly (Finding | undefined)[];

export function listOf(found: Found): readonly Finding[] {
  const all = (Array.isArray(found) ? found : [found]) as readonly (Finding | undefined)[];
  return all.filter((one) => one !== undefined);
}

/** For a sentence: `3 days`, `2 hours`, `40 seconds`. */
export function duration(milliseconds: number): string {
  const size = Math.abs(milliseconds);
  for (const [unit, length] of units) {
    const count = Math.floor(size / length);
    if (count >= 2 || unit === 'second') return `${count} ${unit}${count === 1 ? '' : 's'}`;
  }
  return '';
}

const second = 1_000;
const hour = 3_600 * second;
export const day = 24 * hour;
const units = [
  ['day', day],
  ['hour', hour],
  ['minute', 60 * second],
  ['second', second],
] as const;
