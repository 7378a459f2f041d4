import type { PrivateJwk } from '@countersign/client';
import { Problem } from '../kernel/problem.ts';
import { readTextFile } from '../kernel/text-file.ts';

/** What the parser says of a file might quote a key. */
export function readJson(path: string, option: string): PrivateJwk {
  const text = readTextFile(path, option);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as PrivateJwk;
  } catch {}
  throw new Problem('config.invalid', `${option}: ${path} is not a JSON object.`);
}
