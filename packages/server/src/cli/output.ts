import { pairsText, tableText } from './table.ts';
import { jsonText } from './terminal.ts';

/** How results are written: JSON for programs; on a terminal tables for people, unless the command has `--json`. */
let wantsJson = false;

/** A process runs one command. */
export function preferJson(): void {
  wantsJson = true;
}

export function isForPeople(screen: { readonly isTTY?: boolean } = process.stdout): boolean {
  return screen.isTTY === true && !wantsJson;
}

export function print(value: unknown): void {
  if (value !== undefined) process.stdout.write(resultText(value, isForPeople()));
}

/** A document, which goes on into a file or to a program: JSON everywhere. */
export function printDocument(value: unknown): void {
  process.stdout.write(resultText(value, false));
}

export function resultText(value: unknown, forPeople: boolean): string {
  if (!forPeople || typeof value !== 'object' || value === null) return `${jsonText(value)}\n`;
  return Array.isArray(value) ? tableText(value) : pairsText(value);
}
