import { readTextFile } from '../kernel/text-file.ts';

/** A file with a JSON object, or one line that names it. */
export function readJson(path: string): object {
  const text = readTextFile(path);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {}
  throw new Error(`${path} is no JSON document.`);
}
