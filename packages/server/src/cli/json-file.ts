import { readFileSync } from 'node:fs';

/** A file with a JSON object, or one line that names it. */
export function readJson(path: string): object {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== undefined) throw thrown;
  }
  throw new Error(`${path} is no JSON document.`);
}
